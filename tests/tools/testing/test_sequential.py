"""Reading in random order: what the answers say, whenever one stops."""

import math
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyze_experiment.evals.bench.reading import simulate
from analyze_experiment.tools.testing.families import READ_SLOTS, read_stop
from analyze_experiment.tools.testing.sequential import Counted, ReadBound, SequentialRead, default_cap, fixed_sample


def bound_of(population: int, *, threshold: float = 0.05, material: float = 0.10) -> ReadBound:
    return ReadBound(population, threshold=threshold, material=material)


def drawn_with(affected: int, population: int, read: int, found: int) -> float:
    """The probability of a draw without replacement."""
    return comb(affected, found) * comb(population - affected, read - found) / comb(population, read)


@pytest.mark.parametrize("read", range(13))
def test_under_each_null_an_e_value_is_at_most_one_on_average(read: int) -> None:
    bound = bound_of(12, threshold=0.2, material=0.5)

    def mean(affected: int, of: str) -> float:
        possible = range(max(0, read - 12 + affected), min(read, affected) + 1)
        logs = {found: getattr(bound, of)(Counted(read, found)) for found in possible}
        return sum(drawn_with(affected, 12, read, found) * math.exp(log) for found, log in logs.items())

    assert all(mean(affected, "log_for") <= 1 + 1e-9 for affected in range(bound.most_null + 1))
    assert all(mean(affected, "log_against") <= 1 + 1e-9 for affected in range(bound.least_material, 13))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_when_all_is_read_the_interval_is_the_share_and_nothing_is_left_open(drawn: tuple[int, int]) -> None:
    population, affected = drawn
    bound = bound_of(population)
    counted = Counted(population, affected)
    assert bound.interval(counted) == pytest.approx((affected / population, affected / population))
    assert (bound.log_for(counted) > 0) == (affected > bound.most_null)
    assert (bound.log_against(counted) > 0) == (affected < bound.least_material)


def test_a_trace_that_is_unclear_counts_against_both_sides() -> None:
    bound = bound_of(1_000)
    sure, unsure = Counted(100, 20), Counted(120, 20, 20)
    assert bound.log_for(unsure) == bound.log_for(Counted(120, 20)) < bound.log_for(sure)
    assert bound.log_against(Counted(100, 0, 10)) == bound.log_against(Counted(100, 10)) < bound.log_against(Counted(100, 0))
    assert bound.interval(unsure).low == bound.interval(Counted(120, 20)).low
    assert bound.interval(unsure).high == bound.interval(Counted(120, 40)).high


def test_before_the_first_answer_nothing_is_known() -> None:
    bound = bound_of(300)
    assert bound.interval(Counted()) == (0, 1)
    assert bound.log_for(Counted()) == pytest.approx(0)
    assert bound.log_against(Counted()) == pytest.approx(0)


@pytest.mark.parametrize(
    ("answers", "stopped", "read"),
    [
        ("affected", "validated", 3),
        ("not", "rejected", 28),
        ("unclear", "cap", 80),
    ],
)
def test_a_reading_stops_as_soon_as_the_answers_decide(answers: str, stopped: str, read: int) -> None:
    reading = SequentialRead(bound_of(500), stop_for=read_stop(0.02), cap=80)
    while reading.stopped is None:
        reading.take(answers)  # type: ignore[arg-type]
    assert (reading.stopped, reading.counted.read) == (stopped, read)


def test_a_reading_goes_on_until_the_share_is_known_halfway_well() -> None:
    reading = SequentialRead(bound_of(500), stop_for=read_stop(0.02), cap=80, least=20)
    while reading.stopped is None:
        reading.take("affected")
    assert reading.counted.read == 20


def test_what_is_certain_is_decided_by_the_first_answer() -> None:
    reading = SequentialRead(bound_of(10), stop_for=read_stop(0.02), cap=10)
    reading.take("affected")
    assert reading.stopped == "validated", "5% of 10 is no trace"


def test_the_default_cap_is_half_as_much_again_as_a_fixed_sample_and_no_more_than_there_is() -> None:
    large, small = bound_of(100_000), bound_of(40)
    assert default_cap(large, level=0.001) == math.ceil(1.5 * fixed_sample(large, level=0.001))
    assert 400 < fixed_sample(large, level=0.001) < 600
    assert default_cap(small, level=0.001) == 40


def test_a_fault_at_its_threshold_is_seldom_validated_and_a_common_one_is_found_with_few_reads() -> None:
    at_threshold = simulate(300, population=400, rate=0.05, slots=1, seed=5)
    common = simulate(300, population=400, rate=0.30, slots=READ_SLOTS, seed=6)
    assert at_threshold.validated <= 0.02
    assert at_threshold.missed <= 0.05
    assert common.validated == 1
    assert common.reads < 0.5
