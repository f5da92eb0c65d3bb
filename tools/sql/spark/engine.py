"""Spark Connect as an engine: a worker is a session on the server, and killing it interrupts there what runs.

Nothing but results comes here. A query may be in a call that heeds nobody, so whoever waits for it stops waiting at once, and the
server is told meanwhile.
"""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from ...errors import EngineError, QueryError, QueryTimeout, UserError
from ..catalog import Catalog
from ..engines.base import WorkerGone
from ..engines.types import plain_schema
from .cluster import SparkCluster
from .dialect import translate_to_spark
from .session import SessionForgotten, SparkSession, saying_ours
from .staging import folder_of, locate, publish, stage
from .views import make_views

if TYPE_CHECKING:
    from sqlglot import exp

T = TypeVar("T")

MAX_BYTES = 2 * 2**30
"""What a result may take up here."""
_FAREWELL_S = 5
"""How long the end of a session is waited for."""


@dataclass(frozen=True)
class SparkEngine:
    """Spark, at the server that an address names."""

    remote: str
    """`sc://host:port`, parameters behind it as Spark Connect has them."""
    files: str | None = None
    """The folder or bucket that the snapshot's files are copied to (`staging.folder_of`); None: it sees them where they are."""

    def check(self) -> None:
        """Passes where the server answers.

        Raises:
            UserError: The address isn't one, or Spark's client isn't installed.
            EngineError: No server answers.
        """
        SparkSession(self.remote).close()

    def translate(self, query: "exp.Query") -> str:
        """The query so that Spark answers it as DuckDB does."""
        return translate_to_spark(query)

    def cluster(self) -> SparkCluster:
        """The server, for reading tables.

        Raises:
            UserError: No folder is named that it may write to.
            EngineError: No server answers.
        """
        if self.files is None:
            raise UserError(
                "To read traces where their tables are, Spark writes what it makes of them to a folder of its own: say "
                "--spark-files dbfs:/Volumes/CATALOG/SCHEMA/VOLUME/FOLDER, or where else it may write."
            )
        return SparkCluster(self.remote, folder_of(self.files).there)

    def publish(self, catalog: Catalog, progress: Callable[[int, int], None]) -> None:
        """Copies the snapshot's files to where the server reads them, where it doesn't see them here."""
        if self.files is not None and catalog.there is None:
            publish([*catalog.paths], self.files, progress)

    def start(self) -> "SparkWorker":
        """A worker; its session is opened with its first query."""
        return SparkWorker(self.remote, self._locate)

    def _locate(self, paths: Sequence[str]) -> list[str]:
        if self.files is None:
            return [f"file://{path}" for path in paths]  # as it is: Spark decodes no `%20`
        stage(paths, self.files)  # what came since, such as the clusters
        return locate(paths, self.files)


class SparkWorker:
    """One session on the server. One thread at a time asks; `kill` may come from any."""

    def __init__(self, remote: str, locate: Callable[[Sequence[str]], list[str]]) -> None:
        """Opens nothing yet."""
        self._remote, self._locate = remote, locate
        self._session: SparkSession | None = None
        self._opened: Catalog | None = None
        self._asked: Future[pa.Table] | None = None
        self._ending: threading.Thread | None = None
        self._state = threading.Lock()  # guards the end against the beginning

    @property
    def usable(self) -> bool:
        """Whether another query may be given to it."""
        return self._ending is None

    def run(self, sql: str, catalog: Catalog, *, timeout_s: float, max_rows: int) -> pa.Table:
        """The result of a query as Spark is told it.

        Raises:
            QueryTimeout: Over its time, or its memory at the server; the session is ended.
            QueryError: Spark can't answer it, or it has too many rows.
            EngineError: No server answers.
            WorkerGone: The worker was killed.
        """
        deadline = time.monotonic() + timeout_s
        try:
            return self._ask(lambda: self._answer(sql, catalog, max_rows), deadline)
        except TimeoutError as error:
            self.kill()
            raise QueryTimeout(
                f"The query ran longer than {timeout_s:g} s and was stopped: narrow it with WHERE, or aggregate first."
            ) from error
        except CancelledError as error:
            raise WorkerGone("ended") from error
        except BaseException as error:
            if not isinstance(error, QueryError) or isinstance(error, QueryTimeout):
                self.kill()  # nothing is known of what it does
            raise

    def keep(self, sql: str, catalog: Catalog, name: str, *, timeout_s: float, max_bytes: int) -> bool:
        """Nothing: a server may not see this machine's files, and what it keeps itself it may lose."""
        del sql, catalog, name, timeout_s, max_bytes
        return False

    def kill(self) -> None:
        """Lets whoever waits go, and interrupts at the server what runs; doesn't wait for that."""
        with self._state:
            if self._ending is not None:
                return
            self._ending = threading.Thread(target=self._end, daemon=True)
            if self._asked is not None:
                self._asked.cancel()
            self._ending.start()

    def reap(self) -> None:
        """Ends the session, and waits a moment for the server to know."""
        self.kill()
        assert self._ending is not None
        self._ending.join(_FAREWELL_S)

    def _ask(self, answer: Callable[[], pa.Table], deadline: float) -> pa.Table:
        """Calls in a thread of its own, so that one may stop waiting."""
        asked: Future[pa.Table] = Future()
        with self._state:
            if self._ending is not None:
                raise CancelledError
            self._asked = asked
        threading.Thread(target=_fulfil, args=(asked, answer), daemon=True).start()
        try:
            return asked.result(deadline - time.monotonic())
        finally:
            self._asked = None

    def _answer(self, sql: str, catalog: Catalog, max_rows: int) -> pa.Table:
        """The rows; in a new session where the server has forgotten this one, as it does when nothing is asked for an hour."""
        try:
            return self._rows(sql, catalog, max_rows)
        except SessionForgotten:
            self._session = self._opened = None
            return self._rows(sql, catalog, max_rows)

    def _rows(self, sql: str, catalog: Catalog, max_rows: int) -> pa.Table:
        session = self._prepared(catalog)
        batches: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in session.stream(sql):
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows > max_rows or size > MAX_BYTES:
                session.interrupt()
                much = f"{max_rows:,} rows" if rows > max_rows else f"{MAX_BYTES / 2**30:g} GiB"
                raise QueryError(f"The query can't be answered: more than {much}: aggregate, or put LIMIT behind ORDER BY")
            batches.append(batch)
        try:
            table = pa.Table.from_batches(batches)
            return table.cast(plain_schema(table.schema))
        except pa.ArrowInvalid as error:
            raise QueryError(f"The query can't be answered: {error}") from error

    def _prepared(self, catalog: Catalog) -> SparkSession:
        """The session, with the views of this catalog."""
        if self._session is None:
            session = SparkSession(self._remote)
            with self._state:
                self._session = session
                ended = self._ending is not None
            if ended:
                self._end()  # whoever killed this worker found no session to end
                raise CancelledError
        if self._opened != catalog:
            with saying_ours(self._remote):
                make_views(self._session, catalog, self._locate)
            self._opened = catalog
        return self._session

    def _end(self) -> None:
        session = self._session
        if session is None:
            return
        with suppress(EngineError, QueryError):  # there may be nobody to be told
            session.interrupt()
        session.close()


def _fulfil(asked: "Future[T]", call: Callable[[], T]) -> None:
    """Puts what a call gives, or raises, where somebody waits for it; after `cancel` nobody does."""
    try:
        given = call()
    except BaseException as error:
        _put(partial(asked.set_exception, error))
    else:
        _put(partial(asked.set_result, given))


def _put(put: Callable[[], None]) -> None:
    with suppress(InvalidStateError):  # cancelled: nobody waits any more
        put()
