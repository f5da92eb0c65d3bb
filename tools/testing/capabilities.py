"""What an experiment's traces hold, by its census: some plans make no sense without sessions, versions, feedback, ..."""

from collections.abc import Callable

from ..census.timing import has_nominal_timing
from ..insights.models import Census
from .playbooks import Capability


def missing_capabilities(census: Census) -> dict[Capability, str]:
    """The capabilities that the traces lack, each with the reason."""
    return {capability: reason for capability, (holds, reason) in CHECKS.items() if not holds(census)}


def _counted(name: str, at_least: int = 1) -> Callable[[Census], bool]:
    return lambda census: (census.value(name) or 0) >= at_least


def _covered(name: str) -> Callable[[Census], bool]:
    return lambda census: any(bucket.numerator for bucket in census.find(name))


def _segments(dimension: str, at_least: int) -> Callable[[Census], bool]:
    return lambda census: len({bucket.segment for bucket in census.buckets if bucket.dimension == dimension}) >= at_least


def _measured(census: Census) -> bool:
    return census.value("latency_p50") is not None and not has_nominal_timing(census)


CHECKS: dict[Capability, tuple[Callable[[Census], bool], str]] = {
    "sessions": (_covered("with_session"), "no trace names its session"),
    "users": (_covered("with_user"), "no trace names its user"),
    "versions": (_segments("version", 2), "the traces don't name two versions of the agent"),
    "feedback": (_covered("feedback_coverage"), "no trace has feedback"),
    "measured_durations": (_measured, "durations weren't measured"),
    "tokens": (_covered("with_tokens"), "no trace has its tokens recorded"),
    "tools": (_counted("tools"), "no trace calls a tool"),
    "models": (_segments("model", 1), "no span names its model"),
    "repeated_requests": (_covered("requests_asked_again"), "no request is asked twice"),
}
"""Per capability how the census shows it, and what is said where it doesn't."""
