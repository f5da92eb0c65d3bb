"""The traces of one experiment of a MySQL or MariaDB store, streamed by PyMySQL, without MLflow."""

from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
import pymysql
from pymysql.cursors import Cursor, SSCursor

from ...database import CONNECT_S, PORTS, place_of, refusal_of, without_secrets
from ...errors import StoreError
from ..columns import batch_of
from .base import collected
from .database import DatabaseSource
from .statements import Dialect, Statement

Result = TypeVar("Result")
ROWS = 1_000
"""Rows that are fetched at once."""

MYSQL = Dialect(
    types={pa.string(): "CHAR", pa.int64(): "SIGNED", pa.float64(): "DOUBLE"},
    joined="STRAIGHT_JOIN",
    exact="CAST({} AS BINARY)",
    escaped=("\\", "'"),
    quote="`",
)
SETTINGS = ("SET NAMES utf8mb4", "SET SESSION sql_mode = ''", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")


class MysqlSource(DatabaseSource):
    """A `TraceSource` over a MySQL or MariaDB database."""

    dialect = MYSQL

    def __init__(self, uri: str, experiment_id: str) -> None:
        super().__init__(uri, experiment_id, place=place_of(uri))
        try:
            self.connection = connected(uri)
            for setting in SETTINGS:
                self._execute(setting)
        except pymysql.Error as error:
            raise StoreError(refusal_of(self.place, without_secrets(str(error), uri))) from error

    def reading(self, work: Callable[[], Result]) -> Result:
        """Reads in one transaction, of one state of the database; writers don't wait for it."""
        try:
            self._execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            try:
                return work()
            finally:
                self._execute("ROLLBACK")
        except (pymysql.Error, OSError) as error:
            raise StoreError(refusal_of(self.place, without_secrets(str(error), self.uri))) from error

    def fetch(self, statement: Statement, most_bytes: int | None = None) -> pa.Table:
        """The result of one statement."""
        with self.connection.cursor(SSCursor) as cursor:
            cursor.execute(statement.text)
            batches = (batch_of(rows, statement.schema) for rows in pages(cursor))
            return collected(batches, statement.schema, most_bytes)

    def close(self) -> None:
        """Ends the connection."""
        self.connection.close()

    def _execute(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)


def connected(uri: str) -> "pymysql.Connection[Cursor]":
    """A connection to the database of a tracking URI."""
    parts, options = urlsplit(uri), dict(parse_qsl(urlsplit(uri).query))
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or PORTS["mysql"],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.lstrip("/")),
        unix_socket=options.get("unix_socket"),
        ssl_ca=options.get("ssl_ca"),
        ssl_cert=options.get("ssl_cert"),
        ssl_key=options.get("ssl_key"),
        charset="utf8mb4",
        connect_timeout=CONNECT_S,
    )


def pages(cursor: SSCursor) -> Iterator[list[tuple[object, ...]]]:
    """The rows of a cursor, some at a time."""
    while rows := cursor.fetchmany(ROWS):
        yield list(rows)
