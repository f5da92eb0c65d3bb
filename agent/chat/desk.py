"""Carries out what the person asks for, in whatever state the analysis is: committed to the memory, then acknowledged."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ...graph import interventions
from ...graph.nodes.report import write_report
from ...graph.questions import default_report
from ...graph.routes import waits, wants_plan
from ...tools.errors import AnalyzeError, UserError
from ...tools.insights.models import Hypothesis, IssueStatus, Severity
from ...tools.insights.transitions import set_by_person
from ..printable import one_line
from . import views
from .commands import COMMANDS, ISSUE_ACTIONS, Command
from .looks import Looks
from .reach import Reach


class Desk:
    """Where commands are carried out."""

    def __init__(self, reach: Reach) -> None:
        self._reach, self._engine, self._handles, self._say = reach, reach.engine, reach.handles, reach.say
        self._looks = Looks(reach)
        self._held: list[str] = []
        """Hypotheses that were stated before the analysis had a run to keep them in."""
        self._does: dict[str, Callable[[str], Awaitable[None]]] = {
            "add": self._add,
            "drop": self._drop,
            "edit": self._edit,
            "focus": self._focus,
            "pause": self._pause,
            "resume": self._resume,
            "why": self._looks.why,
            "show": self._looks.show,
            "sql": self._looks.sql,
            "trace": self._looks.trace,
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

    async def _add(self, words: str) -> None:
        if words and not self._engine.run_id:
            self._held.append(words)
            self._say("Kept in mind; committed as soon as the analysis has begun.")
            return
        before = set(await self._reach.call(lambda: self._reach.store.hypothesis_ids(self._reach.run_id)))
        stated = await interventions.add(self._reach.context, self._reach.run_id, words)
        await self._tell_stated(stated, new=stated.hypothesis_id not in before)

    async def _drop(self, words: str) -> None:
        subjects, why = await self._subjects(words)
        for subject in subjects:
            await interventions.drop(self._reach.context, self._reach.run_id, subject, why=why or "dropped in the chat")
            self._say(Text.assemble((self._handles.of(subject), "bold"), " is dropped; no work is done on it any more."))

    async def _edit(self, words: str) -> None:
        handle, _, text = words.partition(" ")
        subject = await self._reach.find(handle, "H")
        stated = await interventions.restate(self._reach.context, self._reach.run_id, subject, text)
        if stated.hypothesis_id == subject:
            self._say(f"{self._handles.of(subject)} says so already.")
            return
        self._say(f"{self._handles.of(subject)} is replaced.")
        await self._tell_stated(stated, new=True)

    async def _focus(self, words: str) -> None:
        if not words:
            analysis = await self._reach.call(lambda: self._reach.store.get_analysis(self._reach.run_id))
            self._say(f"Focus: {one_line('; '.join(analysis.focus)) or 'a general report'}")
            return
        analysis, stated = await interventions.refocus(self._reach.context, self._reach.run_id, words)
        self._say(f"Focus: {one_line('; '.join(analysis.focus))}")
        for each in stated:
            await self._tell_stated(each, new=True)

    async def _tell_stated(self, stated: Hypothesis, *, new: bool) -> None:
        handle = await self._reach.call(lambda: self._handles.of(stated.hypothesis_id))
        word = views.standing(stated, self._reach.testing)
        known = "" if new else f" (stated before; {word})"
        self._say(Text.assemble((handle, "bold"), f"  {one_line(stated.statement)}{known}"))
        if stated.blocked:
            self._say(views.below(f"Kept as untested: {stated.blocked}", style="yellow"))
        elif waits(stated) and new:
            self._say(views.below(stated.testing_plan, style="dim"))
        elif wants_plan(stated) and new:
            self._say(views.below("The language model writes a plan for it, which is shown before it runs.", style="dim"))
        if waits(stated) or wants_plan(stated):
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

    async def _issue(self, words: str) -> None:
        handle, _, rest = words.partition(" ")
        action, _, why = rest.strip().partition(" ")
        issue_id = await self._reach.find(handle, "I")
        if not action:
            await self._looks.issue(issue_id)
            return
        status, severity, settled = _change_of_issue(action.lower(), why.strip())
        at = self._reach.context.now()
        changed = await self._reach.call(
            lambda: self._reach.store.update_issue(
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
        context, run_id = self._reach.context, self._reach.run_id
        analysis = await self._reach.call(lambda: context.store.get_analysis(run_id))
        path = Path(words or context.options.report or analysis.report_path or default_report(run_id))
        written = await self._reach.call(lambda: write_report(context, run_id, path))
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
            found.append(await self._reach.find(match[1], "H"))
            rest = rest[match.end() :]
        if not found:
            await self._reach.find(words.split(" ")[0], "H")
        return found, rest.strip()


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
