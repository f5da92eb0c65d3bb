"""What a person stated in words gets its plan, written by the analyst and tried; or it is kept as untested with the reason."""

from ..tools.errors import MemoryRefused
from ..tools.insights.models import Hypothesis, HypothesisStatus
from ..tools.testing.render import render_plan
from ..tools.workbench import Workbench
from .context import Context, in_thread
from .ports import Event, Planned
from .reading import is_read
from .reading_room import MOST_QUESTIONS
from .routes import waits

NOBODY = Planned(None, "Nobody is here who writes a plan: go on with a language model, or give it a plan by hand.")


async def plan_stated(context: Context, bench: Workbench, hypothesis: Hypothesis, *, owner: str) -> None:
    """Plans one hypothesis. That it was dropped or planned by somebody else meanwhile changes nothing.

    Raises:
        ModelError: nobody answers any more.
    """
    store, run_id, subject = context.store, bench.run_id, hypothesis.hypothesis_id

    def show(text: str) -> None:
        context.display.show(Event("result", text, step="test", subject=subject))

    context.display.show(Event("hypothesis", f"Planning: {hypothesis.statement}", step="test", subject=subject))
    planned = NOBODY
    if context.analyst.planner is not None:
        may_read = await in_thread(lambda: _may_read(bench))
        planned = await context.analyst.planner.plan(bench, hypothesis, may_read=may_read, owner=owner)
    try:
        if planned.plan is None:
            await in_thread(lambda: store.block_hypothesis(run_id, subject, why=planned.refused))
            show(f"Kept as untested: {planned.refused}")
        else:
            plan = planned.plan
            await in_thread(lambda: store.give_plan(run_id, subject, plan, in_words=render_plan(plan)))
            show("Its plan is written, and was tried.")
    except MemoryRefused:
        if (await in_thread(lambda: store.get_hypothesis(run_id, subject))).status is HypothesisStatus.TESTING:
            raise


def _may_read(bench: Workbench) -> bool:
    """Whether one more hypothesis may be decided by reading: a look at a trace answers only so many questions."""
    if not bench.store.get_analysis(bench.run_id).with_model:
        return False
    read = [each for each in bench.store.list_hypotheses(bench.run_id) if waits(each) and is_read(each)]
    return len(read) < MOST_QUESTIONS
