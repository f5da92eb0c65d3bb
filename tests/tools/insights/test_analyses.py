"""Analyses: one run per key, a document that is the truth, and a run that shows it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.tools.insights.samples import INSTANT
from analyze_experiment.tools.errors import MemoryRefused, StoreError, UserError
from analyze_experiment.tools.insights.models import Analysis, AnalysisStatus, Question, Scope
from analyze_experiment.tools.insights.scopes import Mark
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


def answer(text: str) -> Question:
    return Question(name="purpose", answer=text, answered_by="person", answered_at=INSTANT)


def completed(analysis: Analysis) -> Analysis:
    return analysis.model_copy(update={"status": AnalysisStatus.COMPLETED})


def reopened(analysis: Analysis) -> Analysis:
    return analysis.model_copy(update={"status": AnalysisStatus.ACTIVE})


def test_same_key_is_the_same_analysis(store: InsightStore, analysis: Analysis) -> None:
    again = store.create_analysis(analysis.experiment_id, key="session 1", name="Other", run_name="other", analyst="language")
    other = store.create_analysis(analysis.experiment_id, key="session 2", name="Other", run_name="other", analyst="language")
    assert again == analysis
    assert other.run_id != analysis.run_id
    assert [each.run_id for each in store.list_analyses(analysis.experiment_id)] == [other.run_id, analysis.run_id]


def test_analysis_is_a_nested_run_below_one_parent(store: InsightStore, analysis: Analysis) -> None:
    store.create_analysis(analysis.experiment_id, key="session 2", name="Other", run_name="other", analyst="statistical")
    runs = {run.info.run_id: run for run in store.tracking.client.search_runs([analysis.experiment_id])}
    parents = [run for run in runs.values() if run.data.tags["mlflow.insights.type"] == "parent"]
    assert [(run.info.run_name, run.info.status) for run in parents] == [("Insights", "FINISHED")]
    run = runs[analysis.run_id]
    assert (run.info.run_name, run.info.status) == ("support agent analysis", "RUNNING")
    assert run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
    assert run.data.tags["mlflow.insights.name"] == "All traces"


def test_what_was_asked_for_is_kept(store: InsightStore, analysis: Analysis) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    made = store.create_analysis(
        analysis.experiment_id, key="k", name="n", run_name="r", analyst="a", seed=7, focus=("refunds",), since=since
    )
    read = store.get_analysis(made.run_id)
    assert read == made
    assert (read.seed, read.focus, read.since, read.until, read.status) == (7, ("refunds",), since, None, AnalysisStatus.ACTIVE)


def test_another_process_reads_the_same(store: InsightStore, analysis: Analysis) -> None:
    store.finish_step(analysis.run_id, "setup")
    other = InsightStore(connect(store.tracking.uri))
    assert other.get_analysis(analysis.run_id) == store.get_analysis(analysis.run_id)
    assert other.list_analyses(analysis.experiment_id) == [store.get_analysis(analysis.run_id)]


def test_list_sees_what_another_process_wrote(store: InsightStore, analysis: Analysis) -> None:
    store.list_analyses(analysis.experiment_id)
    finished = InsightStore(connect(store.tracking.uri)).finish_step(analysis.run_id, "setup")
    assert store.list_analyses(analysis.experiment_id) == [finished]


def test_listing_writes_nothing(sample_experiment: SampleExperiment) -> None:
    labels: list[str] = []
    store = InsightStore(connect(sample_experiment.uri), boundary=labels.append)
    assert store.list_analyses(sample_experiment.experiment_id) == []
    assert store.list_issues(sample_experiment.experiment_id) == []
    assert labels == []
    assert list(store.tracking.client.search_runs([sample_experiment.experiment_id])) == []


def test_step_is_finished_once(store: InsightStore, run_id: str) -> None:
    first = store.finish_step(run_id, "setup")
    assert store.finish_step(run_id, "setup") == first
    assert list(first.progress) == ["setup"]


def test_first_answer_stays(store: InsightStore, run_id: str) -> None:
    store.record_answer(run_id, answer("billing"))
    kept = store.record_answer(run_id, answer("refunds")).answer("purpose")
    assert kept is not None
    assert kept.answer == "billing"


def test_operation_is_applied_once(store: InsightStore, run_id: str) -> None:
    def note(current: Analysis) -> Analysis:
        return current.model_copy(update={"notes": (*current.notes, "another digest")})

    first = store.update_analysis(run_id, op="note", change=note)
    assert store.update_analysis(run_id, op="note", change=note) == first
    assert (first.notes, first.rev, first.ops) == (("another digest",), 1, ("note",))
    assert first.updated_at > first.created_at


def test_completed_analysis_ends_its_run_and_can_be_reopened(store: InsightStore, run_id: str) -> None:
    done = store.update_analysis(run_id, op="done", change=completed)
    run = store.tracking.client.get_run(run_id)
    assert done.completed_at is not None
    assert (run.info.status, run.data.tags["insights.analysis"]) == ("FINISHED", "1 COMPLETED")
    again = store.update_analysis(run_id, op="reopen", change=reopened)
    assert (again.status, again.completed_at) == (AnalysisStatus.ACTIVE, None)
    assert store.tracking.client.get_run(run_id).info.status == "RUNNING"


def test_name_and_description_are_shown_by_the_run(store: InsightStore, run_id: str) -> None:
    update = {"name": "Refunds", "run_name": "refund errors", "description": "Looks at refunds.\n" * 400}
    store.update_analysis(run_id, op="name", change=lambda current: current.model_copy(update=update))
    run = store.tracking.client.get_run(run_id)
    assert (run.info.run_name, run.data.tags["mlflow.insights.name"]) == ("refund errors", "Refunds")
    assert run.data.tags["mlflow.note.content"].startswith("Looks at refunds.")


@pytest.mark.parametrize("update", [{"run_id": "x"}, {"seed": 9}, {"created_at": INSTANT}])
def test_what_is_fixed_stays(store: InsightStore, run_id: str, update: dict[str, object]) -> None:
    with pytest.raises(MemoryRefused, match=f"{next(iter(update))} of this analysis can't be changed"):
        store.update_analysis(run_id, op="x", change=lambda current: current.model_copy(update=update))


def test_invalid_change_is_refused_and_leaves_the_document(store: InsightStore, analysis: Analysis) -> None:
    with pytest.raises(MemoryRefused, match="invalid document.*agent_description_by"):
        store.update_analysis(
            analysis.run_id, op="x", change=lambda current: current.model_copy(update={"agent_description_by": "nobody"})
        )
    assert store.get_analysis(analysis.run_id) == analysis


def test_unknown_run_is_a_user_error(store: InsightStore, run_id: str) -> None:
    with pytest.raises(UserError, match="There is no run 'nowhere'"):
        store.get_analysis("nowhere")
    parent = store.tracking.client.get_run(run_id).data.tags["mlflow.parentRunId"]
    with pytest.raises(UserError, match=r"\('Insights'\) is no analysis"):
        store.get_analysis(parent)
    store.tracking.client.delete_run(run_id)
    with pytest.raises(UserError, match="is deleted"):
        store.finish_step(run_id, "setup")


def test_unknown_experiment_is_a_user_error(store: InsightStore) -> None:
    with pytest.raises(UserError, match="no experiment with id '77'"):
        store.create_analysis("77", key="k", name="n", run_name="r", analyst="a")


def test_experiment_is_named(store: InsightStore, analysis: Analysis) -> None:
    assert store.experiment_name(analysis.experiment_id) == "support-agent"
    store.tracking.client.delete_experiment(analysis.experiment_id)
    with pytest.raises(UserError, match="is deleted"):
        store.experiment_name(analysis.experiment_id)


@pytest.mark.parametrize("location", ["file", "mlflow-artifacts:/5"])
def test_artifacts_that_cannot_be_written_are_refused_before_a_run_is_made(
    empty_store: str, tmp_path: Path, location: str
) -> None:
    blocking = tmp_path / "artifacts"
    blocking.write_text("a file where a folder should be", encoding="utf-8")
    store = InsightStore(connect(empty_store))
    experiment_id = store.tracking.client.create_experiment(
        "e", artifact_location=(blocking / "5").as_uri() if location == "file" else location
    )
    with pytest.raises(StoreError, match="can't be written" if location == "file" else "behind an MLflow server"):
        store.create_analysis(experiment_id, key="k", name="n", run_name="r", analyst="a")
    assert list(store.tracking.client.search_runs([experiment_id])) == []


def test_run_that_was_never_begun_is_passed_over(store: InsightStore, analysis: Analysis) -> None:
    begun = store.tracking.client.create_run(analysis.experiment_id, tags={"mlflow.insights.type": "analysis"})
    assert store.list_analyses(analysis.experiment_id) == [analysis]
    with pytest.raises(UserError, match="never begun"):
        store.get_analysis(begun.info.run_id)


def test_analysis_that_was_killed_before_its_run_said_that_it_is_complete_is_made_to_say_so(
    sample_experiment: SampleExperiment,
) -> None:
    """Its traces would be counted again otherwise."""

    def die(label: str) -> None:
        if label.startswith("before tags insights.analysis insights.watermark"):
            raise InterruptedError

    killed = InsightStore(connect(sample_experiment.uri), now=lambda: INSTANT, boundary=die)
    run_id = killed.create_analysis(
        sample_experiment.experiment_id, key="k", name="n", run_name="r", analyst="a", unattended=True, watermark=INSTANT
    ).run_id
    with pytest.raises(InterruptedError):
        killed.update_analysis(run_id, op="done", change=completed)
    following = InsightStore(connect(sample_experiment.uri), now=lambda: INSTANT)
    assert following.files.run(run_id).status == "RUNNING"
    assert following.unfinished(sample_experiment.experiment_id, Scope()) is None
    assert following.files.run(run_id).status == "FINISHED"
    assert following.last_mark(sample_experiment.experiment_id, Scope()) == Mark(run_id, INSTANT)
