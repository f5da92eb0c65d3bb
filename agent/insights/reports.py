"""Reports by hand: whether one still says what the traces say."""

from ...tools.reporting.verify import Verification
from ...tools.reporting.verify import verify_report as execute_again
from .opened import Insights


def verify_report(insights: Insights, *, run_id: str) -> Verification:
    """Executes every query of an analysis again over the same window of traces, and compares the results.

    Raises:
        UserError: there is no such analysis, or it kept nothing that could be executed again.
        StoreError: the traces can't be read.
    """
    engine = insights.engine()
    return execute_again(
        insights.store, run_id, cache=insights.cache, now=insights.now(), progress=insights.progress, engine=engine
    )
