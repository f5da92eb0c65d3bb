"""The cases of all playbook entries, flagged and passed, as one experiment."""

from dataclasses import replace

from analyze_experiment.tests.tools.testing.flagged_cases import FLAGGED
from analyze_experiment.tests.tools.testing.passed_cases import PASSED
from analyze_experiment.tests.tools.testing.tiny_catalog import TinyTrace


def all_cases() -> list[TinyTrace]:
    """Every case, its ids and sessions named after its entry."""
    return [_named(name, trace) for cases in (FLAGGED, PASSED) for name, traces in cases.items() for trace in traces]


def _named(entry: str, trace: TinyTrace) -> TinyTrace:
    session = trace.session and f"{entry}: {trace.session}"
    return replace(trace, trace_id=f"{entry}: {trace.trace_id}", session=session)
