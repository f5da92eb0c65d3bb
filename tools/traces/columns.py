"""Arrow columns from Python values without pandas: `pyarrow.array` imports it, and that takes longer than most refreshes."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def text_column(texts: Sequence[str | None]) -> pa.StringArray:
    """A column of texts; half characters, which JSON can spell and UTF-8 can't, are replaced."""
    encoded = [b"" if text is None else text.encode("utf-8", "replace") for text in texts]
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    present = np.packbits(np.array([text is not None for text in texts], np.bool_), bitorder="little")
    buffers = [pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), pa.py_buffer(present)]
    return pa.StringArray.from_buffers(len(texts), *buffers)


def list_column(rows: pa.Table, lengths: Sequence[int]) -> pa.ListArray:
    """A column of lists of structs: the rows, in their order, so many of them in each list."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    starts = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
    return pa.ListArray.from_arrays(starts, rows.to_struct_array().combine_chunks())


def one_value(value: int | str) -> pa.Array:
    """A column of one row."""
    if isinstance(value, str):
        return text_column([value])
    return pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(np.array([value], np.int64))])
