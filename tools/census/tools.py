"""Tools: how often they are called, how often they fail, openly or silently, how fast they are, and which calls repeat."""

from collections.abc import Iterable, Sequence

from ..insights.models import Bucket
from .definitions import IDENTICAL_CALLS, MIN_TOOL_CALLS
from .figures import Row, Scope, samples
from .subjects import FAILING, FAILS, IS_TOOL

LISTED = 200
"""Tools that are listed, by calls."""

REPEATED = f"times >= {IDENTICAL_CALLS}"

TOOLS_SQL = f"""
WITH failing AS {FAILING},
calls AS (SELECT trace_id, name, inputs_hash, duration_ms FROM spans WHERE {IS_TOOL}),
per_call AS (
  SELECT name, count(*) AS calls, count(duration_ms) AS timed,
         percentile(duration_ms, 0.5) AS p50, percentile(duration_ms, 0.95) AS p95, max(duration_ms) AS longest
  FROM calls GROUP BY name),
identical AS (SELECT trace_id, name, inputs_hash, count(*) AS times FROM calls GROUP BY trace_id, name, inputs_hash),
traced AS (
  SELECT name, trace_id, max(CASE WHEN inputs_hash IS NOT NULL THEN times END) AS times FROM identical GROUP BY name, trace_id),
per_trace AS (
  SELECT name, count(*) AS traces, {samples("TRUE")} AS callers, count(times) AS comparable, count_if({REPEATED}) AS repeated,
         max(times) AS most, {samples(REPEATED)} AS repeaters
  FROM traced GROUP BY name),
failed AS (
  SELECT name, trace_id, state, answered, count(*) AS failing, count_if(status_code = 'ERROR') AS errors,
         count_if(silent_error) AS silent
  FROM failing WHERE {IS_TOOL} AND ({FAILS}) GROUP BY name, trace_id, state, answered),
per_end AS (
  SELECT name, sum(failing) AS failing, sum(errors) AS errors, sum(silent) AS silent, count(*) AS failing_traces,
         count_if(state = 'OK') AS ended_ok, count_if(answered) AS recovered, {samples("TRUE")} AS samples
  FROM failed GROUP BY name),
listed AS (
  SELECT c.*, t.traces, t.callers, t.comparable, t.repeated, t.most, t.repeaters, e.failing, e.errors, e.silent,
         e.failing_traces, e.ended_ok, e.recovered, e.samples
  FROM per_call AS c JOIN per_trace AS t ON t.name = c.name LEFT JOIN per_end AS e ON e.name = c.name),
overall AS (
  SELECT (SELECT count(DISTINCT trace_id) FROM calls WHERE inputs_hash IS NOT NULL) AS all_comparable,
         (SELECT max(most) FROM per_trace) AS all_most, count(*) AS all_repeated, {samples("TRUE")} AS all_repeaters
  FROM (SELECT DISTINCT trace_id FROM traced WHERE {REPEATED}) AS repeating)
SELECT l.*, o.*, (SELECT count(*) FROM traces) AS all_traces FROM overall AS o LEFT JOIN listed AS l ON TRUE
ORDER BY l.calls DESC, l.name
"""
"""A row without a name where no tool is called: what is known of all tools together stands in each."""


def read_tools(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """Every tool's calls; rates and latencies from `MIN_TOOL_CALLS` calls on. Then which calls repeat."""
    tools = [row for row in rows if row.known("name")]
    yield Scope(query_id).figure("tools", len(tools))
    for row in tools[:LISTED]:
        scope = Scope(query_id, dimension="tool", segment=row.text("name"))
        calls, traces = row.count("calls"), row.count("traces")
        yield scope.figure("tool_calls", calls)
        yield scope.share("tool_traces", traces, row.count("all_traces"), row.samples("callers"))
        if calls >= MIN_TOOL_CALLS:
            yield from _read_rates(row, scope)
    yield from _read_repeats(rows[0], Scope(query_id), "all_")
    repeating = [row for row in tools if row.count("repeated")]
    for row in sorted(repeating, key=lambda row: (-row.count("repeated"), row.text("name")))[:LISTED]:
        yield from _read_repeats(row, Scope(query_id, dimension="tool", segment=row.text("name")))


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


def _read_repeats(row: Row, scope: Scope, prefix: str = "") -> Iterable[Bucket]:
    """How many traces call a tool again and again with the same inputs, of those that call it with any."""
    repeated, comparable = row.count(f"{prefix}repeated"), row.count(f"{prefix}comparable")
    yield scope.share("repeated_calls", repeated, comparable, row.samples(f"{prefix}repeaters"))
    yield scope.figure("identical_calls_max", row.number(f"{prefix}most"), of=comparable)
