"""Whether a report still says what the traces say: every query of its analysis executed again, over the same window."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..census.census import take_census
from ..errors import AnalyzeError, UserError
from ..insights.models import Bucket, Census, QueryRecord, SnapshotRecord
from ..insights.store import InsightStore
from ..sql.engines.base import PUBLISHING, Engine
from ..sql.process import LOCAL
from ..sql.results import query_id, result_digest
from ..sql.service import SqlService
from ..windows import Window, take_window
from ..workbench import open_unrecorded
from .words import amount

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Difference:
    """One query that doesn't give what it gave."""

    query_id: str
    title: str
    what: str
    """How it differs."""
    behind: tuple[str, ...]
    """The figures, issues and hypotheses that rest on it."""


@dataclass(frozen=True)
class FigureDifference:
    """One figure of the census that is another one now."""

    name: str
    then: str
    now: str


@dataclass(frozen=True)
class Verification:
    """What came of executing all queries of an analysis again."""

    run_id: str
    queries: int
    snapshot_then: SnapshotRecord
    snapshot_now: SnapshotRecord
    differences: tuple[Difference, ...]
    figures: tuple[FigureDifference, ...]

    @property
    def same_snapshot(self) -> bool:
        """Whether the window holds the very traces that the analysis was about."""
        return self.snapshot_then.digest == self.snapshot_now.digest


def verify_report(
    store: InsightStore, run_id: str, *, cache: Path, now: datetime, progress: Progress, engine: Engine = LOCAL
) -> Verification:
    """Executes every query that an analysis kept, compares the digest of each result, and names the figures that differ.

    Nothing is written to the memory.

    Args:
        store: The memory.
        run_id: The analysis.
        cache: Folder of the copies of traces.
        now: When this is done.
        progress: Is told how far it is.
        engine: What executes them; not only the one that did then.

    Raises:
        UserError: There is no such analysis, or it kept nothing that could be executed again.
        StoreError: The traces can't be read.
    """
    analysis, kept = store.get_analysis(run_id), store.read_snapshot(run_id)
    records = store.list_queries(run_id)
    if kept is None or not records:
        raise UserError(f"Analysis {run_id!r} has no snapshot or no queries: nothing in it can be computed again.")
    snapshot = take_window(
        store,
        analysis.experiment_id,
        Window.of(kept),
        cache=cache,
        progress=lambda done, total: progress("copying traces", done, total),
        engine=engine,
    )
    engine.publish(snapshot.catalog, lambda done, total: progress(PUBLISHING, done, total))
    with open_unrecorded(snapshot, digest=kept.digest, engine=engine) as (sql, _):
        differences = tuple(_differences(sql, records, _citations(store, run_id), progress))
        census = store.read_census(run_id)
        recounted = differences and census is not None
        figures = _figures(census, take_census(sql, snapshot.record, now=now)) if recounted and census else ()
    return Verification(run_id, len(records), kept, snapshot.record, differences, figures)


def _differences(
    sql: SqlService, records: list[QueryRecord], citations: dict[str, list[str]], progress: Progress
) -> Iterable[Difference]:
    for done, record in enumerate(records, start=1):
        if what := _difference(sql, record):
            yield Difference(record.query_id, record.title, what, tuple(citations.get(record.query_id, ())))
        progress("executing queries again", done, len(records))


def _difference(sql: SqlService, record: QueryRecord) -> str:
    """How a query's result differs from the recorded one; empty where it doesn't."""
    if query_id(record.sql, snapshot_digest=record.snapshot_digest) != record.query_id:
        return "its recorded SQL isn't the one that its id was made of"
    try:
        table = sql.query(record.sql, title=record.title).table
    except AnalyzeError as error:
        return f"it can't be executed any more: {error}"
    if table.num_rows != record.rows:
        return f"{record.rows:,} rows then, {table.num_rows:,} now"
    return "" if result_digest(table) == record.result_digest else f"{record.rows:,} rows, with other values"


def _citations(store: InsightStore, run_id: str) -> dict[str, list[str]]:
    """What rests on each query."""
    cited: dict[str, list[str]] = {}
    census = store.read_census(run_id)
    for bucket in census.buckets if census else ():
        if not bucket.segment:
            cited.setdefault(bucket.query_id, []).append(f"figure {bucket.name}")
    for issue in store.list_issues(store.get_analysis(run_id).experiment_id):
        for each in issue.query_ids if issue.source_run_id == run_id else ():
            cited.setdefault(each, []).append(f"issue {issue.issue_id}")
    for hypothesis in store.list_hypotheses(run_id):
        for each in hypothesis.result.query_ids if hypothesis.result else ():
            cited.setdefault(each, []).append(f"hypothesis {hypothesis.hypothesis_id}")
    return cited


def _figures(then: Census, now: Census) -> tuple[FigureDifference, ...]:
    """The figures that differ; one that is only there now isn't in the report."""
    found = {(bucket.name, bucket.dimension, bucket.segment): bucket for bucket in now.buckets}
    pairs = ((bucket, found.get((bucket.name, bucket.dimension, bucket.segment))) for bucket in then.buckets)
    return tuple(
        FigureDifference(_name(bucket), _shown(bucket), _shown(other))
        for bucket, other in pairs
        if other is None or _numbers(bucket) != _numbers(other)
    )


def _numbers(bucket: Bucket) -> tuple[float | None, int | None, int | None]:
    return bucket.value, bucket.numerator, bucket.denominator


def _name(bucket: Bucket) -> str:
    return f"{bucket.name} ({bucket.dimension} {bucket.segment})" if bucket.segment else bucket.name


def _shown(bucket: Bucket | None) -> str:
    if bucket is None:
        return "none"
    if bucket.numerator is None or bucket.denominator is None:
        return amount(bucket)
    return f"{amount(bucket)} ({bucket.numerator:,} of {bucket.denominator:,})"
