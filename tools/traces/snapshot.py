"""A copy of an experiment's traces up to a fixed instant, kept as Parquet and brought up to date rather than made anew.

The source is divided into windows by trace time. A window is copied again only if something of its traces changed since, which
the source's headers tell (`extract_statements.FINGERPRINT`), or its tables as a whole (`survey.py`). It is a disposable copy: the
truth stays in MLflow.
"""

import hashlib
import json
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import StoreError
from ..insights.models import SnapshotRecord
from ..sql.catalog import Catalog
from ..sql.engines.base import Engine
from ..sql.process import LOCAL
from ..sql.relations import RELATIONS
from .cluster import Copied, copy_there
from .cut import KeptTraces
from .freshness import Freshness
from .manifest import PARTS, READER_VERSION
from .record import Times, summarise
from .refresh import refresh
from .sources.choose import has_tables, looks_large
from .sources.databricks import location_of
from .sources.databricks_rows import TraceView
from .workers import Workers

LOCK_WAIT_S = 1800
"""How long another process's refresh of the same copy is waited for."""
LOOK_S = 1
"""How often is looked whether it is done, and whether the wait is to end."""

OTHERS_COPY = "Another process is copying the same traces; waiting for it."


@dataclass(frozen=True)
class Snapshot:
    """The traces that an analysis is about."""

    folder: Path
    record: SnapshotRecord
    catalog: Catalog
    freshness: Freshness = field(compare=False)


def take_snapshot(
    uri: str,
    experiment_id: str,
    *,
    instant: datetime,
    since: datetime | None,
    until: datetime | None,
    cache: Path,
    progress: Callable[[int, int], None],
    keep: Callable[[Path], KeptTraces | None] = lambda _: None,
    anew: bool = False,
    waiting: Callable[[], None] = lambda: None,
    engine: Engine = LOCAL,
) -> Snapshot:
    """Brings the copy of an experiment's traces up to date, and cuts it to a window of time.

    Args:
        uri: tracking URI of the store.
        experiment_id: the experiment.
        instant: traces that began after it are no part of the snapshot.
        since: first instant of the window; None: from the beginning.
        until: last instant of the window, included; None: up to `instant`.
        cache: folder under which copies are kept; they hold prompts, so only their owner may read them.
        keep: given the copy's folder, says which of the window's traces are the snapshot's; all where it gives nothing.
        progress: is told how many traces of how many are copied, each time that a window is safe; also while another process's
            refresh is waited for, so that it may end that.
        anew: whether everything is copied again, whatever was copied before.
        waiting: is told once that another process refreshes the same copy, and that this waits for it.
        engine: what will answer queries; where it reaches the store's own tables, it makes the copy and keeps it.

    Raises:
        UserError: no such experiment, or no store of a kind that can be copied.
        StoreError: the store is locked or unreadable, or the cache can't be written.
    """
    times = Times(instant, since, until)
    cluster = engine.cluster() if has_tables(uri) else None
    refreshed_at = datetime.now(UTC)
    try:
        if cluster is None:
            folder, copied = _copy_here(uri, experiment_id, times, cache, progress, anew=anew, waiting=waiting)
        else:
            with closing(cluster):
                view = TraceView(location_of(uri, experiment_id), experiment_id)
                folder = private_folder(cache, json.dumps(["cluster", cluster.files, view.location, experiment_id]))
                with locked(folder, waiting, progress):
                    copied = copy_there(view, cluster, folder, times.range, progress, anew=anew)
    except OSError as error:
        raise StoreError(
            f"The copy of the traces can't be kept in {str(cache)!r}. Name another cache folder. ({error})"
        ) from error
    catalog, cut = copied.catalog, keep(folder)
    kept = cut(catalog) if cut is not None else None
    catalog = replace(catalog, kept=None if kept is None else str(kept))
    freshness = Freshness(refreshed_at, copied.changes, copied.counted)
    return Snapshot(folder, summarise(folder, copied.windows, times, kept), catalog, freshness)


def _copy_here(
    uri: str,
    experiment_id: str,
    times: Times,
    cache: Path,
    progress: Callable[[int, int], None],
    *,
    anew: bool,
    waiting: Callable[[], None],
) -> tuple[Path, Copied]:
    """Brings the files of this machine up to date; gives their folder too."""
    with Workers(uri, experiment_id, all_at_once=looks_large(uri)) as workers:
        folder = private_folder(cache, workers.identity)
        with locked(folder, waiting, progress):
            windows, changed, count = refresh(workers, folder, times.range, progress, anew=anew)
    files = {
        relation.name: tuple(str(folder / PARTS / window.parts[relation.name].name) for window in windows)
        for relation in RELATIONS
    }
    return folder, Copied(windows, changed, count, Catalog(experiment_id, files, *times.range))


def private_folder(cache: Path, identity: str) -> Path:
    """The folder of one copy, open to its owner only."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = cache.absolute() / hashlib.sha256(f"reader {READER_VERSION} {identity}".encode()).hexdigest()[:32]
    for path in (folder, folder / PARTS):
        path.mkdir(exist_ok=True)
        path.chmod(0o700)
    return folder


@contextmanager
def locked(folder: Path, waiting: Callable[[], None], progress: Callable[[int, int], None]) -> Generator[None]:
    """Keeps other processes from refreshing the same copy meanwhile; they find it fresh when they come to it.

    While another has it, `waiting` is told once, and `progress` now and then, which may end the wait by raising.
    """
    lock = FileLock(folder / "lock", mode=0o600)
    for attempt in range(LOCK_WAIT_S // LOOK_S):
        try:
            lock.acquire(timeout=LOOK_S if attempt else 0)
            break
        except Timeout:
            if attempt == 0:
                waiting()
            progress(0, 0)
    else:
        raise StoreError(f"Another process has been copying these traces into {str(folder)!r} for long. Wait for it.")
    try:
        yield
    finally:
        lock.release()
