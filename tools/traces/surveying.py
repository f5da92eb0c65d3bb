"""Compares a store's tables with what a survey said of them, piece by piece: the part of it that workers do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from .sources.base import RowRange, WholeTables, digest_of


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
    """Pieces of one table as they are now, and, where they are `compared`, what differs; one that wasn't read yet is all new."""
    now: list[Piece] = []
    found = Differences()
    ranges = [RowRange(piece.after, piece.last, piece.pages) for piece in pieces]
    for piece, (pages, rows) in zip(pieces, tables.rows(pieces[0].table, ranges), strict=True):
        if rows is None:
            now.append(piece)
            continue
        state, traces = digest_of(rows.drop_columns(["trace_id"])), digest_of(rows.select(["trace_id"]))
        now.append(Piece(piece.table, piece.after, piece.last, state, traces, pages))
        if compared and (state, traces) != (piece.state, piece.traces):
            found.unknown |= piece.state != "" and traces != piece.traces
            found.trace_ids.update(rows.column("trace_id").to_pylist())
            if piece.table == "trace_info":
                found.times_ms.update(rows.column("timestamp_ms").to_pylist())
    return now, found
