"""The severity of an issue, rung by rung."""

import pytest

from analyze_experiment.tools.insights.models import Interval, Severity
from analyze_experiment.tools.testing.severity import rate_consequences, rate_severity

SAME = Interval(low=0.8, high=1.4)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, Severity.LOW),
        (0.0099, Severity.LOW),
        (0.01, Severity.MEDIUM),
        (0.0499, Severity.MEDIUM),
        (0.05, Severity.HIGH),
        (0.1999, Severity.HIGH),
        (0.2, Severity.CRITICAL),
        (1.0, Severity.CRITICAL),
    ],
)
def test_severity_rises_with_the_share(share: float, expected: Severity):
    assert rate_severity(share_low=share).severity is expected


@pytest.mark.parametrize(
    ("share", "floor", "ceiling", "outcomes", "expected"),
    [
        (0.001, Severity.HIGH, None, None, Severity.HIGH),
        (0.5, Severity.LOW, None, None, Severity.CRITICAL),
        (0.5, None, Severity.MEDIUM, None, Severity.MEDIUM),
        (0.001, None, Severity.MEDIUM, None, Severity.LOW),
        (0.1, None, None, SAME, Severity.MEDIUM),
        (0.001, None, None, SAME, Severity.LOW),
        (0.001, Severity.CRITICAL, None, SAME, Severity.HIGH),
        (0.1, None, None, Interval(low=0.8, high=1.5), Severity.HIGH),
        (0.1, None, None, Interval(low=1.01, high=1.4), Severity.HIGH),
        (0.1, None, None, Interval(low=0.5, high=0.9), Severity.HIGH),
        (0.5, None, Severity.LOW, SAME, Severity.LOW),
    ],
    ids=[
        "floor lifts", "low floor does nothing", "ceiling caps", "ceiling lifts nothing", "same outcomes", "nothing below low",
        "one step below the floor", "not ruled out", "worse", "better is another matter", "all at once",
    ],
)  # fmt: skip
def test_floor_outcomes_and_ceiling_are_applied_in_this_order(
    share: float, floor: Severity | None, ceiling: Severity | None, outcomes: Interval | None, expected: Severity
):
    assert rate_severity(share_low=share, floor=floor, ceiling=ceiling, outcomes=outcomes).severity is expected


def test_the_reason_names_every_rule_that_applied():
    rating = rate_severity(share_low=0.0312, floor=Severity.HIGH, ceiling=Severity.LOW, outcomes=SAME)
    assert rating.because == (
        "at least 3.1% of the traces are affected (by itself MEDIUM); this kind of failure is at least HIGH; "
        "the outcomes of affected traces are no worse than others': MEDIUM; it can't be more than LOW"
    )


def test_a_counted_share_is_called_exact():
    assert rate_severity(share_low=0.004, counted=True).because == "0.4% of the traces are affected"


@pytest.mark.parametrize(
    ("wrong", "harmed", "floor", "ceiling", "expected"),
    [
        (0.0, 0.0, None, None, Severity.LOW),
        (0.0, 0.04, None, None, Severity.LOW),
        (0.0, 0.06, None, None, Severity.MEDIUM),
        (0.012, 0.012, None, None, Severity.MEDIUM),
        (0.4, 0.4, None, None, Severity.MEDIUM),
        (0.0, 0.0, Severity.MEDIUM, None, Severity.MEDIUM),
        (0.4, 0.4, None, Severity.LOW, Severity.LOW),
    ],
    ids=[
        "harmless however frequent", "some misled", "many misled", "some ended wrongly", "a judge alone", "floor", "ceiling",
    ],
)  # fmt: skip
def test_what_was_read_is_as_severe_as_what_came_of_it(
    wrong: float, harmed: float, floor: Severity | None, ceiling: Severity | None, expected: Severity
):
    assert rate_consequences(wrong_low=wrong, harmed_low=harmed, floor=floor, ceiling=ceiling).severity is expected
