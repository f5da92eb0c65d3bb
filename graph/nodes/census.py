"""Census: every trace counted, and the counted facts that are issues at once (workflow 2.1.7, 2.2)."""

from typing import Any

from langgraph.runtime import Runtime

from ...tools.census.drafting import OperationalIssue
from ...tools.census.operational import complete, find_operational_issues
from ...tools.census.thresholds import OperationalThresholds
from ...tools.insights.models import Census, IssueDraft
from ...tools.testing.causes import CauseFinder
from ...tools.workbench import Workbench
from ..context import Context, enter, in_thread
from ..follow import begin, in_scope
from ..ports import Event
from ..side_by_side import Turn, in_turn, side_by_side
from ..state import State, run_of


async def census(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Counts every trace, writes the figures, and makes issues of those that are facts beyond their thresholds."""
    context, run_id = runtime.context, run_of(state)
    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    enter(runtime, "census", str(analysis.rev))
    context.display.show(Event("step", "Counting every trace", step="census"))
    bench = await in_thread(lambda: context.bench(analysis))
    counted = await in_thread(lambda: _count(context, bench))
    found = find_operational_issues(counted, thresholds=OperationalThresholds())
    await in_turn(found, lambda issue, turn: _write(context, bench, issue, turn))
    await in_thread(lambda: context.store.finish_step(run_id, "census"))
    return {}


def _count(context: Context, bench: Workbench) -> Census:
    counted = bench.count(now=context.now(), progress=context.progress("census", "counting"))
    context.display.show(Event("census", _summary(counted), step="census"))
    return counted


def _summary(counted: Census) -> str:
    failed = counted.find("trace_error_rate", dimension="all")
    rate = f", {failed[0].numerator:,} of {failed[0].denominator:,} ended in an error" if failed else ""
    return f"{counted.traces:,} traces, {counted.spans:,} spans, {len(counted.buckets)} figures{rate}"


def _with_circumstance(bench: Workbench, draft: IssueDraft) -> IssueDraft:
    """The draft with what goes with it, where no mechanism is known."""
    if draft.watch is None or draft.cause.standing != "suspected":
        return draft
    finder = CauseFinder(bench.sql, bench.executor)
    return draft.model_copy(update={"cause": finder.with_circumstance(draft.cause, draft.watch, owner="census")})


async def _write(context: Context, bench: Workbench, found: OperationalIssue, turn: Turn) -> None:
    completed = await in_thread(lambda: complete(found, bench.sql))
    draft, beginning = await side_by_side(
        in_thread(lambda: _with_circumstance(bench, in_scope(bench, completed.draft))),
        begin(bench, completed.draft.watch, owner="census"),
    )
    draft = draft.model_copy(update={"onset": beginning.onset})
    await turn.to_write()
    issue = await in_thread(lambda: context.store.create_issue(bench.run_id, draft, completed.traces, look=beginning.look))
    context.display.show(
        Event(
            "issue",
            f"{issue.severity} {issue.title}: {issue.counts}",
            step="census",
            subject=issue.issue_id,
            detail=issue.description,
        )
    )
