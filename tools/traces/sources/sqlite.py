"""The traces of one experiment of a SQLite store, read column-wise through ADBC, read-only, without MLflow.

The driver brings its own copy of SQLite. Two copies in one process neither see each other's locks nor keep from dropping them
when they close the file, which is a known way to corrupt a database (sqlite.org/howtocorrupt.html, 2.2.1). So this is not to be
used in a process in which MLflow may be at work on the same file: `tools/traces/worker.py` gives it one of its own.
"""

import json
from collections.abc import Callable, Sequence
from typing import Self, TypeVar
from urllib.parse import quote

import adbc_driver_sqlite
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement
from adbc_driver_manager import Error as AdbcError

from ...errors import StoreError, UserError
from ...sqlite_file import sqlite_path
from ..columns import one_value, text_column
from . import sqlite_statements as sql
from .api import read_spans
from .base import Bound, Headers, Key, RawWindow, read_within

Parameter = int | str
Result = TypeVar("Result")
PATIENCE_MS = 10_000
"""How long a writer is waited for."""


class SqliteSource:
    """A `TraceSource` over a SQLite file.

    It uses the driver's inner interface: the one of Python's databases imports pandas, which takes longer than most refreshes.
    """

    def __init__(self, uri: str, experiment_id: str, *, patience_ms: int = PATIENCE_MS) -> None:
        self.uri = uri
        self.path = str(sqlite_path(uri))
        self.experiment_id = experiment_id
        try:
            self.database: AdbcDatabase = adbc_driver_sqlite.connect(f"file:{quote(self.path)}?mode=ro")
        except AdbcError as error:
            raise StoreError(explained(self.path, str(error))) from error
        self.connection = AdbcConnection(self.database)
        self._execute(f"PRAGMA busy_timeout = {patience_ms}")

    @property
    def identity(self) -> str:
        """The file, the experiment with its time of creation, and the revision of MLflow's schema."""
        found = self._reading(lambda: self._fetch(sql.EXPERIMENT, (self.experiment_id,))).to_pylist()
        if not found:
            raise UserError(f"There is no experiment {self.experiment_id!r} in {self.uri!r}. Name one that is there.")
        return json.dumps([self.path, self.experiment_id, *found[0].values()])

    def bounds(self, low: Key, high: Key, size: int) -> list[Bound]:
        """The range divided into groups of `size` traces."""
        found = self._reading(lambda: self._fetch(sql.BOUNDS, (size, size, *self._range(low, high)))).to_pylist()
        return sorted(Bound(Key(row["timestamp_ms"], row["trace_id"]), row["traces"]) for row in found)

    def sizes(self, low: Key, high: Key) -> list[tuple[Key, int]]:
        """Bytes of span content per trace of the range, in order of key."""
        found = self._reading(lambda: self._fetch(sql.SIZES, self._range(low, high)))
        return sorted((Key(row["timestamp_ms"], row["trace_id"]), row["bytes"]) for row in found.to_pylist())

    def headers(self, low: Key, high: Key) -> Headers:
        """What changes when a trace of the range changes."""
        return self._reading(lambda: self._headers(low, high))

    def read(self, low: Key, high: Key, *, most_bytes: int | None = None) -> RawWindow:
        """All rows of the range; spans that are not in the database come through MLflow's API."""
        window = self._reading(lambda: self._window(low, high, most_bytes))
        elsewhere = marked(window.headers, "elsewhere") - marked(window.headers, "excluded")
        if not elsewhere:
            return window
        spans, unreadable = read_spans(self.uri, sorted(elsewhere))
        return RawWindow(window.headers, pa.concat_tables([window.spans, spans]), unreadable)

    def close(self) -> None:
        """Lets go of the file."""
        self.connection.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _range(self, low: Key, high: Key) -> tuple[Parameter, ...]:
        return (self.experiment_id, low.timestamp_ms, high.timestamp_ms, *low, *high)

    def _window(self, low: Key, high: Key, most_bytes: int | None) -> RawWindow:
        headers = self._headers(low, high)
        statement = sql.SPANS_HERE if marked(headers, "elsewhere") | marked(headers, "excluded") else sql.SPANS
        return RawWindow(headers, self._fetch(statement, self._range(low, high), most_bytes))

    def _headers(self, low: Key, high: Key) -> Headers:
        return Headers(*(self._fetch(statement, self._range(low, high)) for statement in sql.HEADERS))

    def _reading(self, work: Callable[[], Result]) -> Result:
        """Reads in one transaction, so that all of it is of one state of the database; explains what the database refuses.

        The lock is held for as long, and writers wait: results are fetched whole, and worked on after it.
        """
        try:
            self._execute("BEGIN")
            try:
                return work()
            finally:
                self._execute("ROLLBACK")
        except (AdbcError, OSError) as error:
            raise StoreError(explained(self.path, str(error))) from error

    def _execute(self, statement: str) -> None:
        with AdbcStatement(self.connection) as prepared:
            prepared.set_sql_query(statement)
            prepared.execute_update()

    def _fetch(self, statement: str, parameters: Sequence[Parameter], most_bytes: int | None = None) -> pa.Table:
        """The result of one statement, without its first row, which is there for the types only."""
        values = [one_value(value) for value in parameters]
        with AdbcStatement(self.connection) as prepared:
            prepared.set_sql_query(statement)
            prepared.bind(pa.record_batch(values, names=[str(place) for place in range(len(values))]))
            stream, _ = prepared.execute_query()
            with pa.RecordBatchReader.from_stream(stream) as reader:
                return readable(read_within(reader, most_bytes).slice(1))


def marked(headers: Headers, flag: str) -> set[str]:
    """The traces whose flag is up."""
    flags, trace_ids = headers.traces.column(flag).to_pylist(), headers.traces.column("trace_id")
    return {trace_ids[place].as_py() for place, value in enumerate(flags) if value}


def readable(table: pa.Table) -> pa.Table:
    """The table with bytes replaced that are no UTF-8: SQLite doesn't check, everything after it does."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if not pa.types.is_string(field.type):
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
