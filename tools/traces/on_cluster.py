"""The reader beside a store's tables: what runs in a cluster's Python, over the rows of Databricks' view as they come there.

It is the reader of every other copy (`extract.py`), so each computed column is the same. Besides this package it needs DuckDB,
NumPy and Arrow there, and writes into a temporary folder that goes when it is done.
"""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from ..sql.engines.base import OverBatches
from ..sql.relations import RELATIONS, ddl
from .extract import Extractor
from .manifest import INDEX, PARTS
from .sources.databricks_rows import Row, TraceView

CHUNK_ROWS = 1_000
CHUNK_BYTES = 64 * 2**20
"""What is read at a time: these rows, or as few more as come together."""
ROWS_OUT = 4_096
STATE_COLUMNS = "trace_id STRING, timestamp_ms BIGINT, excluded BOOLEAN, state STRING"
INDEX_COLUMNS = (
    "trace_id STRING, timestamp_ms BIGINT, excluded BOOLEAN, unreadable BOOLEAN, spans BIGINT, assessments BIGINT, state STRING"
)
RELATION_COLUMNS = ", ".join(
    ["relation STRING", *(f"`{each.name}` STRUCT<{ddl(each)}>" for each in RELATIONS), f"`{INDEX}` STRUCT<{INDEX_COLUMNS}>"]
)
"""Of each row one relation, and its columns in the struct of that name: they are made of one read of the tables."""


def states(view: TraceView) -> OverBatches:
    """From headers to the state of each trace, `STATE_COLUMNS`: another whenever anything of the trace is."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with Extractor() as extractor:
            for rows in chunks(batches):
                yield from extractor.states(view.headers(rows)).to_batches()

    return read


def relations(view: TraceView) -> OverBatches:
    """From whole rows to the relations, `RELATION_COLUMNS`."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with Extractor() as extractor, TemporaryDirectory() as name:
            folder = Path(name)
            (folder / PARTS).mkdir()
            extractor.spill_into(folder / "spill")
            for rows in chunks(batches):
                _, paths = extractor.extract(view.window(view.headers(rows), rows), folder / PARTS)
                yield from together(paths)

    return read


def chunks(batches: Iterable[pa.RecordBatch]) -> Iterator[list[Row]]:
    """The rows in lists of bounded size."""
    held: list[Row] = []
    size = 0
    for batch in batches:
        held += batch.to_pylist()
        size += batch.nbytes
        if len(held) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def together(paths: dict[str, Path]) -> Iterator[pa.RecordBatch]:
    """The rows of all files in one shape: each has the struct of its own relation, and none of the others."""
    files = {name: pq.ParquetFile(path) for name, path in paths.items()}
    shapes = {name: with_zones(pa.struct(list(file.schema_arrow))) for name, file in files.items()}
    order = [*(each.name for each in RELATIONS), INDEX]
    for name in order:
        for batch in files[name].iter_batches(ROWS_OUT):
            rows = batch.to_struct_array().cast(shapes[name])
            structs = [rows if each == name else pa.nulls(len(rows), shapes[each]) for each in order]
            yield pa.RecordBatch.from_arrays([pa.array([name] * len(rows), pa.string()), *structs], names=["relation", *order])


def with_zones(type_: pa.DataType) -> pa.DataType:
    """The same type where instants are of UTC, as Spark wants to be told."""
    if pa.types.is_timestamp(type_):
        return pa.timestamp("us", tz="UTC")
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(with_zones(field.type)) for field in type_])
    return pa.list_(with_zones(type_.value_type)) if pa.types.is_list(type_) else type_
