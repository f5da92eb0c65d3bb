"""What came up while traces were judged: after the first verdicts it becomes hypotheses of its own, in a batch of their own."""

from ..tools.insights.models import Hypothesis, Proposals
from ..tools.workbench import Workbench
from .context import Context, in_thread
from .ports import Event

STEP = "test"


async def follow_up(context: Context, bench: Workbench) -> list[Hypothesis]:
    """The hypotheses that were made of what a judge noted, once an analysis; none where it noted nothing.

    Raises:
        ModelError: nobody answers any more.
    """
    proposals = await _propose(context, bench)
    if proposals is None:
        return []
    return await in_thread(lambda: _create(context, bench.run_id, proposals))


async def _propose(context: Context, bench: Workbench) -> Proposals | None:
    """The stored list where there is one, so that a crash can't mix two generations of proposals."""
    store, run_id = bench.store, bench.run_id
    round = (await in_thread(lambda: store.get_analysis(run_id))).asked_on
    stored = await in_thread(lambda: store.read_proposals(run_id, STEP, round))
    if stored is not None:
        return stored
    noticed = await in_thread(lambda: [each for reading in store.list_readings(run_id) for each in reading.noticed])
    if not noticed:
        return None
    analysis = await in_thread(lambda: store.get_analysis(run_id))
    tested = await in_thread(lambda: store.list_hypotheses(run_id))
    earlier = await in_thread(lambda: store.list_issues(bench.experiment_id))
    proposal = await context.analyst.follow_up(bench, analysis, noticed, tested, earlier)
    drafts = tuple(draft.model_copy(update={"origin": f"{STEP}/{round}/{index}"}) for index, draft in enumerate(proposal.drafts))
    proposals = Proposals(step=STEP, round=round, drafts=drafts, left_out=tuple(proposal.left_out))
    return await in_thread(lambda: store.write_proposals(run_id, proposals))


def _create(context: Context, run_id: str, proposals: Proposals) -> list[Hypothesis]:
    known = {each.origin for each in context.store.list_hypotheses(run_id)}
    created = [context.store.create_hypothesis(run_id, draft) for draft in proposals.drafts if draft.origin not in known]
    for hypothesis in created:
        shown = Event("hypothesis", hypothesis.statement, step=STEP, subject=hypothesis.hypothesis_id, detail=hypothesis.blocked)
        context.display.show(shown)
    return created
