"""Which source reads a store."""

from pathlib import Path

from ...database import PORTS, driver_missing, scheme_of
from ...errors import UserError
from .base import TraceSource

ASKED = ("http", "https", "file", "databricks")
LARGE_BYTES = 64 * 2**20


def looks_large(uri: str) -> bool:
    """A guess, made without opening the store, whether more than one process will be needed to copy it."""
    if scheme_of(uri) != "sqlite":
        return True
    path = Path(uri.partition("///")[2].partition("?")[0])
    return path.is_file() and path.stat().st_size > LARGE_BYTES


def has_tables(uri: str) -> bool:
    """Whether traces are in tables that a cluster may read itself."""
    return scheme_of(uri) == "databricks"


def is_waited_for(uri: str) -> bool:
    """Whether a store is asked through MLflow, which spends its time on answering rather than on this side."""
    return scheme_of(uri) in ASKED


def open_source(uri: str, experiment_id: str) -> TraceSource:
    """The source for a tracking URI; imports only what that kind of store needs.

    Raises:
        UserError: There is none for this kind of store, its driver isn't installed, or the URI names nothing.
        StoreError: The store can't be read.
    """
    scheme = scheme_of(uri)
    if scheme == "sqlite":
        from .sqlite import SqliteSource

        return SqliteSource(uri, experiment_id)
    if scheme in PORTS:
        return open_database(uri, experiment_id)
    if scheme == "databricks":
        from .databricks import DatabricksSource

        return DatabricksSource(uri, experiment_id)
    if scheme in ASKED:
        from .client import ClientSource

        return ClientSource(uri, experiment_id)
    raise UserError(f"Traces can't be copied from a {scheme!r} store.")


def open_database(uri: str, experiment_id: str) -> TraceSource:
    """The source for a database with a server of its own, whose driver is an extra."""
    try:
        if scheme_of(uri) == "postgresql":
            from .postgres import PostgresSource

            return PostgresSource(uri, experiment_id)
        from .mysql import MysqlSource

        return MysqlSource(uri, experiment_id)
    except ModuleNotFoundError as error:
        raise driver_missing(uri, error) from error
