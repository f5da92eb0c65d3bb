"""A contrast against published formulas, all arrangements of signs, and stores of known truth."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from analyze_experiment.evals.bench import calibration
from analyze_experiment.tests.tools.testing.made_clusters import COUNTS, SHORT, mixed_table, singles
from analyze_experiment.tools.testing.scores import NullPopulation
from analyze_experiment.tools.testing.statistics import (
    ClusterTable,
    contrast_eligibility,
    estimate_contrast,
)


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
