"""The plan by which an issue is looked at again: a share, whatever proved the issue, over traces that no look has counted."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from analyze_experiment.tests.tools.testing.small_plans import (
    CONTRAST,
    COUNT,
    FAILING_NEW,
    FAILING_OLD,
    RATE,
    SHIFT,
    SLICES,
    TRACES,
    run,
    trace,
)
from analyze_experiment.tests.tools.testing.tiny_catalog import BEGINNING, open_service, write_catalog
from analyze_experiment.tools.insights.models import HypothesisStatus
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.families import Entry, close_families
from analyze_experiment.tools.testing.plan import Plan, Rate
from analyze_experiment.tools.testing.watching import newer


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlanExecutor]:
    catalog = write_catalog(tmp_path_factory.mktemp("watching"), [trace(number) for number in range(TRACES)])
    with open_service(catalog) as sql:
        yield PlanExecutor(sql, cluster_key="session", seed=7)


def watched(executor: PlanExecutor, plan: Plan) -> tuple[int, int, float]:
    """Affected, population and threshold of the plan that watches what this one shows."""
    result = run(executor, plan).result
    watch = executor.watch_plan(plan, result, cell=next((each for each in result.cells if each.outcome == "error"), None))
    assert watch is not None
    assert isinstance(watch.decision, Rate)
    assert watch.decision.threshold_source == "earlier issue"
    looked = executor.look(watch)
    return looked.affected or 0, looked.population, watch.decision.threshold


def test_rate_and_count_keep_what_they_asked_for(executor: PlanExecutor) -> None:
    assert watched(executor, RATE) == (FAILING_NEW + FAILING_OLD, TRACES, 0.1)
    assert watched(executor, COUNT) == (FAILING_NEW + FAILING_OLD, TRACES, 3 / TRACES)


def test_comparison_is_watched_by_the_share_of_its_exposed_against_halfway_to_the_rest(executor: PlanExecutor) -> None:
    halfway = (FAILING_NEW / 120 + FAILING_OLD / 120) / 2
    assert watched(executor, CONTRAST) == (FAILING_NEW, 120, pytest.approx(halfway))
    assert watched(executor, SLICES) == (FAILING_NEW, 120, pytest.approx(halfway))


def test_shift_is_watched_by_the_cut_of_when_it_was_found(executor: PlanExecutor) -> None:
    result = run(executor, SHIFT).result
    affected, population, threshold = watched(executor, SHIFT)
    assert (affected, population) == (result.arms[0].affected, result.arms[0].traces)
    assert 0 < threshold < affected / population


def test_only_newer_traces_are_counted(executor: PlanExecutor) -> None:
    watch = executor.watch_plan(RATE, run(executor, RATE).result)
    assert watch is not None
    assert executor.look(newer(watch, BEGINNING + timedelta(minutes=TRACES - 20))).population == 19
    assert executor.look(newer(watch, BEGINNING + timedelta(minutes=TRACES - 20, milliseconds=-1))).population == 20


def test_known_issues_lend_no_error_to_new_suspicions(executor: PlanExecutor) -> None:
    """A p-value that isn't significant by itself doesn't become so beside twenty issues that are certainly still there."""
    result = run(executor, RATE).result
    watch = executor.watch_plan(RATE, result)
    assert watch is not None
    known = [Entry(f"K{number}", watch, result.model_copy(update={"p_value": 1e-9})) for number in range(20)]
    alone = close_families([Entry("H", RATE, result.model_copy(update={"p_value": 0.026}))], batch=1)
    beside = close_families([Entry("H", RATE, result.model_copy(update={"p_value": 0.026})), *known], batch=1)
    assert (beside["H"].status, beside["H"].p_adjusted) == (alone["H"].status, alone["H"].p_adjusted)
    assert beside["H"].status is not HypothesisStatus.VALIDATED
