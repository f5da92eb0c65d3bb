"""Issues in MLflow's own pages: shown once, followed when a person changes them, and no part of what is analysed."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow.entities import AssessmentSource
from mlflow.entities.issue import Issue as MlflowIssue
from mlflow.entities.issue import IssueSeverity, IssueStatus

from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.tools.insights.samples import issue
from analyze_experiment.tools.insights import mirror
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Analysis, Issue, Severity
from analyze_experiment.tools.insights.models import IssueStatus as Status
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect

EXPERIMENT = "1"


@pytest.fixture
def made(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> Issue:
    """An issue of two traces, mirrored."""
    found = store.create_issue(
        run_id, issue(trace_ids[2], affected=2), [AffectedTrace(trace_ids[2]), AffectedTrace(trace_ids[3])]
    )
    store.mirror_issues(EXPERIMENT)
    return store.get_issue(found.issue_id)


def native(store: InsightStore) -> list[MlflowIssue]:
    """MLflow's own issues, as its pages would list them."""
    return list(store.native._tracing.store.search_issues(EXPERIMENT, include_trace_count=True))


def by_hand(store: InsightStore, made: Issue, **changes: object) -> None:
    """What the buttons of MLflow's pages do."""
    store.native._tracing.store.update_issue(made.native_id, **changes)  # type: ignore[arg-type]  # one of its fields


def settle(store: InsightStore, made: Issue, status: Status) -> None:
    change = {"status": status, "resolution": "Done."}
    store.update_issue(made.issue_id, op=f"to {status}", change=lambda current: current.model_copy(update=change))


def test_issue_stands_in_mlflow_under_the_run_of_the_experiment(store: InsightStore, run_id: str, made: Issue) -> None:
    (shown,) = native(store)
    parent = store.parent_run_id(EXPERIMENT)
    assert (shown.issue_id, shown.name, shown.source_run_id) == (made.native_id, made.title, parent)
    assert (shown.status, shown.severity, shown.trace_count) == (IssueStatus.PENDING, IssueSeverity.HIGH, 2)
    assert shown.categories == ["operational", made.issue_id]
    for part in (made.description, "2 of 5 traces", made.cause.text, made.recommendation):
        assert part in shown.description
    assert store.reader.linked(parent or "", experiment_id=EXPERIMENT) == sorted(
        entry.trace_id for entry in store.issue_traces(made.issue_id)
    )


def test_traces_are_marked_with_issue_span_and_reason(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    (span,) = [each.span_id for each in store.reader.for_checks([trace_ids[4]])[trace_ids[4]].spans]
    found = store.create_issue(run_id, issue(trace_ids[2]), [AffectedTrace(trace_ids[4], span, "no tool was called")])
    store.mirror_issues(EXPERIMENT)
    marked = store.tracking.client.get_trace(trace_ids[4]).info.assessments[0]
    assert (marked.span_id, marked.rationale) == (span, "no tool was called")
    assert (marked.source.source_type, marked.source.source_id) == ("CODE", "analyze-experiment")
    assert marked.metadata == {"analysis": run_id, "issue": found.issue_id}


def test_mirroring_again_writes_nothing(store: InsightStore, made: Issue) -> None:
    labels: list[str] = []
    again = InsightStore(connect(store.tracking.uri), boundary=labels.append)
    done = again.mirror_issues(EXPERIMENT)
    assert (labels, done) == ([], mirror.Mirroring(mirrored=1))
    assert again.get_issue(made.issue_id) == made


def test_two_processes_that_mirror_the_same_issue_make_one(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    store.create_issue(run_id, issue(trace_ids[2]), [AffectedTrace(trace_ids[2])])
    other = InsightStore(connect(store.tracking.uri))
    parent = other.files.find_runs(EXPERIMENT, tag="mlflow.insights.type", value="parent")[0]
    known = other.native.find(parent)
    store.mirror_issues(EXPERIMENT)
    assert known == {}
    other._mirror_issue(parent, other.list_issues(EXPERIMENT)[0], None)  # it had looked before the first one wrote
    assert [shown.trace_count for shown in native(store)] == [1]


def test_no_more_than_fifty_traces_are_marked(
    store: InsightStore, run_id: str, trace_ids: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mirror.TRACES == 50
    monkeypatch.setattr(mirror, "TRACES", 3)
    store.create_issue(run_id, issue(trace_ids[4]), [AffectedTrace(each) for each in trace_ids])
    store.mirror_issues(EXPERIMENT)
    assert native(store)[0].trace_count == 3
    assert store.tracking.client.get_trace(trace_ids[4]).info.assessments  # what is cited comes first


def test_trace_that_is_gone_is_passed_over(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    store.create_issue(run_id, issue(trace_ids[2]), [AffectedTrace("tr-gone"), AffectedTrace(trace_ids[3])])
    assert store.mirror_issues(EXPERIMENT).marked == 2


@pytest.mark.parametrize(("theirs", "ours"), [(IssueStatus.RESOLVED, Status.RESOLVED), (IssueStatus.REJECTED, Status.REJECTED)])
def test_issue_that_a_person_settles_in_the_pages_is_settled_here(
    store: InsightStore, made: Issue, theirs: IssueStatus, ours: Status
) -> None:
    by_hand(store, made, status=theirs)
    done = store.mirror_issues(EXPERIMENT)
    now = store.get_issue(made.issue_id)
    assert [each.issue_id for each in done.taken_over] == [made.issue_id]
    assert (now.status, now.resolution) == (ours, f"{ours.capitalize()} in MLflow's pages.")
    assert now.history[-1].endswith(f"OPEN -> {ours} by a person in MLflow's pages")
    assert store.mirror_issues(EXPERIMENT).taken_over == ()


def test_issue_that_a_person_moves_back_is_open_again(store: InsightStore, made: Issue) -> None:
    settle(store, made, Status.RESOLVED)
    store.mirror_issues(EXPERIMENT)
    assert native(store)[0].status == IssueStatus.RESOLVED
    by_hand(store, made, status=IssueStatus.PENDING)
    store.mirror_issues(EXPERIMENT)
    assert (store.get_issue(made.issue_id).status, store.get_issue(made.issue_id).resolution) == (Status.OPEN, None)


def test_severity_that_a_person_chose_stays_when_it_is_found_again(
    store: InsightStore, made: Issue, trace_ids: tuple[str, ...]
) -> None:
    by_hand(store, made, severity=IssueSeverity.LOW)
    store.mirror_issues(EXPERIMENT)
    assert store.get_issue(made.issue_id).severity is Severity.LOW
    later = store.create_analysis(EXPERIMENT, key="later", name="n", run_name="r", analyst="a").run_id
    again = store.create_issue(later, issue(trace_ids[3], affected=4), [AffectedTrace(trace_ids[0])])
    assert (again.severity, again.affected) == (Severity.LOW, 4)
    store.mirror_issues(EXPERIMENT)
    (shown,) = native(store)
    assert (shown.severity, shown.trace_count) == (IssueSeverity.LOW, 3)
    assert "4 of 5 traces" in shown.description


def test_text_that_a_person_rewrote_stays(store: InsightStore, made: Issue, trace_ids: tuple[str, ...]) -> None:
    by_hand(store, made, description="We know why.")
    later = store.create_analysis(EXPERIMENT, key="later", name="n", run_name="r", analyst="a").run_id
    store.create_issue(later, issue(trace_ids[3], affected=4), [AffectedTrace(trace_ids[0])])
    store.mirror_issues(EXPERIMENT)
    assert native(store)[0].description == "We know why."


def test_of_two_changes_the_later_one_counts(store: InsightStore, made: Issue) -> None:
    settle(store, made, Status.RESOLVED)  # by the clock of the tests in March 2026, and not shown in the pages yet
    by_hand(store, made, status=IssueStatus.REJECTED)
    store.mirror_issues(EXPERIMENT)
    assert store.get_issue(made.issue_id).status is Status.REJECTED


def test_not_an_issue_is_a_rejection(store: InsightStore, made: Issue) -> None:
    by_hand(store, made, severity=IssueSeverity.NOT_AN_ISSUE)
    store.mirror_issues(EXPERIMENT)
    assert (store.get_issue(made.issue_id).status, native(store)[0].status) == (Status.REJECTED, IssueStatus.REJECTED)


def test_critical_is_high_with_a_mark(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    found = store.create_issue(run_id, issue(trace_ids[2], severity=Severity.CRITICAL), [AffectedTrace(trace_ids[2])])
    store.mirror_issues(EXPERIMENT)
    store.mirror_issues(EXPERIMENT)
    (shown,) = native(store)
    assert (shown.severity, shown.description[:11]) == (IssueSeverity.HIGH, "[CRITICAL] ")
    assert store.get_issue(found.issue_id).severity is Severity.CRITICAL


def test_marks_and_our_feedback_change_nothing_of_what_is_analysed(
    store: InsightStore, run_id: str, trace_ids: tuple[str, ...], tmp_path: Path
) -> None:
    def looked_at() -> tuple[str, int, Sequence[str]]:
        snapshot = take_snapshot(
            store.tracking.uri,
            EXPERIMENT,
            instant=datetime(2026, 6, 1, tzinfo=UTC),
            since=None,
            until=None,
            cache=tmp_path / "cache",
            progress=lambda _, __: None,
        )
        manifest = json.loads(next((tmp_path / "cache").rglob("manifest.json")).read_text(encoding="utf-8"))
        return snapshot.record.digest, snapshot.record.assessments, [window["fingerprint"] for window in manifest["windows"]]

    before = looked_at()
    found = store.create_issue(run_id, issue(trace_ids[2]), [AffectedTrace(each) for each in trace_ids])
    store.mirror_issues(EXPERIMENT)
    store.show_result(run_id, traces=5)
    native_id = store.get_issue(found.issue_id).native_id or ""
    person = AssessmentSource(source_type="HUMAN", source_id="somebody")
    import mlflow

    mlflow.set_tracking_uri(store.tracking.uri)
    try:
        mlflow.log_issue(trace_id=trace_ids[0], issue_id=native_id, source=person)
    finally:
        mlflow.set_tracking_uri(None)  # pyright: ignore[reportArgumentType]  # None gives the setting back
    assert looked_at() == before


def test_run_of_the_experiment_shows_the_result(store: InsightStore, run_id: str, made: Issue) -> None:
    store.show_result(run_id, traces=1234)
    tags = store.tracking.client.get_run(store.parent_run_id(EXPERIMENT) or "").data.tags
    assert tags["mlflow.runType"] == "issue_detection"
    assert (tags["mlflow.issueDetection.result.issues"], tags["mlflow.issueDetection.result.totalTracesAnalyzed"]) == (
        "1",
        "1234",
    )
    assert f"selectedIssueId={made.native_id}" in tags["mlflow.issueDetection.result.summary"]


def test_summary_of_very_many_issues_fits_into_a_tag(store: InsightStore, run_id: str, trace_ids: tuple[str, ...]) -> None:
    for place in range(60):
        store.create_issue(run_id, issue(trace_ids[0], measure=f"m{place}", title="<b>" * 30), [])
    store.mirror_issues(EXPERIMENT)
    store.show_result(run_id, traces=5)
    summary = store.tracking.client.get_run(store.parent_run_id(EXPERIMENT) or "").data.tags[
        "mlflow.issueDetection.result.summary"
    ]
    assert len(summary) < 8000
    assert summary.rstrip().endswith("more stand under Issues.")
    assert "<b>" not in summary.replace("\\<b\\>", "")


def test_issue_whose_mirror_is_gone_is_mirrored_anew(store: InsightStore, made: Issue) -> None:
    with closing(sqlite3.connect(store.tracking.uri.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("DELETE FROM issues")
        connection.execute("DELETE FROM assessments")
    store.mirror_issues(EXPERIMENT)
    assert [shown.trace_count for shown in native(store)] == [2]
    assert store.get_issue(made.issue_id).native_id != made.native_id


def test_store_without_issues_of_its_own_is_left_alone(
    store: InsightStore, made: Issue, analysis: Analysis, sample_experiment: SampleExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowNotImplementedException

    def lacking(**_: object) -> None:
        raise MlflowNotImplementedException("search_issues")

    other = InsightStore(connect(sample_experiment.uri))
    monkeypatch.setattr(other.native._tracing.store, "search_issues", lacking)
    assert other.mirror_issues(EXPERIMENT) == mirror.Mirroring(kept=False)
