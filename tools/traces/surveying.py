"""Compares a store's tables with what a survey said of them, piece by piece: the part of it that workers do."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, cast

import duckdb
import pyarrow as pa

from .sources.base import WholeTables, digest_of

SURVEY = "survey"
"""The folder, in a copy's, of what its last survey says."""
NAME_DIGITS = 20
DIFFERING = """SELECT trace_id FROM now FULL JOIN before USING (trace_id) WHERE now.spans IS DISTINCT FROM before.spans
    OR now.first_ns IS DISTINCT FROM before.first_ns OR now.last_ns IS DISTINCT FROM before.last_ns"""


class Piece(NamedTuple):
    """Rows of one table that lie together, by their numbers: `after` excluded, `last` included."""

    table: str
    after: int
    last: int
    state: str = ""
    """Digest of the rows but for the next; empty where they weren't read yet."""
    traces: str = ""
    """Digest of the ids of traces in them, row by row."""


class IdRange(NamedTuple):
    """What the store says of the spans of traces by id: `after` excluded, `last` included, all that follow where it is empty."""

    after: str
    last: str
    file: str = ""
    """Where the rows are kept, named by their content; empty where they weren't read yet."""


@dataclass
class Differences:
    """What isn't as it was."""

    trace_ids: set[str] = field(default_factory=set[str])
    """Something of these traces may have changed."""
    times_ms: set[int] = field(default_factory=set[int])
    """When those of them began whose own rows are others."""
    unknown: bool = False
    """Rows are gone, and nobody says whose they were."""

    def add(self, other: "Differences") -> None:
        """Takes over what another has found."""
        self.trace_ids |= other.trace_ids
        self.times_ms |= other.times_ms
        self.unknown |= other.unknown

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "Differences":
        """As a worker said it."""
        ids, times = cast("list[str]", data["trace_ids"]), cast("list[int]", data["times_ms"])
        return cls(set(ids), set(times), bool(data["unknown"]))

    def to_json(self) -> Mapping[str, object]:
        """As a worker says it."""
        return {"trace_ids": sorted(self.trace_ids), "times_ms": sorted(self.times_ms), "unknown": self.unknown}


def look_at_rows(tables: WholeTables, pieces: Sequence[Piece], *, compared: bool) -> tuple[list[Piece], Differences]:
    """The pieces as they are now, and, where they are `compared`, what differs; a piece that wasn't read before is all new."""
    now: list[Piece] = []
    found = Differences()
    for piece in pieces:
        rows = tables.rows(piece.table, piece.after, piece.last)
        seen = piece._replace(state=digest_of(rows.drop_columns(["trace_id"])), traces=digest_of(rows.select(["trace_id"])))
        now.append(seen)
        if compared and seen != piece:
            found.unknown |= piece.state != "" and seen.traces != piece.traces
            found.trace_ids.update(rows.column("trace_id").to_pylist())
            if piece.table == "trace_info":
                found.times_ms.update(rows.column("timestamp_ms").to_pylist())
    return now, found


def look_at_spans(
    tables: WholeTables, traces: IdRange, folder: Path, duck: duckdb.DuckDBPyConnection
) -> tuple[IdRange, Differences]:
    """The range as it is now, its rows written to the folder where they are others, and the traces that differ."""
    rows = tables.span_marks(traces.after, traces.last).combine_chunks()
    name = f"{sha256(json.dumps([traces.after, digest_of(rows)]).encode()).hexdigest()[:NAME_DIGITS]}.arrow"
    found = Differences()
    if name != traces.file:
        if traces.file:
            found = differing(folder / traces.file, rows, duck)
        write_rows(rows, folder / name)
    return traces._replace(file=name), found


def differing(path: Path, now: pa.Table, duck: duckdb.DuckDBPyConnection) -> Differences:
    """The traces whose row isn't in the file as it is now; all may differ where the file can't be read."""
    try:
        with pa.memory_map(str(path)) as source:
            before = pa.ipc.open_file(source).read_all()
    except (OSError, pa.ArrowInvalid):
        return Differences(unknown=True)
    duck.register("now", now)
    duck.register("before", before)
    found = {trace_id for (trace_id,) in duck.execute(DIFFERING).fetchall()}
    duck.unregister("now").unregister("before")
    return Differences(found)


def write_rows(rows: pa.Table, path: Path) -> None:
    """Writes them whole or not at all."""
    temporary = path.with_name(f"{path.stem}-{os.getpid()}.tmp")
    temporary.touch(mode=0o600)
    with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    temporary.replace(path)
