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

    Which traces there are in each is kept in the folder, so that the next look knows of whom rows are gone.
    """
    now: list[Piece] = []
    found = Differences()
    ranges = [RowRange(piece.after, piece.last, piece.pages) for piece in pieces]
    for piece, (pages, rows) in zip(pieces, tables.rows(pieces[0].table, ranges), strict=True):
        if rows is None:
            now.append(piece)
            continue
        state, traces = digest_of(rows.drop_columns(["trace_id"])), digest_of(rows.select(["trace_id"]))
        seen = Piece(piece.table, piece.after, piece.last, state, traces, pages)
        now.append(seen)
        trace_ids = set(rows.column("trace_id").to_pylist())
        keep_traces(folder / seen.traces_file, trace_ids)
        if compared and (state, traces) != (piece.state, piece.traces):
            found.trace_ids |= trace_ids
            if piece.traces not in ("", traces):
                found.add(known_traces(folder / piece.traces_file))
            if piece.table == "trace_info":
                found.times_ms.update(rows.column("timestamp_ms").to_pylist())
    return now, found


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
