"""Hypotheses through the store: made once, indexed, cited traces linked, the rules kept."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from analyze_experiment.tests.tools.insights.samples import PLAN, RESULT, draft, verdict
from analyze_experiment.tools.errors import MemoryRefused, UserError
from analyze_experiment.tools.insights.models import EVIDENCE_LIMIT, Evidence, HypothesisStatus
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


def index(store: InsightStore, run_id: str) -> dict[str, str]:
    tags = store.tracking.client.get_run(run_id).data.tags
    return {tag: text for tag, text in tags.items() if tag.startswith("insights.h.")}


def spans_of(store: InsightStore, trace_id: str) -> list[str]:
    return sorted(span.span_id for span in store.reader.for_checks([trace_id])[trace_id].spans)


def test_same_statement_and_plan_is_the_same_hypothesis(store: InsightStore, run_id: str) -> None:
    first = store.create_hypothesis(run_id, draft("A"))
    assert store.create_hypothesis(run_id, draft("A").model_copy(update={"rationale": "worded anew"})) == first
    changed = PLAN.model_copy(update={"min_n": 21})
    others = [store.create_hypothesis(run_id, each) for each in (draft("B"), draft("A", plan=changed), draft("A", plan=None))]
    assert len({first.hypothesis_id, *(each.hypothesis_id for each in others)}) == 4


def test_ids_are_the_same_on_every_machine(store: InsightStore, run_id: str) -> None:
    assert store.create_hypothesis(run_id, draft("A", plan=None)).hypothesis_id == "He61c21ca"


def test_proposals_without_a_plan_differ_by_their_origin(store: InsightStore, run_id: str) -> None:
    made = {
        store.create_hypothesis(run_id, draft("A", plan=None, origin=f"sample 0 {number}")).hypothesis_id for number in range(2)
    }
    assert len(made) == 2


def test_hypotheses_are_listed_in_order_of_creation(store: InsightStore, run_id: str) -> None:
    made = [store.create_hypothesis(run_id, draft(text)) for text in ("C", "A", "B")]
    store.create_hypothesis(run_id, draft("A"))
    assert store.list_hypotheses(run_id) == made
    assert InsightStore(connect(store.tracking.uri)).list_hypotheses(run_id) == made
    assert [text.split()[0] for text in index(store, run_id).values()] == ["1", "2", "3"]


def test_list_sees_what_another_process_wrote(store: InsightStore, run_id: str) -> None:
    made = store.create_hypothesis(run_id, draft())
    assert store.list_hypotheses(run_id) == [made]
    tested = InsightStore(connect(store.tracking.uri)).record_result(run_id, made.hypothesis_id, RESULT, [])
    assert store.list_hypotheses(run_id) == [tested]


def test_tag_without_a_document_is_passed_over(store: InsightStore, run_id: str) -> None:
    made = store.create_hypothesis(run_id, draft())
    store.tracking.client.set_tag(run_id, "insights.h.H00000000", "2 0 TESTING")
    assert store.list_hypotheses(run_id) == [made]


def test_tag_that_lags_is_mended_by_the_next_write(store: InsightStore, run_id: str) -> None:
    made = store.create_hypothesis(run_id, draft())
    store.record_result(run_id, made.hypothesis_id, RESULT, [])
    store.tracking.client.set_tag(run_id, f"insights.h.{made.hypothesis_id}", "1 0 TESTING")
    store.record_result(run_id, made.hypothesis_id, RESULT, [])
    assert index(store, run_id) == {f"insights.h.{made.hypothesis_id}": "1 1 TESTING"}


def test_hypothesis_goes_from_result_to_verdict(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    subject = store.create_hypothesis(run_id, draft()).hypothesis_id
    evidence = [Evidence(trace_id=trace_ids[2], step="affected"), Evidence(trace_id=trace_ids[0], supports=False)]
    store.record_result(run_id, subject, RESULT, evidence)
    decided = store.decide(run_id, subject, verdict(HypothesisStatus.VALIDATED))
    assert store.decide(run_id, subject, verdict(HypothesisStatus.VALIDATED)) == decided
    assert store.get_hypothesis(run_id, subject) == decided
    assert (decided.status, decided.result, decided.evidence) == (HypothesisStatus.VALIDATED, RESULT, tuple(evidence))
    assert index(store, run_id) == {f"insights.h.{subject}": "1 2 VALIDATED"}
    assert store.linked_traces(run_id) == 2


def test_second_result_changes_nothing(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    subject = store.create_hypothesis(run_id, draft()).hypothesis_id
    first = store.record_result(run_id, subject, RESULT, [])
    other = RESULT.model_copy(update={"affected": 5})
    assert store.record_result(run_id, subject, other, [Evidence(trace_id=trace_ids[0])]) == first
    assert store.linked_traces(run_id) == 0


def test_result_of_a_dropped_hypothesis_is_refused(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    subject = store.create_hypothesis(run_id, draft()).hypothesis_id
    dropped = store.drop_hypothesis(run_id, subject, why="out of scope")
    with pytest.raises(MemoryRefused, match="was dropped"):
        store.record_result(run_id, subject, RESULT, [Evidence(trace_id=trace_ids[0])])
    with pytest.raises(MemoryRefused, match="was dropped"):
        store.decide(run_id, subject, verdict(HypothesisStatus.INCONCLUSIVE))
    assert store.drop_hypothesis(run_id, subject, why="again") == dropped == store.get_hypothesis(run_id, subject)
    assert store.linked_traces(run_id) == 0


def test_blocked_draft_stays_testing(store: InsightStore, run_id: str) -> None:
    made = store.create_hypothesis(run_id, draft(plan=None, blocked="no plan could be made"))
    assert (made.status, made.blocked) == (HypothesisStatus.TESTING, "no plan could be made")
    later = store.block_hypothesis(run_id, made.hypothesis_id, why="its SQL is refused")
    assert (later.status, later.blocked) == (HypothesisStatus.TESTING, "its SQL is refused")


def test_evidence_is_added_once_and_linked(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    subject = store.create_hypothesis(run_id, draft()).hypothesis_id
    span = spans_of(store, trace_ids[0])[0]
    evidence = [Evidence(trace_id=trace_ids[0]), Evidence(trace_id=trace_ids[0], span_id=span, quote="It ships")]
    first = store.add_evidence(run_id, subject, evidence)
    assert store.add_evidence(run_id, subject, [*evidence, *evidence]) == first
    assert first.evidence == tuple(evidence)
    assert store.reader.linked(run_id, experiment_id="1") == [trace_ids[0]]


def test_evidence_that_does_not_exist_is_refused(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    made = store.create_hypothesis(run_id, draft())
    foreign = spans_of(store, trace_ids[1])[0]
    for entry, says in (
        (Evidence(trace_id="tr-00000000000000000000000000000000"), "has no trace"),
        (Evidence(trace_id="' OR 1 = 1"), "has no trace"),
        (Evidence(trace_id=trace_ids[0], span_id="0000000000000000"), "has no span '0000000000000000'"),
        (Evidence(trace_id=trace_ids[0], span_id=foreign), "has no span"),
        (Evidence(trace_id=trace_ids[0], quote="It was never said."), "doesn't stand in the trace"),
    ):
        with pytest.raises(MemoryRefused, match=says):
            store.add_evidence(run_id, made.hypothesis_id, [Evidence(trace_id=trace_ids[2]), entry])
    assert store.get_hypothesis(run_id, made.hypothesis_id) == made
    assert store.linked_traces(run_id) == 0


def test_document_holds_no_more_evidence_than_the_limit(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    subject = store.create_hypothesis(run_id, draft()).hypothesis_id
    many = [Evidence(trace_id=trace_ids[0], step=f"step {number}", supports=number > 1) for number in range(EVIDENCE_LIMIT + 5)]
    kept = store.add_evidence(run_id, subject, many).evidence
    assert (len(kept), sum(not entry.supports for entry in kept)) == (EVIDENCE_LIMIT, 2)


@pytest.mark.parametrize(("subject", "says"), [("H00000000", "has no hypothesis"), ("../snapshot", "is no hypothesis id")])
def test_unknown_hypothesis_is_a_user_error(store: InsightStore, run_id: str, subject: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        store.decide(run_id, subject, verdict(HypothesisStatus.INCONCLUSIVE))


def test_threads_lose_no_update(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    subject = store.create_hypothesis(run_id, draft()).hypothesis_id
    other = InsightStore(connect(store.tracking.uri))

    def add(number: int) -> None:
        memory = store if number % 2 else other
        memory.create_hypothesis(run_id, draft(f"Statement {number}"))
        memory.add_evidence(run_id, subject, [Evidence(trace_id=trace_ids[number % 5], step=f"step {number}")])

    with ThreadPoolExecutor(max_workers=4) as threads:
        list(threads.map(add, range(12)))
    assert {entry.step for entry in store.get_hypothesis(run_id, subject).evidence} == {f"step {number}" for number in range(12)}
    assert len(store.list_hypotheses(run_id)) == 13
    ordinals = sorted(int(text.split()[0]) for text in index(store, run_id).values())
    assert ordinals == list(range(1, 14))
