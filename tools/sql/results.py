"""What identifies a query and its result, and a small cache of results."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Iterator
from datetime import date, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = 12
"""Significant digits of a float in a digest: engines may differ in the last ones."""
_GLANCE = 10_000
"""Rows that are looked at to tell whether many are the same."""
_BATCH = 65_536
"""Rows that are spelled at one time: a million are held once, as texts in a row."""


def query_id(sql: str, *, snapshot_digest: str) -> str:
    """`Q` and 10 hex digits: the same query on the same snapshot has the same id."""
    return "Q" + hashlib.sha256(f"{snapshot_digest}\0{sql}".encode()).hexdigest()[:10]


def result_digest(table: pa.Table) -> str:
    """SHA-256 over column names and rows, whatever the order of the rows.

    Whole floats read as integers do, and floats are cut at 12 significant digits, so that another engine that answers the same
    has the same digest.
    """
    digest = hashlib.sha256(json.dumps(table.column_names).encode())
    if table.num_columns and table.num_rows:
        rows = pa.concat_arrays([_joined(batch) for batch in table.to_batches(max_chunksize=_BATCH)])
        for count, part in enumerate(_in_order(rows)):
            digest.update(b"\x1e" if count else b"")
            digest.update(part)
    return digest.hexdigest()


def _joined(batch: pa.RecordBatch) -> pa.Array:
    """Each row as one text."""
    columns = [_rendered(column) for column in batch.columns]
    options = pc.JoinOptions(null_handling="replace", null_replacement="\0")
    return pc.call_function("binary_join_element_wise", [*columns, pa.scalar("\x1f", pa.large_string())], options)


def _in_order(rows: pa.Array) -> Iterator[bytes | pa.Buffer]:
    """The sorted rows, in parts; columns of a million rows mostly have the same few again and again, which are sorted once."""
    if 2 * len(rows.slice(0, _GLANCE).unique()) > min(len(rows), _GLANCE):
        order = pc.call_function("array_sort_indices", [rows])
        for start in range(0, len(rows), _BATCH):
            part = rows.take(order.slice(start, _BATCH))
            whole = pa.LargeListArray.from_arrays(pa.array([0, len(part)], pa.int64()), part)
            yield pc.call_function("binary_join", [whole, pa.scalar("\x1e", pa.large_string())])[0].as_buffer()
        return
    found = rows.value_counts()
    for row, times in sorted(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)):
        yield "\x1e".join([row] * times).encode()


def _rendered(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.large_string())
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        return _instants(column)
    if pa.types.is_nested(column.type) or 2 * len(column.slice(0, _GLANCE).unique()) > min(len(column), _GLANCE):
        return _spelled(column)
    encoded = column.dictionary_encode()
    return _spelled(encoded.dictionary).take(encoded.indices)


def _instants(column: pa.Array) -> pa.Array:
    """As `datetime.isoformat` has them, without a Python object for each."""
    texts = pc.call_function(
        "binary_replace_slice", [column.cast(pa.timestamp("us")).cast(pa.string())], pc.ReplaceSliceOptions(10, 11, "T")
    )
    whole = pc.call_function("ends_with", [texts], pc.MatchSubstringOptions(".000000"))
    seconds = pc.call_function("utf8_slice_codeunits", [texts], pc.SliceOptions(0, -7))
    return pc.call_function("if_else", [whole, seconds, texts]).cast(pa.large_string())


def _spelled(column: pa.Array) -> pa.Array:
    values = column.to_pylist(maps_as_pydicts="lossy")
    return pa.array([None if value is None else _text(value) for value in values], pa.large_string())


def _text(value: object) -> str:
    if value is None:
        return "\0"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{key}:{_text(item)}" for key, item in value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(item) for item in value) + "]"
    return str(value)


def _number(value: float) -> str:
    if math.isfinite(value) and value == int(value) and abs(value) < 10**_DIGITS:
        return str(int(value))
    return f"{value:.{_DIGITS}g}"


class ResultCache:
    """The results asked for last, by query id, up to a number of bytes. Not thread-safe."""

    def __init__(self, *, max_bytes: int) -> None:
        """Starts empty."""
        self._max_bytes = max_bytes
        self._tables: OrderedDict[str, pa.Table] = OrderedDict()
        self._bytes: dict[str, int] = {}

    def get(self, key: str) -> pa.Table | None:
        """The result, if it is still held."""
        if key in self._tables:
            self._tables.move_to_end(key)
        return self._tables.get(key)

    def put(self, key: str, table: pa.Table) -> None:
        """Holds a result, and lets go of those not asked for the longest."""
        self._tables[key], self._bytes[key] = table, table.nbytes
        self._tables.move_to_end(key)
        while sum(self._bytes.values()) > self._max_bytes:
            del self._bytes[self._tables.popitem(last=False)[0]]

    def clear(self) -> None:
        """Forgets all."""
        self._tables.clear()
        self._bytes.clear()
