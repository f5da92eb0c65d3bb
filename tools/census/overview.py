"""The figures of all traces together, and the limits that later statements compare with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..insights.models import Bucket
from .figures import Row, Scope

QUANTILES = {"p50": "percentile({0}, 0.5)", "p90": "percentile({0}, 0.9)", "p95": "percentile({0}, 0.95)"}
STATISTICS = {
    "mean": "avg({0})",
    **QUANTILES,
    "p99": "percentile({0}, 0.99)",
    "max": "max({0})",
    "sum": "sum({0})",
}
HAS_SPANS = "span_count > 0"
MEASURES = {
    "latency": ("CASE WHEN state = 'OK' THEN execution_duration_ms END", ("mean", "p50", "p90", "p95", "p99", "max")),
    "error_latency": ("CASE WHEN state = 'ERROR' THEN execution_duration_ms END", ("mean", "p50", "p90", "p95", "p99", "max")),
    "input_tokens": ("input_tokens", ("mean", "p50", "p95")),
    "output_tokens": ("output_tokens", ("mean", "p50", "p95")),
    "total_tokens": ("total_tokens", ("sum", "mean", "p50", "p95")),
    "cost": ("cost", ("sum", "mean", "p50", "p95")),
    "llm_calls": (f"CASE WHEN {HAS_SPANS} THEN llm_call_count END", ("p50", "p95", "max")),
    "trace_tool_calls": (f"CASE WHEN {HAS_SPANS} THEN tool_call_count END", ("p50", "p95", "max")),
}
LIMITS = {
    "short_request": "percentile(CASE WHEN state = 'OK' THEN request_chars END, 0.25)",
    "long_request": "percentile(CASE WHEN state = 'OK' THEN request_chars END, 0.75)",
    "long_response": "percentile(CASE WHEN state = 'OK' THEN response_chars END, 0.9)",
    "fast": "percentile(CASE WHEN state = 'OK' AND execution_duration_ms > 0 THEN execution_duration_ms END, 0.1)",
}
SHARED = {"sessions": "session_id", "users": "user_id", "requests": "request_hash"}
"""What several traces may have in common."""


@dataclass(frozen=True)
class Limits:
    """What single traces are compared with: quantiles of the OK traces; None where there are none."""

    median_ms: float | None
    short_request: float | None
    long_request: float | None
    long_response: float | None
    fast_ms: float | None
    first: datetime | None
    last: datetime | None


def overview_sql() -> str:
    """One row: counts by state, statistics of each measure, sessions, users, requests, limits."""
    columns = [
        "count(*) AS traces",
        "sum(span_count) AS spans",
        *(f"count_if(state = '{state}') AS state_{state}" for state in ("OK", "ERROR", "IN_PROGRESS")),
        *(f"count({measured}) AS {name}_n" for name, (measured, _) in MEASURES.items()),
        *(
            f"{STATISTICS[statistic].format(measured)} AS {name}_{statistic}"
            for name, (measured, statistics) in MEASURES.items()
            for statistic in statistics
        ),
        *(f"{limit} AS {name}" for name, limit in LIMITS.items()),
        "min(request_time) AS first_time",
        "max(request_time) AS last_time",
        "count(session_id) AS in_sessions",
        "count(user_id) AS with_user",
    ]
    shared = ", ".join(_shared(name, column) for name, column in SHARED.items())
    joined = " ".join(f"CROSS JOIN {name}" for name in SHARED)
    return f"WITH measured AS (SELECT {', '.join(columns)} FROM traces), {shared} SELECT * FROM measured {joined}"


def _shared(name: str, column: str) -> str:
    """One row: how many different values, how many of them more than one trace has, and how many traces have the commonest."""
    values = f"SELECT count(*) AS n FROM traces WHERE {column} IS NOT NULL GROUP BY {column}"
    return f"{name} AS (SELECT count(*) AS {name}, count_if(n > 1) AS {name}_again, max(n) AS {name}_most FROM ({values}) AS v)"


def read_overview(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """Counts, states, then each measure."""
    row, scope = rows[0], Scope(query_id)
    traces = row.count("traces")
    yield scope.figure("traces", traces)
    yield scope.figure("spans", row.count("spans"))
    for state in ("OK", "ERROR", "IN_PROGRESS"):
        in_state = Scope(query_id, dimension="state", segment=state)
        yield in_state.share("trace_state", row.count(f"state_{state}"), traces)
    for name, (_, statistics) in MEASURES.items():
        for statistic in statistics:
            yield scope.figure(f"{name}_{statistic}", row.number(f"{name}_{statistic}"), of=row.count(f"{name}_n"))
    yield from _read_callers(row, scope)


def _read_callers(row: Row, scope: Scope) -> Iterable[Bucket]:
    sessions, in_sessions = row.count("sessions"), row.count("in_sessions")
    yield scope.figure("sessions", sessions or None, of=in_sessions)
    yield scope.figure("traces_per_session_mean", in_sessions / sessions if sessions else None, of=sessions)
    yield scope.figure("traces_per_session_max", row.number("sessions_most"), of=sessions)
    yield scope.figure("users", row.count("users") or None, of=row.count("with_user"))
    yield scope.figure("distinct_requests", row.count("requests"))
    yield scope.share("requests_asked_again", row.count("requests_again"), row.count("requests"))


def read_limits(row: Row) -> Limits:
    """The limits out of the overview's row."""
    return Limits(
        median_ms=row.number("latency_p50"),
        short_request=row.number("short_request"),
        long_request=row.number("long_request"),
        long_response=row.number("long_response"),
        fast_ms=row.number("fast"),
        first=row.instant("first_time"),
        last=row.instant("last_time"),
    )
