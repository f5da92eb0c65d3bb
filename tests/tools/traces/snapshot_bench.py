"""A store that snapshots are taken of, again and again."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from analyze_experiment.tests.tools.traces.store_rows import EXPERIMENT, StoreRows
from analyze_experiment.tools.traces.manifest import Manifest, Window
from analyze_experiment.tools.traces.snapshot import Snapshot, take_snapshot

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=1)
WINDOW = 4
TRACES = 10

SCRIPT = """
import os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from analyze_experiment.tools.traces import refresh
from analyze_experiment.tools.traces.snapshot import take_snapshot

uri, cache, window, die_at = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
refresh.WINDOW_TRACES = window

def progress(done, total):
    if 0 < die_at <= done:
        os.kill(os.getpid(), signal.SIGKILL)

taken = take_snapshot(uri, "0", instant=datetime(2026, 1, 2, tzinfo=UTC), since=None, until=None, cache=cache, progress=progress)
print(taken.record.digest, taken.record.traces)
"""


@dataclass(frozen=True)
class Bench:
    """A store, and snapshots of it."""

    store: StoreRows
    cache: Path
    experiment_id: str = EXPERIMENT

    def take(
        self,
        *,
        instant: datetime = LATER,
        since: datetime | None = None,
        until: datetime | None = None,
        cache: Path | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
        anew: bool = False,
        waiting: Callable[[], None] = lambda: None,
    ) -> Snapshot:
        """A snapshot of now."""
        return take_snapshot(
            self.store.uri,
            self.experiment_id,
            instant=instant,
            since=since,
            until=until,
            cache=cache or self.cache,
            progress=progress,
            anew=anew,
            waiting=waiting,
        )

    def command(self, *, die_at: int = 0) -> list[str]:
        """The same in a process of its own, which may kill itself when so many traces are done."""
        return [sys.executable, "-c", SCRIPT, self.store.uri, str(self.cache), str(WINDOW), str(die_at)]


def windows(snapshot: Snapshot) -> tuple[Window, ...]:
    return Manifest.read(snapshot.folder).windows


def rows(snapshot: Snapshot, relation: str, columns: str) -> list[tuple[object, ...]]:
    """The rows of a relation, as an engine would open it."""
    with duckdb.connect() as duck:
        return duck.sql(f"SELECT {columns} FROM read_parquet({list(snapshot.catalog.files[relation])}) ORDER BY ALL").fetchall()
