"""Issues: what was validated and is a problem, with its traces, its cause and what to do (workflow 2.6); and the known ones."""

from typing import Any

from langgraph.runtime import Runtime

from ...tools.insights.affected import AffectedTrace
from ...tools.insights.models import Cell, Hypothesis, HypothesisStatus, Issue, IssueDraft
from ...tools.testing.drafting import draft_issue, worded
from ...tools.workbench import Workbench
from ..context import Context, enter, in_thread
from ..follow import first_look, follow_known, in_scope, with_onset
from ..mirror import show_in_mlflow
from ..ports import Event
from ..reading import flagged_traces, is_read
from ..reading_on import read_on
from ..state import State, run_of


async def issues(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Makes an issue of each validated problem; the slice search makes one of each cell that it found."""
    context, run_id = runtime.context, run_of(state)
    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    enter(runtime, "issues", str(analysis.rev))
    context.display.show(Event("step", "Proving the issues", step="issues"))
    bench = await in_thread(lambda: context.bench(analysis))
    await read_on(context, bench)
    listed = await in_thread(lambda: context.store.list_hypotheses(run_id))
    for hypothesis in listed:
        new = hypothesis.polarity == "problem" and hypothesis.source != "prior"
        if new and hypothesis.status is HypothesisStatus.VALIDATED:
            await _prove(context, bench, hypothesis)
    await follow_known(context, bench, analysis, listed)
    await in_thread(lambda: show_in_mlflow(context, analysis, traces=bench.snapshot.record.traces))
    await in_thread(lambda: context.store.finish_step(run_id, "issues"))
    return {}


async def _prove(context: Context, bench: Workbench, hypothesis: Hypothesis) -> None:
    cells: tuple[Cell | None, ...] = (None,)
    if hypothesis.result is not None and hypothesis.result.decision == "slices":
        cells = hypothesis.verdict.cells if hypothesis.verdict else ()
    for cell in cells:
        await _prove_one(context, bench, hypothesis, cell)


async def _prove_one(context: Context, bench: Workbench, hypothesis: Hypothesis, cell: Cell | None) -> None:
    plan = hypothesis.plan
    assert plan is not None, "a verdict by test has a plan"
    flagged = await in_thread(lambda: flagged_traces(bench, hypothesis)) if is_read(hypothesis) else None
    if flagged is not None:
        affected = flagged.traces
    else:
        affected = await in_thread(lambda: bench.executor.affected(plan, owner=hypothesis.hypothesis_id, cell=cell))
    explained = await context.analyst.explain(bench, hypothesis, affected, cell)
    entry = context.playbook.get(hypothesis.playbook)
    traces = bench.snapshot.record.traces
    draft = draft_issue(hypothesis, affected, traces=traces, cause=explained.cause, entry=entry, cell=cell, flagged=flagged)
    if entry is None and cell is None:
        draft = worded(draft, title=explained.title, recommendation=explained.recommendation)
    issue = await in_thread(lambda: _write(context, bench, hypothesis, draft, affected, cell))
    context.display.show(
        Event(
            "issue",
            f"{issue.severity} {issue.title}: {issue.counts}",
            step="issues",
            subject=issue.issue_id,
            detail=issue.description,
        )
    )


def _write(
    context: Context,
    bench: Workbench,
    hypothesis: Hypothesis,
    draft: IssueDraft,
    affected: list[AffectedTrace],
    cell: Cell | None,
) -> Issue:
    """The issue in the memory, with the plan that later analyses look at it by."""
    owner, plan, result = hypothesis.hypothesis_id, hypothesis.plan, hypothesis.result
    assert plan is not None and result is not None, "a verdict by test has both"
    draft = in_scope(bench, draft)
    draft = draft.model_copy(update={"watch": bench.executor.watch_plan(plan, result, owner=owner, cell=cell)})
    draft = with_onset(bench, draft, owner=owner)
    asked_on = context.store.get_analysis(bench.run_id).asked_on
    return context.store.create_issue(
        bench.run_id, draft, affected, asked_on=asked_on, look=first_look(bench, draft, owner=owner)
    )
