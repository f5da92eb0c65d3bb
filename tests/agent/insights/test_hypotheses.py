"""Hypotheses by hand: stated with a plan, decided with evidence, given up without."""

import pytest

from analyze_experiment.tests.agent.insights.conftest import Insights, evidence

STATED = ("--statement", "Cancelling fails.", "--rationale", "Two users said so.", "--testing-plan", "Step 1: look.")


def state(insights: Insights, run_id: str, *more: str) -> str:
    return str(insights.do("create-hypothesis", "--run-id", run_id, *STATED, *more)["hypothesis_id"])


def test_hypothesis_is_listed_with_its_evidence(insights: Insights) -> None:
    run_id, (first, second, *_) = insights.begin(), insights.trace_ids
    given = ("--evidence", evidence(first), "--evidence", evidence(second, supports=False))
    subject = state(insights, run_id, *given)
    assert state(insights, run_id) == subject
    (listed,) = insights.do("list-hypotheses", "--run-id", run_id)
    assert listed == insights.do("get-hypothesis", "--run-id", run_id, "--hypothesis-id", subject)
    assert [(each["trace_id"], each["supports"]) for each in listed["evidence"]] == [(first, True), (second, False)]
    assert (listed["status"], listed["supports_count"], listed["refutes_count"]) == ("TESTING", 1, 1)


@pytest.mark.parametrize(
    ("status", "supports", "decided"),
    [("VALIDATED", True, ("VALIDATED", False)), ("REJECTED", False, ("REJECTED", False)), ("REJECTED", None, ("REJECTED", True))],
)
def test_rejected_is_a_verdict_with_evidence_and_a_drop_without(
    insights: Insights, status: str, supports: bool | None, decided: tuple[str, bool]
) -> None:
    run_id = insights.begin()
    subject = state(insights, run_id)
    given = [] if supports is None else ["--evidence", evidence(insights.trace_ids[0], supports=supports)]
    updated = insights.do("update-hypothesis", "--run-id", run_id, "--hypothesis-id", subject, "--status", status, *given)
    assert (updated["status"], updated["dropped"]) == decided
    assert (updated["verdict"] is None) is updated["dropped"]


def test_evidence_counts_for_what_is_claimed_where_it_does_not_say(insights: Insights) -> None:
    run_id = insights.begin()
    subject = state(insights, run_id)
    given = ("--status", "REJECTED", "--evidence", evidence(insights.trace_ids[0]))
    updated = insights.do("update-hypothesis", "--run-id", run_id, "--hypothesis-id", subject, *given)
    assert updated["verdict"]["by"] == "person"
    assert [each["supports"] for each in updated["evidence"]] == [False]


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (["--status", "VALIDATED"], 1, "without evidence for it"),
        (["--status", "VALIDATED", "--evidence", '{"trace_id": "tr-nowhere", "rationale": "x"}'], 1, "has no trace 'tr-nowhere'"),
        (["--evidence", "tr-1"], 2, "Evidence is one JSON object"),
        (["--evidence", '{"trace_id": "tr-1", "why": "x"}'], 2, "why"),
        (["--evidence", '{"trace_id": "tr-1"}'], 2, "has no rationale"),
        ([], 2, "Nothing is to be changed"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(insights: Insights, given: list[str], code: int, says: str) -> None:
    run_id = insights.begin()
    subject = state(insights, run_id)
    done = insights("update-hypothesis", "--run-id", run_id, "--hypothesis-id", subject, *given)
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert says in done.err
    assert insights.do("get-hypothesis", "--run-id", run_id, "--hypothesis-id", subject)["history"][1:] == []


def test_plan_in_words_may_change_and_says_what_it_was(insights: Insights) -> None:
    run_id = insights.begin()
    subject = state(insights, run_id)
    updated = insights.do("update-hypothesis", "--run-id", run_id, "--hypothesis-id", subject, "--testing-plan", "Step 1: count.")
    assert updated["testing_plan"] == "Step 1: count."
    assert updated["history"][-1].endswith("testing_plan changed by a person; it was: Step 1: look.")
