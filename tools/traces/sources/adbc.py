"""Statements sent through ADBC.

By its inner interface: the one that Python's databases have imports pandas, which takes longer than most refreshes.
"""

import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement

from .base import collected


def execute(connection: AdbcConnection, statement: str) -> None:
    """Runs a statement that gives nothing."""
    with AdbcStatement(connection) as prepared:
        prepared.set_sql_query(statement)
        prepared.execute_update()


def fetch(connection: AdbcConnection, statement: str, most_bytes: int | None) -> pa.Table:
    """What a statement gives.

    Raises:
        Oversized: It is more than `most_bytes`.
    """
    with AdbcStatement(connection) as prepared:
        prepared.set_sql_query(statement)
        stream, _ = prepared.execute_query()
        with pa.RecordBatchReader.from_stream(stream) as reader:
            return collected(reader, reader.schema, most_bytes)
