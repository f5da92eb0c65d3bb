"""Test: every plan is carried out over all traces, then the families are closed and verdicts given (workflow 2.4)."""

from typing import Any

from langgraph.runtime import Runtime

from ...tools.insights.models import Hypothesis
from ...tools.testing.closing import close_batch
from ...tools.workbench import Workbench
from ..context import Context, enter, in_thread
from ..follow_up import follow_up
from ..pool import TestPool
from ..ports import Event
from ..questions import pending
from ..state import State, run_of


async def test(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Tests what waits; when nothing does, closes the families. A stop leaves the verdicts for the next time.

    What came up meanwhile becomes further hypotheses: they wait, so this step is entered once more for them.
    """
    context, run_id = runtime.context, run_of(state)
    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    listed = await in_thread(lambda: context.store.list_hypotheses(run_id))
    enter(runtime, "test", f"{analysis.rev} {[(each.hypothesis_id, each.rev) for each in listed]}")
    context.display.show(Event("step", "Testing the hypotheses", step="test"))
    bench = await in_thread(lambda: context.bench(analysis))
    if not await TestPool(runtime, bench).run():
        return {}
    await in_thread(lambda: _close(context, bench))
    created = await follow_up(context, bench)
    await in_thread(lambda: context.store.finish_step(run_id, "test"))
    if created and context.options.review:
        return pending("review", [each.hypothesis_id for each in created])
    return {}


test.__test__ = False  # type: ignore[attr-defined]  # a node, not a test, whatever pytest thinks of its name


def _close(context: Context, bench: Workbench) -> None:
    for decided in close_batch(context.store, bench.run_id):
        _show(context, decided)


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
