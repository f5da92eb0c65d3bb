"""Issues about whole traces: how many end in ERROR, when errors burst, where they pile up, and how slow the slowest are."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ..clipping import NAME_CHARS, clip
from ..insights.models import Bucket, Cause, Census, Fingerprint
from ..shares import part_of
from .advice import advise
from .drafting import Fact, explain, messages_of
from .flags import outlier_limit_ms
from .segments import timestamp
from .subject_issues import piles_up
from .thresholds import OperationalThresholds
from .timing import has_nominal_timing
from .wording import duration, share

FINISHED_SQL = "SELECT trace_id FROM traces WHERE state IN ('OK', 'ERROR')"
ERRORS_SQL = """
SELECT t.trace_id, coalesce(f.span_id, '') AS span_id, coalesce(f.note, '') AS note
FROM traces AS t LEFT JOIN (
  SELECT trace_id, max_by(span_id, position) AS span_id, max_by(substring(coalesce(error_text, ''), 1, 300), position) AS note
  FROM spans WHERE status_code = 'ERROR' GROUP BY trace_id) AS f ON f.trace_id = t.trace_id
WHERE t.state = 'ERROR' AND {condition} ORDER BY t.trace_id
"""
"""The last failed span to begin is where a failure that ended the trace came from."""

OUTLIERS_SQL = """
SELECT t.trace_id, coalesce(s.span_id, '') AS span_id,
       concat('took ', CAST(CAST(floor(t.execution_duration_ms / 1000) AS BIGINT) AS STRING), ' s') AS note
FROM traces AS t LEFT JOIN (
  SELECT trace_id, max_by(span_id, duration_ms * 1000000 + position) AS span_id FROM spans
  WHERE parent_span_id IS NOT NULL AND duration_ms IS NOT NULL GROUP BY trace_id) AS s ON s.trace_id = t.trace_id
WHERE t.state = 'OK' AND t.execution_duration_ms > {limit} ORDER BY t.trace_id
"""
"""With its longest span; of equally long ones the last."""


def find_trace_facts(census: Census, thresholds: OperationalThresholds) -> list[Fact]:
    """Error rate, bursts, timeouts, latency outliers."""
    return [
        *_error_rate(census, thresholds),
        *_bursts(census, thresholds),
        *_timeouts(census, thresholds),
        *_outliers(census),
    ]


def _all(census: Census, name: str) -> Bucket | None:
    return next(iter(census.find(name, dimension="all")), None)


def _error_rate(census: Census, thresholds: OperationalThresholds) -> Iterator[Fact]:
    rate = _all(census, "trace_error_rate")
    if rate is None or rate.value is None or rate.value < thresholds.trace_error_rate:
        return
    errors, finished = rate.numerator or 0, rate.denominator or 0
    if errors < thresholds.min_traces:
        return
    messages = messages_of(census, "trace")
    yield Fact(
        title=f"{part_of(errors, finished)} of finished traces end in ERROR",
        sentence=f"{share(errors, finished)} finished traces ended in ERROR.",
        impact="Their users got an error, or no answer.",
        affected=errors,
        population=finished,
        population_title="finished traces",
        fingerprint=Fingerprint(population="finished traces", measure="trace_error_rate"),
        cause=explain(census, messages, _failing_spans(census)),
        recommendation=advise([message.segment for message in messages], "the failing step"),
        population_sql=FINISHED_SQL,
        affected_sql=ERRORS_SQL.format(condition="TRUE"),
        threshold=thresholds.trace_error_rate,
        buckets=[rate, *messages],
    )


def _failing_spans(census: Census) -> str:
    found = [bucket for bucket in census.find("span_error_share", dimension="span") if bucket.numerator]
    if not found:
        return ""
    worst = max(found, key=lambda bucket: bucket.numerator or 0)
    held = share(worst.numerator or 0, worst.denominator or 0)
    return f"{held} ERROR traces hold a failed `{clip(worst.segment, NAME_CHARS)}` span."


def _bursts(census: Census, thresholds: OperationalThresholds) -> Iterator[Fact]:
    overall, width_ms = _all(census, "trace_error_rate"), census.value("time_bucket_ms")
    if overall is None or not overall.value or width_ms is None:
        return
    limit = thresholds.burst_ratio * overall.value
    bursts = [
        bucket
        for bucket in census.find("trace_error_rate", dimension="time")
        if (bucket.value or 0.0) >= limit and (bucket.numerator or 0) >= thresholds.burst_errors
    ]
    if bursts:
        yield _burst(bursts, overall, timedelta(milliseconds=width_ms))


def _burst(bursts: list[Bucket], overall: Bucket, width: timedelta) -> Fact:
    worst = max(bursts, key=lambda bucket: (bucket.value or 0.0, bucket.segment))
    errors, finished = sum(each.numerator or 0 for each in bursts), sum(each.denominator or 0 for each in bursts)
    rest, rest_finished = (overall.numerator or 0) - errors, (overall.denominator or 0) - finished
    listed = "; ".join(f"{each.segment} UTC: {share(each.numerator or 0, each.denominator or 0)}" for each in bursts)
    spans = [_within(bucket.segment, width) for bucket in bursts]
    return Fact(
        title=f"Error rate reaches {part_of(worst.numerator or 0, worst.denominator or 0)} on {worst.segment}",
        sentence=f"In time buckets of {duration(width.total_seconds() * 1000)}, ERROR traces: {listed}; "
        f"at other times {share(rest, rest_finished)}.",
        impact="Users of these times met far more errors than others.",
        affected=errors,
        population=overall.denominator or 0,
        population_title="finished traces",
        fingerprint=Fingerprint(population="finished traces", measure="error_burst"),
        cause=Cause(text="Something was different at these times: a deployment, a dependency, the load.", standing="suspected"),
        recommendation=f"Compare deployments, dependencies and load from {worst.segment} UTC on with those before, "
        "and alert on the error rate.",
        population_sql=FINISHED_SQL,
        affected_sql=ERRORS_SQL.format(condition=f"({' OR '.join(spans)})"),
        threshold=0.0,
        buckets=[worst, overall],
    )


def _within(label: str, width: timedelta) -> str:
    start = datetime.fromisoformat(label)
    return f"(t.request_time >= {timestamp(start)} AND t.request_time < {timestamp(start + width)})"


def _timeouts(census: Census, thresholds: OperationalThresholds) -> Iterator[Fact]:
    pile = piles_up(census, thresholds, "trace", "")
    at = next(iter(census.find("failure_pile_ms", dimension="trace")), None)
    if pile is None or at is None or at.value is None or _is_a_tools(census, thresholds, at.value):
        return
    affected, of, value = pile.numerator or 0, pile.denominator or 0, int(at.value)
    yield Fact(
        title=f"{part_of(affected, of)} of ERROR traces stop at {duration(value)}",
        sentence=f"{share(affected, of)} ERROR traces with a duration end after {duration(value)}, to the second.",
        impact="Their users waited that long for an error.",
        affected=affected,
        population=of,
        population_title="ERROR traces with a duration",
        fingerprint=Fingerprint(population="ERROR traces", measure="failure_pile", segment=duration(value)),
        cause=Cause(text=f"A timeout of {duration(value)}, of the agent or of what it calls.", standing="suspected"),
        recommendation="Find which call runs into the timeout, shorten it, and answer the user when it is reached.",
        population_sql="SELECT trace_id FROM traces WHERE state = 'ERROR' AND execution_duration_ms IS NOT NULL",
        threshold=thresholds.timeout_share,
        affected_sql=ERRORS_SQL.format(
            condition=f"t.execution_duration_ms >= {value - 500} AND t.execution_duration_ms < {value + 500}"
        ),
        buckets=[pile],
    )


def _is_a_tools(census: Census, thresholds: OperationalThresholds, at_ms: float) -> bool:
    """Whether a tool's failing calls pile up within a few seconds below: its own issue says so."""
    tools = census.find("failure_pile_ms", dimension="tool")
    return any(
        bucket.value is not None and 0 <= at_ms - bucket.value <= 5_000 and piles_up(census, thresholds, "tool", bucket.segment)
        for bucket in tools
    )


def _outliers(census: Census) -> Iterator[Fact]:
    outliers, median = _all(census, "latency_outliers"), census.value("latency_p50")
    longest, p99 = census.value("latency_max"), census.value("latency_p99")
    limit = outlier_limit_ms(median)
    if outliers is None or not outliers.numerator or has_nominal_timing(census):
        return
    if limit is None or median is None or longest is None or p99 is None:
        return
    affected, of = outliers.numerator, outliers.denominator or 0
    times = f", {longest / median:,.0f} times the median" if median > 0 else ""
    yield Fact(
        title=f"Latency reaches {duration(longest)}{times}" if times else f"Latency of OK traces reaches {duration(longest)}",
        sentence=f"{share(affected, of)} OK traces take more than {duration(limit)}; the median is {duration(median)}, "
        f"p99 {duration(p99)}, the slowest {duration(longest)}.",
        impact="Their users waited far longer than others for the answer.",
        affected=affected,
        population=of,
        population_title="OK traces with a duration",
        fingerprint=Fingerprint(population="OK traces", measure="latency_outliers"),
        cause=Cause(text=_where_the_time_goes(census), standing="suspected"),
        recommendation="Look at the longest span of the named traces; set a timeout on it, and a limit on the agent's steps.",
        population_sql="SELECT trace_id FROM traces WHERE state = 'OK' AND execution_duration_ms IS NOT NULL",
        threshold=0.0,
        affected_sql=OUTLIERS_SQL.format(limit=f"{limit:.6f}".rstrip("0").rstrip(".")),
        buckets=[outliers, *census.find("outlier_time", dimension="slowest")],
    )


def _where_the_time_goes(census: Census) -> str:
    found = census.find("outlier_time", dimension="slowest")
    if not found:
        return "Their spans hold no durations."
    names = "; ".join(f"to `{clip(each.segment, NAME_CHARS)}` spans in {each.numerator or 0:,}" for each in found)
    return f"Of {found[0].denominator or 0:,} slow traces, most of the time goes {names}."
