"""How a known issue stands after one more look, from counts alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from analyze_experiment.tools.insights.models import IssueStatus, Standing, TrendPoint
from analyze_experiment.tools.testing.trend import Known, Tally, change_p_value, is_large_enough, judge

DAY = datetime(2026, 4, 6, tzinfo=UTC)


def look(
    affected: int, population: int, standing: Standing = "new", *, day: int = 0, effective: float | None = None
) -> TrendPoint:
    return TrendPoint(
        run_id=f"run {day}",
        at=DAY + timedelta(days=day),
        until=DAY + timedelta(days=day),
        affected=affected,
        population=population,
        effective=population if effective is None else effective,
        standing=standing,
    )


def course(counts: Sequence[tuple[int, int]], *, threshold: float = 0.02, status: IssueStatus = IssueStatus.OPEN) -> list[str]:
    """The standings of looks in a row, each judged by itself; what is gone stays so where no test sees it."""
    trend: list[TrendPoint] = [look(*counts[0])]
    for day, (affected, population) in enumerate(counts[1:], start=1):
        now = IssueStatus.RESOLVED if trend[-1].standing == "gone" else status
        known = Known(now, tuple(trend), look(affected, population, day=day), threshold, seen=affected > 10)
        trend.append(judge({"it": known})["it"])
    return [point.standing for point in trend]


def test_share_that_chance_explains_is_still_there() -> None:
    assert course([(10, 100), (8, 100), (13, 100), (10, 100)]) == ["new", "still", "still", "still"]


def test_share_that_rises_or_falls_is_worse_or_better_and_becomes_the_level() -> None:
    assert course([(10, 100), (30, 100), (30, 100)]) == ["new", "worse", "still"]
    assert course([(40, 100), (40, 100), (15, 100), (15, 100)]) == ["new", "still", "better", "still"]


def test_issue_is_not_better_than_the_look_that_found_it_but_than_the_one_after() -> None:
    """It was found because its share was high, by luck too."""
    assert course([(40, 100), (15, 100), (15, 100), (38, 100)]) == ["new", "still", "still", "worse"]
    assert course([(40, 100), (30, 100), (10, 100)]) == ["new", "still", "better"]
    assert course([(40, 100), (70, 100)]) == ["new", "worse"]


def test_two_quiet_windows_make_it_gone_and_being_seen_brings_it_back() -> None:
    assert course([(10, 100), (0, 100), (0, 100), (0, 100), (20, 100)]) == ["new", "quiet", "gone", "gone", "back"]


def test_one_quiet_window_between_others_is_forgotten() -> None:
    assert course([(10, 100), (0, 100), (9, 100), (0, 100)])[1:] == ["quiet", "still", "quiet"]


def test_windows_too_small_to_show_it_are_joined_until_they_can() -> None:
    # At a level of 10%, 29 traces are needed: three days of ten.
    days = [(10, 100), *[(0, 10)] * 6]
    assert course(days) == ["new", "still", "still", "quiet", "quiet", "quiet", "gone"]
    assert not is_large_enough(Tally(10, 100), Tally(0, 28))
    assert is_large_enough(Tally(10, 100), Tally(0, 29))


def test_rare_fault_below_its_threshold_counts_as_quiet_and_one_above_as_better() -> None:
    assert course([(30, 100), (30, 100), (1, 100)], threshold=0.02) == ["new", "still", "quiet"]
    assert course([(30, 100), (30, 100), (5, 100)], threshold=0.02) == ["new", "still", "better"]


def test_rejected_issue_stays_so_until_its_share_has_risen() -> None:
    assert course([(10, 100), (0, 100), (12, 100), (35, 100)], status=IssueStatus.REJECTED)[1:] == [
        "rejected",
        "rejected",
        "worse",
    ]


def test_clustered_traces_prove_less() -> None:
    before = (look(10, 100, effective=100),)
    alone = Known(IssueStatus.OPEN, before, look(25, 100, effective=100, day=1), 0.02, seen=True)
    together = Known(IssueStatus.OPEN, before, look(25, 100, effective=20, day=1), 0.02, seen=True)
    assert judge({"it": alone})["it"].standing == "worse"
    assert judge({"it": together})["it"].standing == "still"


def test_changes_are_adjusted_over_all_known_issues() -> None:
    changed = Known(IssueStatus.OPEN, (look(10, 100),), look(22, 100, day=1), 0.02, seen=True)
    steady = Known(IssueStatus.OPEN, (look(10, 100),), look(10, 100, day=1), 0.02, seen=True)
    assert judge({"it": changed})["it"].standing == "worse"
    among_many = judge({"it": changed, **{f"other {number}": steady for number in range(19)}})
    assert {point.standing for point in among_many.values()} == {"still"}
    assert among_many["it"].p_adjusted == pytest.approx(20 * change_p_value(Tally(10, 100), Tally(22, 100)), rel=1e-6)


def test_look_at_no_trace_changes_nothing() -> None:
    assert course([(10, 100), (0, 0), (10, 100)]) == ["new", "still", "still"]
