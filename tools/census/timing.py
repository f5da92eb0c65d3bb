"""Whether durations were measured: a source without times sets one value for every call, which says nothing about speed."""

from collections.abc import Iterable, Sequence

from ..insights.models import Bucket, Census
from .figures import Queries, Row, Scope

NOMINAL_SHARE = 0.95
"""From this share of calls with their type's commonest duration on, durations count as set."""
MIN_CALLS = 20
"""Calls of a type from which on its durations say anything."""

TIMING_SQL = f"""
WITH durations AS (
  SELECT span_type, duration_ms, count(*) AS calls FROM spans
  WHERE coalesce(span_type, '') IN ('LLM', 'CHAT_MODEL', 'TOOL') AND duration_ms IS NOT NULL GROUP BY span_type, duration_ms)
SELECT span_type, max(calls) AS commonest, sum(calls) AS calls
FROM durations GROUP BY span_type HAVING sum(calls) >= {MIN_CALLS} ORDER BY span_type
"""
"""DuckDB looks a list of words up for each row, but what is made of a column once for each of its values."""


def read_timing(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """One bucket: how many calls last exactly the commonest duration of their type."""
    commonest, calls = sum(row.count("commonest") for row in rows), sum(row.count("calls") for row in rows)
    yield Scope(query_id).share("timing_nominal", commonest, calls)


def is_nominal(buckets: Iterable[Bucket]) -> bool:
    """Whether these buckets say that durations were set, not measured."""
    return any(
        bucket.name == "timing_nominal" and bucket.value is not None and bucket.value >= NOMINAL_SHARE for bucket in buckets
    )


def durations_are_nominal(sql: Queries, *, owner: str = "") -> bool:
    """Whether the traces' durations were set, where no census says it.

    Raises:
        QueryError: the traces can't be asked.
    """
    answer = sql.query(TIMING_SQL, title="Whether durations were measured", owner=owner)
    return is_nominal(read_timing([Row(values) for values in answer.table.to_pylist()], answer.query_id))


def has_nominal_timing(census: Census) -> bool:
    """Whether the snapshot's durations were set, not measured: its latency figures then say nothing about speed."""
    return is_nominal(census.find("timing_nominal"))
