"""The traces of one experiment of a SQLite store, read column-wise through ADBC, read-only, without MLflow.

The driver brings its own copy of SQLite. Two copies in one process neither see each other's locks nor keep from dropping them
when they close the file, which is a known way to corrupt a database (sqlite.org/howtocorrupt.html, 2.2.1). So this is not to be
used in a process in which MLflow may be at work on the same file: `tools/traces/worker.py` gives it one of its own.
"""

from collections.abc import Callable, Container, Sequence
from typing import TypeVar
from urllib.parse import quote

import adbc_driver_sqlite
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase
from adbc_driver_manager import Error as AdbcError

from ...errors import StoreError
from ...sqlite_file import sqlite_path
from ..columns import text_column
from . import adbc
from .base import FoundRows, RowRange, Standing, WholeTables
from .database import DatabaseSource
from .sqlite_pages import PageReader
from .statements import Dialect, Statement

Result = TypeVar("Result")
PATIENCE_MS = 10_000
"""How long a writer is waited for."""

SQLITE = Dialect(
    types={pa.string(): "TEXT", pa.int64(): "INTEGER", pa.float64(): "REAL"},
    joined="CROSS JOIN",
    scope="AS MATERIALIZED",
    # The driver takes a column's type from its first rows, and breaks off when one that began with NULLs turns out to be text.
    sampled=True,
)


class SqliteSource(DatabaseSource):
    """A `TraceSource` over a SQLite file, and its `WholeTables`."""

    dialect = SQLITE

    def __init__(self, uri: str, experiment_id: str, *, patience_ms: int = PATIENCE_MS) -> None:
        super().__init__(uri, experiment_id, place=str(sqlite_path(uri)))
        self.pages = PageReader(self.place)  # before the database is opened, and closed after it
        try:
            self.database: AdbcDatabase = adbc_driver_sqlite.connect(f"file:{quote(self.place)}?mode=ro")
        except AdbcError as error:
            self.pages.close()
            raise StoreError(explained(self.place, str(error))) from error
        self.connection = AdbcConnection(self.database)
        adbc.execute(self.connection, f"PRAGMA busy_timeout = {patience_ms}")

    @property
    def tables(self) -> WholeTables:
        """Read by row number, which only VACUUM changes, and then of nearly all rows."""
        return self

    def reading(self, work: Callable[[], Result]) -> Result:
        """Reads in one transaction. The lock is held for as long, and writers wait: results are worked on after it."""
        try:
            adbc.execute(self.connection, "BEGIN")
            try:
                return work()
            finally:
                adbc.execute(self.connection, "ROLLBACK")
        except (AdbcError, OSError) as error:
            raise StoreError(explained(self.place, str(error))) from error

    def fetch(self, statement: Statement, most_bytes: int | None = None) -> pa.Table:
        """The result of one statement, without its first row, which is there for the types only."""
        return readable(adbc.fetch(self.connection, statement.text, most_bytes).slice(1))

    def version(self) -> int:
        """SQLite's own number for what others have committed, exact in either journal mode."""
        (row,) = adbc.fetch(self.connection, "PRAGMA data_version", None).to_pylist()
        return row["data_version"]

    def standing(self) -> Standing:
        """What there is now; a write after it makes another version."""
        version, said = self.version(), self.statements

        def now() -> Standing:
            last_rows, runs = self.fetch(said.last_rows()), self.fetch(said.analysing_runs())
            return Standing(version, last_rows.to_pylist()[0], sorted(runs.column("run_id").to_pylist()), self.pages.stamp())

        return self.reading(now)

    def rows(self, table: str, ranges: Sequence[RowRange]) -> list[FoundRows]:
        """The rows of these ranges, but for those on pages that are as they are known to be."""

        def now() -> list[FoundRows]:
            root = self.fetch(self.statements.root_page(table)).to_pylist()[0]["page"]  # the first to be read, so that it locks
            pages = self.pages.digests(root, ranges)
            return [
                FoundRows(found, None if found and found == known.pages else self._rows(table, known))
                for known, found in zip(ranges, pages, strict=True)
            ]

        return self.reading(now)

    def made_under(self, runs: Sequence[str]) -> list[str]:
        """The traces that were made under these runs."""
        return self.reading(lambda: self.fetch(self.statements.made_under(runs))).column("trace_id").to_pylist()

    def close(self) -> None:
        """Lets go of the file."""
        self.connection.close()
        self.database.close()
        self.pages.close()

    def _rows(self, table: str, wanted: RowRange) -> pa.Table:
        text = self.statements.rows(table, wanted.after, wanted.last).text
        return readable(adbc.fetch(self.connection, text, None).slice(1), {"trace_id"})  # only bytes matter of the others


def readable(table: pa.Table, names: Container[str] = ()) -> pa.Table:
    """The table with bytes replaced that are no UTF-8: SQLite doesn't check, everything after it does.

    `names`: the columns that matter, if not all.
    """
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if not pa.types.is_string(field.type) or (names and field.name not in names):
            continue
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            values = column.cast(pa.binary()).to_pylist()
            texts = [None if value is None else value.decode("utf-8", "replace") for value in values]
            table = table.set_column(place, field, text_column(texts))
    return table


def explained(path: str, error: str) -> str:
    """What a refusal of the database means, and what to do about it."""
    if "locked" in error or "busy" in error.lower():
        return f"The store {path!r} is locked by a writer. Run again when that is done; it goes on where it stopped. ({error})"
    if "no such" in error:
        return f"The store {path!r} has not the schema of MLflow 3.17. Bring it there with `mlflow db upgrade`. ({error})"
    return f"The store {path!r} can't be read. Check that it is there, and its permissions. ({error})"
