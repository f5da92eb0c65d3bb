"""Issues: what was validated and is a problem, with its traces, its cause and what to do (workflow 2.6); and the known ones."""

from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime

from ...tools.insights.affected import AffectedTrace
from ...tools.insights.models import Issue, IssueDraft
from ...tools.testing.deciding_again import decide_by_labels
from ...tools.testing.drafting import draft_issue, worded
from ...tools.testing.endings import ADVICE, asks_for_ending
from ...tools.workbench import Workbench
from ..context import Context, enter, in_thread
from ..endings import parts_of, rate_by_ending
from ..explanations import Sought, seek_causes
from ..follow import Beginning, begin, follow_known, in_scope
from ..mirror import show_in_mlflow
from ..ports import Event, Explanation
from ..reading_on import read_on
from ..side_by_side import Turn, in_turn, side_by_side
from ..state import State, run_of
from ..telling import Finding, Telling

ALONE = 250_000
"""Affected traces from which on an issue is proven alone: two of that size at once take more memory than their time is worth."""


async def issues(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Makes an issue of each validated problem, of a slice search one of each cell; the same traces are told of once."""
    context, run_id = runtime.context, run_of(state)
    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    enter(runtime, "issues", str(analysis.rev))
    context.display.show(Event("step", "Proving the issues", step="issues"))
    bench = await in_thread(lambda: context.bench(analysis))
    await read_on(context, bench)
    listed = await in_thread(lambda: context.store.list_hypotheses(run_id))
    told = await in_thread(lambda: Telling(bench, context.playbook, context.store.list_issues(analysis.experiment_id)))
    findings = await in_thread(lambda: told.in_order(listed))
    async with seek_causes(context, bench, findings) as sought:
        await in_turn(
            findings,
            lambda finding, turn: _tell(context, bench, told, finding, sought.get(finding.hypothesis.hypothesis_id), turn),
        )
    await in_thread(lambda: rate_by_ending(context, bench, listed))
    if analysis.asked_on:  # only what was complete before has labels
        await in_thread(lambda: decide_by_labels(context.store, run_id))
    await follow_known(context, bench, analysis, listed)
    await in_thread(lambda: show_in_mlflow(context, analysis, traces=bench.snapshot.record.traces))
    await in_thread(lambda: context.store.finish_step(run_id, "issues"))
    return {}


async def _tell(context: Context, bench: Workbench, told: Telling, finding: Finding, sought: Sought | None, turn: Turn) -> None:
    """Makes a finding an issue, or an aspect of the one that tells of the same traces."""
    hypothesis, cell = finding
    plan = hypothesis.plan
    assert plan is not None, "a verdict by test has a plan"
    if sought is not None:
        affected: Sequence[AffectedTrace] = sought.flagged.traces
    else:
        affected = await in_thread(lambda: bench.executor.affected(plan, owner=hypothesis.hypothesis_id, cell=cell))
    await turn.to_decide()
    home = await in_thread(lambda: told.home_of(finding, affected))
    if home is None and len(affected) >= ALONE:
        await turn.to_write()
    else:
        turn.decided()
    if home is None:
        await _prove(context, bench, finding, affected, sought, turn)
        return
    await turn.to_write()
    issue = await in_thread(lambda: told.add(home, finding))
    context.display.show(
        Event("issue", f"the same traces: {issue.aspects[-1].title}", step="issues", subject=home, detail=issue.history[-1])
    )


async def _prove(
    context: Context,
    bench: Workbench,
    finding: Finding,
    affected: Sequence[AffectedTrace],
    sought: Sought | None,
    turn: Turn,
) -> None:
    hypothesis, cell = finding
    if asks_for_ending(hypothesis.plan):  # it says which other issues tell of its traces
        await turn.to_write()
    explained, beginning = await side_by_side(_explain(context, bench, finding, affected, sought), _begin(bench, finding))
    flagged = sought.flagged if sought is not None else None
    entry = context.playbook.get(hypothesis.playbook)
    traces = bench.snapshot.record.traces
    draft = draft_issue(hypothesis, affected, traces=traces, cause=explained.cause, entry=entry, cell=cell, flagged=flagged)
    if entry is None and cell is None:
        texts = {"title": explained.title, "recommendation": explained.recommendation, "left_out": explained.left_out}
        draft = worded(draft, **texts)
    await turn.to_write()
    issue = await in_thread(lambda: _write(context, bench, draft, affected, beginning))
    context.display.show(
        Event(
            "issue",
            f"{issue.severity} {issue.title}: {issue.counts}",
            step="issues",
            subject=issue.issue_id,
            detail=issue.description,
        )
    )


async def _explain(
    context: Context, bench: Workbench, finding: Finding, affected: Sequence[AffectedTrace], sought: Sought | None
) -> Explanation:
    """Why it occurs; of traces that ended wrongly, by whatever cause, which other issues tell of them."""
    hypothesis, cell = finding
    if asks_for_ending(hypothesis.plan):
        return Explanation(await in_thread(lambda: parts_of(bench, affected)), recommendation=ADVICE)
    if sought is not None and sought.explanation is not None:
        return await sought.explanation
    return await context.analyst.explain(bench, hypothesis, affected, cell)


async def _begin(bench: Workbench, finding: Finding) -> Beginning:
    """How its issue begins, whatever the cause is."""
    hypothesis, cell = finding
    owner, plan, result = hypothesis.hypothesis_id, hypothesis.plan, hypothesis.result
    assert plan is not None and result is not None, "a verdict by test has both"
    watch = await in_thread(lambda: bench.executor.watch_plan(plan, result, owner=owner, cell=cell))
    return await begin(bench, watch, owner=owner, result=result)


def _write(
    context: Context, bench: Workbench, draft: IssueDraft, affected: Sequence[AffectedTrace], beginning: Beginning
) -> Issue:
    """The issue in the memory, with the plan that later analyses look at it by."""
    draft = in_scope(bench, draft).model_copy(update={"watch": beginning.watch, "onset": beginning.onset})
    asked_on = context.store.get_analysis(bench.run_id).asked_on
    return context.store.create_issue(bench.run_id, draft, affected, asked_on=asked_on, look=beginning.look)
