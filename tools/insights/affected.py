"""The full list of the traces that an issue affects, as the CSV beside it holds it."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Self, overload

import pyarrow as pa

BATCH = 10_000
"""Traces that are objects of Python at one time, where a list is gone through."""


class AffectedTrace(NamedTuple):
    """One affected trace, and the span of it where one is known; `note` says what was seen there.

    `consequence` is what a judge saw it do to the user (`none`, `misled` or `wrong`); empty where nobody judged.
    """

    trace_id: str
    span_id: str = ""
    note: str = ""
    consequence: str = ""


_SCHEMA = pa.schema([(name, pa.string()) for name in AffectedTrace._fields])


class AffectedTraces(Sequence[AffectedTrace]):
    """Affected traces, as many as there are traces: held as columns, and objects only of those that are looked at."""

    def __init__(self, table: pa.Table) -> None:
        """`table` has the fields of `AffectedTrace` as its columns."""
        self._table = table

    @classmethod
    def of(cls, traces: Iterable[AffectedTrace]) -> Self:
        """Gathers traces in the order in which they come."""
        rest, batches = iter(traces), list[pa.RecordBatch]()
        while batch := list(islice(rest, BATCH)):
            columns = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
            batches.append(pa.RecordBatch.from_arrays(columns, schema=_SCHEMA))
        return cls(pa.Table.from_batches(batches, schema=_SCHEMA))

    @classmethod
    def from_csv(cls, data: bytes) -> Self:
        """The inverse of `to_csv`, of its UTF-8."""
        lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
        return cls.of(AffectedTrace(*row) for row in islice(csv.reader(lines), 1, None))

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, place: int) -> AffectedTrace: ...
    @overload
    def __getitem__(self, place: slice) -> list[AffectedTrace]: ...
    def __getitem__(self, place: int | slice) -> AffectedTrace | list[AffectedTrace]:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            return [self[each] for each in range(start, stop, step)]
        (found,) = _rows(self._table.slice(range(len(self))[place], 1))
        return found

    def __iter__(self) -> Iterator[AffectedTrace]:
        for batch in self._table.to_batches(max_chunksize=BATCH):
            yield from _rows(batch)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def to_csv(traces: Sequence[AffectedTrace]) -> Iterator[str]:
    """The list as CSV with a header, in pieces."""
    rest = iter(traces)
    rows: list[AffectedTrace | tuple[str, ...]] = [AffectedTrace._fields]
    while rows:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        yield text.getvalue()
        rows = [*islice(rest, BATCH)]


def _rows(part: pa.Table | pa.RecordBatch) -> Iterator[AffectedTrace]:
    return map(AffectedTrace, *(column.to_pylist() for column in part.columns))
