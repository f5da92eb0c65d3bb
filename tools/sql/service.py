"""SQL over a snapshot, for everybody: checked, translated, run by workers of an engine, recorded.

Rows come in the order that ORDER BY says. Without one the order is that of the engine, which is the same each time on the same
files; nothing should rest on it.
"""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar, cast

import pyarrow as pa

from ..errors import QueryCancelled, QueryError, QueryTimeout
from ..insights.models import QueryRecord
from .catalog import Catalog
from .engines.base import Engine, Worker, WorkerGone
from .guard import check_query
from .intermediate import Intermediates, Reduced, nested, stands_for
from .process import LOCAL
from .relations import RELATIONS
from .results import ResultCache, query_id, result_digest

T = TypeVar("T")

_CACHE_BYTES = 128 * 2**20
INTERMEDIATE_BYTES = 2 * 2**30
"""What intermediate results may take on disk."""
_KNOWN_QUERIES = 1_000
"""What several analyses in one process ask at most, some kB each."""


class QueryResult(NamedTuple):
    """The rows of a query, and the id it is recorded under."""

    table: pa.Table
    query_id: str


@lru_cache(maxsize=_KNOWN_QUERIES)
def _translated(engine: Engine, query: Reduced, relations: frozenset[str]) -> str | None:
    """A query that the guard lets through, in the engine's dialect; None where it can't stand for the one that was written.

    On a small snapshot this takes as long as the answer, and the census and the playbook ask the same of every analysis.
    """
    tree = check_query(query.sql, relations=relations | query.names)
    return engine.translate(tree) if not query.names or stands_for(tree, query, relations) else None


@dataclass(eq=False)
class _Job:
    """One call of `query`, waiting for a worker or running in one."""

    owner: str
    worker: Worker | None = None
    cancelled: bool = False


class SqlService:
    """Answers SELECTs in the Databricks dialect over one snapshot. Thread-safe; a context manager.

    Each distinct query is recorded once. Its workers are started when needed, and again after one was killed.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        snapshot_digest: str,
        on_query: Callable[[QueryRecord], None],
        engine: Engine = LOCAL,
        workers: int = 2,
        timeout_s: float = 300,
        max_rows: int = 2_000_000,
    ) -> None:
        """Starts nothing yet.

        Args:
            catalog: The relations.
            snapshot_digest: Part of each query's id.
            on_query: Called once for each query and title, in the thread that asked, before it gets its result.
            engine: What answers the queries.
            workers: How many queries may run at once, each in a worker of its own.
            timeout_s: How long one query may run, seconds.
            max_rows: How many rows a result may have.
        """
        self._changed = threading.Condition()  # guards all below
        self._intermediates = Intermediates(self._changed, max_bytes=INTERMEDIATE_BYTES)
        self._catalog = replace(catalog, intermediate=str(self._intermediates.folder))
        self._snapshot_digest = snapshot_digest
        self._on_query = on_query
        self._engine, self._workers, self._timeout_s, self._max_rows = engine, workers, timeout_s, max_rows
        self._idle: list[Worker] = []
        self._jobs: set[_Job] = set()
        self._running = 0
        self._closed = False
        self._cancelled: set[str] = set()
        self._recorded: set[tuple[str, str]] = set()
        self._cache = ResultCache(max_bytes=_CACHE_BYTES)
        self._expected: dict[str, Future[Any]] = {}
        self._asked: set[str] = set()  # ids of queries that are being answered

    def query(self, sql: str, *, title: str, owner: str = "", parts: Sequence[str] = ()) -> QueryResult:
        """The result of one SELECT; waits for a free worker.

        Args:
            sql: In the Databricks dialect, over `traces`, `spans`, `assessments` and the internal relations.
            title: What it finds, for the record.
            owner: What it is for, so that `cancel` can find it.
            parts: SELECTs that stand in it (`intermediate.nested`), and in queries to come: their rows are kept for those.

        Raises:
            QueryRefused: The guard or the dialect refuses it.
            QueryTimeout: Over its time or its memory.
            QueryCancelled: `cancel` or `close` was called meanwhile.
            QueryError: The engine can't answer it, it has too many rows, or its worker was killed from outside.
            EngineError: The engine is gone.
        """
        for relation, coming in self._expected.items():
            if relation in sql:
                coming.result()
        key = query_id(sql, snapshot_digest=self._snapshot_digest)
        table = self._answer(key, sql, owner, parts)
        self._record(key, sql, title, table)
        return QueryResult(table, key)

    def cancel(self, owner: str) -> None:
        """Stops at once the queries of this owner; each raises `QueryCancelled` where it was asked, and so does any later one.

        What a hypothesis is tested with is several queries: one that is between two of them must not begin the next.
        """
        with self._changed:
            self._cancelled.add(owner)
            for job in self._jobs:
                if job.owner == owner:
                    self._stop(job)
            self._changed.notify_all()

    def extend(self, relation: str, files: Sequence[str]) -> None:
        """Adds an internal relation, or replaces one: later queries may name it.

        Args:
            relation: Its name, lower case.
            files: Absolute paths of its Parquet files; at least one.

        Raises:
            ValueError: The name isn't one, is taken by a documented relation, or there are no files.
        """
        if not re.fullmatch(r"[a-z][a-z0-9_]*", relation) or relation in {known.name for known in RELATIONS}:
            raise ValueError(f"{relation!r} can't name an internal relation")
        if not files:
            raise ValueError(f"the relation {relation!r} has no files")
        with self._changed:
            self._catalog = self._catalog.with_relation(relation, tuple(files))
            self._cache.clear()
            self._intermediates.clear()

    def expect(self, relation: str, coming: "Future[Any]") -> None:
        """Has queries that name a relation wait for whoever adds it; where that fails, they fail with its error."""
        self._expected[relation] = coming

    def close(self) -> None:
        """Stops what runs, ends the workers, and removes what they left. Closing again does nothing."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                self._stop(job)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._jobs)
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.reap()
        self._intermediates.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _answer(self, key: str, sql: str, owner: str, parts: Sequence[str]) -> pa.Table:
        """What was answered before, or is being answered for somebody else just now; else a worker's answer."""
        with self._changed:
            self._changed.wait_for(lambda: key not in self._asked or self._closed or owner in self._cancelled)
            table = self._cache.get(key)
            if table is not None:
                return table
            if key in self._asked:
                raise QueryCancelled("The query was cancelled before it ran.")
            self._asked.add(key)
        try:
            for part in parts:
                if nested(part) in sql:
                    self._keep(part, owner)
            table = self._run(sql, owner)
            with self._changed:
                self._cache.put(key, table)
            return table
        finally:
            with self._changed:
                self._asked.discard(key)
                self._changed.notify_all()

    def _run(self, sql: str, owner: str) -> pa.Table:
        text = self._translate(sql)
        return self._work(
            owner, lambda worker: worker.run(text, self._catalog, timeout_s=self._timeout_s, max_rows=self._max_rows)
        )

    def _translate(self, sql: str) -> str:
        """The query in the engine's dialect, over what is kept of it."""
        relations = frozenset(self._catalog.files)
        text = _translated(self._engine, self._intermediates.reduce(sql), relations)
        return text or cast("str", _translated(self._engine, Reduced(sql, frozenset()), relations))

    def _keep(self, part: str, owner: str) -> None:
        """Has the rows of a SELECT put aside, unless they are; what is wrong with it the query will say that it stands in."""
        name = self._intermediates.claim(part, lambda: self._closed or owner in self._cancelled)
        if name is None:
            return
        try:
            text, room = self._translate(part), self._intermediates.room
            kept = self._work(
                owner, lambda worker: worker.keep(text, self._catalog, name, timeout_s=self._timeout_s, max_bytes=room)
            )
        except (QueryCancelled, QueryTimeout):
            self._intermediates.leave(name)
            raise
        except QueryError:
            kept = False
        except BaseException:
            self._intermediates.leave(name)
            raise
        self._intermediates.settle(name, part, kept=kept)

    def _work(self, owner: str, ask: Callable[[Worker], T]) -> T:
        """What a worker answers, while it may."""
        job = _Job(owner)
        worker = self._take(job)
        try:
            return ask(worker)
        except WorkerGone as error:
            if job.cancelled:
                raise QueryCancelled("The query was cancelled.") from error
            raise QueryError(
                f"The process that ran the query was {error}, perhaps for want of memory: narrow the query. If it fails from the "
                "start, see why with `python -m analyze_experiment.tools.sql.worker 256 /tmp`."
            ) from error
        finally:
            self._give_back(job, worker)

    def _take(self, job: _Job) -> Worker:
        """A free worker for the job, a new one where fewer than allowed run; waits otherwise."""
        with self._changed:
            self._jobs.add(job)
            job.cancelled = job.cancelled or job.owner in self._cancelled
            try:
                self._changed.wait_for(lambda: self._closed or job.cancelled or self._idle or self._running < self._workers)
                if self._closed or job.cancelled:
                    raise QueryCancelled("The query was cancelled before it ran.")
                job.worker = self._free_worker()
            except BaseException:
                self._jobs.discard(job)
                self._changed.notify_all()
                raise
            return job.worker

    def _free_worker(self) -> Worker:
        """An idle worker that still lives, or a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.usable:
                return worker
            self._drop(worker)
        worker = self._engine.start()
        self._running += 1
        return worker

    def _give_back(self, job: _Job, worker: Worker) -> None:
        with self._changed:
            job.worker = None
            if worker.usable:
                self._idle.append(worker)
            else:
                self._drop(worker)
            self._jobs.discard(job)
            self._changed.notify_all()

    def _drop(self, worker: Worker) -> None:
        self._running -= 1
        worker.reap()

    def _stop(self, job: _Job) -> None:
        job.cancelled = True
        if job.worker is not None:
            job.worker.kill()

    def _record(self, key: str, sql: str, title: str, table: pa.Table) -> None:
        with self._changed:
            if (key, title) in self._recorded:
                return
            self._recorded.add((key, title))
        record = QueryRecord(
            query_id=key,
            title=title,
            sql=sql,
            rows=table.num_rows,
            columns=tuple(table.column_names),
            result_digest=result_digest(table),
            snapshot_digest=self._snapshot_digest,
        )
        try:
            self._on_query(record)
        except BaseException:
            with self._changed:
                self._recorded.discard((key, title))
            raise
