"""Takes the census: a dozen statements over every trace of the snapshot, read into one ordered list of figures."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from ..insights.models import Bucket, Census, SnapshotRecord
from .feedback import FEEDBACK_SQL, read_feedback
from .figures import Queries, Row, Statement
from .flags import find_flags, flags_sql, outlier_limit_ms, read_flags
from .messages import MESSAGES_SQL, PILES_SQL, read_messages, read_piles
from .overview import Limits, overview_sql, read_limits, read_overview
from .segments import bucket_start, read_segments, segments_sql, time_width_s
from .slowest import read_slowest, slowest_sql
from .spans import MODELS_SQL, SPANS_SQL, read_models, read_spans
from .timing import TIMING_SQL, is_nominal, read_timing
from .tools import REPEATS_SQL, TOOLS_SQL, read_repeats, read_tools

STATEMENTS = (
    Statement("Tools: calls, failures, latency", TOOLS_SQL, read_tools),
    Statement("Tools called again with the same inputs", REPEATS_SQL, read_repeats),
    Statement("Failing spans by name", SPANS_SQL, read_spans),
    Statement("Models and providers", MODELS_SQL, read_models),
    Statement("Error messages", MESSAGES_SQL, read_messages),
    Statement("Durations at which failures pile up", PILES_SQL, read_piles),
    Statement("Feedback", FEEDBACK_SQL, read_feedback),
)
"""What doesn't depend on other figures, in the order of the census."""
OWNER = "census"
TOTAL = len(STATEMENTS) + 5


def take_census(
    sql: Queries,
    snapshot: SnapshotRecord,
    *,
    now: datetime,
    progress: Callable[[int, int], None] | None = None,
) -> Census:
    """Counts every trace of the snapshot.

    Args:
        sql: answers queries over the snapshot.
        snapshot: what is counted; its digest goes into the census.
        now: when the census is taken.
        progress: called with statements done and statements in all.

    Raises:
        QueryError: a statement could not be answered.
    """
    counting = _Counting(sql, progress)
    rows, query_id = counting.ask("Traces in all", overview_sql())
    limits, traces = read_limits(rows[0]), rows[0].count("traces")
    buckets = list(read_overview(rows, query_id))
    spans = rows[0].count("spans")
    buckets += counting.read(Statement("Whether durations were measured", TIMING_SQL, read_timing))
    buckets += _count_flags(counting, limits, nominal=is_nominal(buckets))
    buckets += _count_slowest(counting, limits)
    buckets += _count_segments(counting, limits)
    for statement in STATEMENTS:
        buckets += counting.read(statement)
    counting.finish()
    return Census(created_at=now, snapshot_digest=snapshot.digest, traces=traces, spans=spans, buckets=tuple(buckets))


def _count_flags(counting: "_Counting", limits: Limits, *, nominal: bool) -> Iterable[Bucket]:
    flags = find_flags(limits, nominal=nominal)
    rows, query_id = counting.ask("Traces that meet each condition", flags_sql(flags))
    return read_flags(flags, rows, query_id)


def _count_slowest(counting: "_Counting", limits: Limits) -> Iterable[Bucket]:
    limit_ms = outlier_limit_ms(limits.median_ms)
    if limit_ms is None:
        return ()
    return counting.read(Statement("Where the slowest traces spend their time", slowest_sql(limit_ms), read_slowest))


def _count_segments(counting: "_Counting", limits: Limits) -> Iterable[Bucket]:
    if limits.first is None or limits.last is None:
        return ()
    width_s = time_width_s(limits.first, limits.last)
    start = bucket_start(limits.first, width_s)
    rows, query_id = counting.ask("Traces by duration, time, hour and version", segments_sql(start, width_s))
    return read_segments(rows, query_id, start=start, width_s=width_s)


class _Counting:
    """Asks one statement after the other, and says how many are done."""

    def __init__(self, sql: Queries, progress: Callable[[int, int], None] | None) -> None:
        self._sql = sql
        self._progress = progress
        self._done = 0

    def ask(self, title: str, sql: str) -> tuple[Sequence[Row], str]:
        result = self._sql.query(sql, title=title, owner=OWNER)
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, TOTAL)
        return [Row(values) for values in result.table.to_pylist()], result.query_id

    def finish(self) -> None:
        if self._progress is not None and self._done < TOTAL:
            self._progress(TOTAL, TOTAL)

    def read(self, statement: Statement) -> Iterable[Bucket]:
        rows, query_id = self.ask(statement.title, statement.sql)
        return statement.read(rows, query_id)
