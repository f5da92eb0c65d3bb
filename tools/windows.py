"""Which of an experiment's traces an analysis is about, and the snapshot cut to them: the same whenever it is looked at again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Self

from .insights.models import SnapshotRecord
from .insights.store import InsightStore
from .sql.engines.base import Engine
from .sql.process import LOCAL
from .traces.cut import keep_traces
from .traces.snapshot import Snapshot, take_snapshot

OVERLAP = timedelta(hours=1)
"""How long after its beginning a trace may come to be logged and still be counted: once, by whichever analysis sees it first."""


class Window(NamedTuple):
    """Times, a condition, and the analysis whose counted traces are left out."""

    instant: datetime
    """Traces that began after this are not in it."""
    since: datetime | None = None
    until: datetime | None = None
    filter: str = ""
    """A condition over the columns of `traces`; empty: all."""
    follows: str | None = None

    @classmethod
    def of(cls, record: SnapshotRecord) -> Self:
        """The window that an analysis was recorded with."""
        return cls(record.instant, record.since, record.until, record.filter, record.follows)


def take_window(
    store: InsightStore,
    experiment_id: str,
    window: Window,
    *,
    cache: Path,
    progress: Callable[[int, int], None],
    waiting: Callable[[], None] = lambda: None,
    anew: bool = False,
    engine: Engine = LOCAL,
) -> Snapshot:
    """The snapshot of a window, whose record says how it was cut; `cache` and what follows it are as of `take_snapshot`.

    Raises:
        UserError: no such experiment, no store of a kind that can be copied, or the filter is no condition on traces.
        StoreError: the traces or what was counted can't be read, or the cache can't be written.
    """
    counted = store.read_counted(window.follows) if window.follows else {}
    taken = take_snapshot(
        store.tracking.uri,
        experiment_id,
        instant=window.instant,
        since=window.since,
        until=window.until,
        cache=cache,
        progress=progress,
        keep=lambda folder: keep_traces(folder, condition=window.filter, counted=counted, engine=engine),
        anew=anew,
        waiting=waiting,
        engine=engine,
    )
    return replace(taken, record=taken.record.model_copy(update={"filter": window.filter, "follows": window.follows}))
