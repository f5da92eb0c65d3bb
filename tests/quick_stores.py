"""MLflow stores that cost next to nothing: copied where MLflow would run all of its migrations, opened and written in no time.

MLflow commits each write by itself, an analysis a thousand times, and SQLite waits at each commit until the disk has it. What is
written is there for whoever reads it next anyway, also once its writer is killed; only a power cut could tell.
"""

import shutil
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest
from mlflow.store.db import utils
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import ConnectionPoolEntry

from analyze_experiment.evals.planted import store
from analyze_experiment.evals.planted.rows import EXPERIMENT_ID
from analyze_experiment.tools.sqlite_file import installed_schema_version
from analyze_experiment.tools.tracking import import_mlflow


@contextmanager
def copied_stores(template: Path) -> Generator[None]:
    """Planted stores begin as copies of an empty one meanwhile."""

    def copy(database: Path, artifacts: str, experiment: str) -> None:
        shutil.copyfile(template, database)
        with closing(sqlite3.connect(database)) as connection, connection:
            skip_syncing(connection)
            columns = [str(column[1]) for column in connection.execute("PRAGMA table_info(experiments)")]
            own = {"experiment_id": EXPERIMENT_ID, "name": experiment, "artifact_location": artifacts}
            values = ", ".join(f":{column}" if column in own else column for column in columns)
            connection.execute(f"INSERT INTO experiments SELECT {values} FROM experiments", own)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, store.have_mlflow_create.__name__, copy)
        yield


def quicken_stores() -> None:
    """From now on nothing is synced, and the migrations are read once, in this process and what is forked from it.

    Which schema the installed MLflow has is worked out anew whenever a store is opened, from two hundred files.
    """
    import_mlflow()
    if not event.contains(Engine, "connect", _connected):
        event.listen(Engine, "connect", _connected)
        utils._get_latest_schema_revision = cache(utils._get_latest_schema_revision)
        assert utils._get_latest_schema_revision() == installed_schema_version()


def _connected(connection: object, _entry: ConnectionPoolEntry) -> None:
    if isinstance(connection, sqlite3.Connection):
        skip_syncing(connection)


def skip_syncing(connection: sqlite3.Connection) -> None:
    """Commits of this connection wait for nothing; of a file that is no database its first query says so, as ever."""
    with suppress(sqlite3.DatabaseError):
        connection.execute("PRAGMA synchronous = OFF")
