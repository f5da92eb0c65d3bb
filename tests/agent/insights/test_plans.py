"""Typed plans by hand: looked over, carried out, decided in batches; text plans stay a person's."""

from pathlib import Path

import pytest

from analyze_experiment.tests.agent.insights.conftest import Insights
from analyze_experiment.tools.insights.locks import ExperimentLock
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.families import batch_level
from analyze_experiment.tools.tracking import connect

COUNT = """\
estimand: snapshot
population_title: all traces
min_n: 1
steps:
  - role: affected
    title: a tool reports a failure
    sql: SELECT trace_id, span_id, error_text AS note FROM spans WHERE error_text IS NOT NULL
decision: {kind: count, at_least: AT_LEAST, threshold_source: user}
"""


def plan_file(folder: Path, text: str) -> str:
    path = folder / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def state(insights: Insights, run_id: str, statement: str, plan: str) -> str:
    texts = ("--statement", statement, "--rationale", "R", "--plan", plan)
    return str(insights.do("create-hypothesis", "--run-id", run_id, *texts)["hypothesis_id"])


def test_plans_are_carried_out_and_decided_in_batches(insights: Insights, tmp_path: Path) -> None:
    run_id = insights.begin()
    held = state(insights, run_id, "Some tool fails.", plan_file(tmp_path, COUNT.replace("AT_LEAST", "1")))
    refuted = state(insights, run_id, "Many tools fail.", plan_file(tmp_path, COUNT.replace("AT_LEAST", "4")))
    done = insights("run-plan", "--run-id", run_id)
    assert (done.code, [line.split()[1] for line in done.out.splitlines()[1:3]]) == (0, ["VALIDATED", "REJECTED"])
    assert "a tool reports a failure: " in done.err
    later = state(insights, run_id, "Three tools fail.", plan_file(tmp_path, COUNT.replace("AT_LEAST", "3")))
    (decided,) = insights.do("run-plan", "--run-id", run_id, "--hypothesis-id", later)
    assert decided["verdict"]["by"] == "test"
    closings = InsightStore(connect(insights.uri)).get_analysis(run_id).closings
    assert [(set(each.hypotheses), each.level) for each in closings] == [
        ({held, refuted}, batch_level(1)),
        ({later}, batch_level(2)),
    ]
    texts = ("--title", "Some tools report failures to the agent", "--description", "D", "--severity", "LOW")
    issue = insights.do("create-issue", "--run-id", run_id, "--hypothesis-id", held, *texts)
    listed = InsightStore(connect(insights.uri)).issue_traces(issue["issue_id"])
    assert {each.trace_id for each in listed} >= {insights.trace_ids[2]}
    assert (issue["affected"], issue["population"]) == (len(listed), 5)
    assert issue["watch"]["steps"][0]["title"] == "a tool reports a failure", "later analyses look at it again"
    assert [(each["run_id"], each["affected"], each["population"]) for each in issue["trend"]] == [(run_id, len(listed), 5)]


def test_plan_in_words_is_carried_out_by_hand_until_it_is_typed(insights: Insights, tmp_path: Path) -> None:
    run_id = insights.begin()
    texts = ("--statement", "S", "--rationale", "R", "--testing-plan", "Step 1: look.")
    subject = insights.do("create-hypothesis", "--run-id", run_id, *texts)["hypothesis_id"]
    named = ("--run-id", run_id, "--hypothesis-id", subject)
    assert "carry it out by hand" in insights("run-plan", *named).err
    plan = plan_file(tmp_path, COUNT.replace("AT_LEAST", "1"))
    typed = insights.do("update-hypothesis", *named, "--plan", plan)
    assert (typed["blocked"], typed["plan"]["decision"]["at_least"]) == ("", 1)
    other = plan_file(tmp_path, COUNT.replace("AT_LEAST", "2"))
    assert "a changed plan is a new hypothesis" in insights("update-hypothesis", *named, "--plan", other).err


def test_plan_waits_for_a_run_that_holds_the_experiment(insights: Insights, tmp_path: Path) -> None:
    run_id = insights.begin()
    state(insights, run_id, "S", plan_file(tmp_path, COUNT.replace("AT_LEAST", "1")))
    lock = ExperimentLock(connect(insights.uri).uri)
    lock.claim(insights.experiment_id)
    try:
        assert insights("run-plan", "--run-id", run_id).code == 75
    finally:
        lock.release()


AFFECTED = "steps: [{role: affected, title: t, sql: \"SELECT trace_id FROM traces WHERE state = 'ERROR'\"}]\n"
BOTH = (
    "steps:\n"
    "  - {role: exposed, title: failed, sql: \"SELECT trace_id FROM traces WHERE state = 'ERROR'\"}\n"
    "  - {role: affected, title: error, sql: \"SELECT trace_id FROM traces WHERE state <> 'OK'\"}\n"
)
LONG = "SELECT trace_id FROM traces WHERE response_chars > (SELECT percentile(response_chars, 0.9) FROM traces)"
RATE = "decision: {kind: rate, threshold: 0.05, threshold_source: user}\n"


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("estimand: process\nmin_n: 5\n" + AFFECTED + RATE, 0, "Nothing is wrong"),
        ("estimand: process\n" + AFFECTED + "decision: {kind: rate, threshold: 5, threshold_source: user}\n", 2, "line 3"),
        ("estimand: process\nsteps: [\n", 2, "not valid YAML"),
        ("estimand: process\nmin_n: 5\n" + AFFECTED.replace("traces WHERE", "trace WHERE") + RATE, 1, "no relation 'trace'"),
        ("estimand: process\npopulation: SELECT trace_id FROM traces WHERE name = 'x'\n" + AFFECTED + RATE, 1, "holds no trace"),
        ("estimand: process\n" + AFFECTED + RATE, 1, "min_n asks for 20"),
        (f"estimand: process\nmin_n: 5\nsteps: [{{role: affected, title: t, sql: '{LONG}'}}]\n" + RATE, 1, "at a quantile"),
        (
            "estimand: process\nmin_n: 5\n" + BOTH + "decision: {kind: contrast, threshold_source: user}\n",
            1,
            "exactly the affected",
        ),
    ],
    ids=["good", "schema", "yaml", "sql", "empty", "small", "quantile", "contrast"],
)
def test_plan_is_looked_over_before_it_is_used(insights: Insights, tmp_path: Path, text: str, code: int, says: str) -> None:
    done = insights("plan", "--check", plan_file(tmp_path, text), "--experiment-id", insights.experiment_id)
    assert done.code == code, done.err
    assert says in done.out + done.err
