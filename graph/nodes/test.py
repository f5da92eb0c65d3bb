"""Test: every plan is carried out over all traces, then the families are closed and verdicts given (workflow 2.4)."""

from typing import Any

from langgraph.runtime import Runtime

from ...tools.insights.models import Analysis, AnalysisStatus, Closing, Hypothesis
from ...tools.testing.families import Entry, batch_level, close_families
from ...tools.workbench import Workbench
from ..context import Context, enter, in_thread
from ..pool import TestPool
from ..ports import Event
from ..state import State, run_of


async def test(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Tests what waits; when nothing does, closes the families. A stop leaves the verdicts for the next time."""
    context, run_id = runtime.context, run_of(state)
    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    listed = await in_thread(lambda: context.store.list_hypotheses(run_id))
    enter(runtime, "test", f"{analysis.rev} {[(each.hypothesis_id, each.rev) for each in listed]}")
    context.display.show(Event("step", "Testing the hypotheses", step="test"))
    bench = await in_thread(lambda: context.bench(analysis))
    if not await TestPool(runtime, bench).run():
        return {}
    await in_thread(lambda: _close(context, bench))
    await in_thread(lambda: context.store.finish_step(run_id, "test"))
    return {}


test.__test__ = False  # type: ignore[attr-defined]  # a node, not a test, whatever pytest thinks of its name


def _close(context: Context, bench: Workbench) -> None:
    """Gives the verdicts of one batch. Which hypotheses are in it is written first, so that a crash can't change it."""
    analysis = context.store.get_analysis(bench.run_id)
    listed = {each.hypothesis_id: each for each in context.store.list_hypotheses(bench.run_id)}
    closing = _closing(context, analysis, list(listed.values()))
    if closing is None:
        return
    members = [listed[each] for each in closing.hypotheses]
    entries = [Entry(each.hypothesis_id, each.plan, each.result) for each in members if each.plan and each.result]

    verdicts = close_families(entries, batch=closing.batch, with_model=analysis.with_model)
    for hypothesis in members:
        by_person = hypothesis.verdict is not None and hypothesis.verdict.by == "person"
        if not hypothesis.dropped and not by_person:  # a verdict written again changes nothing, and mends a lagging index
            decided = context.store.decide(bench.run_id, hypothesis.hypothesis_id, verdicts[hypothesis.hypothesis_id])
            _show(context, decided)


def _closing(context: Context, analysis: Analysis, listed: list[Hypothesis]) -> Closing | None:
    """The batch that was begun and not ended, or a new one of all that was tested since; a dropped one still counts as tested."""
    undecided = {each.hypothesis_id for each in listed if each.tested and each.verdict is None and not each.dropped}
    if analysis.closings and undecided & set(analysis.closings[-1].hypotheses):
        return analysis.closings[-1]
    if analysis.closings and "test" not in analysis.progress and not undecided:
        return analysis.closings[-1]
    closed = {hypothesis_id for closing in analysis.closings for hypothesis_id in closing.hypotheses}
    ids = {each.hypothesis_id for each in listed if each.tested} - closed
    if not undecided:
        return None
    batch = len(analysis.closings) + 1
    closing = Closing(batch=batch, level=batch_level(batch), hypotheses=tuple(sorted(ids)))

    def change(current: Analysis) -> Analysis:
        later = {step: done for step, done in current.progress.items() if step not in {"test", "issues", "report"}}
        reopened = {"status": AnalysisStatus.ACTIVE, "completed_at": None}
        return current.model_copy(update={"closings": (*current.closings, closing), "progress": later, **reopened})

    context.store.update_analysis(analysis.run_id, op=f"test:close:{batch}", change=change)
    return closing


def _show(context: Context, hypothesis: Hypothesis) -> None:
    reason = hypothesis.verdict.reason if hypothesis.verdict else ""
    context.display.show(
        Event(
            "verdict",
            f"{hypothesis.status}: {hypothesis.statement}",
            step="test",
            subject=hypothesis.hypothesis_id,
            detail=reason,
        )
    )
