"""Families: which levels they have, what they adjust, and the error of a whole closing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyze_experiment.tests.tools.testing.made_entries import (
    INCONCLUSIVE,
    VALIDATED,
    cell_of,
    contrast_entry,
    exact_entry,
    only,
    rate_entry,
    slices_entry,
)
from analyze_experiment.tools.testing.families import Entry, batch_level, close_families, family_levels
from analyze_experiment.tools.testing.plan import (
    Count,
)
from analyze_experiment.tools.testing.statistics import ClusterTable, estimate_contrast, estimate_rate


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
