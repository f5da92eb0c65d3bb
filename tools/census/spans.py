"""Spans that fail, by name, and the models and providers that are called."""

from collections.abc import Iterable, Sequence

from ..insights.models import Bucket
from .figures import Row, Scope, samples
from .subjects import FAILING, IS_MODEL, MODEL_FAILS, failures_sql

LISTED = 50
"""Names, models and providers that are listed, the most failing ones first, models by calls."""

SPANS_SQL = f"""
WITH failing AS {FAILING},
failed AS (
  SELECT trace_id, name, state, answered FROM failing WHERE status_code = 'ERROR' AND parent_span_id IS NOT NULL
  GROUP BY trace_id, name, state, answered),
began AS (SELECT DISTINCT trace_id, segment AS name FROM ({failures_sql("span", "failing")}) AS f),
joined AS (
  SELECT f.*, b.name IS NOT NULL AS begins
  FROM failed AS f LEFT JOIN began AS b ON b.trace_id = f.trace_id AND b.name = f.name),
worst AS (
  SELECT name, count(*) AS failing, count_if(state = 'ERROR') AS in_error_traces, count_if(begins) AS begins,
         count_if(begins AND state = 'OK') AS ended_ok, count_if(begins AND answered) AS recovered,
         {samples("TRUE")} AS samples, {samples("begins")} AS origins
  FROM joined GROUP BY name ORDER BY failing DESC, name LIMIT {LISTED}),
present AS (
  SELECT s.name, count(DISTINCT s.trace_id) AS traces FROM spans AS s JOIN worst AS w ON w.name <=> s.name
  WHERE s.parent_span_id IS NOT NULL GROUP BY s.name)
SELECT w.*, p.traces, (SELECT count_if(state = 'ERROR') FROM traces) AS error_traces
FROM worst AS w JOIN present AS p ON p.name <=> w.name ORDER BY w.failing DESC, w.name
"""
"""Only the names that fail are looked for among all spans."""

MODELS_SQL = f"""
WITH failing AS {FAILING},
per_call AS (
  SELECT CASE WHEN grouping(model) = 0 THEN 'model' ELSE 'provider' END AS dimension, model, provider,
         count(*) AS calls, sum(total_tokens) AS tokens, count(total_tokens) AS counted, count(duration_ms) AS timed,
         percentile(duration_ms, 0.5) AS p50, percentile(duration_ms, 0.95) AS p95, max(duration_ms) AS longest,
         count(DISTINCT trace_id) AS traces
  FROM spans WHERE {IS_MODEL} GROUP BY GROUPING SETS ((model), (provider))),
called AS (SELECT *, coalesce(model, provider) AS segment FROM per_call WHERE model IS NOT NULL OR provider IS NOT NULL),
failed AS (
  SELECT 'model' AS dimension, model AS segment, trace_id, state, answered FROM failing WHERE {MODEL_FAILS}
  UNION ALL
  SELECT 'provider' AS dimension, provider AS segment, trace_id, state, answered FROM failing WHERE {MODEL_FAILS}),
per_trace AS (
  SELECT dimension, segment, trace_id, state, answered, count(*) AS errors FROM failed
  GROUP BY dimension, segment, trace_id, state, answered),
ended AS (
  SELECT dimension, segment, sum(errors) AS errors, count(*) AS failing_traces, count_if(state = 'OK') AS ended_ok,
         count_if(answered) AS recovered, {samples("TRUE")} AS samples
  FROM per_trace GROUP BY dimension, segment)
SELECT c.dimension, c.segment, c.calls, e.errors, c.tokens, c.counted, c.timed, c.p50, c.p95, c.longest, c.traces,
       e.failing_traces, e.ended_ok, e.recovered, e.samples
FROM called AS c LEFT JOIN ended AS e ON e.dimension = c.dimension AND e.segment = c.segment
ORDER BY c.dimension, c.calls DESC, c.segment
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
