"""What a snapshot's record says: how many traces, which times, and a digest to know the same traces again by."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np

from ..insights.models import SnapshotRecord
from ..instants import EPOCH, MILLISECOND, from_ms, to_ms
from .columns import text_bytes, whole_numbers
from .manifest import INDEX, PARTS, READER_VERSION, Window
from .refresh import Range

LINES = 50_000

INSIDE = "CREATE VIEW inside AS FROM read_parquet({files}, filename = true) WHERE timestamp_ms BETWEEN {since} AND {until}"
KEPT = " AND (excluded OR trace_id IN (SELECT trace_id FROM read_parquet('{kept}')))"
COUNTS = """SELECT count(*) FILTER (NOT excluded), coalesce(sum(spans), 0)::BIGINT, coalesce(sum(assessments), 0)::BIGINT,
    count(*) FILTER (excluded), count(*) FILTER (unreadable), min(timestamp_ms) FILTER (NOT excluded),
    max(timestamp_ms) FILTER (NOT excluded) FROM inside"""
LINE = "concat(trace_id, ' ', state, CASE WHEN unreadable THEN ' unreadable' END, chr(10))"
LINES_BY_FILE = f"SELECT filename, {LINE} FROM inside WHERE NOT excluded"
"""In the order of the files, and of the rows in each, which is that of the ids."""
ALL_LINES = f"SELECT {LINE} FROM inside WHERE NOT excluded ORDER BY trace_id"
"""Without regard to the windows, so that the digest is the same however the traces came to be divided."""


@dataclass(frozen=True)
class Times:
    """What was asked for."""

    instant: datetime
    since: datetime | None
    until: datetime | None

    @property
    def range(self) -> Range:
        """The trace times that this means, to the millisecond that MLflow keeps."""
        last = self.instant if self.until is None else min(self.instant, self.until)
        since_ms = None if self.since is None else -((EPOCH - self.since) // MILLISECOND)
        return Range(since_ms, to_ms(last))


def summarise(folder: Path, windows: Sequence[Window], times: Times, kept: Path | None = None) -> SnapshotRecord:
    """The record of these windows, cut to the times, and to the traces that the Parquet file `kept` names, where there is one."""
    names = {str(folder / PARTS / window.parts[INDEX].name): window for window in windows}
    if not names:
        return empty(times)
    with duckdb.connect() as duck:
        since_ms, until_ms = times.range
        files = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
        since = -(2**62) if since_ms is None else since_ms
        inside = INSIDE.format(files=f"[{files}]", since=since, until=until_ms)
        duck.execute(inside if kept is None else inside + KEPT.format(kept=str(kept).replace("'", "''")))
        ((traces, spans, assessments, excluded, unreadable, first, last),) = duck.execute(COUNTS).fetchall()
        with ThreadPoolExecutor(1) as beside:  # one core for each
            by_file = beside.submit(digests_by_file, duck.cursor())
            digest = digest_of_all(duck)
            partitions = {title(names[name]): digest for name, digest in by_file.result().items()}
        return SnapshotRecord(
            instant=times.instant,
            since=times.since,
            until=times.until,
            traces=traces,
            spans=spans,
            assessments=assessments,
            excluded=excluded,
            unreadable=unreadable,
            first_trace=moment(first),
            last_trace=moment(last),
            digest=digest,
            partitions=dict(sorted(partitions.items())),
        )


def empty(times: Times) -> SnapshotRecord:
    """The record of no traces."""
    return SnapshotRecord(
        instant=times.instant,
        since=times.since,
        until=times.until,
        traces=0,
        spans=0,
        assessments=0,
        excluded=0,
        unreadable=0,
        first_trace=None,
        last_trace=None,
        digest=begun_digest().hexdigest(),
        partitions={},
    )


def digests_by_file(duck: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """SHA-256 over the digests of the traces of each file, by id; files without traces are left out."""
    digests: defaultdict[str, hashlib._Hash] = defaultdict(hashlib.sha256)
    for batch in duck.sql(LINES_BY_FILE).to_arrow_reader(LINES):
        files = batch.column(0).dictionary_encode()
        numbers, names = whole_numbers(files.indices), files.dictionary.to_pylist()
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for first, end in pairwise(starts):
            digests[names[numbers[first]]].update(text_bytes(batch.column(1).slice(first, end - first)))
    return {name: digest.hexdigest() for name, digest in digests.items()}


def digest_of_all(duck: duckdb.DuckDBPyConnection) -> str:
    """SHA-256 over the digests of all traces, by id."""
    digest = begun_digest()
    for batch in duck.sql(ALL_LINES).to_arrow_reader(LINES):
        digest.update(text_bytes(batch.column(0)))
    return digest.hexdigest()


def begun_digest() -> "hashlib._Hash":
    """A digest that already says how the traces are read."""
    return hashlib.sha256(f"reader {READER_VERSION}\n".encode())


def title(window: Window) -> str:
    """How a window is called in a record: by its beginning."""
    began = moment(window.low.timestamp_ms)
    return f"{began:%Y-%m-%dT%H:%M:%S.%f} {window.low.trace_id}" if began else ""


def moment(timestamp_ms: int | None) -> datetime | None:
    """The instant of a trace time."""
    return None if timestamp_ms is None else from_ms(timestamp_ms)
