"""Reports by hand: what one says, and whether the traces still say it."""

from ...tools.errors import UserError
from ...tools.reporting.verify import Verification
from ...tools.reporting.verify import verify_report as execute_again
from .opened import Insights


def get_report(insights: Insights, *, run_id: str, page: bool = False) -> str:
    """The report of an analysis, as it was last written.

    Args:
        insights: The memory.
        run_id: The analysis.
        page: The self-contained page instead of markdown.

    Raises:
        UserError: there is no such analysis, or it has no report.
    """
    insights.store.get_analysis(run_id)
    found = insights.store.read_page(run_id) if page else insights.store.read_report(run_id)
    if found is None:
        raise UserError(f"Analysis {run_id!r} has no report yet: `run-analysis --resume {run_id}` writes one.")
    return found


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
