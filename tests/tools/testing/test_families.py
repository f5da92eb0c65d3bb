"""Verdicts: what each kind of decision needs, and the error of a whole closing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyze_experiment.tools.insights.models import Arm, Cell, HypothesisStatus, Interval, TestResult
from analyze_experiment.tools.testing.families import Entry, batch_level, close_families, family_levels
from analyze_experiment.tools.testing.plan import (
    Contrast,
    Count,
    Decision,
    Plan,
    QueryStep,
    Rate,
    Role,
    Shift,
    SliceAttribute,
    SliceOutcome,
    Slices,
)
from analyze_experiment.tools.testing.statistics import ClusterTable, estimate_contrast, estimate_rate

VALIDATED, REJECTED, INCONCLUSIVE = HypothesisStatus.VALIDATED, HypothesisStatus.REJECTED, HypothesisStatus.INCONCLUSIVE
ROLES: dict[str, tuple[Role, ...]] = {"contrast": ("affected", "exposed"), "shift": ("measure", "exposed"), "slices": ()}


def plan_of(decision: Decision, *, estimand: str = "process", min_n: int = 20) -> Plan:
    steps = tuple(QueryStep(role=role, title=role, sql="SELECT 1") for role in ROLES.get(decision.kind, ("affected",)))
    return Plan.model_validate({"estimand": estimand, "steps": steps, "decision": decision, "min_n": min_n})


def rate_entry(
    affected: int,
    traces: int,
    *,
    name: str = "h",
    p: float | None = None,
    clusters: int | None = None,
    asks: dict[str, object] | None = None,
) -> Entry:
    """A rate of single traces, as it is estimated; `p` replaces its p-value."""
    rate = Rate.model_validate({"threshold": 0.02, "threshold_source": "playbook"} | (asks or {}))
    found = estimate_rate(
        [1] * affected + [0] * (traces - affected), [1] * traces, threshold=rate.threshold, direction=rate.direction
    )
    result = TestResult(
        decision="rate",
        estimand="process",
        family="P",
        population=traces,
        affected=affected,
        clusters=traces if clusters is None else clusters,
        value=found.share,
        interval=Interval(low=found.low, high=found.high),
        threshold=rate.threshold,
        p_value=found.p_value if p is None else p,
    )
    return Entry(name, plan_of(rate), result)


def contrast_entry(
    ratio: float, low: float, high: float, p: float, *, name: str = "h", decision: Contrast | Shift | None = None
) -> Entry:
    asked = decision or Contrast(ratio=1.5, threshold_source="playbook")
    shares = (0.12, 0.03) if asked.kind == "contrast" else (812.0, 406.0)
    result = TestResult(
        decision=asked.kind,
        estimand="process",
        family="P",
        population=1_100,
        affected=12,
        clusters=90,
        value=ratio,
        interval=Interval(low=low, high=high),
        threshold=asked.ratio,
        p_value=p,
        arms=(
            Arm(title="version 2", traces=100, affected=12, clusters=30, value=shares[0]),
            Arm(title="the rest", traces=1_000, affected=30, clusters=60, value=shares[1]),
        ),
        smallest_ratio=1.9,
    )
    return Entry(name, plan_of(asked), result)


def exact_entry(decision: Count | Rate, affected: int, population: int, unreadable: int = 0) -> Entry:
    result = TestResult(
        decision=decision.kind,
        estimand="snapshot",
        family="none",
        population=population,
        affected=affected,
        unreadable=unreadable,
        clusters=3,
        value=affected / population if population else None,
        threshold=0.0,
    )
    return Entry("h", plan_of(decision, estimand="snapshot"), result)


def cell_of(p: float, *, ratio: float = 3.0, region: str = "eu") -> Cell:
    return Cell(
        outcome="failed",
        outcome_title="failed answers",
        segment={"region": region},
        traces=100,
        affected=12,
        rest_traces=1_000,
        rest_affected=40,
        clusters=60,
        ratio=ratio,
        interval=Interval(low=ratio / 1.5, high=ratio * 1.5),
        p_adjusted=p,
    )


def slices_entry(*cells: Cell, name: str = "h", tested: int = 412) -> Entry:
    decision = Slices(
        outcomes=(SliceOutcome(name="failed", title="failed answers", sql="SELECT 1"),),
        attributes=(SliceAttribute(name="region", title="region", sql="SELECT 1"),),
        threshold_source="configuration",
    )
    result = TestResult(
        decision="slices",
        estimand="process",
        family="S",
        population=1_100,
        clusters=90,
        value=1.8,
        p_value=min((cell.p_adjusted for cell in cells), default=0.3),
        threshold=decision.ratio,
        cells=cells,
        cells_tested=tested,
    )
    return Entry(name, plan_of(decision), result)


def only(entry: Entry, *, batch: int = 1):
    return close_families([entry], batch=batch)[entry.hypothesis_id]


# Levels


def test_the_first_closing_has_five_percent_and_all_later_ones_less_than_two_more():
    assert batch_level(1) == 0.05
    assert batch_level(2) == pytest.approx(0.05 * 6 / (np.pi**2 * 4))
    assert sum(batch_level(batch) for batch in range(2, 10_000)) < 0.02
    with pytest.raises(ValueError, match="from 1"):
        batch_level(0)


def test_families_share_the_level_of_their_closing():
    assert family_levels(1) == (0.025, 0.025, 0.0)
    assert family_levels(1, with_model=True) == pytest.approx((0.015, 0.015, 0.02))
    assert sum(family_levels(3, with_model=True)) == pytest.approx(batch_level(3))


# Exact decisions


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


# Rates of the process


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


# Ratios


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


# Too little data


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


# Families


def test_planned_tests_are_adjusted_together_by_benjamini_and_hochberg():
    p_values = [0.001, 0.012, 0.018, 0.03, 0.5]
    verdicts = close_families([rate_entry(60, 1_000, name=f"h{place}", p=p) for place, p in enumerate(p_values)], batch=1)
    assert [verdicts[f"h{place}"].p_adjusted for place in range(5)] == pytest.approx([0.005, 0.03, 0.03, 0.0375, 0.5])
    assert [verdict.status for verdict in verdicts.values()] == [VALIDATED] + [INCONCLUSIVE] * 4


def test_later_closings_ask_for_more():
    entry = rate_entry(60, 1_000, p=0.01)
    assert only(entry).status is VALIDATED
    later = only(entry, batch=2)
    assert (later.status, later.batch, later.level) == (INCONCLUSIVE, 2, pytest.approx(batch_level(2) / 2))


def test_verdicts_come_in_the_order_of_the_entries():
    entries = [
        rate_entry(60, 1_000, name="z"),
        exact_entry(Count(at_least=1, threshold_source="user"), 1, 9),
        slices_entry(name="a"),
    ]
    assert list(close_families(entries, batch=1)) == ["z", "h", "a"]
    assert close_families([], batch=1) == {}


def test_validated_rates_get_the_interval_that_their_selection_asks_for():
    entries = [rate_entry(60, 1_000, name="found"), *(rate_entry(25, 1_000, name=f"h{place}") for place in range(3))]
    verdicts = close_families(entries, batch=1)
    affected, sizes = [1] * 60 + [0] * 940, [1] * 1_000
    expected = estimate_rate(affected, sizes, threshold=0.02, level=1 - 0.05 / 4)
    interval = verdicts["found"].interval
    assert interval is not None
    assert interval.level == pytest.approx(1 - 0.05 / 4)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert verdicts["h0"].interval is None


# Slices


def test_a_slice_search_finds_the_cells_below_its_level_and_above_its_ratio():
    verdict = only(
        slices_entry(cell_of(0.0001), cell_of(0.02, region="us"), cell_of(0.03, region="asia"), cell_of(0.001, ratio=1.9))
    )
    assert verdict.status is VALIDATED
    assert [cell.segment["region"] for cell in verdict.cells] == ["eu", "us"]
    assert verdict.reason == (
        "failed answers where region = eu: 12 of 100 against 40 of 1,000, 3 times as often (adjusted p 0.0001); "
        "failed answers where region = us: 12 of 100 against 40 of 1,000, 3 times as often (adjusted p 0.02). "
        "412 cells tested together at level 0.025."
    )
    assert (verdict.p_adjusted, verdict.level) == (0.0001, 0.025)


def test_found_cells_get_wider_intervals():
    verdict = only(slices_entry(cell_of(0.0001), tested=100))
    [cell] = verdict.cells
    assert cell.interval.level == pytest.approx(1 - 0.05 / 100)
    assert cell.interval.low < cell_of(0.0001).interval.low < cell_of(0.0001).interval.high < cell.interval.high
    assert cell.interval.low * cell.interval.high == pytest.approx(9.0)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (slices_entry(), "412 cells tested. The nearest is 1.8 times as affected (adjusted p 0.3)."),
        (slices_entry(cell_of(0.04)), "The nearest: failed answers where region = eu: 12 of 100"),
    ],
)
def test_a_slice_search_without_a_find_is_open_never_rejected(entry: Entry, words: str):
    verdict = only(entry)
    assert (verdict.status, verdict.cells) == (INCONCLUSIVE, ())
    assert words in verdict.reason


def test_several_slice_searches_share_their_level():
    verdicts = close_families([slices_entry(cell_of(0.02), name="a"), slices_entry(cell_of(0.01), name="b")], batch=1)
    assert (verdicts["a"].status, verdicts["b"].status) == (INCONCLUSIVE, VALIDATED)
    assert verdicts["a"].level == 0.0125


def test_many_finds_are_named_in_part():
    verdict = only(slices_entry(*(cell_of(0.001, region=f"r{place}") for place in range(5))))
    assert "; and 2 more. 412 cells" in verdict.reason


# Errors of whole closings


def test_where_every_rate_is_at_its_threshold_a_closing_rarely_validates_any():
    rng = np.random.default_rng(31)
    wrong = 0
    for _ in range(60):
        entries = [
            rate_entry(int(rng.binomial(400, 0.05)), 400, name=f"h{place}", asks={"threshold": 0.05}) for place in range(15)
        ]
        wrong += any(verdict.status is VALIDATED for verdict in close_families(entries, batch=1).values())
    assert wrong / 60 <= 0.07


def test_among_true_findings_few_are_false():
    rng = np.random.default_rng(32)
    false, found = 0, 0
    for _ in range(40):
        rates = [0.05] * 12 + [0.12] * 8
        entries = [
            rate_entry(int(rng.binomial(400, rate)), 400, name=f"{rate}-{n}", asks={"threshold": 0.05})
            for n, rate in enumerate(rates)
        ]
        validated = [name for name, verdict in close_families(entries, batch=1).items() if verdict.status is VALIDATED]
        found += len(validated)
        false += sum(name.startswith("0.05") for name in validated)
    assert found >= 0.9 * 40 * 8
    assert false / found <= 0.05


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12), st.integers(1, 4))
def test_a_smaller_p_is_never_worse_off(p_values: list[float], batch: int):
    entries = [rate_entry(60, 1_000, name=str(place), p=p) for place, p in enumerate(p_values)]
    verdicts = close_families(entries, batch=batch)
    ordered = [verdicts[str(place)] for place in np.argsort(p_values, kind="stable")]
    validated = [verdict.status is VALIDATED for verdict in ordered]
    assert validated == sorted(validated, reverse=True)
    adjusted = [verdict.p_adjusted or 0 for verdict in ordered]
    assert adjusted == sorted(adjusted)


def test_a_contrast_goes_from_its_table_to_its_verdict():
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(120), 4)
    exposed = cluster % 3 == 0
    table = ClusterTable.of(cluster, exposed, rng.random(480) < np.where(exposed, 0.5, 0.1))
    found = estimate_contrast(table, seed=0)
    entry = contrast_entry(found.ratio, found.low, found.high, found.p_value)
    verdict = only(entry)
    assert verdict.status is VALIDATED
    assert verdict.interval is not None
    assert (verdict.interval.low, verdict.interval.high) == pytest.approx((found.low, found.high), rel=0.05)


def test_what_earlier_issues_spend_is_taken_from_the_planned_tests() -> None:
    new, prior = (
        rate_entry(40, 1_000, name="new", p=0.01),
        rate_entry(40, 1_000, name="prior", p=1e-9, asks={"threshold_source": "earlier issue"}),
    )
    assert close_families([new], batch=1)["new"].level == pytest.approx(0.025)

    together = close_families([new, prior], batch=1)

    assert {name: verdict.level for name, verdict in together.items()} == pytest.approx({"new": 0.0125, "prior": 0.0125})
    assert together["new"].p_adjusted == 0.01, "a prior that holds lends nothing to a new suspicion"
