"""Power is simulated with the product's own tests: high where a fault is plain, low where it can't be told from chance."""

import numpy as np
import pytest

from analyze_experiment.evals.planted.power import Levels, power
from analyze_experiment.evals.planted.truth import PlantedFault, Truth, Way

LEVELS = Levels(planned=0.01, cell=0.0001)


def ids(first: int, beyond: int) -> tuple[str, ...]:
    return tuple(f"tr-{number:04d}" for number in range(first, beyond))


def planted(way: Way, rate: float, threshold: float, *, n: int = 30, share: float = 0.0, entry: str = "") -> PlantedFault:
    return PlantedFault(
        fault_id="f",
        title="",
        kind="quality",
        category="",
        cause="",
        trace_ids=ids(0, n),
        span_ids=(),
        possible_ids=ids(0, 400),
        population_title="",
        segment={},
        related_trace_ids=(),
        related_title="",
        way=way,
        entry=entry,
        threshold=threshold,
        share=share,
        process_rate=rate,
        rest_ids=ids(400, 1200),
        rest_rate=0.04,
    )


def truth_with(icc: float = 0.0, size: int = 3) -> Truth:
    return Truth(
        agent="a",
        experiment_name="",
        experiment_id="1",
        variant="faulty",
        seed=0,
        traces=1200,
        spans=0,
        faults=(),
        look_alikes=(),
        icc=icc,
        clusters={each: place // size for place, each in enumerate(ids(0, 1200))},
    )


def of(fault: PlantedFault, truth: Truth | None = None) -> float | None:
    return power(fault, truth or truth_with(), LEVELS, {})


def test_what_is_counted_is_found_or_not() -> None:
    assert of(planted("count", 0.01, 3, n=3)) == 1
    assert of(planted("count", 0.01, 3, n=2)) == 0
    assert of(planted("fact", 0.1, 0.05, share=0.0625)) == 1
    assert of(planted("fact", 0.1, 0.05, share=0.06)) == 0
    assert of(planted("fact", 0.1, 0.05, share=0.5, n=4)) == 0
    assert of(planted("read", 0.1, 0)) is None


def test_a_rate_is_found_far_above_its_threshold_and_at_the_level_of_the_test_on_it() -> None:
    assert of(planted("rate", 0.15, 0.01)) == 1
    assert (of(planted("rate", 0.03, 0.01)) or 0) < 0.05  # 3% of a third of the traces is the threshold itself
    assert 0.05 < (of(planted("rate", 0.06, 0.01)) or 0) < 0.95


def test_traces_that_are_alike_and_few_clusters_cost_power() -> None:
    alone = of(planted("rate", 0.08, 0.01)) or 0
    alike = of(planted("rate", 0.08, 0.01), truth_with(icc=0.3, size=10)) or 0
    assert alike < alone - 0.2
    assert of(planted("rate", 0.4, 0.01), truth_with(size=100)) == 0


def test_a_segment_is_found_where_it_differs_much() -> None:
    assert of(planted("slices", 0.3, 2.0)) == 1
    assert (of(planted("slices", 0.005, 2.0)) or 0) < 0.1


@pytest.mark.parametrize(("times", "least", "most"), [(2.0, 0.95, 1.0), (1.0, 0.0, 0.1), (1.1, 0.0, 0.2)])
def test_a_shift_is_found_where_it_is_as_large_as_its_ratio(times: float, least: float, most: float) -> None:
    rng = np.random.default_rng(0)
    fault = planted("shift", 1.0, 1.25, entry="slower_since_latest_version")
    durations = {each: float(rng.lognormal(7, 0.4)) * (times if each in fault.possible_ids else 1) for each in ids(0, 1200)}
    assert least <= (power(fault, truth_with(), LEVELS, durations) or 0) <= most
