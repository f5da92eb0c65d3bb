"""What the person asks to see: a hypothesis or an issue whole, lists, a trace, the answer of a query. Nothing is changed."""

import re
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...tools.errors import UserError
from ...tools.insights.models import Hypothesis
from ...tools.testing.plan import QueryStep
from ..console import STYLES
from ..insights.queries import UNNAMED, named_traces, shows_unnamed_texts
from ..printable import one_line
from . import views
from .commands import SHOWN
from .reach import Reach

ROWS = 20
"""Rows of an answer that are shown."""
CELL = 200
"""Characters of a cell that are shown."""
OWNER = "chat"
"""Whose the queries of /sql are."""


NAMED = re.compile(r"[HI]\d+")


class Looks:
    """Shows what the memory and the traces hold; traces are linked before they are shown."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def why(self, words: str) -> None:
        """One hypothesis; each of its queries on a few lines, whole with `full`."""
        reach, run_id = self._reach, self._reach.run_id
        handle, _, how = words.partition(" ")
        subject = await reach.find(handle, "H")
        hypothesis = await reach.call(lambda: reach.store.get_hypothesis(run_id, subject))
        await reach.look_at([each.trace_id for each in hypothesis.evidence])
        steps = reach.steps.get(subject) or _planned(hypothesis)
        reach.say(*views.why(hypothesis, reach.handles, steps, reach.testing, full=how.strip() == "full"))

    async def issue(self, issue_id: str) -> None:
        """One issue whole."""
        reach = self._reach
        found = await reach.call(lambda: reach.store.get_issue(issue_id))
        await reach.look_at([each.trace_id for each in found.evidence])
        reach.say(*views.issue(found, reach.handles))

    async def show(self, words: str) -> None:
        """A list: hypotheses, issues, the census, or what was spent."""
        wanted = [each for each in SHOWN if each.startswith(words.lower() or "hypotheses")]
        if len(wanted) != 1:
            raise UserError(f"{words!r} can't be shown: say one of {', '.join(SHOWN)}.")
        self._reach.say(await self._listed(wanted[0]))

    async def _listed(self, what: str) -> RenderableType:
        reach, run_id = self._reach, self._reach.run_id
        match what:
            case "hypotheses":
                listed = await reach.call(lambda: reach.store.list_hypotheses(run_id))
                return views.hypotheses(listed, reach.handles, reach.testing)
            case "issues":
                analysis = await reach.call(lambda: reach.store.get_analysis(run_id))
                found = await reach.call(lambda: reach.store.list_issues(analysis.experiment_id))
                return views.issues(found, reach.handles, run_id)
            case "census":
                counted = await reach.call(lambda: reach.store.read_census(run_id))
                return views.census(counted) if counted else Text("Nothing is counted yet.")
            case _:
                return views.spend(await reach.call(lambda: reach.store.get_analysis(run_id)))

    async def sql(self, words: str) -> None:
        """The answer of one SELECT over the traces of the analysis; those that it names are linked."""
        if not words:
            raise UserError("Say what to ask, e.g. /sql SELECT state, count(*) AS traces FROM traces GROUP BY state.")
        reach, run_id = self._reach, self._reach.run_id
        analysis = await reach.call(lambda: reach.store.get_analysis(run_id))
        bench = await reach.call(lambda: reach.context.bench(analysis))
        answer = await reach.call(lambda: bench.sql.query(words.rstrip("; "), title="Asked in the chat", owner=OWNER))
        rows: list[dict[str, Any]] = answer.table.slice(0, ROWS).to_pylist(maps_as_pydicts="lossy")
        named = named_traces(rows)
        await reach.look_at(
            sorted(await reach.call(lambda: reach.store.reader.existing(named, experiment_id=analysis.experiment_id)))
        )
        more = f", the first {ROWS} are shown" if answer.table.num_rows > ROWS else ""
        counted = f"{answer.table.num_rows:,} row{'' if answer.table.num_rows == 1 else 's'}{more}"
        reach.say(_table(answer.table.column_names, rows), Text(f"{counted}; kept as query {answer.query_id}", style="dim"))
        if shows_unnamed_texts(rows):
            reach.say(Text(UNNAMED, style="yellow"))

    async def trace(self, words: str) -> None:
        """One trace as a tree of its spans."""
        trace_id, _, how = words.partition(" ")
        if not trace_id:
            raise UserError("Say which trace: /trace tr-...")
        reach, run_id = self._reach, self._reach.run_id
        analysis = await reach.call(lambda: reach.store.get_analysis(run_id))
        view = await reach.call(lambda: reach.store.reader.get(trace_id, run_id=run_id, experiment_id=analysis.experiment_id))
        reach.seen.add(trace_id)
        reach.say(*views.trace(view, full=how.strip() == "full"))

    async def sources(self, names: Sequence[str]) -> None:
        """What an answer rests on, a line each, as the memory has it."""
        for name in names:
            self._reach.say(Padding(await self._source(name), (0, 0, 0, 2), expand=False))

    async def _source(self, name: str) -> Text:
        reach, run_id = self._reach, self._reach.run_id
        line = Text.assemble((one_line(name), "bold"), "  ")
        if NAMED.fullmatch(name) and name.startswith("H"):
            subject = await reach.find(name, "H")
            hypothesis = await reach.call(lambda: reach.store.get_hypothesis(run_id, subject))
            word = views.standing(hypothesis, reach.testing)
            return line.append(word, STYLES.get(word, "")).append(f"  {one_line(hypothesis.statement)}")
        if NAMED.fullmatch(name):
            issue_id = await reach.find(name, "I")
            issue = await reach.call(lambda: reach.store.get_issue(issue_id))
            return line.append(issue.severity, STYLES.get(issue.severity, "")).append(
                f"  {one_line(issue.title)}: {issue.counts}"
            )
        if name.startswith("Q"):
            query = await reach.call(lambda: reach.store.read_query(run_id, name))
            return line.append(one_line(query.title))
        return line


def _planned(hypothesis: Hypothesis) -> dict[str, str]:
    steps = hypothesis.plan.steps if hypothesis.plan else ()
    return {each.title: each.sql for each in steps if isinstance(each, QueryStep)}


def _table(columns: list[str], rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(one_line(name), overflow="fold", header_style="bold", no_wrap=name == "trace_id")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    return table


def _cell(value: object) -> str:
    text = one_line("" if value is None else str(value))
    return text if len(text) <= CELL else f"{text[:CELL]}..."
