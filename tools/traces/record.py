"""What a snapshot's record says: how many traces, which times, and a digest to know the same traces again by."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
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
from .sources.base import BEGINNING
from .sums import KnownSums, Sums

LINES = 50_000

INSIDE = "CREATE VIEW {name} AS FROM read_parquet({files}, filename = true) WHERE timestamp_ms BETWEEN {since} AND {until}"
KEPT = " AND (excluded OR trace_id IN (SELECT trace_id FROM read_parquet('{kept}')))"
COUNTS = """SELECT filename, count(*), count(*) FILTER (NOT excluded), coalesce(sum(spans), 0)::BIGINT,
    coalesce(sum(assessments), 0)::BIGINT, count(*) FILTER (excluded), count(*) FILTER (unreadable),
    min(timestamp_ms) FILTER (NOT excluded), max(timestamp_ms) FILTER (NOT excluded), min(timestamp_ms), max(timestamp_ms)
FROM unsummed GROUP BY filename"""
LINE = "concat(trace_id, ' ', state, CASE WHEN unreadable THEN ' unreadable' END, chr(10))"
LINES_BY_FILE = f"SELECT filename, {LINE} FROM unsummed WHERE NOT excluded"
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

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and the last of them."""
        since_ms, until_ms = self.range
        return BEGINNING.timestamp_ms if since_ms is None else since_ms, until_ms


def summarise(folder: Path, windows: Sequence[Window], times: Times, kept: Path | None = None) -> SnapshotRecord:
    """The record of these windows, cut to the times, and to the traces that the Parquet file `kept` names, where there is one."""
    held = {window.parts[INDEX].name: window for window in windows}
    known = KnownSums({}) if kept is not None else KnownSums.read(folder)
    sums = known.of_whole(held, *times.bounds)
    digest = known.digest if sums.keys() == known.files.keys() == held.keys() else ""
    if not digest:
        new, digest = summed(folder, list(held), sums, times, kept)
        sums = {name: new.get(name) or sums.get(name) or Sums() for name in held}
        if kept is None and new and all(sums[name].rows == window.traces for name, window in held.items()):
            KnownSums(sums, digest).write(folder)
    return recorded({title(held[name]): each for name, each in sums.items()}, digest, times)


def recorded(sums: Mapping[str, Sums], digest: str, times: Times) -> SnapshotRecord:
    """The record of windows by their titles."""
    firsts, lasts = (
        [ms for each in sums.values() if (ms := getattr(each, name)) is not None] for name in ("first_ms", "last_ms")
    )
    return SnapshotRecord(
        instant=times.instant,
        since=times.since,
        until=times.until,
        traces=sum(each.traces for each in sums.values()),
        spans=sum(each.spans for each in sums.values()),
        assessments=sum(each.assessments for each in sums.values()),
        excluded=sum(each.excluded for each in sums.values()),
        unreadable=sum(each.unreadable for each in sums.values()),
        first_trace=moment(min(firsts, default=None)),
        last_trace=moment(max(lasts, default=None)),
        digest=digest,
        partitions={name: each.digest for name, each in sorted(sums.items()) if each.digest},
    )


def summed(
    folder: Path, names: Sequence[str], known: Collection[str], times: Times, kept: Path | None
) -> tuple[dict[str, Sums], str]:
    """The sums of those files that aren't known, by name, and the digest of the traces of all."""
    if not names:
        return {}, begun_digest().hexdigest()
    with duckdb.connect() as duck:
        duck.execute(inside("inside", [folder / PARTS / name for name in names], times, kept))
        unsummed = [folder / PARTS / name for name in names if name not in known]
        if not unsummed:
            return {}, digest_of_all(duck)
        duck.execute(inside("unsummed", unsummed, times, kept))
        with ThreadPoolExecutor(1) as beside:  # one core for each
            by_file = beside.submit(sums_by_file, duck.cursor())
            digest = digest_of_all(duck)
            return by_file.result(), digest


def inside(view: str, files: Sequence[Path], times: Times, kept: Path | None) -> str:
    """The statement that makes a view of what these files hold of the times, and of those that are kept."""
    since_ms, until_ms = times.bounds
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    made = INSIDE.format(name=view, files=f"[{quoted}]", since=since_ms, until=until_ms)
    return made if kept is None else made + KEPT.format(kept=str(kept).replace("'", "''"))


def sums_by_file(duck: duckdb.DuckDBPyConnection) -> dict[str, Sums]:
    """Of each file that has rows within the times, by its name."""
    digests = digests_by_file(duck)
    counted = duck.execute(COUNTS).fetchall()
    return {Path(name).name: Sums(*counts, digest=digests.get(name, "")) for name, *counts in counted}


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
