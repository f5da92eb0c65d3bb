"""From a counted fact to the draft of an issue: description, severity, cause, evidence."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from ..insights.models import Bucket, Cause, Census, Evidence, Fingerprint, IssueDraft, Severity
from ..testing.plan import QueryStep
from ..testing.severity import rate_severity
from ..testing.watching import watch_fact
from .advice import names_mechanism
from .messages import message_dimension
from .wording import quoted, share

SHARED = 0.95
"""A message is the mechanism when at least this share of the affected traces has it ..."""
ELSEWHERE = 0.01
"""... and at most this share of the others."""


@dataclass(frozen=True)
class OperationalIssue:
    """A counted fact that is an issue at once."""

    draft: IssueDraft
    """Its evidence names sample traces only; `complete` adds the spans."""
    affected_sql: str
    """A SELECT of `trace_id`, `span_id`, `note`: every affected trace once, ordered by id."""


@dataclass(frozen=True)
class Fact:
    """What a detector found, before it is worded as an issue."""

    title: str
    sentence: str
    """What is observed, with n of N."""
    impact: str
    """What it means for users."""
    _: KW_ONLY
    affected: int
    population: int
    population_title: str
    fingerprint: Fingerprint
    cause: Cause
    recommendation: str
    population_sql: str
    """A SELECT of the traces that it is about."""
    affected_sql: str
    threshold: float
    """The share of them from which it is an issue; 0 where a single trace is one."""
    buckets: Sequence[Bucket]
    """The figures it is read from; the first one's samples are its evidence."""
    answered: int | None = None
    """Affected traces that end OK with a response, where the agent may recover."""
    ended_ok: int = 0
    """Affected traces that end OK: their status hides the failure."""


def draft_issue(fact: Fact, census: Census) -> OperationalIssue:
    """The issue: severity by the share of all traces, one step lower and at most MEDIUM where the agent recovers."""
    severity, because = _rate(fact, census.traces)
    counted = f"Affected: {share(fact.affected, census.traces)} of all traces, counted over all traces."
    draft = IssueDraft(
        title=fact.title,
        description=f"{fact.sentence} {fact.impact} {counted}",
        severity=severity,
        severity_because=because,
        kind="operational",
        source="census",
        affected=fact.affected,
        population=fact.population,
        population_title=fact.population_title,
        estimand="snapshot",
        cause=fact.cause,
        recommendation=fact.recommendation,
        fingerprint=fact.fingerprint,
        evidence=tuple(Evidence(trace_id=trace_id) for trace_id in fact.buckets[0].sample_trace_ids),
        query_ids=tuple(dict.fromkeys(bucket.query_id for bucket in fact.buckets)),
        watch=watch_fact(
            fact.population_sql,
            fact.population_title,
            QueryStep(role="affected", title=fact.fingerprint.measure.replace("_", " "), sql=fact.affected_sql),
            fact.threshold,
        ),
    )
    return OperationalIssue(draft=draft, affected_sql=fact.affected_sql)


def _rate(fact: Fact, traces: int) -> tuple[Severity, str]:
    exact = fact.affected / traces if traces else 0.0
    severity, because = rate_severity(share_low=exact, counted=True)
    if fact.answered is None or 2 * fact.answered <= fact.affected:
        return severity, because
    lowered = list(Severity)[min(max(severity.rank - 1, 0), Severity.MEDIUM.rank)]
    recovers = f"{share(fact.answered, fact.affected)} of the affected traces still end OK with a response"
    return lowered, f"{because} (by itself {severity}); one step lower and at most MEDIUM, because {recovers}"


def messages_of(census: Census, subject: str, segment: str = "") -> list[Bucket]:
    """The commonest error messages of a subject, the commonest first."""
    return census.find("error_message", dimension=message_dimension(subject, segment))


def explain(census: Census, messages: Sequence[Bucket], otherwise: str) -> Cause:
    """The dominating messages with their counts; `confirmed` where one of them is the mechanism."""
    if not messages:
        return Cause(text=f"The spans hold no error message. {otherwise}".strip(), standing="suspected")
    said = "; ".join(f"{quoted(each.segment)} in {each.numerator or 0:,}{_elsewhere(census, each)}" for each in messages)
    text = f"Of {messages[0].denominator or 0:,} affected traces: {said}. {otherwise}".strip()
    confirmed = any(_is_mechanism(census, message) for message in messages)
    return Cause(text=text, standing="confirmed" if confirmed else "suspected")


def _elsewhere(census: Census, message: Bucket) -> str:
    found = census.find("error_message_elsewhere", dimension=message.dimension, segment=message.segment)
    others = sum(bucket.numerator or 0 for bucket in found)
    return f" (and in {others:,} other traces)" if others else ""


def _is_mechanism(census: Census, message: Bucket) -> bool:
    elsewhere = census.find("error_message_elsewhere", dimension=message.dimension, segment=message.segment)
    rare = all((bucket.value or 0.0) <= ELSEWHERE for bucket in elsewhere)
    return names_mechanism(message.segment) and (message.value or 0.0) >= SHARED and rare
