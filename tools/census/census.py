"""Takes the census: a dozen statements over every trace of the snapshot, read into one ordered list of figures."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import NamedTuple

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

FIRST = (
    Statement("Traces in all", overview_sql(), read_overview),
    Statement("Whether durations were measured", TIMING_SQL, read_timing),
)
"""What later statements depend on."""
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
AT_ONCE = 2
"""Statements that are asked at the same time: one fills one core."""
TOTAL = len(FIRST) + 3 + len(STATEMENTS)


def take_census(
    sql: Queries,
    snapshot: SnapshotRecord,
    *,
    now: datetime,
    progress: Callable[[int, int], None] | None = None,
) -> Census:
    """Counts every trace of the snapshot.

    Args:
        sql: answers queries over the snapshot, from several threads at once.
        snapshot: what is counted; its digest goes into the census.
        now: when the census is taken.
        progress: called with statements done and statements in all.

    Raises:
        QueryError: a statement could not be answered.
    """
    counting = _Counting(sql, progress)
    overview, timing = counting.ask(*FIRST)
    limits = read_limits(overview.row)
    depending = _compare(limits, nominal=is_nominal(timing.buckets))
    answers = [overview, timing, *counting.ask(*depending, *STATEMENTS)]
    counting.finish()
    return Census(
        created_at=now,
        snapshot_digest=snapshot.digest,
        traces=overview.row.count("traces"),
        spans=overview.row.count("spans"),
        buckets=tuple(bucket for answer in answers for bucket in answer.buckets),
    )


def _compare(limits: Limits, *, nominal: bool) -> Iterator[Statement]:
    """The statements that compare traces with limits, as far as there are any."""
    flags = find_flags(limits, nominal=nominal)
    yield Statement("Traces that meet each condition", flags_sql(flags), partial(read_flags, flags))
    limit_ms = outlier_limit_ms(limits.median_ms)
    if limit_ms is not None:
        yield Statement("Where the slowest traces spend their time", slowest_sql(limit_ms), read_slowest)
    if limits.first is not None and limits.last is not None:
        width_s = time_width_s(limits.first, limits.last)
        start = bucket_start(limits.first, width_s)
        read = partial(read_segments, start=start, width_s=width_s)
        yield Statement("Traces by duration, time, hour and version", segments_sql(start, width_s), read)


class _Answer(NamedTuple):
    """The rows of a statement, and the buckets they were read into."""

    rows: list[Row]
    buckets: tuple[Bucket, ...]

    @property
    def row(self) -> Row:
        """The only row."""
        (row,) = self.rows
        return row


class _Counting:
    """Asks statements, a few at once, and says how many are done."""

    def __init__(self, sql: Queries, progress: Callable[[int, int], None] | None) -> None:
        self._sql = sql
        self._progress = progress
        self._done = 0

    def ask(self, *statements: Statement) -> list[_Answer]:
        """Their answers, in the order of the statements; after an error none is begun any more."""
        answers: list[_Answer] = []
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="census") as threads:
            for answer in threads.map(self._answer, statements):
                answers.append(answer)
                self._done += 1
                self._say(self._done)
        return answers

    def finish(self) -> None:
        if self._done < TOTAL:
            self._say(TOTAL)

    def _answer(self, statement: Statement) -> _Answer:
        result = self._sql.query(statement.sql, title=statement.title, owner=OWNER)
        rows = [Row(values) for values in result.table.to_pylist()]
        return _Answer(rows, tuple(statement.read(rows, result.query_id)))

    def _say(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, TOTAL)
