"""A contrast within strata: the ratio by hand, its interval and errors by simulation, and Simpson's paradox."""

from typing import NamedTuple

import numpy as np
import pytest

from analyze_experiment.tools.testing.contrast import contrast_p_value
from analyze_experiment.tools.testing.stratified import StratifiedRows, estimate_stratified


class Arms(NamedTuple):
    """One stratum: affected and all traces of the exposed, and of the rest."""

    affected: int
    exposed: int
    affected_rest: int
    rest: int


def by_trace(*strata: Arms) -> StratifiedRows:
    """Each trace a cluster by itself."""
    parts = [
        (place, exposed, affected)
        for place, each in enumerate(strata)
        for exposed, hits, size in ((True, each.affected, each.exposed), (False, each.affected_rest, each.rest))
        for affected in [1.0] * hits + [0.0] * (size - hits)
    ]
    stratum, exposed, affected = (np.array(column) for column in zip(*parts, strict=True))
    return StratifiedRows(np.arange(stratum.size), stratum, exposed, np.ones(stratum.size), affected)


def simulated(rng: np.random.Generator, *, sessions: int, ratio: float) -> StratifiedRows:
    """Sessions prone to the fault at their own rate, of three strata that differ in how common it is and who is exposed."""
    sizes = rng.integers(1, 9, sessions)
    cluster = np.repeat(np.arange(sessions), sizes)
    kind = rng.integers(0, 3, sessions)
    exposed = rng.random(sessions) < np.array([0.2, 0.5, 0.8])[kind]
    rate = np.array([0.05, 0.1, 0.2])[kind] * np.where(exposed, ratio, 1)
    proneness = rng.beta(4 * rate, 4 * (1 - rate))
    affected = rng.random(cluster.size) < proneness[cluster]
    return StratifiedRows(cluster, kind[cluster], exposed[cluster], np.ones(cluster.size), affected.astype(np.float64))


def without_strata(rows: StratifiedRows) -> StratifiedRows:
    return StratifiedRows(rows.cluster, np.zeros_like(rows.stratum), rows.exposed, rows.traces, rows.affected)


def shares(values: list[bool]) -> float:
    return float(np.mean(values))


def test_the_ratio_is_that_of_mantel_and_haenszel() -> None:
    found = estimate_stratified(by_trace(Arms(300, 1000, 100, 1000), Arms(90, 300, 300, 3000)), seed=0, flips=99)

    by_hand = (300 * 1000 / 2000 + 90 * 3000 / 3300) / (100 * 1000 / 2000 + 300 * 300 / 3300)
    assert found is not None
    assert found.ratio == pytest.approx(by_hand, rel=0.005)
    assert found.low < by_hand < found.high
    assert (found.strata, found.contrary, found.exposed_affected, found.affected) == (2, 0, 390, 790)


def test_a_segment_that_gets_more_of_the_hard_requests_is_not_worse_among_its_like() -> None:
    easy, hard = Arms(10, 200, 40, 800), Arms(240, 800, 60, 200)
    rows = by_trace(easy, hard)

    found = estimate_stratified(rows, seed=0)

    assert contrast_p_value(rows.table, seed=0) < 0.001
    assert found is not None
    assert found.p_value > 0.4
    assert found.low < 1 < found.high
    assert found.ratio == pytest.approx(1, abs=0.02)


def test_a_stratum_of_some_size_in_which_it_is_the_other_way_round_is_counted() -> None:
    found = estimate_stratified(by_trace(Arms(300, 1000, 100, 1000), Arms(10, 100, 30, 100), Arms(0, 3, 1, 3)), seed=0, flips=99)

    assert found is not None
    assert found.contrary == 1


def test_strata_of_one_arm_say_nothing() -> None:
    assert estimate_stratified(by_trace(Arms(300, 1000, 0, 0), Arms(0, 0, 30, 1000)), seed=0) is None


def test_many_strata_of_a_few_traces_tell_as_much_as_one() -> None:
    pairs = [Arms(int(n % 2 == 0), 1, int(n % 8 == 0), 1) for n in range(400)]

    found = estimate_stratified(by_trace(*pairs), seed=0)

    assert found is not None
    assert found.ratio == pytest.approx(4, rel=0.05)
    assert found.p_value < 0.001
    assert 2.5 < found.low < found.high < 6.5


def test_intervals_hold_the_ratio_and_nulls_are_seldom_significant_where_sessions_are_alike_inside() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    covered: list[bool] = []
    wrong: dict[str, list[bool]] = {"stratified": [], "by trace": [], "unstratified": []}
    for store in range(200):
        true = estimate_stratified(simulated(rng, sessions=200, ratio=2.0), seed=store, flips=9)
        null = simulated(rng, sessions=200, ratio=1.0)
        alone = StratifiedRows(np.arange(null.traces.size), null.stratum, null.exposed, null.traces, null.affected)
        kept = {"stratified": null, "by trace": alone, "unstratified": without_strata(null)}
        for name, rows in kept.items():
            found = estimate_stratified(rows, seed=store, flips=199)
            wrong[name].append(found is not None and found.p_value <= 0.05)
        covered.append(true is not None and true.low <= 2.0 <= true.high)

    assert shares(covered) >= 0.93
    assert shares(wrong["stratified"]) <= 0.075
    assert shares(wrong["by trace"]) > 0.1
    assert shares(wrong["unstratified"]) > 0.5


def test_what_a_circumstance_explains_is_what_there_would_not_be_without_it() -> None:
    found = estimate_stratified(by_trace(Arms(60, 100, 40, 400)), seed=0, flips=99)

    assert found is not None
    assert found.explains == pytest.approx(0.6 * (1 - 1 / 6), abs=0.01)
