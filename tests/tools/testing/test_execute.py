"""Carrying out plans: the numbers, the affected traces and the evidence."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from analyze_experiment.tests.tools.testing.small_plans import (
    ALL,
    CONTRAST,
    COUNT,
    ERRORS,
    FAILING_NEW,
    FAILING_OLD,
    NEW,
    RATE,
    SESSIONS,
    SHIFT,
    SLICES,
    TRACES,
    plan_of,
    run,
    step,
    trace,
)
from analyze_experiment.tests.tools.testing.tiny_catalog import TinyTrace, open_service, write_catalog
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Cause, Hypothesis, HypothesisStatus, TestResult, Verdict
from analyze_experiment.tools.testing.drafting import draft_issue
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.families import Entry, close_families
from analyze_experiment.tools.testing.plan import Plan, Rate
from analyze_experiment.tools.testing.playbooks import load_playbook
from analyze_experiment.tools.testing.statistics import estimate_rate

INSTANT = datetime(2026, 3, 3, tzinfo=UTC)


def validated(plan: Plan, result: TestResult, verdict: Verdict) -> Hypothesis:
    return Hypothesis(
        hypothesis_id="h",
        statement="It happens more often.",
        testing_plan="Compare.",
        plan=plan,
        source="playbook",
        kind="quality",
        status=HypothesisStatus.VALIDATED,
        result=result,
        verdict=verdict,
        created_at=INSTANT,
        updated_at=INSTANT,
    )


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlanExecutor]:
    catalog = write_catalog(tmp_path_factory.mktemp("execute"), [trace(number) for number in range(TRACES)])
    with open_service(catalog) as sql:
        yield PlanExecutor(sql, cluster_key="session", seed=7)


def test_count_is_exact_and_in_no_family(executor: PlanExecutor) -> None:
    result = run(executor, COUNT).result

    assert (result.affected, result.population, result.clusters) == (FAILING_NEW + FAILING_OLD, TRACES, SESSIONS)
    assert result.value == pytest.approx(0.3)
    assert result.family == "none"
    assert result.p_value is None
    assert result.interval is None
    assert result.threshold == 3


def test_rate_counts_whole_sessions_as_independent(executor: PlanExecutor) -> None:
    result = run(executor, RATE).result

    affected, sizes = np.zeros(SESSIONS), np.zeros(SESSIONS)
    for number in range(TRACES):
        sizes[number % SESSIONS] += 1
        affected[number % SESSIONS] += trace(number).state == "ERROR"
    expected = estimate_rate(affected, sizes, threshold=0.1)
    assert result.value == pytest.approx(expected.share)
    assert result.p_value == pytest.approx(expected.p_value)
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == pytest.approx((expected.low, expected.high))
    assert (result.family, result.cluster_key, result.material) == ("P", "session", 0.2)


def test_each_trace_stands_by_itself_where_the_plan_says_so(executor: PlanExecutor) -> None:
    result = run(executor, RATE.model_copy(update={"cluster": "trace"})).result

    assert (result.clusters, result.cluster_key) == (TRACES, "trace")


def test_unreadable_traces_are_no_part_of_a_process_rate(executor: PlanExecutor) -> None:
    unreadable = step("unreadable", "SELECT trace_id FROM traces WHERE version = 'v1'")
    result = run(executor, RATE.model_copy(update={"steps": (*RATE.steps, unreadable)})).result

    assert (result.affected, result.unreadable) == (72, 108)
    assert result.population == TRACES - 108, "an affected trace has been read, whatever the other step says"


def test_confirmation_half_leaves_out_what_was_shown(executor: PlanExecutor) -> None:
    result = run(executor, RATE.model_copy(update={"half": "confirmation"})).result

    assert (result.population, result.clusters) == (TRACES // 2, SESSIONS // 2)


def test_rows_outside_the_population_are_dropped(executor: PlanExecutor) -> None:
    result = run(executor, COUNT.model_copy(update={"population": NEW})).result

    assert (result.affected, result.population) == (FAILING_NEW, TRACES // 2)


def test_contrast_compares_the_exposed_with_the_rest(executor: PlanExecutor) -> None:
    result = run(executor, CONTRAST).result

    exposed, rest = result.arms
    assert (exposed.title, exposed.affected, exposed.traces, exposed.clusters) == ("version v2", FAILING_NEW, 120, 30)
    assert (rest.title, rest.affected, rest.traces) == ("the rest", FAILING_OLD, 120)
    assert result.value == pytest.approx((60.5 / 121) / (12.5 / 121))
    assert result.p_value is not None
    assert result.p_value < 0.001
    assert result.eligible


def test_the_share_of_each_arm_has_an_interval_that_counts_sessions(executor: PlanExecutor) -> None:
    exposed, rest = run(executor, CONTRAST).result.arms

    new = [number for number in range(TRACES) if trace(number).version == "v2"]
    affected, sizes = np.zeros(SESSIONS), np.zeros(SESSIONS)
    for number in new:
        sizes[number % SESSIONS] += 1
        affected[number % SESSIONS] += trace(number).state == "ERROR"
    alone = estimate_rate(affected, sizes, threshold=0.1)
    assert exposed.share_interval is not None
    assert (exposed.share_interval.low, exposed.share_interval.high) == pytest.approx((alone.low, alone.high))
    assert rest.share_interval is not None
    assert rest.share_interval.high < exposed.share_interval.low


def test_an_issue_of_a_comparison_gives_its_share_an_interval_at_the_level_that_selection_leaves(executor: PlanExecutor) -> None:
    for plan in (CONTRAST, SHIFT, SLICES):
        result = run(executor, plan).result
        verdict = close_families([Entry("h", plan, result)], batch=1)["h"]
        cell = verdict.cells[0] if verdict.cells else None
        issue = draft_issue(
            validated(plan, result, verdict),
            [AffectedTrace("t001")],
            traces=TRACES,
            cause=Cause(text="Not known.", standing="suspected"),
            entry=None,
            cell=cell,
        )

        share = issue.affected / issue.population
        assert issue.interval is not None, plan.decision.kind
        assert issue.interval.low < share <= issue.interval.high
        selected = cell.interval if cell else verdict.interval
        assert selected is not None
        assert issue.interval.level == selected.level


def test_what_no_note_says_of_an_affected_trace_the_entry_says(executor: PlanExecutor) -> None:
    entry = load_playbook()["empty_answers"]
    result = run(executor, CONTRAST).result
    verdict = close_families([Entry("h", CONTRAST, result)], batch=1)["h"]
    affected = [AffectedTrace("t001"), AffectedTrace("t002", "", "It says nothing.")]
    cause = Cause(text="Not known.", standing="suspected")

    issue = draft_issue(validated(CONTRAST, result, verdict), affected, traces=TRACES, cause=cause, entry=entry)

    assert {each.trace_id: each.rationale for each in issue.evidence} == {
        "t001": entry.evidence_rationale,
        "t002": "It says nothing.",
    }


def test_contrast_with_too_few_affected_says_why_nothing_is_decided(executor: PlanExecutor) -> None:
    rare = step("affected", "SELECT trace_id FROM traces WHERE trace_id IN ('t001', 't031')")
    result = run(executor, CONTRAST.model_copy(update={"steps": (CONTRAST.steps[0], rare)})).result

    assert not result.eligible
    assert "expected" in result.ineligible_because
    assert result.p_value is None


def test_shift_compares_quantiles_of_traces_that_ended_ok(executor: PlanExecutor) -> None:
    result = run(executor, SHIFT).result

    durations = {
        version: [t.duration_ms for t in map(trace, range(TRACES)) if t.state == "OK" and t.version == version]
        for version in ("v1", "v2")
    }
    medians = {version: float(np.median([each or 0 for each in values])) for version, values in durations.items()}
    assert [arm.value for arm in result.arms] == [medians["v2"], medians["v1"]]
    assert result.population == TRACES - 72
    assert result.value == pytest.approx(medians["v2"] / medians["v1"])


def test_slice_search_finds_the_segment_and_its_traces(executor: PlanExecutor) -> None:
    result = run(executor, SLICES).result

    cell = next(cell for cell in result.cells if cell.outcome == "error")
    assert cell.segment == {"version": "v2"}
    assert (cell.affected, cell.traces, cell.rest_affected) == (FAILING_NEW, 120, FAILING_OLD)
    assert result.family == "S"
    assert len(executor.affected(SLICES, cell=cell)) == FAILING_NEW


def test_cell_of_a_number_holds_the_traces_above_the_pooled_quantile(executor: PlanExecutor) -> None:
    slow = next(cell for cell in run(executor, SLICES).result.cells if cell.outcome == "slow")

    found = executor.affected(SLICES, cell=slow)

    assert len(found) == TRACES * 5 // 100
    assert {each.note for each in found} == {f"{trace(int(each.trace_id[1:])).duration_ms:,}" for each in found}


def test_every_decision_gives_a_result_that_a_verdict_can_be_made_of(executor: PlanExecutor) -> None:
    entries = [Entry(name, plan, run(executor, plan).result) for name, plan in ALL.items()]

    verdicts = close_families(entries, batch=1)

    assert {name: verdict.status for name, verdict in verdicts.items()} == dict.fromkeys(ALL, HypothesisStatus.VALIDATED)
    selected = verdicts["contrast"].interval
    assert selected is not None
    assert selected.level == pytest.approx(0.95)


def test_affected_is_everything_sorted_with_the_span_that_shows_it(executor: PlanExecutor) -> None:
    found = executor.affected(CONTRAST)

    assert len(found) == FAILING_NEW
    assert found == sorted(found)
    assert found[0] == AffectedTrace("t030", "t030-1", "search: broken")


@pytest.mark.parametrize("name", sorted(ALL))
def test_evidence_holds_traces_for_and_against_and_is_the_same_each_time(executor: PlanExecutor, name: str) -> None:
    evidence = run(executor, ALL[name]).evidence

    assert (sum(each.supports for each in evidence), sum(not each.supports for each in evidence)) == (5, 3)
    assert evidence == run(executor, ALL[name]).evidence
    affected = {
        each.trace_id for each in executor.affected(ALL[name], cell=next(iter(run(executor, ALL[name]).result.cells), None))
    }
    assert {each.trace_id for each in evidence if each.supports} <= affected
    assert not {each.trace_id for each in evidence if not each.supports} & affected


def test_evidence_carries_what_the_step_says_of_the_trace(executor: PlanExecutor) -> None:
    supporting = next(each for each in run(executor, CONTRAST).evidence if each.supports)

    assert supporting.span_id == f"{supporting.trace_id}-1"
    assert supporting.rationale == "search: broken"
    assert supporting.step == "what is looked for"


def test_strength_is_supported_by_the_traces_without_the_fault(executor: PlanExecutor) -> None:
    strength = plan_of(Rate(threshold=0.5, direction="below", threshold_source="playbook"), step("affected", ERRORS))
    evidence = run(executor, strength).evidence

    states = {each.supports: trace(int(each.trace_id[1:])).state for each in evidence}
    assert states == {True: "OK", False: "ERROR"}


def test_another_seed_draws_other_evidence(executor: PlanExecutor) -> None:
    other = PlanExecutor(executor._sql, cluster_key="session", seed=8)

    assert {each.trace_id for each in run(other, COUNT).evidence} != {each.trace_id for each in run(executor, COUNT).evidence}


def test_population_without_traces_decides_nothing(executor: PlanExecutor) -> None:
    for name, plan in ALL.items():
        empty = plan.model_copy(update={"population": "SELECT trace_id FROM traces WHERE state = 'GONE'"})
        execution = run(executor, empty)
        assert not execution.result.eligible, name
        assert execution.result.ineligible_because
        assert execution.evidence == ()


def test_slice_search_without_a_cell_has_no_affected_traces(executor: PlanExecutor) -> None:
    with pytest.raises(ValueError, match="one of its cells"):
        executor.affected(SLICES)


def test_trace_that_the_clusters_do_not_know_is_a_cluster_by_itself(tmp_path: Path) -> None:
    known, unknown = [TinyTrace("a", session="s"), TinyTrace("b", session="s")], [TinyTrace("c"), TinyTrace("d")]
    (tmp_path / "few").mkdir()
    few, catalog = write_catalog(tmp_path / "few", known), write_catalog(tmp_path, [*known, *unknown])
    with open_service(catalog.with_relation("clusters", few.files["clusters"])) as sql:
        assert run(PlanExecutor(sql, cluster_key="session", seed=0), COUNT).result.clusters == 3
