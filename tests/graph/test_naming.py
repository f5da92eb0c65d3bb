from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from analyze_experiment.graph.naming import name_analysis

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    focus: tuple[str, ...]
    run_name: str
    name: str


CASES = (
    Case((), "Full Analysis", "Experiment 7 Comprehensive Analysis - 2026-03-02"),
    Case(("why do bookings fail?",), "Error Investigation", "Error Pattern Analysis - concierge"),
    Case(("it became slow last week",), "Latency Analysis", "Latency Investigation - concierge"),
    Case(("are the answers wrong?",), "Quality Review", "Response Quality Analysis - concierge"),
    Case(("refund policy",), "Refund Policy Investigation", "refund policy Analysis - concierge"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.run_name)
def test_an_analysis_is_named_by_its_focus(case: Case) -> None:
    named = name_analysis("7", "concierge", case.focus, BEGAN)
    assert (named.run_name, named.name) == (case.run_name, case.name)


def test_a_run_name_has_at_most_four_words() -> None:
    named = name_analysis("7", "concierge", ("one two three four five six",), BEGAN)
    assert len(named.run_name.split()) <= 4
