"""Each entry of the packaged playbook against traces with the fault, without it, and with what only looks like it."""

from collections.abc import Iterator

import pytest

from analyze_experiment.tests.tools.testing.entry_cases import all_cases
from analyze_experiment.tests.tools.testing.flagged_cases import FLAGGED
from analyze_experiment.tests.tools.testing.passed_cases import PASSED
from analyze_experiment.tests.tools.testing.tiny_catalog import open_service, write_catalog
from analyze_experiment.tools.testing.compose import parts
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.playbooks import load_playbook

PLAYBOOK = load_playbook()


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlanExecutor]:
    """Over one catalog with the cases of all entries."""
    with open_service(write_catalog(tmp_path_factory.mktemp("entries"), all_cases())) as sql:
        yield PlanExecutor(sql, cluster_key="session", seed=0)


def test_every_entry_has_cases() -> None:
    assert set(FLAGGED) == set(PASSED) == set(PLAYBOOK)


def test_thirty_failure_modes_and_more_stand_beside_the_strengths_each_with_its_source() -> None:
    assert sum(entry.polarity == "problem" for entry in PLAYBOOK.values()) >= 30
    assert all(entry.source for entry in PLAYBOOK.values())


@pytest.mark.parametrize("name", sorted(PLAYBOOK))
def test_entry_flags_the_fault_and_not_what_looks_like_it(executor: PlanExecutor, name: str) -> None:
    found = {trace.trace_id for trace in executor.affected(PLAYBOOK[name].plan)}

    own = {trace_id.removeprefix(f"{name}: ") for trace_id in found if trace_id.startswith(f"{name}: ")}
    assert own == {trace.trace_id for trace in FLAGGED[name]}


def test_slow_tail_finds_the_slowest_of_the_latest_version(executor: PlanExecutor) -> None:
    plan = PLAYBOOK["slow_tail_since_latest_version"].plan

    measured = executor.run(plan, owner="", on_step=lambda title, sql, traces: None).result

    assert [arm.value for arm in measured.arms] == [4000, 1000]
    assert not executor.affected(plan), "a tenth of the traces is needed to exceed the 95th percentile"


def test_tool_failure_answered_in_another_language_is_unreadable(executor: PlanExecutor) -> None:
    result = executor.run(PLAYBOOK["swallowed_tool_errors"].plan, owner="", on_step=lambda title, sql, traces: None).result

    assert result.unreadable == 1


def test_what_users_said_in_model_calls_is_read_by_the_same_select_in_each_entry() -> None:
    entries = ("users_repeat_themselves", "users_ask_again_for_a_human", "agent_repeats_its_answer")

    (said,) = {parts(PLAYBOOK[name].plan)[0] for name in entries}

    assert said.startswith("SELECT trace_id, span_id, position, answered")
