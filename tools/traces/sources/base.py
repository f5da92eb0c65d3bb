"""What a snapshot needs of a backend: the seam at which further ones are added, one file each."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol, Self

import pyarrow as pa


class Key(NamedTuple):
    """Where a trace stands in an experiment: by its time, then by its id. Ranges of keys include `low` and exclude `high`."""

    timestamp_ms: int
    trace_id: str


class Bound(NamedTuple):
    """Where a group of consecutive traces begins, and how many they are."""

    low: Key
    traces: int


BEGINNING = Key(-(2**62), "")
"""Before every trace."""

TRACE_ROW_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("experiment_id", pa.string()),
        ("timestamp_ms", pa.int64()),
        ("execution_time_ms", pa.int64()),
        ("status", pa.string()),
        ("client_request_id", pa.string()),
        ("request_preview", pa.string()),
        ("response_preview", pa.string()),
        ("trace_name", pa.string()),
        ("session_id", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("total_tokens", pa.int64()),
        ("total_cost", pa.float64()),
        ("generation", pa.int64()),  # goes up with each write of spans
    ]
)
LABEL_SCHEMA = pa.schema([("trace_id", pa.string()), ("key", pa.string()), ("value", pa.string())])
SPAN_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_span_id", pa.string()),
        ("name", pa.string()),
        ("type", pa.string()),
        ("status", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("total_cost", pa.float64()),
        ("model_name", pa.string()),
        ("model_provider", pa.string()),
        ("content", pa.string()),  # the whole span as MLflow's JSON, attribute values encoded twice
    ]
)
SPAN_MARK_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("spans", pa.int64()),
        ("first_ns", pa.int64()),
        ("last_ns", pa.int64()),
    ]
)
ASSESSMENT_SCHEMA = pa.schema(
    [
        ("assessment_id", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("value", pa.string()),  # JSON
        ("created_ms", pa.int64()),
        ("updated_ms", pa.int64()),
        ("source_type", pa.string()),
        ("source_id", pa.string()),
        ("rationale", pa.string()),
    ]
)

OUR_SOURCE_ID = "analyze-experiment"
"""Source id of the assessments that this product writes; they are no part of what it analyses."""


@dataclass(frozen=True)
class Headers:
    """All that is known of a range of traces but their spans, as the backend has it; what changes a trace changes its headers."""

    traces: pa.Table
    tags: pa.Table
    metadata: pa.Table
    assessments: pa.Table
    """Feedback and expectations that are valid and not ours."""
    span_marks: pa.Table
    """Per trace how many spans the backend holds, and when the first and the last of them began."""

    def digest(self) -> str:
        """Of the rows as they stand: equal ones are equal, while the same in another order have another."""
        marks = sorted_by_trace(self.span_marks)  # counted in the database, or here
        return digest_of(self.traces, self.tags, self.metadata, self.assessments, marks)


@dataclass(frozen=True)
class RawWindow:
    """The rows of one range of traces as the backend has them, of one moment; the schemas above say which columns."""

    headers: Headers
    spans: pa.Table
    """Of the traces that are not excluded."""
    unreadable: tuple[str, ...] = ()
    """Traces whose spans could not be had."""


def digest_of(*tables: pa.Table) -> str:
    """Of the rows of tables, in their order."""
    digest = sha256()
    for table in tables:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        digest.update(sink.getvalue())
    return digest.hexdigest()


def sorted_by_trace(marks: pa.Table) -> pa.Table:
    """The rows of a table with one a trace, by id."""
    ids = marks.column("trace_id").to_pylist()
    places = array("q", sorted(range(len(ids)), key=ids.__getitem__))
    return marks.take(pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)]))


class Oversized(Exception):
    """A range holds more than may be read at once; it is to be read in pieces."""


def collected(batches: Iterable[pa.RecordBatch], schema: pa.Schema, most_bytes: int | None) -> pa.Table:
    """All the batches in one table.

    Raises:
        Oversized: They hold more than `most_bytes`; what was read is let go.
    """
    kept: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        kept.append(batch)
        held += batch.nbytes
        if most_bytes is not None and held > most_bytes:
            raise Oversized
    return pa.Table.from_batches(kept, schema)


class Standing(NamedTuple):
    """How a store's tables stand."""

    version: int
    """Another whenever anybody else has written to the store since; of one connection."""
    last_rows: dict[str, int]
    """Table -> the number of its last row."""
    runs: list[str]
    """The runs of analyses, sorted: traces that were made under them are excluded."""
    stamp: str
    """Another whenever anybody has written to the store since, whoever asks; empty where that can't be told."""


class RowRange(NamedTuple):
    """Rows of a table by their numbers: `after` excluded, `last` included."""

    after: int
    last: int
    pages: str
    """Digest of where they lie, as it is known; empty where it isn't."""


class FoundRows(NamedTuple):
    """Rows as they are now."""

    pages: str
    """Digest of where they lie: while it is the same, so are they. Empty where there is none."""
    rows: pa.Table | None
    """By number: all that `Headers` hold of them, and what decides whether they do; None where the digest was known."""


class WholeTables(Protocol):
    """The tables read from end to end in the order of their rows, where rows are numbered and stay where they are.

    That is many times faster than looking up the rows of each trace, which lie in as many places as there are traces.
    """

    def standing(self) -> Standing:
        """What there is now."""
        ...

    def version(self) -> int:
        """That of `standing`, now."""
        ...

    def rows(self, table: str, ranges: Sequence[RowRange]) -> list[FoundRows]:
        """The rows of these ranges, which are in order, all at one moment."""
        ...

    def made_under(self, runs: Sequence[str]) -> list[str]:
        """The traces that were made under these runs."""
        ...


class TraceSource(Protocol):
    """One experiment of one store. Every call is a short read: a long one would keep the agent under analysis from writing."""

    @property
    def tables(self) -> WholeTables | None:
        """How the store's tables are read from end to end; None where they can't be."""
        ...

    @property
    def identity(self) -> str:
        """What a copy belongs to: the store, the experiment, and the version of the store's schema."""
        ...

    def bounds(self, low: Key, high: Key, size: int) -> list[Bound]:
        """The range divided into groups of `size` traces, in order; the last may have fewer. None where it has no traces."""
        ...

    def sizes(self, low: Key, high: Key) -> list[tuple[Key, int]]:
        """Bytes of span content per trace of the range, in order of key."""
        ...

    def headers(self, low: Key, high: Key) -> Headers:
        """What changes when a trace of the range changes."""
        ...

    def count(self, until_ms: int) -> int | None:
        """How many traces the store counts up to then, by another way than it lists them; None where there is none."""
        ...

    def read(self, low: Key, high: Key, *, most_bytes: int | None = None) -> RawWindow:
        """All rows of the range.

        Raises:
            Oversized: Its spans hold more than `most_bytes` of content.
        """
        ...

    def stop(self) -> None:
        """Has a read that another thread waits for come to its end, where that takes long; nothing can be read after it."""
        ...

    def close(self) -> None:
        """Lets go of the store."""
        ...

    def __enter__(self) -> Self:
        """A source is a context manager that closes itself."""
        ...

    def __exit__(self, *_: object) -> None: ...
