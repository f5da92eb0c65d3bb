"""What must hold of an SQLite file before MLflow may open it: MLflow would create a missing one and migrate an old one.

Only the standard library looks at the file, read-only, until it is known to be an MLflow store of the installed version's schema.
"""

import os
import sqlite3
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from .errors import StoreError, UserError

TABLES = {"alembic_version", "experiments", "trace_info", "spans"}
"""Some of the tables that an MLflow store with traces has."""
LOCK_TIMEOUT_S = 20
"""How long another writer is waited for; MLflow waits as long."""


def sqlite_path(uri: str) -> Path:
    """The absolute path of the file that an SQLite URI names.

    Raises:
        UserError: The URI names no file.
    """
    parts = urlsplit(uri)
    text = uri.partition("://")[2].partition("?")[0]
    if not text.startswith("/") or text in {"/", "/:memory:"} or parts.netloc:
        raise UserError(f"{uri!r} names no file. Say sqlite:///relative/mlflow.db or sqlite:////absolute/mlflow.db.")
    return (Path.cwd() / text[1:]).absolute()


def schema_version(path: Path) -> str:
    """The version of MLflow's schema that the file holds, as it stands in its table `alembic_version`.

    Raises:
        StoreError: It is missing, a folder, unreadable, not SQLite, or not MLflow's.
    """
    _require_file(path)
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=LOCK_TIMEOUT_S)) as connection:
            return _schema_version(connection, path)
    except sqlite3.Error as error:
        raise StoreError(f"{str(path)!r} can't be read as an SQLite database: {error}.") from error


def require_schema(path: Path, found: str) -> None:
    """Passes a file whose schema is the one that the installed MLflow reads.

    Raises:
        StoreError: It is another.
    """
    expected = installed_schema_version()
    if found != expected:
        raise StoreError(
            f"{str(path)!r} has the MLflow schema {found!r}, and the MLflow that is installed here reads {expected!r}. "
            "We never migrate a store: use the MLflow version that made it, or back it up and run "
            f"`mlflow db upgrade sqlite:///{path}`."
        )


def require_writable(path: Path) -> None:
    """Passes a file in which the memory can be kept.

    Raises:
        StoreError: The file, its folder or the database itself refuses a change, or another writer holds it.
    """
    if not os.access(path, os.W_OK):
        raise StoreError(f"{str(path)!r} can't be written: {_needs_writing('no permission to write the file')}.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreError(f"{str(path)!r} can't be written: {_needs_writing('no permission for a journal in its folder')}.")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=LOCK_TIMEOUT_S)) as connection:
            try_a_change(connection)
    except sqlite3.Error as error:
        busy = "locked" in str(error) or "busy" in str(error)
        why = "another program is writing to it; try again when it is done" if busy else _needs_writing(str(error))
        raise StoreError(f"{str(path)!r} can't be written: {why}.") from error


@cache
def installed_schema_version() -> str:
    """The schema that the installed MLflow reads and writes: the head of its migrations, without opening any store."""
    from alembic.script import ScriptDirectory

    spec = find_spec("mlflow")
    if spec is None or spec.submodule_search_locations is None:
        raise StoreError("MLflow isn't installed. Install it with `pip install mlflow`.")
    folder = Path(spec.submodule_search_locations[0]) / "store" / "db_migrations"
    return ", ".join(sorted(ScriptDirectory(str(folder)).get_heads()))


def try_a_change(connection: sqlite3.Connection) -> None:
    """Begins a change and takes it back, which needs all that a real one needs: the lock, the file and a journal.

    Raises:
        sqlite3.OperationalError: The database refuses it.
    """
    connection.isolation_level = None
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {int(version)}")
    connection.execute("ROLLBACK")


def _require_file(path: Path) -> None:
    if not os.access(path, os.F_OK):
        raise StoreError(
            f"There is no MLflow store at {str(path)!r} that this user can see. Nothing was created; check the path."
        )
    if not path.is_file():
        raise StoreError(f"{str(path)!r} is no file. Name the SQLite database itself, often mlflow.db in that folder.")
    if not os.access(path, os.R_OK):
        raise StoreError(f"{str(path)!r} may not be read by this user. Ask for read and write permission.")


def _needs_writing(reason: str) -> str:
    return f"{reason}. The analysis is kept in this store, so it must be writable; work on a copy otherwise"


def _schema_version(connection: sqlite3.Connection, path: Path) -> str:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" not in tables or "experiments" not in tables:
        raise StoreError(f"{str(path)!r} is an SQLite database, but not MLflow's: it has no tables of experiments.")
    if not tables >= TABLES:
        missing = ", ".join(sorted(TABLES - tables))
        raise StoreError(f"{str(path)!r} is an MLflow store without traces (no table {missing}): an MLflow before 3.17 made it.")
    return ", ".join(sorted(version for (version,) in connection.execute("SELECT version_num FROM alembic_version")))
