"""One session on a Spark Connect server: how it is set, what it streams, and what its errors mean."""
# pyright: reportUnknownParameterType=false
# (neither pyarrow nor pyspark ships types that hold)

import re
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from ...errors import AnalyzeError, EngineError, QueryError, QueryTimeout, UserError
from ..engines.base import OverBatches

SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.session.timeZone": "UTC",
    # `${...}` in a query would read the server's settings and environment.
    "spark.sql.variable.substitute": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.sizeOfNull": "false",
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    # A large ORDER BY ... LIMIT is sorted on disk rather than in the driver's memory.
    "spark.sql.execution.topKSortFallbackThreshold": "100000",
}
"""Whatever the server's defaults are, a query must mean the same."""

RETRIES = 6
"""How often a server that doesn't answer is asked again: for some 12 s."""
_PATTERN = re.compile(r"[*?\[\]{}\\]")
"""What Spark would take for a pattern of several paths."""
_MESSAGE_LIMIT = 1_000
_GONE = ("UNAVAILABLE", "RETRIES_EXCEEDED", "UNAUTHENTICATED", "PERMISSION_DENIED", "DNS resolution")
_MEMORY = ("OutOfMemory", "OUT_OF_MEMORY", "maxResultSize", "Cannot grow BufferHolder")


class SessionForgotten(EngineError):
    """The server knows nothing of the session any more; another may be opened."""


@cache
def require_pyspark() -> None:
    """Imports Spark's client, once; it takes a second or two.

    Raises:
        UserError: It isn't installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of pandas, which nothing here uses
            import_module("pyspark.sql.connect.session")
            from pyspark.logger import PySparkLogger
    except ImportError as error:
        raise UserError(f"--engine spark needs Spark's client: pip install 'analyze-experiment[spark]'. ({error})") from None
    PySparkLogger.getLogger("SQLQueryContextLogger").disabled = True  # it would print queries and stack traces
    warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")  # the error itself says so


@contextmanager
def saying_ours(remote: str) -> Generator[None]:
    """Turns Spark's errors into ours.

    Raises:
        EngineError: The server isn't there, lets nobody in, or has forgotten the session.
        QueryTimeout: The query needs more memory than it may have.
        QueryError: Any other error.
    """
    from grpc import RpcError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, RpcError) as error:
        raise _error_of(error, remote) from error


def _error_of(error: Any, remote: str) -> AnalyzeError:
    condition = str((error.getCondition() if hasattr(error, "getCondition") else "") or "")
    message = " ".join(str(error).split("JVM stacktrace:")[0].split("== SQL")[0].split())[:_MESSAGE_LIMIT]
    status = str(getattr(error, "getGrpcStatusCode", lambda: "")())
    if condition.startswith("INVALID_HANDLE.SESSION"):
        return SessionForgotten(f"The Spark Connect server at {shown(remote)} has forgotten the session: {message}")
    if any(each in f"{condition} {status} {message}" for each in _GONE):
        return EngineError(
            f"No Spark Connect server answers at {shown(remote)}: see that it runs and lets you in, or check --spark-remote. "
            f"({message})"
        )
    if any(each in f"{condition} {message}" for each in _MEMORY):
        return QueryTimeout(
            f"The query needs more memory than Spark may have: narrow it with WHERE, or aggregate first. ({message})"
        )
    return QueryError(f"The query can't be answered: {message}")


def shown(remote: str) -> str:
    """The address without its parameters, which may hold a token."""
    return repr(remote.split(";")[0])


class SparkSession:
    """One session, opened when made; several threads may use it."""

    def __init__(self, remote: str) -> None:
        """Opens it.

        Raises:
            UserError: The address isn't one, or Spark's client isn't installed.
            EngineError: No server answers.
        """
        require_pyspark()
        from pyspark.errors import PySparkException
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession as Session

        self._remote = remote
        try:
            self._session = Session(connection=remote)
        except PySparkException as error:
            raise UserError(
                f"--spark-remote {shown(remote)} is no address of a Spark Connect server: say sc://host:15002."
            ) from error
        self._session.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES, max_backoff=4_000)])
        with saying_ours(remote):
            for name, value in SETTINGS.items():
                self._session.conf.set(name, value)

    def parquet(self, urls: list[str], ddl: str | None = None) -> Any:
        """Parquet files as a frame, with the columns that the DDL says; with their own where there is none."""
        reader = self._session.read.schema(ddl) if ddl else self._session.read
        return reader.parquet(*(_PATTERN.sub(r"\\\g<0>", url) for url in urls))

    def nothing(self, ddl: str) -> Any:
        """A frame without rows."""
        return self._session.createDataFrame([], ddl)

    def name(self, frame: Any, name: str) -> None:
        """Makes a frame a view of this session."""
        with saying_ours(self._remote):
            frame.createOrReplaceTempView(name)

    def set(self, name: str, value: str) -> None:
        """Sets what this session does otherwise than others."""
        with saying_ours(self._remote):
            self._session.conf.set(name, value)

    def send_code(self, archive: Path) -> None:
        """Has the server's Python find the modules of an archive, in this session."""
        with saying_ours(self._remote):
            self._session.addArtifacts(str(archive), pyfile=True)

    def frame(self, sql: str) -> Any:
        """The rows of a statement as a frame."""
        with saying_ours(self._remote):
            return self._session.sql(sql)

    def mapped(self, sql: str, function: OverBatches, columns: str) -> Any:
        """What a function makes of the rows of a statement, in the server's Python, as a frame."""
        with saying_ours(self._remote):
            return self._session.sql(sql).mapInArrow(cast("Any", function), columns)

    def write(
        self, frame: Any, address: str, *, by: str | None = None, progress: Callable[[float], None] = lambda _: None
    ) -> None:
        """Writes a frame as Parquet over whatever is there.

        Args:
            frame: The rows.
            address: Where to.
            by: The column that they are divided by, if they are.
            progress: Is told which share of the tasks is done; it may end the work by raising.

        Raises:
            QueryError: The rows can't be had, or not be written there.
            EngineError: The server is gone.
        """
        with self._watched(progress), saying_ours(self._remote):
            writer = frame.write.mode("overwrite")
            (writer if by is None else writer.partitionBy(by)).parquet(address)

    @contextmanager
    def _watched(self, progress: Callable[[float], None]) -> Generator[None]:
        """Tells which share of the tasks is done meanwhile; what is broken off is interrupted at the server too."""

        def tell(stages: Any, inflight_tasks: int, operation_id: str | None, done: bool) -> None:
            del inflight_tasks, operation_id
            tasks = sum(stage.num_tasks for stage in stages or ())
            if not done:
                progress(sum(stage.num_completed_tasks for stage in stages or ()) / max(tasks, 1))

        handler = cast("Any", tell)
        self._session.registerProgressHandler(handler)
        try:
            yield
        except BaseException:
            with suppress(AnalyzeError):
                self.interrupt()
            raise
        finally:
            self._session.removeProgressHandler(handler)

    def put(self, rows: pa.Table, address: str) -> None:
        """Writes a table as one Parquet file to where the server can, unless all its rows are there."""
        with suppress(QueryError), saying_ours(self._remote):  # nothing is there yet
            if self.parquet([address]).count() == rows.num_rows:
                return
        with saying_ours(self._remote):
            frame = self._session.createDataFrame(rows).coalesce(1)
        self.write(frame, address)

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query in batches, as the server gives them; at least one, so that an empty result has its columns.

        Raises:
            QueryError: It can't be answered.
            EngineError: The server is gone.
        """
        return self._batches(self.frame(sql))

    def table(self, frame: Any, progress: Callable[[float], None] = lambda _: None) -> pa.Table:
        """All rows of a frame; `progress` as of `write`."""
        with self._watched(progress):
            return pa.Table.from_batches(self._batches(frame))

    def _batches(self, frame: Any) -> Iterator[pa.RecordBatch]:
        with saying_ours(self._remote):
            parts: Iterator[Any] = self._session.client.to_table_as_iterator(frame._plan.to_proto(self._session.client), {})
            for part in parts:
                if isinstance(part, pa.Table):  # at least one comes; one without rows has no batches
                    yield from part.to_batches() or [pa.RecordBatch.from_pylist([], schema=part.schema)]

    def interrupt(self) -> None:
        """Ends at the server what runs in this session."""
        with saying_ours(self._remote):
            self._session.interruptAll()

    def close(self) -> None:
        """Gives the session back to the server."""
        self._session.stop()
