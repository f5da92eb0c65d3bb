"""When a fault began: seen where it did, in a range that holds it, and not seen where it didn't."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from analyze_experiment.evals.bench.onsets import DAYS, HOUR, Course, look, make_traces
from analyze_experiment.tests.tools.testing.small_plans import plan_of, step
from analyze_experiment.tests.tools.testing.tiny_catalog import BEGINNING, TinyTrace, open_service, write_catalog
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.onset import CUTS, Timed, find_onset
from analyze_experiment.tools.testing.plan import Rate


@pytest.mark.parametrize("course", [Course(0.1, 0.1), Course(0.1, 0.1, rhythm=True)], ids=["steady", "daily rhythm"])
def test_traces_without_a_beginning_seldom_show_one(course: Course) -> None:
    assert look(60, course, sessions=150, icc=0.3, seed=3).found <= 0.05


def test_the_range_holds_the_beginning_and_is_a_small_part_of_the_time() -> None:
    seen = look(20, Course(0.01, 0.1, 0.7), sessions=600, icc=0.1, seed=4)

    assert seen.found == seen.held == 1
    assert seen.hours < DAYS * 24 / 5


def test_traces_taken_as_independent_would_see_beginnings_that_are_not_there() -> None:
    rng, seen = np.random.Generator(np.random.PCG64(5)), {"clusters": 0, "traces": 0}
    for store in range(40):
        made = make_traces(rng, Course(0.5, 0.5), sessions=60, icc=0.5)
        alone = made._replace(cluster=np.arange(made.at.size))
        seen["clusters"] += find_onset(made, seed=store, flips=499) is not None
        seen["traces"] += find_onset(alone, seed=store, flips=499) is not None

    assert seen["clusters"] <= 3
    assert seen["traces"] >= 8


def test_a_fault_that_ends_has_no_beginning() -> None:
    assert look(10, Course(0.2, 0.0), sessions=300, icc=0.0, seed=6).found == 0


def test_a_fault_that_was_there_from_the_start_and_one_of_few_traces_have_none() -> None:
    rng = np.random.Generator(np.random.PCG64(7))
    few = make_traces(rng, Course(0.0, 0.9), sessions=3, icc=0.0)
    everything = make_traces(rng, Course(1.0, 1.0), sessions=200, icc=0.0)
    at_once = everything._replace(at=np.zeros_like(everything.at))

    assert [find_onset(each, seed=0) for each in (few, everything, at_once)] == [None, None, None]


def test_many_clusters_give_a_range_finer_than_the_cuts() -> None:
    traces = make_traces(np.random.Generator(np.random.PCG64(8)), Course(0.0, 0.5, 0.4), sessions=8_000, icc=0.0)

    onset = find_onset(traces, seed=0, flips=499)

    assert onset is not None
    assert onset.latest - onset.earliest < timedelta(days=DAYS) / CUTS
    assert onset.earliest.timestamp() * 1e6 <= 0.4 * DAYS * 24 * HOUR <= onset.latest.timestamp() * 1e6
    assert onset.affected_before <= 3
    assert onset.traces_before + onset.traces_after == traces.at.size


def test_within_two_days_the_hour_of_the_day_is_not_told_from_the_time() -> None:
    number = np.arange(400)
    morning = Timed(number, number * HOUR // 50, number >= 200)

    onset = find_onset(morning, seed=0, flips=499)

    assert onset is not None
    assert not onset.by_hour


def test_an_issue_s_plan_gives_the_range_in_the_time_of_its_traces(tmp_path: Path) -> None:
    traces = [
        TinyTrace(f"t{n:03}", at_minute=60 * n, state="ERROR" if n >= 120 and n % 2 else "OK", version="v1" if n % 5 else "v2")
        for n in range(240)
    ]
    errors = step("affected", "SELECT trace_id FROM traces WHERE state = 'ERROR'")
    plan = plan_of(
        Rate(threshold=0.1, threshold_source="earlier issue"),
        errors,
        population="SELECT trace_id FROM traces WHERE version = 'v1'",
    )
    with open_service(write_catalog(tmp_path, traces)) as sql:
        onset = PlanExecutor(sql, cluster_key="trace", seed=0).onset(plan)

    assert onset is not None
    begun = onset.earliest.replace(tzinfo=None) - BEGINNING, onset.latest.replace(tzinfo=None) - BEGINNING
    assert begun[0] <= timedelta(hours=120) <= begun[1] < timedelta(hours=140)
    assert (onset.affected_before, onset.affected_after) == (0, 48)
    assert onset.traces_before + onset.traces_after == 192, "what the plan isn't about doesn't count"
    assert onset.by_hour
