"""Verdicts: what each kind of decision needs, and what it says."""

import pytest

from analyze_experiment.tests.tools.testing.made_entries import (
    INCONCLUSIVE,
    REJECTED,
    VALIDATED,
    contrast_entry,
    exact_entry,
    only,
    plan_of,
    rate_entry,
    slices_entry,
)
from analyze_experiment.tools.insights.models import HypothesisStatus
from analyze_experiment.tools.testing.families import Entry, close_families
from analyze_experiment.tools.testing.plan import (
    Contrast,
    Count,
    Rate,
    Shift,
)


@pytest.mark.parametrize(
    ("affected", "unreadable", "status", "reason"),
    [
        (5, 0, VALIDATED, "5 of 9,310 traces, at least 5 asked for."),
        (3, 1, REJECTED, "3 of 9,310 traces and 1 unreadable, at least 5 asked for."),
        (3, 2, INCONCLUSIVE, "3 of 9,310 traces and 2 unreadable that could be affected, at least 5 asked for."),
    ],
)
def test_a_count_is_decided_exactly(affected: int, unreadable: int, status: HypothesisStatus, reason: str):
    verdict = only(exact_entry(Count(at_least=5, threshold_source="playbook"), affected, 9_310, unreadable))
    assert (verdict.status, verdict.reason) == (status, reason)
    assert (verdict.batch, verdict.p_adjusted, verdict.level) == (0, None, None)


@pytest.mark.parametrize(
    ("direction", "affected", "unreadable", "status"),
    [
        ("above", 21, 0, VALIDATED),
        ("above", 20, 0, REJECTED),
        ("above", 15, 5, REJECTED),
        ("above", 15, 6, INCONCLUSIVE),
        ("below", 19, 0, VALIDATED),
        ("below", 20, 0, REJECTED),
        ("below", 15, 5, INCONCLUSIVE),
        ("below", 15, 4, VALIDATED),
    ],
)
def test_a_share_of_the_snapshot_is_decided_exactly(direction: str, affected: int, unreadable: int, status: HypothesisStatus):
    rate = Rate.model_validate({"threshold": 0.02, "threshold_source": "user", "direction": direction})
    verdict = only(exact_entry(rate, affected, 1_000, unreadable))
    assert verdict.status is status
    assert "exact here" in verdict.reason


def test_a_share_of_no_traces_is_open():
    assert only(exact_entry(Rate(threshold=0.02, threshold_source="user"), 0, 0)).status is INCONCLUSIVE


def test_a_rate_above_its_threshold_is_validated_in_plain_words():
    verdict = only(rate_entry(412, 9_310))
    assert verdict.status is VALIDATED
    assert verdict.reason == (
        "412 of 9,310 traces (4.4%, 95% CI 4.0% to 4.9%) against a threshold of 2%; "
        "adjusted p below 0.0001 at level 0.025 (1 test)."
    )
    assert (verdict.batch, verdict.level) == (1, 0.025)


@pytest.mark.parametrize(
    ("affected", "traces", "options", "status", "words"),
    [
        (15, 1_000, {}, REJECTED, "near the threshold; 4% or more, where it would matter, is ruled out."),
        (25, 1_000, {}, REJECTED, "4% or more"),
        (25, 1_000, {"material": 0.03}, INCONCLUSIVE, "neither show it nor rule out 3% or more"),
        (35, 1_000, {}, VALIDATED, "adjusted p"),
        (3, 40, {}, INCONCLUSIVE, "neither show it nor rule out 4% or more"),
        (2, 20, {"threshold": 0.005}, INCONCLUSIVE, "It takes 3 affected traces"),
        (5, 1_000, {"direction": "below"}, VALIDATED, "against a threshold of 2%"),
        (0, 1_000, {"direction": "below"}, VALIDATED, "0 of 1,000 traces (0.0%"),
        (18, 1_000, {"direction": "below"}, INCONCLUSIVE, "rule out 2% or less"),
        (40, 1_000, {"direction": "below"}, REJECTED, "The whole interval is at or above 2%."),
        (
            25,
            1_000,
            {"direction": "below", "material": 0.01},
            REJECTED,
            "near the threshold; 1% or less, where it would matter, is ruled out.",
        ),
        (13, 20, {"threshold": 0.6}, INCONCLUSIVE, "rule out 80% or more"),
        (4, 20, {"threshold": 0.6}, REJECTED, "The whole interval is at or below 60%."),
    ],
)
def test_rates_are_validated_rejected_or_left_open(
    affected: int, traces: int, options: dict[str, object], status: HypothesisStatus, words: str
):
    verdict = only(rate_entry(affected, traces, asks=options))
    assert verdict.status is status
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("ratio", "low", "high", "p", "status", "words"),
    [
        (
            4.0,
            2.1,
            7.6,
            0.0003,
            VALIDATED,
            "4 times as often (95% CI 2.1 to 7.6) against a threshold of 1.5 times; adjusted p 0.0003",
        ),
        (4.0, 0.8, 20.0, 0.2, INCONCLUSIVE, "This much data would have shown a ratio of 1.9."),
        (1.3, 1.1, 1.6, 0.0001, INCONCLUSIVE, "would have shown"),
        (1.1, 0.9, 1.4, 0.3, REJECTED, "The whole interval is below 1.5 times."),
        (1.3, 1.2, 1.45, 0.0001, REJECTED, "below 1.5 times"),
    ],
)
def test_ratios_are_validated_rejected_or_left_open(
    ratio: float, low: float, high: float, p: float, status: HypothesisStatus, words: str
):
    verdict = only(contrast_entry(ratio, low, high, p))
    assert verdict.status is status
    assert words in verdict.reason
    assert verdict.reason.startswith("version 2 12 of 100 (12.0%), the rest 30 of 1,000 (3.0%): ")


def test_a_shift_speaks_of_quantiles():
    shift = Shift(quantile="p95", ratio=1.5, threshold_source="playbook")
    verdict = only(contrast_entry(2.0, 1.6, 2.5, 0.0003, decision=shift))
    assert verdict.status is VALIDATED
    assert verdict.reason.startswith("p95 812 (version 2, 100 traces), p95 406 (the rest, 1,000 traces): 2 times as high (95% CI")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (rate_entry(10, 19), "19 independent clusters, at least 20 needed"),
        (rate_entry(10, 100, clusters=19), "19 independent clusters, at least 20 needed"),
        (
            contrast_entry(4, 2, 7, 0.001)._replace(plan=plan_of(Contrast(threshold_source="user"), min_n=91)),
            "90 independent clusters, at least 91 needed",
        ),
        (slices_entry(tested=0), "no cell has enough traces"),
    ],
)
def test_too_little_data_decides_nothing_and_says_why(entry: Entry, words: str):
    verdict = only(entry)
    assert verdict.status is INCONCLUSIVE
    assert verdict.reason.startswith("Nothing decided: ")
    assert words in verdict.reason
    assert (verdict.batch, verdict.p_adjusted) == (0, None)


def test_what_is_not_eligible_is_not_among_the_tests():
    refused = contrast_entry(4, 2, 7, 0.9, name="refused")
    reason = "4.0 affected traces expected in the smaller arm, at least 5 needed"
    ineligible = refused.result.model_copy(
        update={"eligible": False, "ineligible_because": reason, "p_value": None, "value": None, "interval": None}
    )
    verdicts = close_families([refused._replace(result=ineligible), rate_entry(60, 1_000, name="h", p=0.02)], batch=1)
    assert verdicts["refused"].reason == f"Nothing decided: {reason}."
    assert verdicts["h"].p_adjusted == 0.02
    assert "(1 test)" in verdicts["h"].reason


def test_an_eligible_result_without_a_p_value_is_a_mistake():
    entry = contrast_entry(4, 2, 7, 0.9)
    with pytest.raises(ValueError, match="'h' is eligible"):
        only(entry._replace(result=entry.result.model_copy(update={"p_value": None})))
