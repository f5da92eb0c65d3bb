"""DuckDB over the Parquet files of a snapshot: views under the names of the relations, and nothing else within reach.

Only the catalog's own files and intermediate results can be read; no other file, no network, no extension, no setting. One
thread, so that sums of floats and the order of groups are the same each time. Imports neither sqlglot nor mlflow: the worker must
start fast.
"""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ..catalog import Catalog
from ..relations import RELATIONS, Relation
from .macros import macro_statements
from .types import plain_schema, spell_type

INTERMEDIATE = re.compile(r"\bintermediate_[0-9a-f]{16}\b")
"""The name of an intermediate result; its file is named so too."""
_BATCH_ROWS = 65_536


class DuckDBEngine:
    """One in-memory DuckDB over one catalog."""

    def __init__(self, *, memory_mb: int, scratch: Path | None = None) -> None:
        """Keeps the limits.

        Args:
            memory_mb: What DuckDB may allocate, MiB.
            scratch: A private folder for what doesn't fit; None: it must fit.
        """
        self._memory_mb = memory_mb
        self._scratch = scratch
        self._connection: duckdb.DuckDBPyConnection | None = None
        self.intermediate: Path | None = None
        """The folder of the catalog's intermediate results."""
        self._viewed: set[str] = set()

    def open(self, catalog: Catalog) -> None:
        """Opens the relations of the catalog, and locks the door behind."""
        self.close()
        connection = duckdb.connect(":memory:", config={"threads": 1, "python_enable_replacements": False})
        self._connection = connection
        self.intermediate = Path(catalog.intermediate) if catalog.intermediate else None
        for statement in (*self._settings(catalog), *macro_statements()):
            connection.execute(statement)
        cut = bool(catalog.files.get("traces")) and bool(connection.execute(f"{_traces_outside(catalog)} LIMIT 1").fetchall())
        for statement in _views(catalog, cut=cut):
            connection.execute(statement)
        connection.execute("SET lock_configuration = true")

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query in DuckDB's dialect, in batches with plain column types; at least one batch.

        Raises:
            duckdb.Error: The query can't be answered.
            pyarrow.ArrowInvalid: A value doesn't fit a plain type.
        """
        reader = self._read(sql)
        schema = plain_schema(reader.schema)
        empty = True
        for batch in reader:
            empty = False
            yield batch.cast(schema)
        if empty:
            yield pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)  # loads no pandas

    def keep(self, sql: str, name: str, *, max_bytes: int) -> bool:
        """Writes the rows of a query to the file of an intermediate result, whole or not at all.

        Returns:
            Whether they were written: not where a file wouldn't give back a column as it was, nor where they are more than
            `max_bytes` or there is no room.

        Raises:
            duckdb.Error: The query can't be answered.
        """
        if self.intermediate is None:
            return False
        reader, path = self._read(sql), self.intermediate / f"{name}.parquet"
        unfinished = path.with_suffix(f".{os.getpid()}")
        try:
            kept = _write(reader, unfinished, max_bytes=max_bytes)
            if kept:
                unfinished.replace(path)
            return kept
        except OSError:
            return False
        finally:
            unfinished.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the connection, if one is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._viewed.clear()

    def _read(self, sql: str) -> pa.RecordBatchReader:
        if self._connection is None:
            raise duckdb.InvalidInputException("the engine isn't open")
        for name in sorted(set(INTERMEDIATE.findall(sql)) - self._viewed):
            path = self.intermediate / f"{name}.parquet" if self.intermediate else None
            if path and path.exists():
                self._connection.execute(f"CREATE VIEW {_name(name)} AS SELECT * FROM read_parquet({_list([str(path)])})")
                self._viewed.add(name)
        return self._connection.sql(sql).to_arrow_reader(_BATCH_ROWS)

    def _settings(self, catalog: Catalog) -> list[str]:
        files = [path for paths in catalog.files.values() for path in paths] + ([catalog.kept] if catalog.kept else [])
        return [
            f"SET memory_limit = '{self._memory_mb}MiB'",
            f"SET temp_directory = {_text(str(self._scratch) if self._scratch else '')}",
            "SET TimeZone = 'UTC'",
            "SET preserve_insertion_order = true",
            "SET parquet_metadata_cache = true",
            "SET error_on_division_by_zero = false",
            "SET ieee_floating_point_ops = false",
            f"SET allowed_paths = {_list(files)}",
            f"SET allowed_directories = {_list([f'{self.intermediate}/'] if self.intermediate else [])}",
            "SET enable_external_access = false",
        ]


def _write(reader: pa.RecordBatchReader, path: Path, *, max_bytes: int) -> bool:
    """Writes batch by batch, and stops where it is too much."""
    if not all(_comes_back(field.type) for field in reader.schema):
        return False
    with (
        path.open("wb") as file,
        pq.ParquetWriter(file, reader.schema, compression="zstd", compression_level=1, use_dictionary=False) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)
            if file.tell() > max_bytes:
                return False
    return True


def _comes_back(type_: pa.DataType) -> bool:
    """Whether a file gives a column back with the type and the values that the engine gave it."""
    numbers = pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
    texts = pa.types.is_string(type_) or pa.types.is_large_string(type_)
    others = pa.types.is_null(type_) or pa.types.is_boolean(type_) or pa.types.is_date(type_)
    return numbers or texts or others or type_ == pa.timestamp("us")


def _views(catalog: Catalog, *, cut: bool) -> list[str]:
    views = [_relation_view(relation, catalog, cut=cut) for relation in RELATIONS]
    known = {relation.name for relation in RELATIONS}
    internal = [
        f"CREATE VIEW {_name(name)} AS SELECT * FROM read_parquet({_list(paths)})"
        for name, paths in sorted(catalog.files.items())
        if name not in known and paths
    ]
    return [*views, *internal]


def _relation_view(relation: Relation, catalog: Catalog, *, cut: bool) -> str:
    """A relation's rows, where `cut` those of traces within the window only."""
    view, paths = f"CREATE VIEW {_name(relation.name)} AS", catalog.files.get(relation.name, ())
    if not paths:
        nothing = ", ".join(f"CAST(NULL AS {spell_type(column.type)}) AS {_name(column.name)}" for column in relation.columns)
        return f"{view} SELECT {nothing} WHERE false"
    kept = f" SEMI JOIN (SELECT trace_id FROM read_parquet({_list([catalog.kept])})) USING (trace_id)" if catalog.kept else ""
    source = (
        f"{view} SELECT {', '.join(_name(column.name) for column in relation.columns)} FROM read_parquet({_list(paths)}){kept}"
    )
    if not cut or catalog.kept:  # what is kept is inside the window
        return source
    if relation.name == "traces":
        return f"{source} WHERE NOT ({_outside(catalog)})"
    return f"{source} ANTI JOIN ({_traces_outside(catalog)}) USING (trace_id)"


def _traces_outside(catalog: Catalog) -> str:
    return f"SELECT trace_id FROM read_parquet({_list(catalog.files['traces'])}) WHERE {_outside(catalog)}"


def _outside(catalog: Catalog) -> str:
    """Of a trace: that it began before or after the window."""
    after = f"request_time > make_timestamp({catalog.until_ms * 1000})"
    return after if catalog.since_ms is None else f"{after} OR request_time < make_timestamp({catalog.since_ms * 1000})"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(_text(text) for text in texts)}]"
