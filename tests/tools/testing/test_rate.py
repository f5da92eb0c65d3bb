"""A share and its interval against published formulas and stores of known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analyze_experiment.evals.bench import calibration
from analyze_experiment.evals.nulls.coverage import coverage
from analyze_experiment.tests.tools.testing.made_clusters import CLUSTERS, COUNTS, SHORT, singles
from analyze_experiment.tools.testing.plan import Rate
from analyze_experiment.tools.testing.rate import Direction
from analyze_experiment.tools.testing.statistics import (
    estimate_rate,
    material_share,
    rate_eligibility,
)


@SHORT
@given(COUNTS, st.sampled_from([0.01, 0.1, 0.5, 0.9]))
def test_rate_of_single_traces_is_clopper_pearson_and_the_binomial_test(counts: tuple[int, int], threshold: float):
    affected, traces = counts
    above = estimate_rate(*singles(affected, traces), threshold=threshold)
    exact = stats.binomtest(affected, traces, threshold).proportion_ci(method="exact")
    assert (above.low, above.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert above.p_value == pytest.approx(stats.binomtest(affected, traces, threshold, alternative="greater").pvalue, abs=1e-9)
    assert above.effective_n == traces


@SHORT
@given(st.integers(0, 60), st.sampled_from([0.01, 0.1, 0.5, 0.9]))
def test_rate_below_is_the_other_binomial_test_where_many_traces_are_affected(extra: int, threshold: float):
    below = estimate_rate(*singles(20 + extra, 100), threshold=threshold, direction="below")
    assert below.p_value == pytest.approx(stats.binomtest(20 + extra, 100, threshold, alternative="less").pvalue, abs=1e-9)


def test_rate_matches_the_published_interval_for_10_of_100():
    found = estimate_rate(*singles(10, 100), threshold=0.05)
    assert (found.low, found.high) == pytest.approx((0.0490, 0.1762), abs=5e-5)


@SHORT
@given(CLUSTERS)
def test_rate_follows_the_formula_of_korn_and_graubard(clusters: list[tuple[int, int]]):
    affected, sizes = (np.array(column, dtype=float) for column in zip(*clusters, strict=True))
    count, total = len(clusters), sizes.sum()
    share = affected.sum() / total
    if sizes.max() == 1 or share in (0, 1):
        return
    variance = count / (count - 1) * sum((y - share * n) ** 2 for y, n in clusters) / total**2
    effective = total if variance == 0 else min(total, share * (1 - share) / variance)
    effective *= (1.96 / stats.t.ppf(0.975, count - 1)) ** 2
    seen = [sum(y < n for y, n in clusters), sum(y > 0 for y, _ in clusters)]
    low, high = (count + (effective - count) * min(1, (k / 20) ** 0.5) if effective > count else effective for k in seen)
    found = estimate_rate(affected, sizes, threshold=0.2)
    assert found.effective_n == pytest.approx(effective)
    assert found.low == pytest.approx(stats.beta.ppf(0.025, share * low, (1 - share) * low + 1))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, share * high + 1, (1 - share) * high))
    assert found.p_value == pytest.approx(stats.beta.cdf(0.2, share * low, (1 - share) * low + 1))


def test_a_few_affected_clusters_do_not_show_how_alike_their_traces_are():
    one = estimate_rate([1] + [0] * 99, [12] + [6] * 99, threshold=0.02)
    many = estimate_rate([1] * 20 + [0] * 80, [6] * 100, threshold=0.02)
    published = stats.beta.ppf(0.975, one.share * one.effective_n + 1, (1 - one.share) * one.effective_n)
    assert one.high > 1.5 * published
    assert many.high == pytest.approx(
        stats.beta.ppf(0.975, many.share * many.effective_n + 1, (1 - many.share) * many.effective_n)
    )
    assert one.low == pytest.approx(stats.beta.ppf(0.025, one.share * one.effective_n, (1 - one.share) * one.effective_n + 1))


def test_intervals_of_rare_faults_in_a_few_sessions_of_alike_traces_hold_the_rate():
    assert coverage(600, sessions=100, rate=0.02, icc=0.5, seed=13).share >= 0.93
    assert coverage(600, sessions=300, rate=0.005, icc=0.5, seed=14).share >= 0.93


@pytest.mark.parametrize(("affected", "share"), [(0, 0.0), (4, 1.0)])
def test_rate_of_none_or_all_counts_clusters_only(affected: int, share: float):
    found = estimate_rate([affected] * 25, [4] * 25, threshold=0.1)
    assert (found.share, found.effective_n) == (share, 25)
    bound = 1 - 0.025 ** (1 / 25)
    assert (found.low, found.high) == pytest.approx((0.0, bound) if share == 0 else (1 - bound, 1.0))
    assert found.p_value == (1.0 if share == 0 else pytest.approx(0.1**25))


def test_rate_of_traces_that_repeat_each_other_knows_no_more_than_their_clusters():
    once = estimate_rate(*singles(20, 100), threshold=0.1)
    repeated = estimate_rate([5] * 20 + [0] * 80, [5] * 100, threshold=0.1)
    assert repeated.effective_n < once.effective_n
    assert repeated.p_value > once.p_value


def test_one_cluster_is_one_observation():
    found = estimate_rate([30], [100], threshold=0.1)
    assert found.effective_n == 1
    assert found.high > 0.9


def test_clusters_without_traces_are_left_out():
    assert estimate_rate([1, 0, 1], [3, 0, 2], threshold=0.1) == estimate_rate([1, 1], [3, 2], threshold=0.1)


def test_rate_without_traces_is_refused():
    with pytest.raises(ValueError, match="at least one trace"):
        estimate_rate([], [], threshold=0.1)


def test_a_first_fault_does_not_make_a_strength_likelier():
    none = estimate_rate([0] * 100, [6] * 100, threshold=0.03, direction="below")
    one = estimate_rate([1] + [0] * 99, [6] * 100, threshold=0.03, direction="below")
    assert none.p_value < one.p_value


@SHORT
@given(CLUSTERS, st.sampled_from([0.8, 0.95, 0.999]))
def test_interval_holds_the_share_and_p_falls_with_the_threshold(clusters: list[tuple[int, int]], level: float):
    affected, sizes = zip(*clusters, strict=True)
    found = [estimate_rate(affected, sizes, threshold=threshold, level=level) for threshold in (0.05, 0.2, 0.6)]
    assert all(0 <= each.low <= each.share <= each.high <= 1 for each in found)
    assert found[0].p_value <= found[1].p_value <= found[2].p_value


@SHORT
@given(CLUSTERS)
def test_p_is_below_a_exactly_where_the_interval_excludes_the_threshold(clusters: list[tuple[int, int]]):
    affected, sizes = zip(*clusters, strict=True)
    found = estimate_rate(affected, sizes, threshold=0.1, level=0.95)
    assert (found.p_value < 0.025) == (found.low > 0.1)


@pytest.mark.parametrize(("clusters", "min_n", "eligible"), [(19, 5, False), (20, 5, True), (29, 30, False), (30, 30, True)])
def test_a_rate_needs_20_clusters_or_what_its_plan_asks_for(clusters: int, min_n: int, eligible: bool):
    assert (rate_eligibility(clusters, min_n=min_n) == "") is eligible


@pytest.mark.parametrize(
    ("rate", "material"),
    [
        (Rate(threshold=0.02, threshold_source="user"), 0.04),
        (Rate(threshold=0.6, threshold_source="user"), 0.8),
        (Rate(threshold=0.02, material=0.03, threshold_source="user"), 0.03),
        (Rate(threshold=0.02, direction="below", threshold_source="user"), 0.02),
    ],
)
def test_material_share_is_the_plans_or_follows_from_the_threshold(rate: Rate, material: float):
    assert material_share(rate) == pytest.approx(material)


@pytest.mark.parametrize(("rate", "icc"), [(0.05, 0.0), (0.3, 0.3)])
def test_rate_interval_covers_under_clustering(rate: float, icc: float):
    assert calibration.rate_coverage(600, sessions=80, rate=rate, icc=icc, seed=11) >= 0.93


@pytest.mark.parametrize("direction", calibration.DIRECTIONS)
def test_a_rate_at_its_threshold_is_rarely_significant(direction: Direction):
    assert calibration.rate_errors(600, sessions=150, rate=0.03, icc=0.4, direction=direction, seed=12) <= 0.045
