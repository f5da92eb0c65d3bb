"""Rate, contrast and shift against published formulas, brute force and stores of known truth."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analyze_experiment.evals.bench import calibration
from analyze_experiment.tools.insights.models import Arm, Interval, TestResult
from analyze_experiment.tools.testing.plan import Quantile, Rate
from analyze_experiment.tools.testing.rate import Direction
from analyze_experiment.tools.testing.scores import NullPopulation
from analyze_experiment.tools.testing.statistics import (
    ClusterTable,
    at_level,
    contrast_eligibility,
    estimate_contrast,
    estimate_rate,
    estimate_shift,
    material_share,
    rate_eligibility,
    shift_eligibility,
)

SHORT = settings(max_examples=40, deadline=None, derandomize=True)

COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CLUSTERS = st.lists(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=40)


def singles(affected: int, traces: int) -> tuple[list[int], list[int]]:
    return [1] * affected + [0] * (traces - affected), [1] * traces


# Rate


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
    hits, misses = share * effective, (1 - share) * effective
    found = estimate_rate(affected, sizes, threshold=0.2)
    assert found.effective_n == pytest.approx(effective)
    assert found.low == pytest.approx(stats.beta.ppf(0.025, hits, misses + 1))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, hits + 1, misses))
    assert found.p_value == pytest.approx(stats.beta.cdf(0.2, hits, misses + 1))


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


# Contrast


def sessions_table() -> ClusterTable:
    """24 sessions, half of them exposed, in which the exposed fail twice as often."""
    sizes = np.array([3, 5, 2, 4] * 6, dtype=float)
    exposed = np.arange(24) % 2 == 0
    affected = np.where(exposed, np.minimum(sizes, [2, 0, 1, 0] * 6), np.array([0, 1] * 12)).astype(float)
    zero = np.zeros(24)
    return ClusterTable(
        np.where(exposed, sizes, zero),
        np.where(exposed, affected, zero),
        np.where(exposed, zero, sizes),
        np.where(exposed, zero, affected),
    )


def mixed_table(clusters: int, seed: int) -> ClusterTable:
    """Labels that vary within a session, and ones that don't."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(1, 6, clusters))
    exposed = np.where(cluster % 2 == 0, rng.random(cluster.size) < 0.5, cluster % 4 == 1)
    return ClusterTable.of(cluster, exposed, rng.random(cluster.size) < np.where(exposed, 0.5, 0.3))


def test_rows_of_traces_and_of_clusters_give_the_same_table():
    traces = ClusterTable.of([7, 7, 7, 2, 2], [True, True, False, False, False], [True, False, True, False, True])
    rows = ClusterTable.of([7, 7, 2], [1, 0, 0], [1, 1, 1], [2, 1, 2])
    for field in ("traces_a", "affected_a", "traces_b", "affected_b"):
        np.testing.assert_array_equal(getattr(traces, field), getattr(rows, field))
    assert (traces.clusters_a, traces.clusters_b, traces.clusters_affected) == (1, 2, 2)


def all_or_nothing(clusters: int) -> ClusterTable:
    """Sessions of five whose traces are all affected or none: their variance is far above the binomial one."""
    cluster = np.repeat(np.arange(clusters), 5)
    return ClusterTable.of(cluster, cluster % 2 == 0, cluster % 5 < 1 + cluster % 2)


@pytest.mark.parametrize("table", [mixed_table(30, seed=5), all_or_nothing(30)], ids=["binomial", "clustered"])
def test_ratio_and_interval_follow_the_formula(table: ClusterTable):
    hits_a, hits_b = table.affected_a.sum() + 0.5, table.affected_b.sum() + 0.5
    share_a, share_b = hits_a / (table.traces_a.sum() + 1), hits_b / (table.traces_b.sum() + 1)
    variance = 0.0
    for traces_a, affected_a, traces_b, affected_b in zip(
        table.traces_a, table.affected_a, table.traces_b, table.affected_b, strict=True
    ):
        variance += 30 / 29 * ((affected_a - share_a * traces_a) / hits_a - (affected_b - share_b * traces_b) / hits_b) ** 2
    variance = max(variance, (1 - share_a) / hits_a + (1 - share_b) / hits_b)
    width = stats.t.ppf(0.95, min(table.clusters_a, table.clusters_b) - 1) * variance**0.5
    found = estimate_contrast(table, seed=0, level=0.9)
    assert found.ratio == pytest.approx(share_a / share_b)
    assert (found.low, found.high) == pytest.approx((found.ratio * np.exp(-width), found.ratio * np.exp(width)))


@SHORT
@given(COUNTS, COUNTS)
def test_single_traces_are_tested_by_fisher(a: tuple[int, int], b: tuple[int, int]):
    table = ClusterTable.of(range(a[1] + b[1]), [True] * a[1] + [False] * b[1], [*singles(*a)[0], *singles(*b)[0]])
    exact = stats.fisher_exact([[a[0], a[1] - a[0]], [b[0], b[1] - b[0]]], alternative="greater")
    assert estimate_contrast(table, seed=0).p_value == pytest.approx(float(np.asarray(exact)[1]), rel=1e-6)


@pytest.mark.parametrize(
    "table", [sessions_table(), mixed_table(12, seed=1), mixed_table(12, seed=3)], ids=["session", "mixed", "other"]
)
def test_p_is_the_share_of_all_arrangements_of_signs_that_reach_the_statistic(table: ClusterTable):
    total, exposed = table.traces.sum(), table.traces_a.sum()
    share, mean = table.affected.sum() / total, exposed / total
    scores: list[float] = []
    for n_a, y_a, n_b, y_b in zip(table.traces_a, table.affected_a, table.traces_b, table.affected_b, strict=True):
        traces = [(1, 1)] * int(y_a) + [(1, 0)] * int(n_a - y_a) + [(0, 1)] * int(y_b) + [(0, 0)] * int(n_b - y_b)
        scores.append(sum((x - mean) * (y - share) for x, y in traces))
    own = sum(score**2 for score in scores)
    spread = float(np.square(table.traces_a - mean * table.traces).sum())
    null = NullPopulation.of(table.traces, table.affected).score_variance(mean, spread)
    statistic = sum(scores) / max(own, null) ** 0.5
    # Of 24 clusters there are too many arrangements: those of the 12 with the largest scores, and random ones of the others.
    ordered = np.array(sorted(scores, key=abs))
    rng = np.random.default_rng(0)
    arrangements = np.array(list(product([-1, 1], repeat=12)))
    others = rng.choice([-1, 1], size=(len(arrangements), ordered.size - 12)) @ ordered[:-12]
    sums = arrangements @ ordered[-12:] + others
    expected = np.mean(sums / own**0.5 >= statistic - 1e-9)
    assert estimate_contrast(table, seed=4).p_value == pytest.approx(expected, abs=0.025)


def test_labels_that_are_constant_or_free_in_a_cluster_have_the_variance_of_reshuffled_ones():
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(120), rng.integers(1, 8, 120))
    affected = rng.random(cluster.size) < rng.beta(0.5, 3, 120)[cluster]
    sizes, residual = np.bincount(cluster), affected - affected.mean()
    for by_cluster in (True, False):
        scores: list[float] = []
        variances: list[float] = []
        for _ in range(2_000):
            exposed = (rng.random(120) < 0.3)[cluster] if by_cluster else rng.random(cluster.size) < 0.3
            scores.append(float((exposed - 0.3) @ residual))
            share = exposed.mean()
            spread = float(np.square(np.bincount(cluster, exposed) - share * sizes).sum())
            population = NullPopulation.of(sizes.astype(float), np.bincount(cluster, affected).astype(float))
            variances.append(population.score_variance(float(share), spread))
        assert np.mean(variances) == pytest.approx(np.var(scores), rel=0.12)


def test_p_does_not_depend_on_the_order_of_clusters_and_repeats_with_its_seed():
    table = mixed_table(40, seed=8)
    turned = ClusterTable(*(column[::-1] for column in (table.traces_a, table.affected_a, table.traces_b, table.affected_b)))
    assert estimate_contrast(table, seed=1) == estimate_contrast(table, seed=1)
    assert estimate_contrast(turned, seed=1).p_value == estimate_contrast(table, seed=1).p_value
    assert estimate_contrast(table, seed=2).p_value != estimate_contrast(table, seed=1).p_value


def test_a_contrast_of_nothing_affected_shows_nothing():
    found = estimate_contrast(ClusterTable.of([0, 0, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]), seed=0)
    assert found.p_value == 1.0
    assert found.low < 1 < found.high


def test_a_contrast_with_one_arm_is_refused():
    with pytest.raises(ValueError, match="each arm"):
        estimate_contrast(ClusterTable.of([0, 1], [True, True], [1, 0]), seed=0)


def arms(traces: int, clusters: int, affected_clusters: int, affected: int) -> ClusterTable:
    """Two arms of equal size, with clusters of their own."""
    cluster = np.arange(2 * traces) % clusters + clusters * (np.arange(2 * traces) >= traces)
    hits = np.zeros(2 * traces, dtype=bool)
    for arm in (0, traces):
        inside = [place for place in range(arm, arm + traces) if (place - arm) % clusters < affected_clusters]
        hits[inside[:affected]] = True
    return ClusterTable.of(cluster, np.arange(2 * traces) < traces, hits)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (arms(100, 10, 5, 5), ""),
        (arms(100, 10, 5, 4), "4.0 affected traces expected in the smaller arm, at least 5 needed"),
        (arms(100, 9, 5, 5), "9 independent clusters in the smaller arm, at least 10 needed"),
        (arms(100, 10, 3, 9), "affected traces in 6 independent clusters, at least 8 needed"),
        (ClusterTable.of([], [], []), "0.0 affected traces expected in the smaller arm, at least 5 needed"),
    ],
    ids=["enough", "expected", "clusters", "affected clusters", "empty"],
)
def test_what_a_contrast_needs_is_decided_from_margins(table: ClusterTable, reason: str):
    assert contrast_eligibility(table) == reason


def test_the_smallest_ratio_that_would_have_shown_shows_four_times_in_five():
    rng = np.random.default_rng(7)
    exposed = np.arange(400) < 160
    base = ClusterTable.of(range(400), exposed, np.arange(400) % 10 == 0)
    smallest = estimate_contrast(base, seed=0).smallest_ratio
    # Both arms together keep the share of 10% that the formula pools.
    rest = 0.1 / (0.4 * smallest + 0.6)
    shown = 0
    for _ in range(300):
        affected = rng.random(400) < np.where(exposed, rest * smallest, rest)
        shown += estimate_contrast(ClusterTable.of(range(400), exposed, affected), seed=0).p_value <= 0.05
    assert shown / 300 == pytest.approx(0.8, abs=0.1)


def test_labels_by_session_keep_their_level_where_a_test_by_trace_loses_it():
    wrong = calibration.contrast_errors(300, sessions=100, rate=0.15, icc=0.3, seed=13)
    assert wrong.by_cluster <= 0.08
    assert wrong.by_trace >= 0.11


def test_labels_that_vary_in_a_session_keep_their_level():
    assert 0.015 <= calibration.contrast_errors(300, sessions=100, rate=0.15, icc=0.3, seed=14, varying=True).by_cluster <= 0.08


def test_a_small_rest_with_few_affected_traces_keeps_its_level():
    wrong = calibration.contrast_errors(150, sessions=250, rate=0.05, icc=0.3, seed=15, exposed_share=0.9)
    assert wrong.by_cluster <= 0.08


def test_interval_of_a_ratio_covers_under_clustering():
    assert calibration.ratio_coverage(300, sessions=90, rate=0.1, ratio=2, icc=0.3, seed=16) >= 0.92


def test_a_hundred_thousand_clusters_are_no_burden():
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, 100_000, 1_000_000)
    exposed, affected = rng.random(100_000)[cluster] < 0.3, rng.random(1_000_000) < 0.05
    found = estimate_contrast(ClusterTable.of(cluster, exposed, affected), seed=0)
    assert 0.9 < found.ratio < 1.1
    assert 0.001 < found.p_value < 0.999


# Shift


def made_values(rows: int, clusters: int, seed: int, ratio: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, clusters, rows)
    exposed = (rng.random(clusters) < 0.4)[cluster]
    return rng.lognormal(3, 1, rows) * np.where(exposed, ratio, 1), exposed, cluster


def test_shift_takes_its_p_from_the_contrast_of_exceedance():
    values, exposed, cluster = made_values(600, 80, seed=1, ratio=1.3)
    above = values > np.quantile(values, 0.5)
    contrast = estimate_contrast(ClusterTable.of(cluster, exposed, above), seed=3)
    found = estimate_shift(values, exposed, cluster, quantile="median", seed=3)
    assert found.p_value == contrast.p_value
    assert found.ratio == pytest.approx(np.median(values[exposed]) / np.median(values[~exposed]))
    assert (found.value_a, found.value_b) == (np.median(values[exposed]), np.median(values[~exposed]))
    assert found.clusters_affected == contrast.clusters_affected


def test_shift_interval_is_the_bootstrap_of_clusters():
    values, exposed, cluster = made_values(300, 60, seed=2)
    clusters, index = np.unique(cluster, return_inverse=True)
    rng = np.random.Generator(np.random.PCG64(9))
    logs: list[float] = []
    for _ in range(2_000):
        times = np.bincount(rng.integers(0, clusters.size, clusters.size), minlength=clusters.size)[index]
        sample, arm = np.repeat(values, times), np.repeat(exposed, times)
        logs.append(float(np.log(np.quantile(sample[arm], 0.95) / np.quantile(sample[~arm], 0.95))))
    found = estimate_shift(values, exposed, cluster, quantile="p95", seed=9)
    assert found.resamples == 2_000
    assert np.log([found.low, found.high]) == pytest.approx(np.quantile(logs, [0.025, 0.975]), abs=0.01)


def test_many_rows_are_resampled_less_often_for_much_the_same_interval():
    values, exposed, cluster = made_values(120_000, 3_000, seed=4)
    found = estimate_shift(values, exposed, cluster, quantile="median", seed=0)
    # The error of the logarithm of a median, from the density of a lognormal at its median.
    error = np.sqrt(np.pi / 2 * (1 / exposed.sum() + 1 / (~exposed).sum()))
    assert 200 <= found.resamples < 2_000
    assert np.log(found.high / found.low) == pytest.approx(2 * 1.96 * error, rel=0.15)


@pytest.mark.parametrize(
    ("values", "quantile", "reason"),
    [
        (made_values(600, 80, seed=1)[0], "median", ""),
        (
            made_values(600, 80, seed=1)[0][:40],
            "p95",
            "0.8 traces expected beyond the p95 in the smaller arm, at least 10 needed",
        ),
        (np.where(np.arange(600) % 3 == 0, 5.0, 0.0), "median", "a median of 0: a ratio needs both above zero"),
        (np.full(600, 7.0), "median", "above the pooled median: 0.0 affected traces expected"),
        (np.zeros(0), "median", "0.0 traces expected beyond the median"),
    ],
    ids=["enough", "too few beyond", "not positive", "all equal", "empty"],
)
def test_what_a_shift_needs(values: np.ndarray, quantile: Quantile, reason: str):
    exposed, cluster = np.arange(values.size) % 5 < 2, np.arange(values.size) % 100
    found = shift_eligibility(values, exposed, cluster, quantile=quantile)
    assert found.startswith(reason) if reason else found == ""


@pytest.mark.parametrize(("values", "exposed"), [([0.0, 1.0, -1.0], [1, 0, 0]), ([1.0, 2.0], [1, 1])], ids=["zero", "one arm"])
def test_a_shift_without_a_ratio_is_refused(values: list[float], exposed: list[int]):
    with pytest.raises(ValueError, match="a shift needs"):
        estimate_shift(values, exposed, range(len(values)), quantile="median", seed=0)


def test_interval_of_a_shift_covers_under_clustering():
    assert calibration.shift_coverage(30, sessions=60, ratio=1.5, seed=17) >= 0.85


# Intervals at another level


@SHORT
@given(CLUSTERS, st.sampled_from([0.9, 0.95, 0.9975]))
def test_a_rate_is_brought_to_another_level_without_its_data(clusters: list[tuple[int, int]], level: float):
    affected, sizes = zip(*clusters, strict=True)
    stored = estimate_rate(affected, sizes, threshold=0.1)
    again = estimate_rate(affected, sizes, threshold=0.1, level=level)
    result = TestResult(
        decision="rate",
        estimand="process",
        family="P",
        population=sum(sizes),
        clusters=len(clusters),
        value=stored.share,
        interval=Interval(low=stored.low, high=stored.high),
        threshold=0.1,
    )
    found = at_level(result, level)
    assert found is not None
    assert (found.low, found.high, found.level) == pytest.approx((again.low, again.high, level), abs=1e-6)


@pytest.mark.parametrize("decision", ["contrast", "shift"])
def test_a_ratio_is_brought_to_another_level_without_its_data(decision: str):
    table = mixed_table(40, seed=6)
    stored, again = (estimate_contrast(table, seed=0, level=level) for level in (0.95, 0.99))
    result = TestResult(
        decision=decision,
        estimand="process",
        family="P",
        population=int(table.traces.sum()),
        clusters=40,
        value=stored.ratio,
        interval=Interval(low=stored.low, high=stored.high),
        threshold=1.5,
        arms=tuple(Arm(title="", traces=1, clusters=clusters, value=None) for clusters in (table.clusters_a, table.clusters_b)),
    )
    found = at_level(result, 0.99)
    assert found is not None
    # A shift is stretched by normal quantiles, which are a little shorter than Student's.
    assert (found.low, found.high) == pytest.approx((again.low, again.high), rel=1e-9 if decision == "contrast" else 0.05)
    assert at_level(result.model_copy(update={"interval": None}), 0.99) is None
