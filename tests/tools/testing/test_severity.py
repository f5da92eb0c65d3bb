"""The severity of an issue, rung by rung."""

import pytest

from analyze_experiment.tools.insights.models import Endings, Severity
from analyze_experiment.tools.testing.severity import rate_consequences, rate_endings, rate_severity


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
    ("share", "floor", "ceiling", "expected"),
    [
        (0.001, Severity.HIGH, None, Severity.HIGH),
        (0.5, Severity.LOW, None, Severity.CRITICAL),
        (0.5, None, Severity.MEDIUM, Severity.MEDIUM),
        (0.001, None, Severity.MEDIUM, Severity.LOW),
        (0.001, Severity.HIGH, Severity.LOW, Severity.LOW),
    ],
    ids=["floor lifts", "low floor does nothing", "ceiling caps", "ceiling lifts nothing", "both"],
)
def test_floor_and_ceiling_are_applied_in_this_order(
    share: float, floor: Severity | None, ceiling: Severity | None, expected: Severity
):
    assert rate_severity(share_low=share, floor=floor, ceiling=ceiling).severity is expected


def test_the_reason_names_every_rule_that_applied():
    rating = rate_severity(share_low=0.0312, floor=Severity.HIGH, ceiling=Severity.LOW)
    assert rating.because == (
        "at least 3.1% of the traces are affected (by itself MEDIUM); this kind of failure is at least HIGH; "
        "it can't be more than LOW"
    )


def test_a_counted_share_is_called_exact():
    assert rate_severity(share_low=0.004, counted=True).because == "0.4% of the traces are affected"


@pytest.mark.parametrize(
    ("wrong", "harmed", "expected"),
    [
        (0.0, 0.0, Severity.LOW),
        (0.0, 0.19, Severity.LOW),
        (0.0, 0.2, Severity.MEDIUM),
        (0.012, 0.19, Severity.MEDIUM),
        (0.009, 0.009, Severity.LOW),
        (0.4, 0.4, Severity.MEDIUM),
    ],
    ids=["harmless however frequent", "misled", "very many misled", "ended wrongly", "ended wrongly once", "a judge alone"],
)
def test_what_was_read_is_as_severe_as_what_came_of_it(wrong: float, harmed: float, expected: Severity):
    assert rate_consequences(wrong_low=wrong, harmed_low=harmed).severity is expected


def test_a_judge_whose_errors_labels_show_may_make_more_than_medium_of_it():
    rated = rate_consequences(wrong_low=0.06, harmed_low=0.06, labelled=True)
    assert rated.severity is Severity.HIGH
    assert "aren't known" not in rated.because


@pytest.mark.parametrize(
    ("own", "rest", "floor", "expected"),
    [
        ((9, 24), (20, 78), None, Severity.LOW),
        ((12, 24), (39, 78), None, Severity.LOW),
        ((12, 24), (30, 78), None, Severity.HIGH),
        ((9, 24), (2, 78), None, Severity.HIGH),
        ((0, 24), (0, 78), Severity.MEDIUM, Severity.MEDIUM),
        ((0, 24), (0, 78), Severity.CRITICAL, Severity.HIGH),
        ((0, 24), (0, 0), None, Severity.LOW),
    ],
    ids=[
        "harm is the exception", "as often as others", "half ended wrongly", "more often than others", "never below its floor",
        "a floor lifts nothing here", "no others were judged",
    ],
)  # fmt: skip
def test_what_was_counted_is_low_where_harm_is_the_exception(
    own: tuple[int, int], rest: tuple[int, int], floor: Severity | None, expected: Severity
):
    endings = Endings(wrong=own[0], judged=own[1], rest_wrong=rest[0], rest_judged=rest[1])
    rated = rate_endings(Severity.HIGH, "24% of the traces are affected", endings, floor=floor)
    assert rated.severity is expected
    assert f"{own[0]} of {own[1]} of its traces that were judged ended wrongly" in rated.because
