"""Compares a store's tables with what a survey said of them, piece by piece: the part of it that workers do."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast

import pyarrow as pa

from .sources.base import RowRange, WholeTables, digest_of

NAME_DIGITS = 20
PIECE_ROWS = {"trace_info": 1_024, "trace_tags": 4_096, "trace_request_metadata": 8_192, "assessments": 512}
"""Table -> rows of a piece: those of about a thousand traces, so that where one has changed few windows are looked at."""
JOINED = 4
"""So many small pieces become one: each refresh adds one a table, however few traces are new."""


class Piece(NamedTuple):
    """Rows of one table that lie together, by their numbers: `after` excluded, `last` included."""

    table: str
    after: int
    last: int
    state: str = ""
    """Digest of the rows but for the next; empty where they weren't read yet."""
    traces: str = ""
    """Digest of the ids of traces in them, row by row."""
    pages: str = ""
    """Digest of where they lie in the store's file: while that is the same they needn't be read. Empty where there is none."""

    @property
    def traces_file(self) -> str:
        """The name of what says which traces they are of."""
        return f"{self.traces[:NAME_DIGITS]}.json.zst"


@dataclass
class Differences:
    """What isn't as it was."""

    trace_ids: set[str] = field(default_factory=set[str])
    """Something of these traces may have changed."""
    times_ms: set[int] = field(default_factory=set[int])
    """When those of them began whose own rows are others."""
    unknown: bool = False
    """Rows are gone, and nobody knows whose they were."""

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


def look_at_rows(
    tables: WholeTables, pieces: Sequence[Piece], folder: Path, *, compared: bool
) -> tuple[list[Piece], Differences]:
    """Pieces of one table as they are now, and, where they are `compared`, what differs; one that wasn't read yet is all new.

    Which traces there are in each is kept in the folder, so that the next look knows of whom rows are gone. Small ones at the
    end become one.
    """
    now: list[Piece] = []
    found = Differences()
    small = small_ones(pieces)
    joined = [Piece(small[0].table, small[0].after, small[-1].last)] if small else []
    ranges = [RowRange(piece.after, piece.last, piece.pages) for piece in (*pieces, *joined)]
    read = tables.rows(pieces[0].table, ranges)  # at one moment, so that what is joined is what was compared
    for piece, (pages, rows) in zip((*pieces, *joined), read, strict=True):
        seen = piece if rows is None else piece_of(piece, pages, rows, folder)
        now.append(seen)
        if rows is not None and compared and piece not in joined:
            found.add(differences(piece, seen, rows, folder))
    return now[: len(pieces) - len(small)] + now[-1:] if small else now, found


def small_ones(pieces: Sequence[Piece]) -> list[Piece]:
    """The last of the pieces, if several together are no larger than one may be."""
    small: list[Piece] = []
    for piece in reversed(pieces):
        if pieces[-1].last - piece.after > PIECE_ROWS[piece.table] or (small and piece.last != small[-1].after):
            break
        small.append(piece)
    return small[::-1] if len(small) >= JOINED else []


def piece_of(piece: Piece, pages: str, rows: pa.Table, folder: Path) -> Piece:
    """The piece with these rows; which traces they are of is kept in the folder."""
    state, traces = digest_of(rows.drop_columns(["trace_id"])), digest_of(rows.select(["trace_id"]))
    seen = Piece(piece.table, piece.after, piece.last, state, traces, pages)
    keep_traces(folder / seen.traces_file, set(rows.column("trace_id").to_pylist()))
    return seen


def differences(before: Piece, now: Piece, rows: pa.Table, folder: Path) -> Differences:
    """All traces that are or were in a piece, if it isn't as it was."""
    if (now.state, now.traces) == (before.state, before.traces):
        return Differences()
    times = rows.column("timestamp_ms").to_pylist() if now.table == "trace_info" else ()
    found = Differences(set(rows.column("trace_id").to_pylist()), set(times))
    if before.traces not in ("", now.traces):
        found.add(known_traces(folder / before.traces_file))
    return found


def keep_traces(path: Path, trace_ids: set[str]) -> None:
    """Writes which traces there are in a piece, whole or not at all, unless that is there."""
    if not path.exists():
        temporary = path.with_name(f"{path.stem}-{os.getpid()}.tmp")
        temporary.touch(mode=0o600)
        with pa.output_stream(temporary, compression="zstd") as sink:
            sink.write(json.dumps(sorted(trace_ids)).encode())
        temporary.replace(path)


def known_traces(path: Path) -> Differences:
    """All that may differ where rows of a piece are gone: its traces, and if they can't be read, nobody knows which."""
    try:
        with pa.input_stream(path, compression="zstd") as source:
            return Differences(set(cast("list[str]", json.loads(source.read()))))
    except (OSError, ValueError, pa.ArrowException):
        return Differences(unknown=True)
