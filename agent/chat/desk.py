"""Carries out what the person asks for, in whatever state the analysis is: committed to the memory, then acknowledged."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from rich.table import Table
from rich.text import Text

from ...graph import interventions
from ...graph.nodes.report import write_report
from ...graph.questions import default_report
from ...graph.routes import waits
from ...tools.errors import AnalyzeError, UserError
from ...tools.insights.models import Hypothesis, IssueStatus, Severity
from ...tools.insights.transitions import set_by_person
from ...tools.testing.plan import QueryStep
from ..printable import one_line
from . import views
from .commands import COMMANDS, ISSUE_ACTIONS, SHOWN, Command
from .engine import Engine
from .handles import Handles

T = TypeVar("T")

ROWS = 20
"""Rows of an answer that are shown."""
CELL = 200
"""Characters of a cell that are shown."""
OWNER = "chat"
"""Whose the queries of /sql are."""


class Desk:
    """Where commands are carried out."""

    def __init__(
        self,
        engine: Engine,
        handles: Handles,
        say: Callable[..., None],
        *,
        steps: Mapping[str, dict[str, str]],
        seen: set[str],
    ) -> None:
        """Takes its place.

        Args:
            engine: The analysis.
            handles: Its short names.
            say: Prints above the prompt.
            steps: The steps that were seen to run, by hypothesis: title and count, SQL.
            seen: The ids of traces that were shown; added to here.
        """
        self._engine, self._handles, self._say, self._steps, self._seen = engine, handles, say, steps, seen
        self._held: list[str] = []
        """Hypotheses that were stated before the analysis had a run to keep them in."""
        self._does: dict[str, Callable[[str], Awaitable[None]]] = {
            "add": self._add,
            "drop": self._drop,
            "edit": self._edit,
            "focus": self._focus,
            "pause": self._pause,
            "resume": self._resume,
            "why": self._why,
            "show": self._show,
            "sql": self._sql,
            "trace": self._trace,
            "issue": self._issue,
            "report": self._report,
            "help": self._help,
        }

    async def carry_out(self, command: Command) -> None:
        """Carries out one command; what is wrong with it is said, and nothing else happens."""
        try:
            await self._does[command.name](command.words)
        except AnalyzeError as error:
            self._say(Text(one_line(str(error)), style="yellow"))

    async def commit_held(self) -> None:
        """States what was held back until the analysis had begun."""
        held, self._held = self._held, []
        for said in held:
            await self.carry_out(Command("add", said))

    @property
    def _run_id(self) -> str:
        if not self._engine.run_id:
            raise UserError("The analysis hasn't begun: its experiment is to be chosen, or its traces are being copied.")
        return self._engine.run_id

    async def _add(self, words: str) -> None:
        if words and not self._engine.run_id:
            self._held.append(words)
            self._say("Kept in mind; committed as soon as the analysis has begun.")
            return
        before = set(await self._call(lambda: self._engine.context.store.hypothesis_ids(self._run_id)))
        stated = await interventions.add(self._engine.context, self._run_id, words)
        await self._tell_stated(stated, new=stated.hypothesis_id not in before)

    async def _drop(self, words: str) -> None:
        subjects, why = await self._subjects(words)
        for subject in subjects:
            await interventions.drop(self._engine.context, self._run_id, subject, why=why or "dropped in the chat")
            self._say(Text.assemble((self._handles.of(subject), "bold"), " is dropped; no work is done on it any more."))

    async def _edit(self, words: str) -> None:
        handle, _, text = words.partition(" ")
        subject = await self._call(lambda: self._handles.find(handle, "H"))
        stated = await interventions.restate(self._engine.context, self._run_id, subject, text)
        if stated.hypothesis_id == subject:
            self._say(f"{self._handles.of(subject)} says so already.")
            return
        self._say(f"{self._handles.of(subject)} is replaced.")
        await self._tell_stated(stated, new=True)

    async def _focus(self, words: str) -> None:
        if not words:
            analysis = await self._call(lambda: self._engine.context.store.get_analysis(self._run_id))
            self._say(f"Focus: {one_line('; '.join(analysis.focus)) or 'a general report'}")
            return
        analysis, stated = await interventions.refocus(self._engine.context, self._run_id, words)
        self._say(f"Focus: {one_line('; '.join(analysis.focus))}")
        for each in stated:
            await self._tell_stated(each, new=True)

    async def _tell_stated(self, stated: Hypothesis, *, new: bool) -> None:
        handle = await self._call(lambda: self._handles.of(stated.hypothesis_id))
        word = views.standing(stated, self._testing)
        known = "" if new else f" (stated before; {word})"
        self._say(Text.assemble((handle, "bold"), f"  {one_line(stated.statement)}{known}"))
        if stated.blocked:
            self._say(views.below(f"Kept as untested: {stated.blocked}", style="yellow"))
        elif waits(stated) and new:
            self._say(views.below(stated.testing_plan, style="dim"))
        if waits(stated):
            self._say(views.below(self._when(), style="dim"))

    def _when(self) -> str:
        """When something that waits is tested; an analysis that was done is opened again."""
        if self._engine.state == "done":
            self._engine.start()
            return "The analysis is opened again to test it."
        paused = self._engine.state in {"paused", "pausing", "failed"}
        return "It is tested when you say /resume." if paused else "It is tested in this run."

    async def _pause(self, _: str) -> None:
        said = {
            "running": "Pausing at the next safe point.",
            "asking": "It waits for your answer; nothing runs.",
            "done": "The analysis is done; nothing runs.",
        }
        self._say(said.get(self._engine.state, "It is paused."))
        self._engine.pause()

    async def _resume(self, _: str) -> None:
        if self._engine.state in {"paused", "failed"}:
            self._say("Going on.")
            self._engine.start()
        elif self._engine.state == "done":
            self._say("The analysis is done. /add a hypothesis to open it again, or /report to write the report again.")
        else:
            self._say("It waits for your answer." if self._engine.state == "asking" else "It runs.")

    async def _why(self, words: str) -> None:
        subject = await self._call(lambda: self._handles.find(words.split()[0] if words else "", "H"))
        store = self._engine.context.store
        hypothesis = await self._call(lambda: store.get_hypothesis(self._run_id, subject))
        planned = (
            {each.title: each.sql for each in hypothesis.plan.steps if isinstance(each, QueryStep)} if hypothesis.plan else {}
        )
        steps = self._steps.get(subject) or planned
        await self._look_at([each.trace_id for each in hypothesis.evidence])
        self._say(*views.why(hypothesis, self._handles, steps, self._testing))

    async def _show(self, words: str) -> None:
        wanted = [each for each in SHOWN if each.startswith(words.lower() or "hypotheses")]
        if len(wanted) != 1:
            raise UserError(f"{words!r} can't be shown: say one of {', '.join(SHOWN)}.")
        store, run_id = self._engine.context.store, self._run_id
        match wanted[0]:
            case "hypotheses":
                listed = await self._call(lambda: store.list_hypotheses(run_id))
                self._say(views.hypotheses(listed, self._handles, self._testing))
            case "issues":
                analysis = await self._call(lambda: store.get_analysis(run_id))
                found = await self._call(lambda: store.list_issues(analysis.experiment_id))
                self._say(views.issues(found, self._handles, run_id))
            case "census":
                counted = await self._call(lambda: store.read_census(run_id))
                self._say(views.census(counted) if counted else "Nothing is counted yet.")
            case _:
                self._say(views.spend(await self._call(lambda: store.get_analysis(run_id))))

    async def _sql(self, words: str) -> None:
        if not words:
            raise UserError("Say what to ask, e.g. /sql SELECT state, count(*) AS traces FROM traces GROUP BY state.")
        analysis = await self._call(lambda: self._engine.context.store.get_analysis(self._run_id))
        bench = await self._call(lambda: self._engine.context.bench(analysis))
        answer = await self._call(lambda: bench.sql.query(words.rstrip("; "), title="Asked in the chat", owner=OWNER))
        rows = answer.table.slice(0, ROWS).to_pylist()
        await self._look_at([str(row["trace_id"]) for row in rows if row.get("trace_id")])
        table = Table(box=None, pad_edge=False, show_edge=False)
        for name in answer.table.column_names:
            table.add_column(one_line(name), overflow="fold", header_style="bold", no_wrap=name == "trace_id")
        for row in rows:
            table.add_row(*(Text(_cell(value)) for value in row.values()))
        more = f", the first {ROWS} are shown" if answer.table.num_rows > ROWS else ""
        self._say(table, Text(f"{answer.table.num_rows:,} rows{more}; kept as query {answer.query_id}", style="dim"))

    async def _trace(self, words: str) -> None:
        trace_id, _, how = words.partition(" ")
        if not trace_id:
            raise UserError("Say which trace: /trace tr-...")
        context, run_id = self._engine.context, self._run_id
        analysis = await self._call(lambda: context.store.get_analysis(run_id))
        view = await self._call(lambda: context.store.reader.get(trace_id, run_id=run_id, experiment_id=analysis.experiment_id))
        self._seen.add(trace_id)
        self._say(*views.trace(view, full=how.strip() == "full"))

    async def _issue(self, words: str) -> None:
        handle, _, rest = words.partition(" ")
        action, _, why = rest.strip().partition(" ")
        issue_id = await self._call(lambda: self._handles.find(handle, "I"))
        store = self._engine.context.store
        if not action:
            found = await self._call(lambda: store.get_issue(issue_id))
            await self._look_at([each.trace_id for each in found.evidence])
            self._say(*views.issue(found, self._handles))
            return
        status, severity, settled = _change_of_issue(action.lower(), why.strip())
        at = self._engine.context.now()
        changed = await self._call(
            lambda: store.update_issue(
                issue_id,
                op="",
                change=lambda issue: set_by_person(issue, at=at, status=status, severity=severity, resolution=settled),
            )
        )
        self._say(
            Text.assemble(
                (self._handles.of(issue_id), "bold"), f"  {changed.severity} {changed.status}: {one_line(changed.title)}"
            )
        )
        self._say(views.below("/report writes the report again.", style="dim"))

    async def _report(self, words: str) -> None:
        context, run_id = self._engine.context, self._run_id
        analysis = await self._call(lambda: context.store.get_analysis(run_id))
        path = Path(words or context.options.report or analysis.report_path or default_report(run_id))
        written = await self._call(lambda: write_report(context, run_id, path))
        self._say(Text.assemble("Report: ", (one_line(str(written)), "bold"), no_wrap=True, overflow="ignore"))  # to be copied

    async def _help(self, _: str) -> None:
        table = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for spec in COMMANDS.values():
            table.add_row(Text(spec.usage, style="bold"), spec.does)
        self._say(table, Text("Plain words work for most of these: 'drop the third one', 'why was H2 rejected?'.", style="dim"))

    async def _subjects(self, words: str) -> tuple[list[str], str]:
        """The hypotheses at the beginning of the words, `H3, H5 and H7`, and the rest."""
        found: list[str] = []
        rest = words
        while match := re.match(r"(?:,|and|\s)*\b(H?\d+|H[0-9a-f]+)\b[,:]?\s*", rest, re.IGNORECASE):
            handle = match[1]
            found.append(await self._call(lambda handle=handle: self._handles.find(handle, "H")))
            rest = rest[match.end() :]
        if not found:
            await self._call(lambda: self._handles.find(words.split(" ")[0], "H"))
        return found, rest.strip()

    async def _look_at(self, trace_ids: list[str]) -> None:
        """Links traces before any of their text is shown."""
        store, run_id = self._engine.context.store, self._run_id
        self._seen.update(trace_ids)
        analysis = await self._call(lambda: store.get_analysis(run_id))
        await self._call(lambda: store.reader.link(run_id, trace_ids, experiment_id=analysis.experiment_id))

    @property
    def _testing(self) -> list[str]:
        pool = self._engine.context.pool
        return list(pool.tasks) if pool is not None else []

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.to_thread(call)


def _change_of_issue(action: str, why: str) -> tuple[IssueStatus | None, Severity | None, str | None]:
    """What a person wants of an issue: where it stands, how severe it is, and what settled it."""
    match action:
        case "reject":
            return IssueStatus.REJECTED, None, why or "rejected in the chat"
        case "resolve":
            return IssueStatus.RESOLVED, None, why or "resolved in the chat"
        case "reopen":
            return IssueStatus.OPEN, None, None
        case "severity":
            if why.upper() not in list(Severity):
                raise UserError(f"{why!r} is no severity: say {', '.join(Severity)}.")
            return None, Severity(why.upper()), None
        case _:
            raise UserError(f"{action!r} can't be done to an issue: say {', '.join(ISSUE_ACTIONS)}.")


def _cell(value: object) -> str:
    text = one_line("" if value is None else str(value))
    return text if len(text) <= CELL else f"{text[:CELL]}..."


def suggest(text: str) -> str:
    """What is said to a sentence that no rule is about."""
    named = re.search(r"\b([HI])(\d+)\b", text, re.IGNORECASE)
    hint = ""
    if named:
        handle = f"{named[1].upper()}{named[2]}"
        hint = f" Did you mean {'/why' if named[1].upper() == 'H' else '/issue'} {handle}?"
    return f"I don't understand that without a language model.{hint} To state a hypothesis say /add ...; /help lists what I know."
