"""What a judge's errors do to a share."""

import numpy as np
import pytest

from analyze_experiment.evals.bench.reading import simulate_judge
from analyze_experiment.tools.testing.judge_error import (
    Hits,
    corrected_by_flag,
    corrected_by_random_labels,
    corrected_by_truth,
    moved_material,
    moved_threshold,
)

GOOD, FINE = Hits(43, 50), Hits(190, 200)


def test_the_threshold_moves_up_by_what_the_judge_flags_wrongly_and_by_what_few_labels_leave_open() -> None:
    few, many = moved_threshold(0.05, Hits(8, 10), Hits(19, 20)), moved_threshold(0.05, Hits(800, 1000), Hits(1900, 2000))
    assert 0.05 * 0.8 + 0.95 * 0.05 < many < few < 1


def test_a_judge_that_never_erred_on_many_labels_hardly_moves_the_threshold() -> None:
    assert moved_threshold(0.05, Hits(5000, 5000), Hits(5000, 5000)) == pytest.approx(0.05, abs=0.002)


def test_what_would_matter_moves_down_by_what_the_judge_misses_and_by_what_few_labels_leave_open() -> None:
    few, many = moved_material(0.1, Hits(8, 10), Hits(20, 20)), moved_material(0.1, Hits(800, 1000), Hits(2000, 2000))
    assert 0 <= few < many < 0.1 * 0.8
    assert moved_material(0.1, Hits(5000, 5000), Hits(5000, 5000)) == pytest.approx(0.1, abs=0.002)


def test_flags_are_corrected_by_labels_drawn_by_truth() -> None:
    found = corrected_by_truth(Hits(150, 1000), GOOD, FINE)
    assert found is not None
    assert found.share == pytest.approx((0.15 - 0.0545) / (0.846 - 0.0545), abs=0.01)
    assert found.low < found.share < found.high


def test_a_judge_near_to_guessing_is_not_corrected() -> None:
    assert corrected_by_truth(Hits(150, 1000), Hits(30, 50), Hits(100, 200)) is None


def test_flags_are_corrected_by_labels_drawn_by_flag() -> None:
    found = corrected_by_flag(Hits(200, 1000), Hits(23, 30), Hits(0, 30))
    assert found.share == pytest.approx(0.2 * 24 / 32 + 0.8 * 1 / 32)
    assert found.low < found.share < found.high


def test_random_labels_gain_from_flags_that_agree_with_them() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    truth = rng.random(3_000) < 0.3
    flags = np.where(rng.random(3_000) < 0.9, truth, ~truth)
    powered = corrected_by_random_labels(flags[:300], truth[:300], flags[300:])
    assert powered is not None
    assert powered.low < 0.3 < powered.high
    assert powered.high - powered.low < 2 * 1.96 * np.sqrt(0.3 * 0.7 / 300)


def test_few_random_labels_or_a_rare_fault_are_not_corrected_with_flags() -> None:
    flags = np.zeros(500)
    assert corrected_by_random_labels(flags[:99], flags[:99] + 1, flags) is None
    assert corrected_by_random_labels(flags[:200], np.arange(200) < 5, flags) is None


def test_with_an_erring_judge_the_moved_threshold_holds_where_the_plain_one_fails() -> None:
    judged = simulate_judge(150, rate=0.05, labels=(50, 200), seed=4)
    assert judged.naive > 0.4
    assert judged.moved <= 0.02
    assert min(judged.by_truth, judged.by_flag) >= 0.92
