"""Sign flips of more clusters than are flipped one by one."""

import numpy as np
import pytest
from scipy import stats

from analyze_experiment.tools.testing.flips import MAX_UNITS, flip_p_value


@pytest.mark.parametrize("statistic", [-1.0, 0.0, 1.0, 2.0, 3.0])
def test_clusters_of_many_distinct_scores_are_judged_as_their_sum_deserves(statistic: float) -> None:
    scores = np.random.default_rng(1).standard_t(5, size=4 * MAX_UNITS)
    scores -= scores.mean()
    scores += statistic * np.sqrt(np.square(scores).sum()) / scores.size
    expected = float(stats.norm.sf(statistic / np.sqrt(1 + statistic**2 / MAX_UNITS)))
    assert flip_p_value(scores, seed=1) == pytest.approx(expected, abs=4 * np.sqrt(expected / 9_999) + 0.01 * expected)


def test_the_order_of_many_clusters_makes_no_difference() -> None:
    scores = np.random.default_rng(2).normal(0.02, size=2 * MAX_UNITS)
    assert flip_p_value(scores, seed=3) == flip_p_value(scores[::-1].copy(), seed=3)
