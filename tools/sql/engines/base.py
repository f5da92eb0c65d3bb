"""The seam between the SQL service and what answers its queries: an engine, and the workers that it starts."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeAlias

import pyarrow as pa

from ..catalog import Catalog

if TYPE_CHECKING:
    from sqlglot import exp

PUBLISHING = "copying files for Spark"
"""What is shown beside the progress of `Engine.publish`."""


OverBatches: TypeAlias = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
"""From the rows of a query, in batches, to other rows."""


class WorkerGone(Exception):
    """A worker ended without an answer, because it was killed or died."""


class Worker(Protocol):
    """Answers one query at a time over one catalog. One thread at a time talks to it; `kill` may come from any."""

    @property
    def usable(self) -> bool:
        """Whether another query may be given to it."""
        ...

    def run(self, sql: str, catalog: Catalog, *, timeout_s: float, max_rows: int) -> pa.Table:
        """The result of a query in the engine's own dialect, in plain column types (`engines/types.py`).

        Raises:
            QueryTimeout: Over its time or its memory; it no longer runs.
            QueryError: The engine can't answer it, or it has more rows than `max_rows`.
            EngineError: Nothing is there that could answer.
            WorkerGone: The worker was killed, or died.
        """
        ...

    def keep(self, sql: str, catalog: Catalog, name: str, *, timeout_s: float, max_bytes: int) -> bool:
        """Puts the rows of a query aside, as the intermediate result `name`, which later queries of any worker may name.

        Returns:
            Whether they were: not where they are too many, of types that a file doesn't give back as they were, or where the
            engine keeps none.

        Raises:
            What `run` raises.
        """
        ...

    def kill(self) -> None:
        """Ends the query that runs, at once and without waiting; the thread that waits for it gets `WorkerGone`."""
        ...

    def reap(self) -> None:
        """Ends the worker and gives back all that it holds; may wait a moment."""
        ...


class Cluster(Protocol):
    """Where an engine reads a store's own tables, and runs functions beside them. Addresses and columns are as it calls them.

    Every call blocks, and raises:
        QueryError: It can't read the tables, or not write there.
        EngineError: It is gone, or its Python lacks what a function needs.
    """

    @property
    def files(self) -> str:
        """The folder that it writes to."""
        ...

    def query(self, statement: str, address: str) -> pa.Table:
        """The rows of a SELECT over `held`, which is what was written to an address; in plain column types."""
        ...

    def run(self, statement: str, function: OverBatches, columns: str, *, progress: Callable[[float], None]) -> pa.Table:
        """What a function makes there of the rows of a SELECT; `progress` as of `write`."""
        ...

    def write(
        self,
        statement: str,
        function: OverBatches,
        columns: str,
        address: str,
        *,
        by: str,
        progress: Callable[[float], None],
    ) -> None:
        """Writes what a function makes of the rows of a SELECT as Parquet, divided `by` a column.

        `progress` is told which share is done; it may end the work by raising.
        """
        ...

    def remove(self, address: str) -> None:
        """Removes what was written there."""
        ...

    def close(self) -> None:
        """Lets go of it."""
        ...


class Engine(Protocol):
    """One kind of place where queries run. It holds nothing itself, so one may serve many services."""

    def translate(self, query: "exp.Query") -> str:
        """A query that the guard let through, said in the engine's dialect so that it means the same.

        Raises:
            QueryRefused: Something in it can't be said with the same meaning.
        """
        ...

    def cluster(self) -> Cluster | None:
        """What reads a store's tables where the engine is; None where it can read files only. To be closed by who asks.

        Raises:
            UserError: It isn't said where that may write.
            EngineError: Nobody answers.
        """
        ...

    def publish(self, catalog: Catalog, progress: Callable[[int, int], None]) -> None:
        """Puts the catalog's files where the workers can read them, before anything is asked: that may take long.

        Args:
            catalog: The relations.
            progress: Is told how many files of how many are there; it may end the work by raising.

        Raises:
            UserError: There is no such place.
            EngineError: It can't be written.
        """
        ...

    def start(self) -> Worker:
        """A new worker."""
        ...
