"""The full list of the traces that an issue affects, as the CSV beside it holds it."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from heapq import nsmallest
from itertools import islice
from typing import NamedTuple, Self, overload

import pyarrow as pa
import pyarrow.compute as pc

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


_BLOCK = 1 << 24
"""Bytes of a CSV that are read at one time; no row is as long."""
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
    def of_columns(cls, **columns: pa.ChunkedArray) -> Self:
        """Of columns by their names; what is missing or NULL is empty."""
        empty = pa.array([""], pa.string())
        size = len(columns["trace_id"])
        texts = [
            columns[name].cast(pa.string()).fill_null("") if name in columns else empty.take(pa.array([0] * size, pa.int32()))
            for name in _SCHEMA.names
        ]
        return cls(pa.Table.from_arrays(texts, schema=_SCHEMA))

    @classmethod
    def from_csv(cls, data: bytes) -> Self:
        """The inverse of `to_csv`, of its UTF-8."""
        from pyarrow import csv  # late: few commands read a list

        read = csv.read_csv(
            pa.py_buffer(data),
            read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types=_SCHEMA, strings_can_be_null=False),
        )
        return cls.of_columns(**dict(zip(read.column_names, read.columns, strict=True)))

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

    def ids(self) -> Iterator[str]:
        """The trace of each, without an object for what else is known of it."""
        for part in self._table["trace_id"].chunks:
            for start in range(0, len(part), BATCH):
                yield from part.slice(start, BATCH).to_pylist()

    def of_traces(self, trace_ids: Collection[str]) -> list[AffectedTrace]:
        """Those of these traces."""
        wanted = pc.SetLookupOptions(pa.array(list(trace_ids), pa.string()))
        return list(_rows(self._table.filter(pc.call_function("is_in", [self._table["trace_id"]], wanted))))

    def lines(self) -> Iterator[str]:
        """The rows as lines of CSV, in pieces."""
        for batch in self._table.to_batches(max_chunksize=BATCH):
            lines = pc.call_function("binary_join_element_wise", [*map(_quoted, batch.columns), pa.scalar(",")])
            yield "\n".join([*lines.to_pylist(), ""])


def ids_of(traces: Sequence[AffectedTrace]) -> Iterator[str]:
    """The traces of a list, of a long one without an object for what else is known of each."""
    return traces.ids() if isinstance(traces, AffectedTraces) else (each.trace_id for each in traces)


def some_of(traces: Sequence[AffectedTrace], count: int) -> list[AffectedTrace]:
    """So many of a list, in an order that has nothing to do with when they were logged: that of the MD5 of their ids."""
    hashed = ((hashlib.md5(each.encode(), usedforsecurity=False).hexdigest(), place) for place, each in enumerate(ids_of(traces)))
    return [traces[place] for _, place in nsmallest(count, hashed)]


def to_csv(traces: Sequence[AffectedTrace]) -> Iterator[str]:
    """The list as CSV with a header, in pieces."""
    yield f"{','.join(AffectedTrace._fields)}\n"
    yield from (traces if isinstance(traces, AffectedTraces) else AffectedTraces.of(traces)).lines()


def said_once(column: pa.ChunkedArray, say: Callable[[object], str]) -> pa.ChunkedArray:
    """What is said of each value of a column; said once of those that come again and again."""
    found = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return pa.chunked_array([pa.array(map(say, found.dictionary.to_pylist()), pa.string()).take(found.indices)])


def _quoted(texts: pa.Array) -> pa.Array:
    """Fields of CSV: in quotes where they hold a comma, a quote or an end of line."""
    special = pc.call_function("match_substring_regex", [texts], pc.MatchSubstringOptions('[,"\r\n]'))
    if not special.true_count:
        return texts
    doubled = pc.call_function("replace_substring", [texts], pc.ReplaceSubstringOptions('"', '""'))
    quote, none = pa.scalar('"'), pa.scalar("")
    return pc.call_function(
        "if_else",
        [special, pc.call_function("binary_join_element_wise", [quote, doubled, quote, none]), texts],
    )


def _rows(part: pa.Table | pa.RecordBatch) -> Iterator[AffectedTrace]:
    return map(AffectedTrace, *(column.to_pylist() for column in part.columns))
