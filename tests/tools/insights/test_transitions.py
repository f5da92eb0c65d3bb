"""The rules of the memory, one by one."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyze_experiment.tests.tools.insights.samples import INSTANT, RESULT, draft, issue, verdict
from analyze_experiment.tools.errors import MemoryRefused
from analyze_experiment.tools.insights.models import (
    EVIDENCE_LIMIT,
    Aspect,
    Cause,
    Evidence,
    Hypothesis,
    HypothesisDraft,
    HypothesisStatus,
    Issue,
    IssueDraft,
    IssueStatus,
    Severity,
)
from analyze_experiment.tools.insights.transitions import (
    blocked,
    dropped,
    found_again,
    require_issue_grounds,
    with_evidence,
    with_result,
    with_verdict,
)

TESTING, VALIDATED, REJECTED, INCONCLUSIVE = HypothesisStatus


def hypothesis(**fields: object) -> Hypothesis:
    of_draft = {name: getattr(draft(), name) for name in HypothesisDraft.model_fields}
    own = {"hypothesis_id": "H12345678", "created_at": INSTANT, "updated_at": INSTANT}
    return Hypothesis.model_validate({**of_draft, **own, **fields})


EVIDENCE = (Evidence(trace_id="tr-1"),)
UNTESTED = hypothesis()
TESTED = hypothesis(result=RESULT)
SHOWN = hypothesis(evidence=EVIDENCE)
REFUTED = hypothesis(evidence=(Evidence(trace_id="tr-1", supports=False),))
GIVEN_UP = hypothesis(status=REJECTED, dropped=True)
DECIDED = hypothesis(status=VALIDATED, result=RESULT, verdict=verdict(VALIDATED))


@dataclass(frozen=True)
class Decision:
    before: Hypothesis
    status: HypothesisStatus
    by: str
    refused: str = ""


@pytest.mark.parametrize(
    "case",
    [
        Decision(TESTED, VALIDATED, "test"),
        Decision(TESTED, REJECTED, "test"),
        Decision(SHOWN, VALIDATED, "test"),
        Decision(SHOWN, VALIDATED, "person"),
        Decision(REFUTED, REJECTED, "person"),
        Decision(SHOWN, REJECTED, "person", "by a person without evidence against it"),
        Decision(REFUTED, VALIDATED, "person", "by a person without evidence for it"),
        Decision(UNTESTED, INCONCLUSIVE, "test"),
        Decision(UNTESTED, INCONCLUSIVE, "person"),
        Decision(UNTESTED, VALIDATED, "test", "without a result or evidence"),
        Decision(UNTESTED, REJECTED, "test", "without a result or evidence"),
        Decision(UNTESTED, VALIDATED, "person", "by a person without evidence"),
        Decision(TESTED, REJECTED, "person", "by a person without evidence"),
        Decision(TESTED, TESTING, "test", "TESTING is no verdict"),
        Decision(GIVEN_UP, VALIDATED, "test", "was dropped by a person, so it takes no verdict"),
        Decision(GIVEN_UP, INCONCLUSIVE, "person", "was dropped by a person"),
        Decision(DECIDED, REJECTED, "test", "A verdict is final"),
        Decision(DECIDED, INCONCLUSIVE, "person", "A verdict is final"),
    ],
    ids=lambda case: f"{case.before.status}-{case.status}-{case.by}-{bool(case.refused)}",
)
def test_verdict_needs_its_grounds(case: Decision) -> None:
    given_verdict = verdict(case.status).model_copy(update={"by": case.by})
    if case.refused:
        with pytest.raises(MemoryRefused, match=case.refused):
            with_verdict(case.before, given_verdict, at=INSTANT)
        return
    after = with_verdict(case.before, given_verdict, at=INSTANT)
    assert (after.status, after.verdict) == (case.status, given_verdict)
    assert after.history == (f"2026-03-03 12:00:00Z TESTING -> {case.status} by {case.by}: 2 of 5 traces are affected.",)


def test_same_verdict_again_changes_nothing() -> None:
    assert with_verdict(DECIDED, verdict(VALIDATED), at=INSTANT) is DECIDED


def test_rejected_hypothesis_keeps_its_evidence() -> None:
    assert with_verdict(SHOWN, verdict(REJECTED), at=INSTANT).evidence == EVIDENCE


def test_first_result_stays() -> None:
    again = RESULT.model_copy(update={"affected": 5})
    assert with_result(TESTED, again, at=INSTANT) is TESTED
    assert with_result(UNTESTED, RESULT, at=INSTANT).result == RESULT


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (GIVEN_UP, "takes no result"),
        (hypothesis(status=INCONCLUSIVE), "a result comes before a verdict"),
        (hypothesis(plan=None), "no typed plan"),
    ],
)
def test_result_without_its_place_is_refused(before: Hypothesis, says: str) -> None:
    with pytest.raises(MemoryRefused, match=says):
        with_result(before, RESULT, at=INSTANT)


def test_dropped_hypothesis_is_rejected_without_a_verdict() -> None:
    after = dropped(TESTED, "out of scope", at=INSTANT)
    assert (after.status, after.dropped, after.verdict, after.result) == (REJECTED, True, None, RESULT)
    assert dropped(after, "again", at=INSTANT) is after


def test_decided_hypothesis_cannot_be_dropped() -> None:
    with pytest.raises(MemoryRefused, match="is VALIDATED already, so it can't be dropped"):
        dropped(DECIDED, "out of scope", at=INSTANT)


def test_blocked_hypothesis_stays_testing_and_says_why() -> None:
    after = blocked(UNTESTED, "no tool spans", at=INSTANT)
    assert (after.status, after.blocked) == (TESTING, "no tool spans")
    assert blocked(after, "no tool spans", at=INSTANT) is after


@pytest.mark.parametrize("before", [TESTED, DECIDED, GIVEN_UP], ids=["tested", "decided", "dropped"])
def test_hypothesis_that_went_further_cannot_be_blocked(before: Hypothesis) -> None:
    with pytest.raises(MemoryRefused, match="can't be blocked"):
        blocked(before, "no tool spans", at=INSTANT)


@pytest.mark.parametrize(
    ("issue_draft", "grounds", "says"),
    [
        (issue(), None, "no evidence that supports it"),
        (issue("tr-1").model_copy(update={"evidence": (Evidence(trace_id="tr-1", supports=False),)}), None, "no evidence that"),
        (issue("tr-1", kind="quality"), None, "needs a VALIDATED hypothesis"),
        (issue("tr-1", source="hypothesis"), None, "needs a VALIDATED hypothesis"),
        (issue("tr-1", hypothesis_id="H12345678"), TESTED, "'H12345678', which is TESTING"),
        (issue("tr-1", hypothesis_id="H12345678"), GIVEN_UP, "'H12345678', which is REJECTED"),
    ],
)
def test_issue_without_grounds_is_refused(issue_draft: IssueDraft, grounds: Hypothesis | None, says: str) -> None:
    with pytest.raises(MemoryRefused, match=says):
        require_issue_grounds(issue_draft, grounds)


def test_issue_with_grounds_passes() -> None:
    require_issue_grounds(issue("tr-1"), None)
    require_issue_grounds(issue("tr-1", kind="quality", source="hypothesis", hypothesis_id="H12345678"), DECIDED)


def stored_issue(status: IssueStatus) -> Issue:
    of_draft = {name: getattr(issue("tr-1"), name) for name in IssueDraft.model_fields}
    own = {"issue_id": "I-1-0123456789", "experiment_id": "1", "source_run_id": "first", "status": status, "resolution": "fixed"}
    return Issue.model_validate({**of_draft, **own, "created_at": INSTANT, "updated_at": INSTANT})


@pytest.mark.parametrize("status", list(IssueStatus))
def test_issue_found_again_keeps_its_status_and_takes_the_numbers(status: IssueStatus) -> None:
    after = found_again(stored_issue(status), issue("tr-2", affected=4), run_id="second", at=INSTANT)
    assert (after.status, after.resolution, after.source_run_id, after.affected) == (status, "fixed", "second", 4)
    assert [entry.trace_id for entry in after.evidence] == ["tr-2"]
    noted = f", stays {status}" if status in {IssueStatus.RESOLVED, IssueStatus.REJECTED} else ""
    assert after.history == (f"2026-03-03 12:00:00Z found again by analysis second: 4 of 5, HIGH{noted}",)


def test_issue_that_is_made_again_by_hand_keeps_what_an_analysis_learnt_of_it() -> None:
    aspect = Aspect(title="Answers fail after it", hypothesis_id="H1", affected=1, population=5, severity=Severity.LOW)
    known = stored_issue(IssueStatus.OPEN).model_copy(update={"aspects": (aspect,)})
    nothing = {"cause": Cause(text="Not looked into yet.", standing="suspected"), "recommendation": "Open the traces."}
    by_hand = issue("tr-2", severity=Severity.LOW).model_copy(update={**nothing, "severity_by": "person"})
    after = found_again(known, by_hand, run_id="first", at=INSTANT)
    assert (after.cause, after.recommendation, after.aspects) == (known.cause, known.recommendation, (aspect,))
    assert (after.severity, after.severity_by) == (Severity.LOW, "person")
    assert found_again(known, issue("tr-2"), run_id="second", at=INSTANT).aspects == (), "another analysis tells its own"


evidence = st.lists(
    st.builds(
        Evidence,
        trace_id=st.integers(0, 40).map(lambda number: f"tr-{number}"),
        step=st.sampled_from(["", "affected"]),
        supports=st.booleans(),
    ),
    max_size=60,
)


@given(evidence, evidence)
def test_evidence_is_capped_without_losing_a_side(first: list[Evidence], more: list[Evidence]) -> None:
    kept = with_evidence(first, more, limit=EVIDENCE_LIMIT)
    keys = [(entry.step, entry.trace_id, entry.span_id) for entry in kept]
    every = {(entry.step, entry.trace_id, entry.span_id): entry for entry in reversed([*first, *more])}
    assert len(set(keys)) == len(keys) == min(EVIDENCE_LIMIT, len(every))
    for side in (True, False):
        wanted = sum(entry.supports is side for entry in every.values())
        assert sum(entry.supports is side for entry in kept) >= min(wanted, EVIDENCE_LIMIT // 2)


@given(evidence, evidence)
def test_evidence_added_again_changes_nothing(first: list[Evidence], more: list[Evidence]) -> None:
    kept = with_evidence(first, more, limit=EVIDENCE_LIMIT)
    assert with_evidence(kept, more, limit=EVIDENCE_LIMIT) == kept
