"""The census by hand: every trace counted, once an analysis."""

from ...tools.errors import UserError
from ...tools.insights.models import Census
from .benches import open_bench
from .opened import Insights


def create_baseline_census(insights: Insights, *, run_id: str) -> Census:
    """Counts every trace that the analysis is about; the census that is there already stays. Its samples are linked.

    Raises:
        UserError: there is no such analysis, or its experiment has no traces.
        StoreError: the traces can't be copied.
        QueryError: a statement can't be answered.
    """
    kept = insights.store.read_census(run_id)
    if kept is not None:
        return kept
    with open_bench(insights, insights.store.get_analysis(run_id)) as bench:
        return bench.count(now=insights.now(), progress=lambda done, total: insights.progress("counting", done, total))


def get_baseline_census(insights: Insights, *, run_id: str) -> Census:
    """The census of an analysis.

    Raises:
        UserError: there is no such analysis, or it has no census yet.
    """
    insights.store.experiment_of(run_id)
    census = insights.store.read_census(run_id)
    if census is None:
        raise UserError(f"Analysis {run_id!r} has no census yet: take it with create-baseline-census.")
    return census
