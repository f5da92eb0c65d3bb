"""One analysis's tools over its snapshot: SQL whose queries are kept, plans, and traces linked before they are shown."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Self

import pyarrow as pa

from .census.census import take_census
from .insights.models import Census, QueryRecord
from .insights.store import InsightStore
from .sql.engines.base import Engine
from .sql.process import LOCAL
from .sql.service import SqlService
from .testing.clusters import find_clusters, write_clusters
from .testing.execute import PlanExecutor
from .traces.snapshot import Snapshot

CLUSTERS = "clusters"
"""The relation of independent traces (`testing/clusters.py`)."""


@dataclass(frozen=True)
class Workbench:
    """What the steps of one analysis work with; close it, or use it as a context manager."""

    store: InsightStore
    run_id: str
    experiment_id: str
    snapshot: Snapshot
    sql: SqlService
    seed: int
    clusters: Future[str]
    """What joins traces in the relation `clusters`, once they are found: queries that don't name it needn't wait."""

    @classmethod
    def open(cls, store: InsightStore, run_id: str, snapshot: Snapshot, *, seed: int, engine: Engine = LOCAL) -> Self:
        """Starts the SQL service over the snapshot, and begins to find the clusters."""
        sql, clusters = _start(snapshot, snapshot.record.digest, lambda record: store.write_query(run_id, record), engine)
        return cls(store, run_id, snapshot.catalog.experiment_id, snapshot, sql, seed, clusters)

    @cached_property
    def executor(self) -> PlanExecutor:
        """What carries out plans; waits until the clusters are found."""
        return PlanExecutor(self.sql, cluster_key=self.clusters.result(), seed=self.seed)

    def query(self, sql: str, *, title: str, owner: str = "") -> pa.Table:
        """Answers one query in the Databricks dialect; blocks."""
        return self.sql.query(sql, title=title, owner=owner).table

    def count(self, *, now: datetime, progress: Callable[[int, int], None]) -> Census:
        """The census as the memory has it; taken and kept where it has none. Its sample traces are linked. Blocks.

        Raises:
            QueryError: a statement can't be answered.
        """
        counted = self.store.read_census(self.run_id)
        if counted is None:
            counted = take_census(self.sql, self.snapshot.record, now=now, progress=progress)
            self.look_at(sorted({trace_id for bucket in counted.buckets for trace_id in bucket.sample_trace_ids}))
            self.store.write_census(self.run_id, counted)
        return counted

    def look_at(self, trace_ids: Sequence[str]) -> None:
        """Links traces to the analysis; called before any of them is shown."""
        self.store.reader.link(self.run_id, trace_ids, experiment_id=self.experiment_id)

    def close(self) -> None:
        """Stops the workers."""
        wait([self.clusters])
        self.sql.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@contextmanager
def open_unrecorded(snapshot: Snapshot, *, digest: str, engine: Engine = LOCAL) -> Generator[tuple[SqlService, str]]:
    """SQL over a snapshot whose queries nobody keeps, and what joins traces in its relation `clusters`.

    Args:
        snapshot: The traces.
        digest: Part of each query's id; that of another snapshot where its ids are to be met again.
        engine: What answers.
    """
    sql, clusters = _start(snapshot, digest, lambda _: None, engine)
    with sql:
        yield sql, clusters.result()


def _start(
    snapshot: Snapshot, digest: str, on_query: Callable[[QueryRecord], None], engine: Engine
) -> tuple[SqlService, Future[str]]:
    sql = SqlService(snapshot.catalog, snapshot_digest=digest, on_query=on_query, engine=engine)

    def add_clusters() -> str:
        clusters = find_clusters(snapshot.catalog, salt=snapshot.catalog.experiment_id)
        sql.extend(CLUSTERS, [str(write_clusters(clusters, snapshot.folder))])
        return clusters.key

    threads = ThreadPoolExecutor(1, thread_name_prefix=CLUSTERS)
    coming = threads.submit(add_clusters)
    threads.shutdown(wait=False)
    sql.expect(CLUSTERS, coming)
    return sql, coming
