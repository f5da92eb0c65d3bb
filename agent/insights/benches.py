"""The tools of an analysis over its copy of the traces, opened for one verb: the copy is taken or refreshed by itself."""

from collections.abc import Generator
from contextlib import contextmanager

from ...tools.errors import UserError
from ...tools.insights.models import Analysis
from ...tools.sql.engines.base import PUBLISHING, Engine
from ...tools.sql.service import SqlService
from ...tools.traces.snapshot import OTHERS_COPY, Snapshot
from ...tools.windows import Window, take_window
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
    engine = insights.engine()
    snapshot = snapshot_of(insights, analysis, engine)
    _publish(insights, engine, snapshot)
    with Workbench.open(insights.store, analysis.run_id, snapshot, seed=analysis.seed, engine=engine) as bench:
        yield bench


@contextmanager
def open_sql(insights: Insights, experiment_id: str, analysis: Analysis | None, *, kept: bool = True) -> Generator[SqlService]:
    """SQL over the traces of an analysis, where each query is `kept`; or over all of the experiment's as of now.

    Raises:
        UserError: the experiment has no traces.
        StoreError: the traces can't be copied.
    """
    engine = insights.engine()
    snapshot = snapshot_of(insights, analysis, engine) if analysis else _some(copy_traces(insights, experiment_id, engine))
    _publish(insights, engine, snapshot)
    keeper = analysis.run_id if analysis and kept else None
    with SqlService(
        snapshot.catalog,
        snapshot_digest=snapshot.record.digest,
        on_query=lambda record: insights.store.write_query(keeper, record) if keeper else None,
        engine=engine,
    ) as sql:
        yield sql


def _publish(insights: Insights, engine: Engine, snapshot: Snapshot) -> None:
    engine.publish(snapshot.catalog, lambda done, total: insights.progress(PUBLISHING, done, total))


def snapshot_of(insights: Insights, analysis: Analysis, engine: Engine) -> Snapshot:
    """The traces that an analysis is about: fixed as of now when they are first needed, and the same from then on.

    Raises:
        UserError: its experiment has no traces.
        StoreError: the traces can't be copied.
    """
    recorded = insights.store.read_snapshot(analysis.run_id)
    if recorded is not None:
        return _some(copy_traces(insights, analysis.experiment_id, engine, Window.of(recorded)))
    window = Window(insights.now(), analysis.since, analysis.until, analysis.scope.filter, analysis.follows)
    snapshot = _some(copy_traces(insights, analysis.experiment_id, engine, window))
    insights.store.write_snapshot(analysis.run_id, snapshot.record)
    return snapshot


def copy_traces(
    insights: Insights, experiment_id: str, engine: Engine, window: Window | None = None, *, anew: bool = False
) -> Snapshot:
    """The copy of an experiment's traces, brought up to date or made `anew`; cut to a window, or all there are as of now.

    Raises:
        StoreError: the traces can't be copied.
    """
    return take_window(
        insights.store,
        experiment_id,
        window or Window(insights.now()),
        cache=insights.cache,
        anew=anew,
        engine=engine,
        waiting=lambda: insights.tell(OTHERS_COPY),
        progress=lambda done, total: insights.progress("copying traces", done, total),
    )


def _some(snapshot: Snapshot) -> Snapshot:
    """A snapshot that has traces."""
    if not snapshot.record.traces:
        place = snapshot.catalog.experiment_id
        raise UserError(f"Experiment {place!r} has no traces to look at: log some, or choose another experiment.")
    return snapshot
