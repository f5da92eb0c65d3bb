"""Tools: how often they are called, how often they fail, openly or silently, how fast they are, and which calls repeat."""

from collections.abc import Iterable, Sequence

from ..insights.models import Bucket
from .definitions import IDENTICAL_CALLS, MIN_TOOL_CALLS
from .figures import Row, Scope, samples
from .subjects import ENDS, FAILS, IS_TOOL

LISTED = 200
"""Tools that are listed, by calls."""

TOOLS_SQL = f"""
WITH calls AS (SELECT trace_id, name, status_code, silent_error, duration_ms FROM spans WHERE {IS_TOOL}),
per_call AS (
  SELECT name, count(*) AS calls, count_if(status_code = 'ERROR') AS errors, count_if(silent_error) AS silent,
         count_if({FAILS}) AS failing, count(duration_ms) AS timed,
         percentile(duration_ms, 0.5) AS p50, percentile(duration_ms, 0.95) AS p95, max(duration_ms) AS longest
  FROM calls GROUP BY name),
traced AS (SELECT name, trace_id, count_if({FAILS}) AS failing FROM calls GROUP BY name, trace_id),
per_trace AS (
  SELECT name, count(*) AS traces, count_if(failing > 0) AS failing_traces,
         {samples("failing > 0")} AS samples, {samples("TRUE")} AS callers
  FROM traced GROUP BY name),
per_end AS (
  SELECT c.name, count_if(e.state = 'OK') AS ended_ok, count_if(e.answered) AS recovered
  FROM traced AS c JOIN ({ENDS}) AS e ON e.trace_id = c.trace_id WHERE c.failing > 0 GROUP BY c.name)
SELECT p.*, t.traces, t.failing_traces, coalesce(e.ended_ok, 0) AS ended_ok, coalesce(e.recovered, 0) AS recovered,
       t.samples, t.callers, (SELECT count(*) FROM traces) AS all_traces
FROM per_call AS p JOIN per_trace AS t ON t.name = p.name LEFT JOIN per_end AS e ON e.name = p.name
ORDER BY p.calls DESC, p.name
"""
"""How a trace ends is looked up only where a tool fails in it."""

REPEATS_SQL = f"""
WITH identical AS (
  SELECT trace_id, name, inputs_hash, count(*) AS times FROM spans WHERE {IS_TOOL} AND inputs_hash IS NOT NULL
  GROUP BY trace_id, name, inputs_hash),
per_tool AS (SELECT trace_id, name, max(times) AS times FROM identical GROUP BY trace_id, name),
per_trace AS (SELECT trace_id, max(times) AS times FROM per_tool GROUP BY trace_id)
SELECT CAST(NULL AS STRING) AS name, count(*) AS traces, count_if(times >= {IDENTICAL_CALLS}) AS repeated, max(times) AS most,
       {samples(f"times >= {IDENTICAL_CALLS}")} AS samples
FROM per_trace
UNION ALL
SELECT name, count(*) AS traces, count_if(times >= {IDENTICAL_CALLS}) AS repeated, max(times) AS most,
       {samples(f"times >= {IDENTICAL_CALLS}")} AS samples
FROM per_tool GROUP BY name HAVING count_if(times >= {IDENTICAL_CALLS}) > 0
"""


def read_tools(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """Every tool's calls; rates and latencies from `MIN_TOOL_CALLS` calls on."""
    yield Scope(query_id).figure("tools", len(rows))
    for row in rows[:LISTED]:
        scope = Scope(query_id, dimension="tool", segment=row.text("name"))
        calls, traces = row.count("calls"), row.count("traces")
        yield scope.figure("tool_calls", calls)
        yield scope.share("tool_traces", traces, row.count("all_traces"), row.samples("callers"))
        if calls >= MIN_TOOL_CALLS:
            yield from _read_rates(row, scope)


def _read_rates(row: Row, scope: Scope) -> Iterable[Bucket]:
    calls, failing_traces, timed = row.count("calls"), row.count("failing_traces"), row.count("timed")
    yield scope.share("tool_error_rate", row.count("errors"), calls)
    yield scope.share("tool_silent_error_rate", row.count("silent"), calls)
    yield scope.share("tool_failure_rate", row.count("failing"), calls, row.samples())
    yield scope.share("tool_failing_traces", failing_traces, row.count("traces"), row.samples())
    if failing_traces:
        yield scope.share("tool_ended_ok", row.count("ended_ok"), failing_traces)
        yield scope.share("tool_recovered", row.count("recovered"), failing_traces)
    yield scope.figure("tool_latency_p50", row.number("p50"), of=timed)
    yield scope.figure("tool_latency_p95", row.number("p95"), of=timed)
    yield scope.figure("tool_latency_max", row.number("longest"), of=timed)


def read_repeats(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """All traces with tool calls first, then the tools that are called repeatedly, most traces first."""
    ordered = sorted(rows, key=lambda row: (row.known("name"), -row.count("repeated"), row.text("name")))
    for row in ordered[: LISTED + 1]:
        known = row.known("name")
        scope = Scope(query_id, dimension="tool", segment=row.text("name")) if known else Scope(query_id)
        yield scope.share("repeated_calls", row.count("repeated"), row.count("traces"), row.samples())
        yield scope.figure("identical_calls_max", row.number("most"), of=row.count("traces"))
