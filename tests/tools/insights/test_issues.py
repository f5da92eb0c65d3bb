"""Issues through the store: the experiment's, known again by fingerprint, never without grounds."""

import pytest

from analyze_experiment.tests.tools.insights.samples import RESULT, draft, issue, verdict
from analyze_experiment.tools.errors import MemoryRefused, UserError
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Analysis, Evidence, HypothesisStatus, Issue, IssueStatus, Severity
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


@pytest.fixture
def later(store: InsightStore, analysis: Analysis) -> str:
    """The run of next week's analysis."""
    return store.create_analysis(analysis.experiment_id, key="next week", name="n", run_name="r", analyst="a").run_id


def resolved(current: Issue) -> Issue:
    return current.model_copy(update={"status": IssueStatus.RESOLVED, "resolution": "A retry was added."})


def test_issue_belongs_to_the_experiment(store: InsightStore, analysis: Analysis, trace_ids: tuple[str, ...]) -> None:
    made = store.create_issue(analysis.run_id, issue(trace_ids[2]), [AffectedTrace(trace_ids[2])])
    fresh = InsightStore(connect(store.tracking.uri))
    assert made.issue_id.startswith(f"I-{analysis.experiment_id}-")
    assert fresh.get_issue(made.issue_id) == made
    assert fresh.list_issues(analysis.experiment_id) == [made]
    assert (made.source_run_id, made.experiment_id, made.status) == (analysis.run_id, analysis.experiment_id, IssueStatus.OPEN)
    parent = store.tracking.client.get_run(analysis.run_id).data.tags["mlflow.parentRunId"]
    assert store.tracking.client.get_run(parent).data.tags[f"insights.i.{made.issue_id}"] == "1 0 OPEN"


def test_all_affected_traces_are_listed_but_only_the_evidence_is_linked(
    store: InsightStore, run_id: str, trace_ids: tuple[str, ...]
) -> None:
    affected = [AffectedTrace(trace_ids[2], "", 'said "no",\nthen more'), AffectedTrace(trace_ids[3], "abc", "=1+1")]
    made = store.create_issue(run_id, issue(trace_ids[2], affected=2), affected)
    assert store.issue_traces(made.issue_id) == affected
    assert store.reader.linked(run_id, experiment_id="1") == [trace_ids[2]]


def test_issue_is_made_once_per_analysis(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    made = store.create_issue(run_id, issue(trace_ids[2]), [AffectedTrace(trace_ids[2])])
    assert store.create_issue(run_id, issue(trace_ids[2], title="Worded anew"), []) == made
    assert store.issue_traces(made.issue_id) == [AffectedTrace(trace_ids[2])]


def test_issue_found_again_is_brought_up_to_date(
    store: InsightStore, run_id: str, later: str, trace_ids: tuple[str, ...]
) -> None:
    made = store.create_issue(run_id, issue(trace_ids[2]), [AffectedTrace(trace_ids[2])])
    again = store.create_issue(later, issue(trace_ids[3], affected=3), [AffectedTrace(trace_ids[3])])
    assert again.issue_id == made.issue_id
    assert (again.affected, again.source_run_id, again.rev, len(again.history)) == (3, later, 1, 2)
    assert [entry.trace_id for entry in again.evidence] == [trace_ids[3]]
    assert store.issue_traces(made.issue_id) == [AffectedTrace(trace_ids[3])]
    assert store.list_issues("1") == [again]


def test_resolved_issue_that_is_found_again_stays_resolved(
    store: InsightStore, run_id: str, later: str, trace_ids: tuple[str, ...]
) -> None:
    made = store.create_issue(run_id, issue(trace_ids[2]), [])
    store.update_issue(made.issue_id, op="resolve", change=resolved)
    again = store.create_issue(later, issue(trace_ids[3]), [])
    assert (again.status, again.resolution) == (IssueStatus.RESOLVED, "A retry was added.")
    assert again.history[-1].endswith("stays RESOLVED")


def test_issues_are_listed_by_severity_then_extent(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    for measure, severity, affected in (("a", "LOW", 5), ("b", "HIGH", 1), ("c", "HIGH", 4), ("d", "CRITICAL", 1)):
        store.create_issue(
            run_id,
            issue(trace_ids[0], measure=measure, severity=Severity(severity), affected=affected),
            [AffectedTrace(trace_ids[0])],
        )
    assert [each.fingerprint.measure for each in store.list_issues("1")] == ["d", "c", "b", "a"]


def test_issue_of_a_validated_hypothesis_needs_that_analysis(
    store: InsightStore, run_id: str, later: str, trace_ids: tuple[str, ...]
) -> None:
    subject = store.create_hypothesis(run_id, draft()).hypothesis_id
    found = issue(trace_ids[2], kind="quality", source="hypothesis", hypothesis_id=subject)
    with pytest.raises(MemoryRefused, match="which is TESTING"):
        store.create_issue(run_id, found, [])
    store.record_result(run_id, subject, RESULT, [])
    store.decide(run_id, subject, verdict(HypothesisStatus.VALIDATED))
    assert store.create_issue(run_id, found, []).hypothesis_id == subject
    with pytest.raises(UserError, match="has no hypothesis"):
        store.create_issue(later, found, [])


def test_issue_without_grounds_leaves_nothing(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    for refused in (issue(), issue(trace_ids[0], kind="quality"), issue("tr-nowhere")):
        with pytest.raises(MemoryRefused):
            store.create_issue(run_id, refused, [])
    assert store.list_issues("1") == []
    assert store.linked_traces(run_id) == 0


def test_issue_is_changed_once_per_operation(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    made = store.create_issue(run_id, issue(trace_ids[2]), [])
    first = store.update_issue(made.issue_id, op="resolve", change=resolved)
    assert store.update_issue(made.issue_id, op="resolve", change=resolved) == first == store.get_issue(made.issue_id)
    assert (first.status, first.rev) == (IssueStatus.RESOLVED, 1)
    with pytest.raises(MemoryRefused, match="fingerprint of this issue can't be changed"):
        other = made.fingerprint.model_copy(update={"measure": "x"})
        store.update_issue(made.issue_id, op="x", change=lambda current: current.model_copy(update={"fingerprint": other}))


def test_evidence_added_to_an_issue_must_exist(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    made = store.create_issue(run_id, issue(trace_ids[2]), [])

    def adding(trace_id: str) -> Issue:
        return store.update_issue(
            made.issue_id,
            op=f"evidence {trace_id}",
            change=lambda current: current.model_copy(update={"evidence": (*current.evidence, Evidence(trace_id=trace_id))}),
        )

    with pytest.raises(MemoryRefused, match="has no trace"):
        adding("tr-nowhere")
    assert len(adding(trace_ids[4]).evidence) == 2
    assert store.reader.linked(run_id, experiment_id="1") == sorted([trace_ids[2], trace_ids[4]])


@pytest.mark.parametrize("issue_id", ["I-1-0123456789", "I-77-0123456789", "nonsense"])
def test_unknown_issue_is_a_user_error(store: InsightStore, run_id: str, issue_id: str) -> None:
    with pytest.raises(UserError, match=issue_id):
        store.get_issue(issue_id)
    with pytest.raises(UserError, match=issue_id):
        store.issue_traces(issue_id)
