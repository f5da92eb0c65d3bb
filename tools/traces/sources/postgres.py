"""The traces of one experiment of a PostgreSQL store, read column-wise through ADBC, without MLflow."""

from collections.abc import Callable
from typing import TypeVar

import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_manager import AdbcConnection
from adbc_driver_manager import Error as AdbcError

from ...database import place_of, refusal_of, without_secrets
from ...errors import StoreError
from . import adbc
from .database import DatabaseSource
from .statements import Dialect, Statement

Result = TypeVar("Result")

POSTGRES = Dialect(
    types={pa.string(): "text", pa.int64(): "bigint", pa.float64(): "double precision"},
    scope="AS MATERIALIZED",
    exact='{} COLLATE "C"',
)
SETTINGS = (
    "SET standard_conforming_strings = on",  # a backslash in an id is a backslash
    "SET jit = off",
    "SET enable_hashjoin = off",  # the rows of each trace through their index, never the whole table a window
    "SET enable_mergejoin = off",
)


class PostgresSource(DatabaseSource):
    """A `TraceSource` over a PostgreSQL database."""

    dialect = POSTGRES

    def __init__(self, uri: str, experiment_id: str) -> None:
        super().__init__(uri, experiment_id, place=place_of(uri))
        scheme, _, rest = uri.partition("://")
        try:
            self.database = adbc_driver_postgresql.connect(f"{scheme.partition('+')[0]}://{rest}")
            self.connection = AdbcConnection(self.database)
            for setting in SETTINGS:
                adbc.execute(self.connection, setting)
        except AdbcError as error:
            raise StoreError(refusal_of(self.place, without_secrets(str(error), uri))) from error

    def reading(self, work: Callable[[], Result]) -> Result:
        """Reads in one transaction, of one state of the database; writers don't wait for it."""
        try:
            adbc.execute(self.connection, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return work()
            finally:
                adbc.execute(self.connection, "ROLLBACK")
        except AdbcError as error:
            raise StoreError(refusal_of(self.place, without_secrets(str(error), self.uri))) from error

    def fetch(self, statement: Statement, most_bytes: int | None = None) -> pa.Table:
        """The result of one statement."""
        return adbc.fetch(self.connection, statement.text, most_bytes).cast(statement.schema)

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()
        self.database.close()
