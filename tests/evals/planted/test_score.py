"""The score compares traces, and knows a fault from a look-alike."""

import subprocess
import sys

from analyze_experiment.evals.planted.score import ReportedIssue, read_issues, render, score
from analyze_experiment.evals.planted.truth import LookAlike, PlantedFault, Truth
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Cause, Evidence, Fingerprint, IssueDraft, Severity
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


def _ids(*numbers: int) -> tuple[str, ...]:
    return tuple(f"tr-{number:03d}" for number in numbers)


def _issue(title: str, *numbers: int) -> ReportedIssue:
    return ReportedIssue(title, frozenset(_ids(*numbers)), "quality")


def _fault(fault_id: str, affected: range, related: range) -> PlantedFault:
    return PlantedFault(
        fault_id=fault_id,
        title=fault_id,
        kind="quality",
        category="loop",
        cause="",
        trace_ids=_ids(*affected),
        span_ids=(),
        possible_ids=_ids(*range(50)),
        population_title="all traces",
        segment={},
        related_trace_ids=_ids(*related),
        related_title="",
        way="rate",
    )


TRUTH = Truth(
    agent="concierge",
    experiment_name="e",
    experiment_id="1",
    variant="faulty",
    seed=0,
    traces=100,
    spans=500,
    faults=(_fault("loops", range(10), range(0)), _fault("repeats", range(20, 30), range(30, 40))),
    look_alikes=(LookAlike(look_alike_id="polling", title="polling", why="", resembles="loops", trace_ids=_ids(*range(50, 60))),),
)


def test_an_exact_issue_finds_its_fault_whatever_it_is_called() -> None:
    result = score(TRUTH, [_issue("no word about it", *range(10))])
    match = result.matches[0]
    assert (match.precision, match.recall, match.jaccard, match.found) == (1.0, 1.0, 1.0, True)
    assert result.found == 1
    assert result.remainders == ()


def test_the_nearest_of_several_issues_is_taken_and_the_others_remain() -> None:
    broad, narrow = _issue("broad", *range(18)), _issue("narrow", *range(8))
    result = score(TRUTH, [broad, narrow])
    assert result.matches[0].issue == narrow
    (rest,) = result.remainders
    assert rest.issue == broad
    assert rest.fault is not None and rest.fault.fault_id == "loops"
    assert not rest.false


def test_related_traces_count_neither_for_nor_against() -> None:
    result = score(TRUTH, [_issue("both turns", *range(20, 40))])
    assert result.matches[1].jaccard == 1.0
    only_related = score(TRUTH, [_issue("the turns before", *range(30, 40))])
    assert not only_related.matches[1].found
    assert only_related.false_issues == ()


def test_an_issue_about_a_look_alike_is_false_and_says_which() -> None:
    result = score(TRUTH, [_issue("loops in track_delivery", *range(50, 60))])
    assert result.found == 0
    (rest,) = result.false_issues
    assert rest.look_alike is not None and rest.look_alike.look_alike_id == "polling"
    assert rest.deceived == 1.0


def test_an_issue_that_mixes_planted_faults_is_not_false_unless_much_else_is_in_it() -> None:
    mixed = score(TRUTH, [_issue("failed spans", 0, 1, 2, 3, 20, 21, 22, 23, 90, 91)])
    assert [rest.planted for rest in mixed.remainders] == [0.8]
    assert mixed.false_issues == ()
    assert len(score(TRUTH, [_issue("failed spans", 0, 1, 2, 3, 20, 21, 22, 23, 90, 91, 92)]).false_issues) == 1


def test_half_of_the_traces_is_the_least_that_finds_a_fault() -> None:
    assert score(TRUTH, [_issue("enough", *range(5, 15))]).found == 1
    assert score(TRUTH, [_issue("too few", *range(6, 10))]).found == 0
    assert score(TRUTH, [_issue("too broad", *range(5, 16))]).found == 0


def test_everything_reported_about_a_clean_store_is_false() -> None:
    clean = TRUTH.model_copy(update={"variant": "clean", "faults": ()})
    result = score(clean, [_issue("loops", *range(50, 60)), _issue("nothing", 90)])
    assert len(result.false_issues) == 2


def test_the_table_shows_each_fault_and_each_other_issue() -> None:
    text = render(score(TRUTH, [_issue("loops | here", *range(10)), _issue("polls", 50, 51)]))
    assert "1 of 2 planted faults found, 1 false issues." in text
    assert "| loops | 10 of 50 | yes | 1.00 | 1.00 | 1.00 | loops \\| here |" in text
    assert "| repeats | 10 of 50 | no | 0.00 | 0.00 | 0.00 |  |" in text
    assert "| polls | 2 | yes |  | 0.00 | 0.00 | polling | 1.00 |" in text


def test_issues_are_read_from_the_memory_with_all_their_traces(sample_experiment: SampleExperiment) -> None:
    store = InsightStore(connect(sample_experiment.uri))
    run_id = store.create_analysis(sample_experiment.experiment_id, key="k", name="n", run_name="r", analyst="statistical").run_id
    first, second, *_ = sample_experiment.trace_ids
    draft = IssueDraft(
        title="Orders can't be looked up",
        description="The tool fails.",
        severity=Severity.LOW,
        kind="operational",
        source="census",
        affected=2,
        population=5,
        cause=Cause(text="unknown", standing="suspected"),
        recommendation="Look into it.",
        fingerprint=Fingerprint(population="all traces", measure="tool_failure_rate"),
        evidence=(Evidence(trace_id=first),),
    )
    store.create_issue(run_id, draft, [AffectedTrace(first), AffectedTrace(second)])
    assert read_issues(store, sample_experiment.experiment_id) == [
        ReportedIssue("Orders can't be looked up", frozenset({first, second}), "operational")
    ]


def test_the_module_explains_itself_without_loading_mlflow() -> None:
    code = "import sys, analyze_experiment.evals.planted.score; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    command = [sys.executable, "-m", "analyze_experiment.evals.planted.score", "--help"]
    assert "--traces" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
