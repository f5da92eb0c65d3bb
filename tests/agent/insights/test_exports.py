"""What is done with an issue afterwards: its list, feedback on its traces, a dataset, a scorer."""

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from analyze_experiment.tests.agent.insights.conftest import Insights
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tests.tools.insights.samples import issue as issue_draft
from analyze_experiment.tools.insights import feedback
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Fingerprint, IssueDraft
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


def made(insights: Insights, draft: IssueDraft, *affected: AffectedTrace) -> str:
    """The id of an issue in the memory."""
    store = InsightStore(connect(insights.uri))
    return store.create_issue(insights.begin(), draft, affected).issue_id


@pytest.fixture
def issue_id(insights: Insights) -> str:
    """An issue of three traces, one of which is gone."""
    second, third = insights.trace_ids[1:3]
    gone = AffectedTrace("tr-" + "0" * 32, "", "gone")
    return made(insights, issue_draft(third, affected=3), AffectedTrace(second, "", "=1+1"), AffectedTrace(third), gone)


def loaded(path: Path) -> ModuleType:
    """A Python file, imported."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def feedback_on(insights: Insights, name: str) -> list[str]:
    """The traces with feedback of this name, as often as they have it."""
    client = connect(insights.uri).client
    traces = client.search_traces(locations=[insights.experiment_id], include_spans=False)
    return sorted(trace.info.trace_id for trace in traces for each in trace.info.assessments if each.name == name)


def test_list_has_every_trace_with_a_note_that_no_sheet_computes(insights: Insights, issue_id: str, tmp_path: Path) -> None:
    path = tmp_path / "traces.csv"
    done = insights.do("export-traces", "--issue-id", issue_id, "--ui-url", "http://ml", "--to", str(path))
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert (done["traces"], len(rows)) == (3, 3)
    assert [row["trace_id"] for row in rows[:2]] == [insights.trace_ids[2], insights.trace_ids[1]]
    assert rows[1]["note"] == "'=1+1"
    assert (
        rows[0]["link"] == f"http://ml/#/experiments/{insights.experiment_id}/traces?selectedEvaluationId={rows[0]['trace_id']}"
    )
    assert insights("export-traces", "--issue-id", issue_id).out.startswith("issue_id,trace_id,span_id,note,link")
    refused = insights("export-traces", "--issue-id", issue_id, "--to", str(tmp_path / "no" / "where.csv"))
    assert (refused.code, "choose another path" in refused.err) == (2, True)


def test_feedback_is_logged_once_on_each_trace(insights: Insights, issue_id: str) -> None:
    counted = insights.do("log-assessments", "--issue-id", issue_id, "--dry-run")
    assert (counted["affected"], counted["logged"], feedback_on(insights, issue_id)) == (3, 3, [])
    first = insights.do("log-assessments", "--issue-id", issue_id)
    assert (first["logged"], first["gone"], first["before"]) == (2, 1, 0)
    again = insights.do("log-assessments", "--issue-id", issue_id)
    assert (again["logged"], again["before"]) == (0, 2)
    assert feedback_on(insights, issue_id) == sorted(insights.trace_ids[1:3])


def test_feedback_goes_on_where_it_was_stopped(insights: Insights, issue_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = feedback.FeedbackMemory.log_feedback

    def one_and_stop(*given: object) -> bool:
        log(*given)  # type: ignore[arg-type]  # handed on as they came
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(feedback.FeedbackMemory, "log_feedback", one_and_stop)
        assert insights("log-assessments", "--issue-id", issue_id).code == 130
    assert len(feedback_on(insights, issue_id)) == 1
    insights.do("log-assessments", "--issue-id", issue_id)
    assert feedback_on(insights, issue_id) == sorted(insights.trace_ids[1:3])


def test_dataset_holds_each_request_once(insights: Insights, issue_id: str) -> None:
    first = insights.do("create-dataset", "--issue-id", issue_id, "--name", "lost orders")
    again = insights.do("create-dataset", "--issue-id", issue_id, "--name", "lost orders")
    assert (first["added"], again["added"], again["dataset_id"]) == (2, 0, first["dataset_id"])
    dataset = connect(insights.uri).client.get_dataset(first["dataset_id"])
    records = connect(insights.uri).client._tracking_client.store._load_dataset_records(dataset.dataset_id)[0]
    assert {record.inputs["question"] for record in records} == {"And order 18?", "Cancel order 19."}
    cut = insights.do("create-dataset", "--issue-id", issue_id, "--name", "one", "--max-traces", "1")
    assert (cut["added"], cut["left_out"]) == (1, 1)


def test_scorer_of_a_counted_fact_computes_it(insights: Insights, tmp_path: Path) -> None:
    counted = issue_draft(insights.trace_ids[2], title='Odd "title" \\ here', measure="trace_error_rate")
    path = tmp_path / "scorer.py"
    insights.do("create-scorer", "--issue-id", made(insights, counted), "--to", str(path))
    (scorer,) = [each for name, each in vars(loaded(path)).items() if name.startswith("shows_")]
    client = connect(insights.uri).client
    values = {trace_id: scorer(trace=client.get_trace(trace_id)).value for trace_id in insights.trace_ids}
    assert [values[each] for each in insights.trace_ids] == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("measure", "segment", "expected"),
    [
        ("tool_failure_rate", "look_up", [True, True, False, False]),
        ("ok_with_silent_errors", "", [True, False, False, False]),
        ("ok_with_failed_spans", "", [False, True, False, False]),
    ],
)
def test_scorer_sees_a_tool_fail_as_the_analysis_does(
    insights: Insights, tmp_path: Path, measure: str, segment: str, expected: list[bool]
) -> None:
    samples = [
        SampleTrace("a", tool="look_up", tool_output="Error: order not found"),
        SampleTrace("b", tool="look_up", tool_error="timeout"),
        SampleTrace("c", tool="look_up"),
        SampleTrace("d", "Error: so the answer says", tool="other"),
    ]
    trace_ids = log_traces(insights.uri, "tools that fail", samples).trace_ids
    about = Fingerprint(population="traces", measure=measure, segment=segment)
    counted = issue_draft(insights.trace_ids[2]).model_copy(update={"fingerprint": about})
    path = tmp_path / "scorer.py"
    insights.do("create-scorer", "--issue-id", made(insights, counted), "--to", str(path))
    (scorer,) = [each for name, each in vars(loaded(path)).items() if name.startswith("shows_")]
    client = connect(insights.uri).client
    assert [scorer(trace=client.get_trace(each)).value for each in trace_ids] == expected


def test_scorer_of_what_must_be_read_is_a_judge_with_the_definition(insights: Insights, issue_id: str, tmp_path: Path) -> None:
    path = tmp_path / "scorer.py"
    curly = issue_draft(insights.trace_ids[2], measure="claims {{ inputs }}", title="Says {{ outputs }} and {more}")
    insights.do("create-scorer", "--issue-id", made(insights, curly), "--to", str(path))
    module = loaded(path)
    assert "Says (( outputs )) and (more)" in module.DEFINITION
    assert module.DEFINITION in module.judge.instructions
    assert sorted(module.judge.get_input_fields(), key=lambda field: field.name)[0].name == "inputs"
