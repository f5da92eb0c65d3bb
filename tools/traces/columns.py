"""Arrow columns from Python values without pandas: `pyarrow.array` imports it, and that takes longer than most refreshes."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def text_column(texts: Sequence[str | None]) -> pa.StringArray:
    """A column of texts; half characters, which JSON can spell and UTF-8 can't, are replaced."""
    encoded = [b"" if text is None else text.encode("utf-8", "replace") for text in texts]
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    present = np.packbits(np.array([text is not None for text in texts], np.bool_), bitorder="little")
    buffers = [pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), pa.py_buffer(present)]
    return pa.StringArray.from_buffers(len(texts), *buffers)


def text_bytes(column: pa.Array) -> memoryview:
    """The texts of a column one after the other, in UTF-8, where they are."""
    if not len(column):
        return memoryview(b"")
    _, places, texts = column.buffers()
    offsets = np.frombuffer(places, np.int32, len(column) + 1, 4 * column.offset)
    return memoryview(texts)[offsets[0] : offsets[-1]]


def list_column(rows: pa.Table, lengths: Sequence[int]) -> pa.ListArray:
    """A column of lists of structs: the rows, in their order, so many of them in each list."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    starts = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
    return pa.ListArray.from_arrays(starts, rows.to_struct_array().combine_chunks())


def in_order(rows: pa.Table, places: pa.Array) -> pa.Table:
    """The rows in the order of these places; the same table where they are in it."""
    numbers = whole_numbers(places)
    return rows if np.array_equal(numbers, np.arange(len(numbers))) else rows.take(places)


def whole_numbers(column: pa.Array) -> npt.NDArray[np.integer]:
    """The numbers of a column without NULLs, where they are."""
    kind = np.dtype(np.int32 if column.type == pa.int32() else np.int64)
    return (
        np.frombuffer(column.buffers()[1], kind, len(column), kind.itemsize * column.offset) if len(column) else np.zeros(0, kind)
    )


def number_column(numbers: Sequence[int | float | None], kind: pa.DataType) -> pa.Array:
    """A column of numbers, whole (`pa.int64()`) or not (`pa.float64()`)."""
    values = np.array([0 if number is None else number for number in numbers], np.int64 if kind == pa.int64() else np.float64)
    present = np.packbits(np.array([number is not None for number in numbers], np.bool_), bitorder="little")
    return pa.Array.from_buffers(kind, len(values), [pa.py_buffer(present), pa.py_buffer(values)])


def batch_of(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows of texts and numbers, in the order of the schema, as columns."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    arrays = [
        text_column(cast("Sequence[str | None]", column))
        if field.type == pa.string()
        else number_column(cast("Sequence[int | float | None]", column), field.type)
        for field, column in zip(schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
