"""The tools of an analysis over its copy of the traces, opened for one verb: the copy is taken or refreshed by itself."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime

from ...tools.errors import UserError
from ...tools.insights.models import Analysis
from ...tools.sql.service import SqlService
from ...tools.traces.snapshot import Snapshot, take_snapshot
from ...tools.workbench import Workbench
from .opened import Insights


@contextmanager
def open_bench(insights: Insights, analysis: Analysis) -> Generator[Workbench]:
    """The workbench of an analysis over its snapshot.

    Raises:
        UserError: its experiment has no traces.
        StoreError: the traces can't be copied.
        QueryError: the snapshot can't be opened.
    """
    snapshot = snapshot_of(insights, analysis)
    with Workbench.open(insights.store, analysis.run_id, snapshot, seed=analysis.seed) as bench:
        yield bench


@contextmanager
def open_sql(insights: Insights, experiment_id: str, analysis: Analysis | None, *, kept: bool = True) -> Generator[SqlService]:
    """SQL over the traces of an analysis, where each query is `kept`; or over all of the experiment's as of now.

    Raises:
        UserError: the experiment has no traces.
        StoreError: the traces can't be copied.
    """
    snapshot = snapshot_of(insights, analysis) if analysis else _copy(insights, experiment_id)
    keeper = analysis.run_id if analysis and kept else None
    with SqlService(
        snapshot.catalog,
        snapshot_digest=snapshot.record.digest,
        on_query=lambda record: insights.store.write_query(keeper, record) if keeper else None,
    ) as sql:
        yield sql


def snapshot_of(insights: Insights, analysis: Analysis) -> Snapshot:
    """The traces that an analysis is about: fixed as of now when they are first needed, and the same from then on.

    Raises:
        UserError: its experiment has no traces.
        StoreError: the traces can't be copied.
    """
    recorded = insights.store.read_snapshot(analysis.run_id)
    if recorded is not None:
        analysis = analysis.model_copy(update={"since": recorded.since, "until": recorded.until})
        return _copy(insights, analysis.experiment_id, analysis, instant=recorded.instant)
    snapshot = _copy(insights, analysis.experiment_id, analysis)
    insights.store.write_snapshot(analysis.run_id, snapshot.record)
    return snapshot


def _copy(
    insights: Insights, experiment_id: str, analysis: Analysis | None = None, *, instant: datetime | None = None
) -> Snapshot:
    snapshot = take_snapshot(
        insights.store.tracking.uri,
        experiment_id,
        instant=instant or insights.now(),
        since=analysis.since if analysis else None,
        until=analysis.until if analysis else None,
        cache=insights.cache,
        progress=lambda done, total: insights.progress("copying traces", done, total),
    )
    if not snapshot.record.traces:
        raise UserError(f"Experiment {experiment_id!r} has no traces to look at: log some, or choose another experiment.")
    return snapshot
