"""What a person may do to an analysis at any moment, in whatever step it is: committed before it is acknowledged."""

from ..tools.insights.models import Hypothesis
from .context import Context, in_thread


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
