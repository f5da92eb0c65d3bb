"""What a person may do to an analysis at any moment, in whatever step it is: committed before it is acknowledged."""

from ..tools.errors import UserError
from ..tools.insights.models import Analysis, Hypothesis, HypothesisDraft
from ..tools.testing.proposals import draft_of_words
from ..tools.testing.restating import read_threshold, with_threshold
from .context import Context, in_thread

TO_BE_PLANNED = "Step 1: Have a plan written for it, and try each of its queries. Step 2: Carry that plan out."


async def add(context: Context, run_id: str, said: str) -> Hypothesis:
    """States a hypothesis in a person's words: planned by the playbook, else by the analyst, or kept as untested with the reason.

    It is committed at once, and planned and tested by the pool that runs, or by the next one. What is stated already is the
    hypothesis that is there.

    Raises:
        UserError: nothing was said.
    """
    if not said.strip():
        raise UserError("Say what you suspect, e.g. /add tools are called again with the same arguments.")
    census = await in_thread(lambda: context.store.read_census(run_id))
    draft = _planned_later(context, draft_of_words(said, census, context.playbook))
    return await in_thread(lambda: context.store.create_hypothesis(run_id, draft))


def _planned_later(context: Context, draft: HypothesisDraft) -> HypothesisDraft:
    """What the playbook can't plan is left to the analyst, where it writes plans."""
    if not draft.blocked or context.analyst.planner is None:
        return draft
    return draft.model_copy(update={"blocked": "", "testing_plan": TO_BE_PLANNED})


async def drop(context: Context, run_id: str, hypothesis_id: str, *, why: str) -> Hypothesis:
    """Gives a hypothesis up: tombstone, cancel, commit; that it returns is the acknowledgement.

    The order matters: a pool that wakes at the cancelled task and finds no tombstone would read the memory before the commit is
    there, and take the hypothesis up again.

    Raises:
        MemoryRefused: it has a verdict.
        StoreError: the commit failed. The tombstone stays, so the work stays stopped, and the pool commits again at its end.
    """
    context.tombstones[hypothesis_id] = why
    if context.pool is not None:
        context.pool.abandon(hypothesis_id)
    return await in_thread(lambda: context.store.drop_hypothesis(run_id, hypothesis_id, why=why))


async def restate(context: Context, run_id: str, hypothesis_id: str, text: str) -> Hypothesis:
    """States another hypothesis in place of one: with another threshold (`5%`), or in other words. The old one is dropped.

    Raises:
        UserError: it was tested already, or takes no such threshold.
    """
    before = await in_thread(lambda: context.store.get_hypothesis(run_id, hypothesis_id))
    threshold = read_threshold(text)
    if threshold is not None:
        draft = with_threshold(before, threshold)
    else:
        draft = await _in_other_words(context, run_id, before, text)
    stated = await in_thread(lambda: context.store.create_hypothesis(run_id, draft))
    if stated.hypothesis_id != hypothesis_id:
        await drop(context, run_id, hypothesis_id, why=f"stated anew as {stated.hypothesis_id}")
    return stated


async def _in_other_words(context: Context, run_id: str, before: Hypothesis, text: str) -> HypothesisDraft:
    if before.tested:
        raise UserError(f"Hypothesis {before.hypothesis_id!r} was tested already: state a new one instead.")
    if not text.strip():
        raise UserError("Say what it shall be: another threshold, as in 5%, or other words.")
    census = await in_thread(lambda: context.store.read_census(run_id))
    return _planned_later(context, draft_of_words(text, census, context.playbook))


async def refocus(context: Context, run_id: str, text: str) -> tuple[Analysis, list[Hypothesis]]:
    """Adds to the focus; once hypotheses are stated, each becomes one at once (before, the next step makes them of the focus)."""
    parts = tuple(part.strip() for part in text.split(";") if part.strip())

    def change(current: Analysis) -> Analysis:
        return current.model_copy(update={"focus": tuple(dict.fromkeys((*current.focus, *parts)))})

    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    op = f"focus:{len(analysis.ops)}:{text}"
    analysis = await in_thread(lambda: context.store.update_analysis(run_id, op=op, change=change))
    stated = [await add(context, run_id, part) for part in parts] if "hypotheses" in analysis.progress else []
    return analysis, stated
