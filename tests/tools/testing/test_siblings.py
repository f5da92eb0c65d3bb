"""The same request with different outcomes."""

from collections.abc import Iterator

import pytest

from analyze_experiment.tests.tools.testing.tiny_catalog import TinySpan, TinyTrace, open_service, write_catalog
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.siblings import siblings_problem, siblings_strength

ASKED = "Please cancel my order number 17"
TRACES = (
    TinyTrace("does it", ASKED, "Your order is cancelled."),
    TinyTrace("does it too", ASKED.upper(), "Done, it is cancelled."),
    TinyTrace("refuses", ASKED, "Sorry, I can't do that."),
    TinyTrace("errs", ASKED, None, state="ERROR"),
    TinyTrace("is silent", ASKED, ""),
    TinyTrace("displeases", ASKED, "It is cancelled.", feedback={"helpful": False}),
    TinyTrace("passes on", ASKED, "", spans=(TinySpan("transfer_to_human_agents"),)),
    TinyTrace("still open", ASKED, None, state="IN_PROGRESS"),
    *(TinyTrace(f"always refused {n}", "Give me the phone number of your boss", "Sorry, I can't do that.") for n in range(3)),
    *(
        TinyTrace(f"asked twice in one session {n}", "Where is my parcel now?", "Sorry.", session="one", at_minute=n)
        for n in range(2)
    ),
    TinyTrace("first turn", "What can you do for me?", session="s", at_minute=1),
    TinyTrace("later turn", ASKED, "Sorry, I can't do that.", session="s", at_minute=2),
    *(TinyTrace(f"greeting {n}", "Hello", answer) for n, answer in enumerate(("Hi!", "Sorry?"))),
)


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlanExecutor]:
    with open_service(write_catalog(tmp_path_factory.mktemp("siblings"), TRACES)) as sql:
        yield PlanExecutor(sql, cluster_key="session+request", seed=0)


def test_traces_that_fail_where_a_sibling_does_not_are_found(executor: PlanExecutor) -> None:
    plan = siblings_problem().plan
    assert plan is not None

    found = {trace.trace_id: trace.note for trace in executor.affected(plan)}

    assert set(found) == {"refuses", "errs", "is silent", "displeases"}
    assert found["errs"] == "ends in an error (3 of 7 traces with this request do better)"


def test_only_requests_that_two_sessions_begin_with_are_compared(executor: PlanExecutor) -> None:
    plan = siblings_problem().plan
    assert plan is not None

    result = executor.run(plan, owner="", on_step=lambda title, sql, traces: None).result

    assert result.population == 7 + 3


def test_strength_claims_the_opposite_of_the_problem() -> None:
    problem, strength = siblings_problem(), siblings_strength()
    assert problem.plan is not None
    assert strength.plan is not None

    assert (problem.polarity, strength.polarity) == ("problem", "strength")
    assert problem.plan.steps == strength.plan.steps
    assert problem.plan.digest != strength.plan.digest
