"""What an engine offers to the worker or service that drives it."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from ..catalog import Catalog


class Engine(Protocol):
    """Answers queries that are already checked and said in its own dialect, over the relations of one catalog."""

    def open(self, catalog: Catalog) -> None:
        """Opens the relations; opened again, it shows the new catalog."""
        ...

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query, in batches; at least one batch, so that an empty result has its columns too."""
        ...

    def close(self) -> None:
        """Gives back what it holds."""
        ...
