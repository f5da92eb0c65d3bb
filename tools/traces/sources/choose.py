"""Which source reads a store."""

from pathlib import Path

from ...errors import UserError
from .base import TraceSource
from .sqlite import SqliteSource

LARGE_BYTES = 64 * 2**20


def looks_large(uri: str) -> bool:
    """A guess, made without opening the store, whether more than one process will be needed to copy it."""
    path = Path(uri.partition("///")[2].partition("?")[0])
    return path.is_file() and path.stat().st_size > LARGE_BYTES


def open_source(uri: str, experiment_id: str) -> TraceSource:
    """The source for a tracking URI.

    Raises:
        UserError: There is none for this kind of store, or the URI names nothing.
        StoreError: The store can't be read.
    """
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme == "sqlite":
        return SqliteSource(uri, experiment_id)
    raise UserError(f"Traces can't be copied from a {scheme!r} store yet. Name a SQLite store: sqlite:///path/to/mlflow.db.")
