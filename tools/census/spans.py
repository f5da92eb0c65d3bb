"""Spans that fail, by name, and the models and providers that are called."""

from collections.abc import Iterable, Sequence

from ..insights.models import Bucket
from .figures import Row, Scope, samples
from .subjects import ENDS, FAILURES, IS_MODEL

LISTED = 50
"""Names, models and providers that are listed, the most failing ones first, models by calls."""

SPANS_SQL = f"""
WITH present AS (
  SELECT trace_id, name, count_if(status_code = 'ERROR') AS failed FROM spans WHERE parent_span_id IS NOT NULL
  GROUP BY trace_id, name),
began AS (SELECT DISTINCT trace_id, segment AS name FROM ({FAILURES["span"]}) AS f),
joined AS (
  SELECT p.trace_id, p.name, p.failed > 0 AS fails, b.name IS NOT NULL AS begins, e.state, e.answered
  FROM present AS p JOIN ({ENDS}) AS e ON e.trace_id = p.trace_id
  LEFT JOIN began AS b ON b.trace_id = p.trace_id AND b.name = p.name)
SELECT name, count(*) AS traces, count_if(fails) AS failing, count_if(fails AND state = 'ERROR') AS in_error_traces,
       count_if(begins) AS begins, count_if(begins AND state = 'OK') AS ended_ok,
       count_if(begins AND answered) AS recovered,
       {samples("fails")} AS samples, {samples("begins")} AS origins,
       (SELECT count_if(state = 'ERROR') FROM traces) AS error_traces
FROM joined GROUP BY name HAVING count_if(fails) > 0 ORDER BY failing DESC, name LIMIT {LISTED}
"""

MODELS_SQL = f"""
WITH calls AS (
  SELECT 'model' AS dimension, model AS segment, trace_id, status_code, total_tokens, duration_ms FROM spans WHERE {IS_MODEL}
  UNION ALL
  SELECT 'provider' AS dimension, provider AS segment, trace_id, status_code, total_tokens, duration_ms
  FROM spans WHERE {IS_MODEL} AND provider IS NOT NULL),
per_call AS (
  SELECT dimension, segment, count(*) AS calls, count_if(status_code = 'ERROR') AS errors, sum(total_tokens) AS tokens,
         count(total_tokens) AS counted, count(duration_ms) AS timed, percentile(duration_ms, 0.5) AS p50,
         percentile(duration_ms, 0.95) AS p95, max(duration_ms) AS longest
  FROM calls GROUP BY dimension, segment),
traced AS (
  SELECT c.dimension, c.segment, c.trace_id, c.failing, e.state, e.answered
  FROM (SELECT dimension, segment, trace_id, count_if(status_code = 'ERROR') AS failing FROM calls
        GROUP BY dimension, segment, trace_id) AS c
  JOIN ({ENDS}) AS e ON e.trace_id = c.trace_id),
per_trace AS (
  SELECT dimension, segment, count(*) AS traces, count_if(failing > 0) AS failing_traces,
         count_if(failing > 0 AND state = 'OK') AS ended_ok, count_if(failing > 0 AND answered) AS recovered,
         {samples("failing > 0")} AS samples
  FROM traced GROUP BY dimension, segment)
SELECT p.*, t.traces, t.failing_traces, t.ended_ok, t.recovered, t.samples
FROM per_call AS p JOIN per_trace AS t ON t.dimension = p.dimension AND t.segment = p.segment
ORDER BY p.dimension, p.calls DESC, p.segment
"""


def read_spans(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """Names below the root that fail anywhere, the most failing first."""
    for row in rows:
        scope, traces = Scope(query_id, dimension="span", segment=row.text("name")), row.count("traces")
        yield scope.share("span_error_rate", row.count("failing"), traces, row.samples())
        yield scope.share("span_error_share", row.count("in_error_traces"), row.count("error_traces"))
        yield scope.share("span_origin_rate", row.count("begins"), traces, row.samples("origins"))
        if row.count("begins"):
            yield scope.share("span_ended_ok", row.count("ended_ok"), row.count("begins"))
            yield scope.share("span_recovered", row.count("recovered"), row.count("begins"))


def read_models(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """Models, then providers, by calls."""
    for dimension in ("model", "provider"):
        for row in [row for row in rows if row.text("dimension") == dimension][:LISTED]:
            yield from _read_model(row, Scope(query_id, dimension=dimension, segment=row.text("segment")))


def _read_model(row: Row, scope: Scope) -> Iterable[Bucket]:
    calls, failing_traces, timed = row.count("calls"), row.count("failing_traces"), row.count("timed")
    yield scope.figure("model_calls", calls)
    yield scope.figure("model_tokens", row.number("tokens"), of=row.count("counted"))
    yield scope.share("model_error_rate", row.count("errors"), calls, row.samples())
    yield scope.share("model_failing_traces", failing_traces, row.count("traces"), row.samples())
    if failing_traces:
        yield scope.share("model_ended_ok", row.count("ended_ok"), failing_traces)
        yield scope.share("model_recovered", row.count("recovered"), failing_traces)
    yield scope.figure("model_latency_p50", row.number("p50"), of=timed)
    yield scope.figure("model_latency_p95", row.number("p95"), of=timed)
    yield scope.figure("model_latency_max", row.number("longest"), of=timed)
