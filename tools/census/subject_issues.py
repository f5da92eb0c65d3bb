"""Issues about what fails below a trace: tools, models and providers, other spans, and failures that OK traces hide."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..clipping import NAME_CHARS, clip
from ..insights.models import Bucket, Census, Fingerprint
from ..shares import part_of
from .advice import SHOW_FAILURES, advise
from .drafting import Fact, explain, messages_of
from .subjects import Subject, affected_sql, present_sql
from .thresholds import OperationalThresholds
from .timing import has_nominal_timing
from .wording import duration, share

HIDDEN_SQL = """
SELECT s.trace_id, min_by(s.span_id, s.position) AS span_id,
       min_by(concat(s.name, ': ', substring(coalesce(s.error_text, ''), 1, 300)), s.position) AS note
FROM spans AS s JOIN traces AS t ON t.trace_id = s.trace_id
WHERE t.state = 'OK' AND {condition} GROUP BY s.trace_id ORDER BY s.trace_id
"""


@dataclass(frozen=True)
class Hidden:
    """A kind of failure that an OK trace can hide."""

    measure: str
    """The figure that counts it."""
    subject: str
    """Whose messages explain it."""
    title: str
    what: str
    condition: str
    """SQL for the spans that fail."""
    recommendation: str


FAILED_SPANS = Hidden(
    measure="ok_with_failed_spans",
    subject="hidden",
    title="{} of OK traces contain failed spans",
    what="contain a span with status ERROR below the root",
    condition="s.status_code = 'ERROR' AND s.parent_span_id IS NOT NULL",
    recommendation="Decide for each failing step whether the trace may still be OK; end the root span with ERROR where not.",
)
SILENT_ERRORS = Hidden(
    measure="ok_with_silent_errors",
    subject="silent",
    title="Tool errors unflagged in {} of OK traces",
    what="contain a tool call that returns an error although its span's status isn't ERROR",
    condition="s.silent_error",
    recommendation=SHOW_FAILURES,
)


def find_subject_facts(census: Census, thresholds: OperationalThresholds) -> list[Fact]:
    """Tools, models, spans; then what OK traces hide, where that isn't one of those over again."""
    tools = list(_tools(census, thresholds))
    others = [*_models(census, thresholds), *_spans(census, thresholds)]
    hidden = [
        *_hidden(census, thresholds, FAILED_SPANS, _most_covered([*tools, *others])),
        *_hidden(census, thresholds, SILENT_ERRORS, _most_covered(tools)),
    ]
    return [*tools, *others, *hidden]


def _most_covered(facts: Sequence[Fact]) -> int:
    return max((fact.ended_ok for fact in facts), default=0)


def _one(census: Census, name: str, dimension: str, segment: str) -> Bucket | None:
    return next(iter(census.find(name, dimension=dimension, segment=segment)), None)


def _reached(bucket: Bucket | None, threshold: float) -> bool:
    return bucket is not None and bucket.value is not None and bucket.value >= threshold


def _numerator(bucket: Bucket | None) -> int:
    return 0 if bucket is None else bucket.numerator or 0


def _tools(census: Census, thresholds: OperationalThresholds) -> Iterator[Fact]:
    for calls in census.find("tool_failure_rate", dimension="tool"):
        traces = _one(census, "tool_failing_traces", "tool", calls.segment)
        if _reached(calls, thresholds.tool_failure_rate) and traces and _numerator(traces) >= thresholds.min_traces:
            yield _tool(census, thresholds, calls, traces)


def _tool(census: Census, thresholds: OperationalThresholds, calls: Bucket, traces: Bucket) -> Fact:
    tool, failing, of = clip(calls.segment, NAME_CHARS), _numerator(calls), calls.denominator or 0
    silent = _numerator(_one(census, "tool_silent_error_rate", "tool", calls.segment))
    answered = _one(census, "tool_recovered", "tool", calls.segment)
    how = "returns errors" if silent == failing else "fails"
    messages = messages_of(census, "tool", calls.segment)
    advice = advise([message.segment for message in messages], f"`{tool}`")
    return Fact(
        title=f"{tool} tool {how} in {part_of(failing, of)} of {'calls' if silent == failing else 'its calls'}",
        sentence=f"{share(failing, of)} calls of `{tool}` {_how_it_fails(failing - silent, silent)}.",
        impact=_impact(f"the agent works without what `{tool}` should have done", traces, answered),
        affected=_numerator(traces),
        population=traces.denominator or 0,
        population_title=f"traces that call `{tool}`",
        fingerprint=Fingerprint(population="traces that call the tool", measure="tool_failure_rate", segment=calls.segment),
        cause=explain(census, messages, _pile_sentence(census, thresholds, calls.segment)),
        recommendation=f"{advice} {SHOW_FAILURES}" if silent else advice,
        population_sql=present_sql("tool", calls.segment),
        affected_sql=affected_sql("tool", calls.segment),
        threshold=thresholds.tool_failure_rate,
        buckets=[bucket for bucket in (traces, calls, answered, *messages) if bucket is not None],
        answered=_numerator(answered),
        ended_ok=_numerator(_one(census, "tool_ended_ok", "tool", calls.segment)),
    )


def _how_it_fails(openly: int, silently: int) -> str:
    if not silently:
        return "end with status ERROR"
    if not openly:
        return "return an error although their span's status isn't ERROR"
    return f"fail: {openly:,} with status ERROR, {silently:,} return an error under another status"


def _impact(meaning: str, traces: Bucket, answered: Bucket | None) -> str:
    affected, ended = _numerator(traces), _numerator(answered)
    some = f"{ended:,} of the {affected:,} still {'ends' if ended == 1 else 'end'}"
    how_many = {0: "none of them ends", affected: "all of them still end"}.get(ended, some)
    return f"In these traces {meaning}; {how_many} OK with a response."


def piles_up(census: Census, thresholds: OperationalThresholds, subject: str, segment: str) -> Bucket | None:
    """The pile-up of a subject's failures at one duration, where it is one and durations were measured."""
    pile, ok = _one(census, "failure_pile", subject, segment), _one(census, "ok_pile", subject, segment)
    enough = _reached(pile, thresholds.timeout_share) and _numerator(pile) >= thresholds.min_traces
    if pile is None or not enough or has_nominal_timing(census):
        return None
    return pile if ok is None or 3 * (ok.value or 0.0) <= (pile.value or 0.0) else None


def _pile_sentence(census: Census, thresholds: OperationalThresholds, tool: str) -> str:
    pile, at = piles_up(census, thresholds, "tool", tool), _one(census, "failure_pile_ms", "tool", tool)
    if pile is None or at is None:
        return ""
    of = share(_numerator(pile), pile.denominator or 0)
    return f"{of} failing calls end after {duration(at.value or 0.0)}, to the second: a timeout."


def _models(census: Census, thresholds: OperationalThresholds) -> Iterator[Fact]:
    models = list(_callees(census, thresholds, "model"))
    yield from models or _callees(census, thresholds, "provider")


def _callees(census: Census, thresholds: OperationalThresholds, dimension: str) -> Iterator[Fact]:
    for calls in census.find("model_error_rate", dimension=dimension):
        traces = _one(census, "model_failing_traces", dimension, calls.segment)
        if _reached(calls, thresholds.model_failure_rate) and traces and _numerator(traces) >= thresholds.min_traces:
            yield _callee(census, thresholds, calls, traces)


def _callee(census: Census, thresholds: OperationalThresholds, calls: Bucket, traces: Bucket) -> Fact:
    dimension: Subject = "model" if calls.dimension == "model" else "provider"
    model, failing, of = clip(calls.segment, NAME_CHARS), _numerator(calls), calls.denominator or 0
    callee = model if dimension == "model" else f"provider {model}"
    answered = _one(census, "model_recovered", dimension, calls.segment)
    messages = messages_of(census, dimension, calls.segment)
    return Fact(
        title=f"{part_of(failing, of)} of calls to {callee} fail",
        sentence=f"{share(failing, of)} calls of the {dimension} `{model}` end with status ERROR.",
        impact=_impact("a step of the agent has no answer from its model, or a late one", traces, answered),
        affected=_numerator(traces),
        population=traces.denominator or 0,
        population_title=f"traces that call `{model}`",
        fingerprint=Fingerprint(
            population=f"traces that call the {dimension}", measure="model_error_rate", segment=calls.segment
        ),
        cause=explain(census, messages, ""),
        recommendation=advise([message.segment for message in messages], f"`{model}`"),
        population_sql=present_sql(dimension, calls.segment),
        affected_sql=affected_sql(dimension, calls.segment),
        threshold=thresholds.model_failure_rate,
        buckets=[bucket for bucket in (traces, calls, answered, *messages) if bucket is not None],
        answered=_numerator(answered),
        ended_ok=_numerator(_one(census, "model_ended_ok", dimension, calls.segment)),
    )


def _spans(census: Census, thresholds: OperationalThresholds) -> Iterator[Fact]:
    for traces in census.find("span_origin_rate", dimension="span"):
        if not _reached(traces, thresholds.span_failure_rate) or _numerator(traces) < thresholds.min_traces:
            continue
        span, affected, of = clip(traces.segment, NAME_CHARS), _numerator(traces), traces.denominator or 0
        answered = _one(census, "span_recovered", "span", traces.segment)
        messages = messages_of(census, "span", traces.segment)
        yield Fact(
            title=f"{span} spans fail in {part_of(affected, of)} of their traces",
            sentence=f"In {share(affected, of)} traces with a `{span}` span, a failure begins in it.",
            impact=_impact(f"the agent works without the result of `{span}`", traces, answered),
            affected=affected,
            population=of,
            population_title=f"traces with a `{span}` span",
            fingerprint=Fingerprint(population="traces with the span", measure="span_origin_rate", segment=traces.segment),
            cause=explain(census, messages, ""),
            recommendation=advise([message.segment for message in messages], f"`{span}`"),
            population_sql=present_sql("span", traces.segment),
            affected_sql=affected_sql("span", traces.segment),
            threshold=thresholds.span_failure_rate,
            buckets=[bucket for bucket in (traces, answered, *messages) if bucket is not None],
            answered=_numerator(answered),
            ended_ok=_numerator(_one(census, "span_ended_ok", "span", traces.segment)),
        )


def _hidden(census: Census, thresholds: OperationalThresholds, kind: Hidden, covered: int) -> Iterator[Fact]:
    traces, answered = _one(census, kind.measure, "all", ""), _one(census, f"{kind.measure}_answered", "all", "")
    affected = _numerator(traces)
    enough = _reached(traces, thresholds.hidden_failure_rate) and affected >= thresholds.min_traces
    if traces is None or not enough or covered >= thresholds.covered_share * affected:
        return
    of, messages = traces.denominator or 0, messages_of(census, kind.subject)
    yield Fact(
        title=kind.title.format(part_of(affected, of)),
        sentence=f"{share(affected, of)} OK traces {kind.what}.",
        impact=_impact("something failed that the trace's status doesn't show", traces, answered),
        affected=affected,
        population=of,
        population_title="OK traces",
        fingerprint=Fingerprint(population="OK traces", measure=kind.measure),
        cause=explain(census, messages, ""),
        recommendation=kind.recommendation,
        population_sql="SELECT trace_id FROM traces WHERE state = 'OK'",
        affected_sql=HIDDEN_SQL.format(condition=kind.condition),
        threshold=thresholds.hidden_failure_rate,
        buckets=[bucket for bucket in (traces, answered, *messages) if bucket is not None],
        answered=_numerator(answered),
    )
