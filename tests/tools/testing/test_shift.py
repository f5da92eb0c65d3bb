"""A shift of a quantile against its formulas and stores of known truth."""

import numpy as np
import pytest

from analyze_experiment.evals.bench import calibration
from analyze_experiment.tools.testing.plan import Quantile
from analyze_experiment.tools.testing.statistics import (
    ClusterTable,
    estimate_contrast,
    estimate_shift,
    shift_eligibility,
)


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
