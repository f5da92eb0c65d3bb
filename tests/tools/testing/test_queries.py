"""The queries of a plan: steps shown as they run, and steps that break their contract, each named."""

from collections.abc import Iterator

import pytest

from analyze_experiment.tests.tools.testing.small_plans import CONTRAST, COUNT, ERRORS, SHIFT, SLICES, TRACES, run, step, trace
from analyze_experiment.tests.tools.testing.tiny_catalog import open_service, write_catalog
from analyze_experiment.tools.errors import QueryError, QueryRefused
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.plan import Plan, Role, SliceAttribute, Slices


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlanExecutor]:
    catalog = write_catalog(tmp_path_factory.mktemp("execute"), [trace(number) for number in range(TRACES)])
    with open_service(catalog) as sql:
        yield PlanExecutor(sql, cluster_key="session", seed=7)


def test_each_step_is_shown_with_the_traces_it_finds(executor: PlanExecutor) -> None:
    shown: list[tuple[str, int]] = []
    executor.run(CONTRAST, owner="", on_step=lambda title, sql, traces: shown.append((title, traces)))

    assert shown == [("Population: all traces", 240), ("version v2", 120), ("what is looked for", 72)]


def test_names_and_comments_of_a_step_do_not_meet_ours(executor: PlanExecutor) -> None:
    sql = f"WITH members AS ({ERRORS}), affected AS (SELECT * FROM members) SELECT trace_id FROM affected -- all of them"
    result = run(executor, COUNT.model_copy(update={"steps": (step("affected", sql),)})).result

    assert result.affected == 72


BROKEN: dict[str, tuple[Plan, Role, str, str]] = {
    "no trace_id": (COUNT, "affected", "SELECT name, state FROM traces", "it gives the columns name, state, and needs trace_id"),
    "no value": (SHIFT, "measure", "SELECT trace_id FROM traces", "it gives the columns trace_id, and needs trace_id and value"),
    "text": (SHIFT, "measure", "SELECT trace_id, name AS value FROM traces", "it needs a number"),
    "several values": (SHIFT, "measure", "SELECT trace_id, duration_ms AS value FROM spans", "several values for one trace"),
    "no such column": (COUNT, "affected", "SELECT trace_id FROM traces WHERE gone", "gone"),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_step_that_breaks_its_contract_is_named(executor: PlanExecutor, case: str) -> None:
    plan, role, sql, message = BROKEN[case]
    steps = tuple(step(role, sql) if each.role == role else each for each in plan.steps)

    with pytest.raises(QueryError, match=f"tep (with|'what is looked for').*{message}"):
        run(executor, plan.model_copy(update={"steps": steps}))


@pytest.mark.parametrize(
    "sql", ["SELECT trace_id FROM traces) AS s JOIN (SELECT trace_id FROM traces", "SELECT trace_id FROM read_csv('/etc/passwd')"]
)
def test_step_that_is_no_query_of_its_own_is_refused_by_its_title(executor: PlanExecutor, sql: str) -> None:
    with pytest.raises(QueryRefused, match="'what is looked for'"):
        run(executor, COUNT.model_copy(update={"steps": (step("affected", sql),)}))


def test_slice_column_with_several_values_for_a_trace_is_named(executor: PlanExecutor) -> None:
    decision = SLICES.decision
    assert isinstance(decision, Slices)
    spans = SliceAttribute(name="span", title="the span", sql="SELECT trace_id, name AS value FROM spans")

    with pytest.raises(QueryError, match="'the span' gives several values"):
        run(executor, SLICES.model_copy(update={"decision": decision.model_copy(update={"attributes": (spans,)})}))
