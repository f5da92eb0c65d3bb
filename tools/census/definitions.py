"""What each figure of the census counts, in words: the one place where a bucket's name gets its unit and its meaning."""

from typing import NamedTuple

from ..insights.models import Kind, Unit

OUTLIER_RATIO = 10
OUTLIER_FLOOR_MS = 30_000
"""A latency outlier takes more than this, and more than `OUTLIER_RATIO` times the median."""
MIN_TOOL_CALLS = 5
"""Calls from which on a tool's rates and latencies are figures."""
IDENTICAL_CALLS = 3
"""Calls of one tool with the same inputs in one trace that make a repetition."""
MINIMAL_CHARS = 50
PILE_FLOOR_S = 5
"""Failures that pile up at one duration below this are fast failures, not timeouts."""


class Definition(NamedTuple):
    """The unit and meaning of a figure."""

    unit: Unit
    text: str
    kind: Kind = "operational"


def _latencies(prefix: str, unit: Unit, of: str, *statistics: str) -> dict[str, Definition]:
    words = {"p50": "median", "p90": "90th percentile", "p95": "95th percentile", "p99": "99th percentile", "max": "maximum"}
    return {f"{prefix}_{each}": Definition(unit, f"{words.get(each, each)} of {of}") for each in statistics}


OK_TIME = "the execution time of traces that ended OK"
ERROR_TIME = "the execution time of traces that ended in ERROR"
FAILING_CALL = "status ERROR, or an output that reads as an error"
ANSWERED = "end OK with a response"

TRACES = {
    "traces": Definition("count", "traces"),
    "spans": Definition("count", "spans"),
    "trace_state": Definition("share", "traces in this state, of all traces"),
    "trace_error_rate": Definition("share", "traces that ended in ERROR, of those that ended (OK or ERROR)"),
    "error_share": Definition("share", "of the ERROR traces with a duration, those in this band"),
    "silent_error_rate": Definition(
        "share", "traces in which a tool returned an error while its span's status wasn't ERROR, of traces"
    ),
    "time_bucket_ms": Definition("ms", "width of the time buckets; a bucket is named by its first minute, UTC"),
    "timing_nominal": Definition(
        "share",
        "LLM and tool spans that last exactly the commonest duration of their type; from 95% on durations were set, not "
        "measured, and say nothing about speed",
    ),
    **_latencies("latency", "ms", OK_TIME, "mean", "p50", "p90", "p95", "p99", "max"),
    **_latencies("error_latency", "ms", ERROR_TIME, "mean", "p50", "p90", "p95", "p99", "max"),
    "latency_outliers": Definition(
        "share",
        f"OK traces that take more than {OUTLIER_RATIO} times the median and more than {OUTLIER_FLOOR_MS // 1000} s, "
        "of OK traces with a duration",
    ),
    "outlier_time": Definition("share", "latency outliers that spend most of their time in spans of this name, of the outliers"),
    **_latencies("input_tokens", "tokens", "input tokens a trace, where recorded", "mean", "p50", "p95"),
    **_latencies("output_tokens", "tokens", "output tokens a trace, where recorded", "mean", "p50", "p95"),
    **_latencies("total_tokens", "tokens", "tokens a trace, where recorded", "mean", "p50", "p95", "sum"),
    **_latencies("cost", "usd", "the cost of a trace, where recorded", "mean", "p50", "p95", "sum"),
    "sessions": Definition("count", "different sessions"),
    **_latencies("traces_per_session", "ratio", "traces a session", "mean"),
    "traces_per_session_max": Definition("count", "traces of the longest session"),
    "users": Definition("count", "different users"),
    "distinct_requests": Definition("count", "different requests, compared after normalising"),
    "requests_asked_again": Definition("share", "requests that more than one trace asks, of different requests"),
    **_latencies("llm_calls", "count", "LLM calls a trace, of traces with spans", "p50", "p95", "max"),
    **_latencies("trace_tool_calls", "count", "tool calls a trace, of traces with spans", "p50", "p95", "max"),
}

COVERAGE = {
    "without_spans": Definition("share", "traces without a span, of all traces"),
    "without_response": Definition("share", "traces that ended OK without any output, of OK traces"),
    "with_tokens": Definition("share", "traces with recorded tokens, of all traces"),
    "with_cost": Definition("share", "traces with a recorded cost, of all traces"),
    "with_session": Definition("share", "traces with a session, of all traces"),
    "with_user": Definition("share", "traces with a user, of all traces"),
    "with_version": Definition("share", "traces that name the agent's version, of all traces"),
    "with_feedback": Definition("share", "traces with feedback, of all traces"),
}

FAILURES = {
    "ok_with_failed_spans": Definition("share", "OK traces with a failed span below the root, of OK traces"),
    "ok_with_failed_spans_answered": Definition("share", "of the OK traces with a failed span, those with a response"),
    "ok_with_silent_errors": Definition(
        "share", "OK traces in which a tool returned an error while its span's status wasn't ERROR, of OK traces"
    ),
    "ok_with_silent_errors_answered": Definition("share", "of the OK traces with a silent tool error, those with a response"),
    "tools": Definition("count", "different tools"),
    "tool_calls": Definition("count", "calls of the tool"),
    "tool_traces": Definition("share", "traces that call the tool, of all traces"),
    "tool_error_rate": Definition("share", "calls of the tool with status ERROR, of its calls"),
    "tool_silent_error_rate": Definition("share", "calls of the tool that return an error under another status, of its calls"),
    "tool_failure_rate": Definition("share", f"failing calls of the tool ({FAILING_CALL}), of its calls"),
    "tool_failing_traces": Definition(
        "share", f"traces with a failing call of the tool ({FAILING_CALL}), of traces that call it"
    ),
    "tool_ended_ok": Definition("share", "of the traces with a failing call of the tool, those that end OK"),
    "tool_recovered": Definition("share", f"of the traces with a failing call of the tool, those that {ANSWERED}"),
    **_latencies("tool_latency", "ms", "the duration of the tool's calls", "p50", "p95", "max"),
    "repeated_calls": Definition(
        "share", f"traces that call one tool {IDENTICAL_CALLS} times or more with the same inputs, of traces that call it"
    ),
    "identical_calls_max": Definition("count", "most calls of one tool with the same inputs in one trace"),
    "span_error_rate": Definition("share", "traces with a failed span of this name, of traces with a span of this name"),
    "span_error_share": Definition("share", "ERROR traces with a failed span of this name, of ERROR traces"),
    "span_origin_rate": Definition(
        "share",
        "traces with a failed span of this name in which the failure began (no child failed, and it isn't part of a tool's "
        "failing call), of traces with a span of this name",
    ),
    "span_ended_ok": Definition("share", "of the traces in which a failure began in such a span, those that end OK"),
    "span_recovered": Definition("share", f"of the traces in which a failure began in such a span, those that {ANSWERED}"),
    "model_calls": Definition("count", "calls of the model"),
    "model_tokens": Definition("tokens", "tokens of the model's calls, where recorded"),
    "model_error_rate": Definition("share", "calls of the model with status ERROR, of its calls"),
    "model_failing_traces": Definition("share", "traces with a failed call of the model, of traces that call it"),
    "model_ended_ok": Definition("share", "of the traces with a failed call of the model, those that end OK"),
    "model_recovered": Definition("share", f"of the traces with a failed call of the model, those that {ANSWERED}"),
    **_latencies("model_latency", "ms", "the duration of the model's calls", "p50", "p95", "max"),
    "error_message": Definition("share", "of the traces in which it fails, those with this message (ids and times masked)"),
    "error_message_elsewhere": Definition("share", "of the traces in which it doesn't fail, those with this message in any span"),
    "failure_pile_ms": Definition(
        "ms", f"the whole second from {PILE_FLOOR_S} on at which most failures end: of a tool's failing calls, or of ERROR traces"
    ),
    "failure_pile": Definition("share", "failures that last this long, to the second, of failures with a duration"),
    "ok_pile": Definition("share", "successes that last this long, to the second, of successes with a duration"),
}

FEEDBACK = {
    "feedback_coverage": Definition("share", "traces with this feedback, of all traces"),
    "feedback_positive": Definition("share", "traces with a positive value, of traces with a positive or negative one"),
    "feedback_negative": Definition("share", "traces with a negative value, of traces with a positive or negative one"),
    "feedback_mean": Definition("ratio", "mean of the numeric values; their scale isn't known"),
}

_OF_ANSWERED = "of OK traces with a response; a proxy"

QUALITY = {
    "verbosity": Definition(
        "share",
        "OK traces whose response is longer than the 90th percentile, of those whose request is no longer than the 25th "
        "percentile; a proxy",
        "quality",
    ),
    "minimal_responses": Definition("share", f"responses under {MINIMAL_CHARS} characters, {_OF_ANSWERED}", "quality"),
    "empty_responses": Definition(
        "share", "responses without a visible character, of OK traces with an output; a proxy", "quality"
    ),
    "hedging": Definition("share", f"responses with words of doubt (not sure, cannot confirm, ...), {_OF_ANSWERED}", "quality"),
    "apology": Definition("share", f"responses that apologise (sorry, apologies, regret), {_OF_ANSWERED}", "quality"),
    "rushed_processing": Definition(
        "share",
        "OK traces faster than the 10th percentile, of those whose request is longer than the 75th percentile; a proxy, "
        "and not computed where durations weren't measured",
        "quality",
    ),
}

DEFINITIONS: dict[str, Definition] = {**TRACES, **COVERAGE, **FAILURES, **FEEDBACK, **QUALITY}
