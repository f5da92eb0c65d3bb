"""Takes the census: a dozen statements over every trace of the snapshot, read into one ordered list of figures."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from ..insights.models import Bucket, Census, SnapshotRecord
from .feedback import FEEDBACK_SQL, read_feedback
from .figures import Queries, Row, Statement
from .flags import find_flags, flags_sql, outlier_limit_ms, read_flags
from .messages import MESSAGES_SQL, PILES_SQL, read_messages, read_piles
from .overview import Limits, overview_sql, read_limits, read_overview
from .segments import bucket_start, read_segments, segments_sql, time_width_s
from .slowest import read_slowest, slowest_sql
from .spans import MODELS_SQL, SPANS_SQL, read_models, read_spans
from .subjects import FAILING_SQL
from .timing import TIMING_SQL, is_nominal, read_timing
from .tools import TOOLS_SQL, read_tools

OVERVIEW = Statement("Traces in all", overview_sql(), read_overview)
TIMING = Statement("Whether durations were measured", TIMING_SQL, read_timing)
TOOLS = Statement("Tools: calls, failures, latency, repetitions", TOOLS_SQL, read_tools)
SPANS = Statement("Failing spans by name", SPANS_SQL, read_spans)
MODELS = Statement("Models and providers", MODELS_SQL, read_models)
MESSAGES = Statement("Error messages", MESSAGES_SQL, read_messages)
PILES = Statement("Durations at which failures pile up", PILES_SQL, read_piles)
FEEDBACK = Statement("Feedback", FEEDBACK_SQL, read_feedback)
OWNER = "census"
AT_ONCE = 3
"""Statements that are asked at the same time: one fills one core, of two, while another is translated, read or recorded."""
TOTAL = 11


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
    with _Counting(sql, progress) as counting:
        # The longest first, so that all cores end at once; no two beside each other that begin with the same part.
        counting.begin(OVERVIEW, TOOLS, TIMING, MODELS)
        overview, timing = counting.answer(OVERVIEW), counting.answer(TIMING)
        depending = tuple(_compare(read_limits(overview.row), nominal=is_nominal(timing.buckets)))
        counting.begin(*depending, SPANS, PILES, FEEDBACK, MESSAGES)
        counting.finish()
        ordered = (OVERVIEW, TIMING, *depending, TOOLS, SPANS, MODELS, MESSAGES, PILES, FEEDBACK)
        answers = [counting.answer(statement) for statement in ordered]
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
    """Asks statements, a few at once, and says how many are done; a context manager, after whose end none is begun any more."""

    def __init__(self, sql: Queries, progress: Callable[[int, int], None] | None) -> None:
        self._sql = sql
        self._progress = progress
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="census")
        self._begun: dict[str, Future[_Answer]] = {}

    def begin(self, *statements: Statement) -> None:
        """Has them asked, in this order."""
        for statement in statements:
            self._begun[statement.title] = self._threads.submit(self._answer, statement)

    def answer(self, statement: Statement) -> _Answer:
        """The answer to one that was begun; waits for it."""
        return self._begun[statement.title].result()

    def finish(self) -> None:
        """Waits for all, and says it of each."""
        for done, answer in enumerate(as_completed(self._begun.values()), start=1):
            answer.result()
            self._say(done)
        if len(self._begun) < TOTAL:
            self._say(TOTAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._threads.shutdown(cancel_futures=True)

    def _answer(self, statement: Statement) -> _Answer:
        result = self._sql.query(statement.sql, title=statement.title, owner=OWNER, parts=(FAILING_SQL,))
        rows = [Row(values) for values in result.table.to_pylist()]
        return _Answer(rows, tuple(statement.read(rows, result.query_id)))

    def _say(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, TOTAL)
