"""Intervals at another level, against those of the data themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyze_experiment.tests.tools.testing.made_clusters import CLUSTERS, SHORT, mixed_table
from analyze_experiment.tools.insights.models import Arm, Interval, TestResult
from analyze_experiment.tools.testing.statistics import (
    at_level,
    estimate_contrast,
    estimate_rate,
)


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
