"""A new SQLite store of MLflow: the schema made by MLflow itself, the rows written straight, which is a hundred times faster."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from ...tools.errors import StoreError
from ...tools.tracking import QUIET
from .rows import EXPERIMENT_ID, Row, TraceRows
from .traffic import FIRST_DAY

EXPERIMENT = "tarn-and-fell-concierge"

CREATE = "import sys; from mlflow import MlflowClient; MlflowClient(sys.argv[1]).create_experiment(sys.argv[2], sys.argv[3])"
BATCH = 200
"""Traces that are written at once."""


def artifact_location(database: Path) -> str:
    """Where the experiment of this store keeps its artifacts: beside the database."""
    return (database.absolute().parent / f"{database.stem}-artifacts" / str(EXPERIMENT_ID)).as_uri()


def create_store(database: Path, artifacts: str, experiment: str = EXPERIMENT) -> None:
    """A store with this experiment, its artifacts and no traces.

    Raises:
        StoreError: MLflow can't create a database there.
    """
    have_mlflow_create(database, artifacts, experiment)
    default = artifacts.removesuffix(str(EXPERIMENT_ID)) + "0"
    with closing(sqlite3.connect(database)) as connection, connection:
        created = int(FIRST_DAY.timestamp() * 1000)
        connection.execute("UPDATE experiments SET creation_time = ?, last_update_time = ?", (created, created))
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (default,))


def have_mlflow_create(database: Path, artifacts: str, experiment: str) -> None:
    """Has MLflow create its tables and the experiment, in a process of its own that nobody hears.

    Raises:
        StoreError: MLflow can't create a database there.
    """
    command = [sys.executable, "-W", "ignore", "-c", CREATE, f"sqlite:///{database.absolute()}", experiment, artifacts]
    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        cwd=database.absolute().parent,
        env={**os.environ, **QUIET},
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StoreError(f"MLflow can't create a store at {str(database)!r}: {reason}. Choose a folder that can be written to.")


def write_traces(database: Path, traces: Iterable[TraceRows]) -> None:
    """Writes all rows in one transaction."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            waiting: list[TraceRows] = []
            for rows in traces:
                waiting.append(rows)
                if len(waiting) == BATCH:
                    _insert(connection, waiting)
                    waiting.clear()
            _insert(connection, waiting)


def _insert(connection: sqlite3.Connection, traces: list[TraceRows]) -> None:
    for table in TraceRows._fields:
        rows: list[Row] = [row for trace in traces for row in getattr(trace, table)]
        if rows:
            columns = ", ".join(f'"{column}"' for column in rows[0])
            values = ", ".join(f":{column}" for column in rows[0])
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({values})", rows)


def holds(database: Path, traces: Iterable[TraceRows], experiment: str = EXPERIMENT) -> bool:
    """Whether the experiment of this database holds exactly these traces, span by span.

    What was added about them since (assessments, tags, runs) doesn't count.
    """
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return _holds(connection, traces, experiment)
    except sqlite3.DatabaseError:
        return False


def _holds(connection: sqlite3.Connection, traces: Iterable[TraceRows], experiment: str) -> bool:
    found = connection.execute("SELECT experiment_id FROM experiments WHERE name = ?", (experiment,)).fetchall()
    if found != [(EXPERIMENT_ID,)]:
        return False
    count = 0
    for trace in traces:
        count += 1
        wanted = {(row["span_id"], row["content"]) for row in trace.spans}
        stored = connection.execute("SELECT span_id, content FROM spans WHERE trace_id = ?", (trace.spans[0]["trace_id"],))
        if set(stored) != wanted:
            return False
    (held,) = connection.execute("SELECT count(*) FROM trace_info WHERE experiment_id = ?", (EXPERIMENT_ID,)).fetchone()
    return held == count
