"""Takes the census of hand-made traces, over a worker's own engine but in this process: a process each would take long."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock

import pyarrow as pa

from analyze_experiment.tests.tools.census.small_catalog import Trace, write_catalog
from analyze_experiment.tools.census.census import take_census
from analyze_experiment.tools.census.operational import CompletedIssue, complete, find_operational_issues
from analyze_experiment.tools.census.thresholds import OperationalThresholds
from analyze_experiment.tools.insights.models import Bucket, Census, SnapshotRecord
from analyze_experiment.tools.sql.dialect import translate
from analyze_experiment.tools.sql.engines.duckdb import DuckDBEngine
from analyze_experiment.tools.sql.guard import check_query
from analyze_experiment.tools.sql.results import query_id
from analyze_experiment.tools.sql.service import QueryResult

NOW = datetime(2026, 4, 2, tzinfo=UTC)


class EngineHere:
    """The engine of a worker, with the service's guard, dialect and ids."""

    def __init__(self, engine: DuckDBEngine, snapshot: SnapshotRecord) -> None:
        self._engine = engine
        self._alone = Lock()
        self.snapshot = snapshot

    def rows(self, sql: str) -> list[dict[str, object]]:
        """The rows of one SELECT, as a test reads them."""
        return self.query(sql, title="test").table.to_pylist()

    def query(self, sql: str, *, title: str, owner: str = "", parts: Sequence[str] = ()) -> QueryResult:
        """The rows of one SELECT; no part of it is kept."""
        assert title
        with self._alone:
            table = pa.Table.from_batches(self._engine.stream(_translated(sql)))
        return QueryResult(table, query_id(sql, snapshot_digest=self.snapshot.digest))


@cache
def _translated(sql: str) -> str:
    return translate(check_query(sql))


@dataclass(frozen=True)
class Counted:
    """A census, and what it was taken with."""

    census: Census
    sql: EngineHere

    def bucket(self, name: str, segment: str = "", dimension: str = "all") -> Bucket:
        """The one bucket of this name, segment and dimension."""
        (found,) = self.census.find(name, dimension=dimension, segment=segment)
        return found

    def of(self, name: str, segment: str = "", dimension: str = "all") -> tuple[int | None, int | None]:
        """Numerator and denominator of a bucket."""
        bucket = self.bucket(name, segment, dimension)
        return bucket.numerator, bucket.denominator

    def issues(self, **thresholds: float) -> list[CompletedIssue]:
        """The operational issues, with evidence and all their traces."""
        chosen = OperationalThresholds.model_validate(thresholds)
        return [complete(issue, self.sql) for issue in find_operational_issues(self.census, thresholds=chosen)]


@contextmanager
def opened(folder: Path, traces: Sequence[Trace], *, backwards: bool = False) -> Generator[EngineHere]:
    """Writes the traces as relations, forwards or backwards, and opens them."""
    catalog, snapshot = write_catalog(folder, traces, backwards=backwards)
    engine = DuckDBEngine(memory_mb=1024)
    engine.open(catalog)
    try:
        yield EngineHere(engine, snapshot)
    finally:
        engine.close()


@contextmanager
def counted(folder: Path, traces: Sequence[Trace], *, backwards: bool = False) -> Generator[Counted]:
    """Writes the traces as relations and counts them."""
    with opened(folder, traces, backwards=backwards) as sql:
        yield Counted(take_census(sql, sql.snapshot, now=NOW), sql)
