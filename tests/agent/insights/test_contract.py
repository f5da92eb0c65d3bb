"""Every verb, as the workflow writes it, over a store and over a server; what is counted over HTTP; two writers at once."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from analyze_experiment.tests.agent.insights.conftest import Insights, evidence
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.mlflow_servers import mlflow_server, requests_sent
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.insights.models import Hypothesis
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.insights.yaml_documents import to_yaml
from analyze_experiment.tools.tracking import connect

PAGE = Path(__file__).resolve().parents[4] / "shared" / "reference" / "analyze_experiment.md"


class Step(NamedTuple):
    """One command; `{run}`, `{hypothesis}`, `{issue}`, `{experiment}`, `{plan}`, `{t0}`... are filled in."""

    command: str
    prints: str
    keeps: str = ""
    """What the id that it prints is called from then on."""


PLAN = """
estimand: snapshot
min_n: 1
steps:
  - {role: affected, title: failed traces, sql: "SELECT trace_id FROM traces WHERE state = 'ERROR'"}
decision: {kind: count, at_least: 1, threshold_source: user}
"""

WORKFLOW = (
    Step("experiments --max-results 10", "support-agent"),
    Step("experiments --filter-string \"name LIKE '%port-a%'\" --max-results 10", "support-agent"),
    Step("search --experiment-id {experiment} --max-results 5", "{t4}"),
    Step(
        "search --experiment-id {experiment} --max-results 20 --extract-fields "
        "'info.trace_metadata.`mlflow.traceInputs`,info.trace_metadata.`mlflow.traceOutputs`'",
        "Where is order 17?",
    ),
    Step("get --trace-id {t2}", "cancel_order [TOOL]"),
    Step(
        "create-analysis --experiment-id {experiment} --run-name 'Error Investigation' "
        "--name 'Error Pattern Analysis - support-agent' --description 'Agent: keeps orders. Focus: general analysis.'",
        "with run ID: ",
        keeps="run",
    ),
    Step("create-baseline-census --run-id {run}", "Created baseline_census.yaml in run {run}"),
    Step("get-baseline-census --run-id {run}", "trace_error_rate"),
    Step(
        "create-issue --run-id {run} --title 'Refund tool fails on orders that are missing' "
        "--description '20% of traces (1 of 5) end in an error. This issue was identified from census data.' --severity HIGH "
        '--evidence \'{{"trace_id": "{t3}", "rationale": "agent span failed with ERROR status"}}\' '
        '--evidence \'{{"trace_id": "{t2}", "rationale": ""}}\'',
        "Created issue with ID: ",
    ),
    Step(
        "create-hypothesis --run-id {run} --statement 'Cancelling fails without a word.' "
        "--rationale 'One user was told nothing.' "
        "--testing-plan 'Step 1: find failed cancel_order spans. Step 2: read the answers. Step 3: VALIDATE if more than 1.'",
        "Created hypothesis with ID: ",
        keeps="hypothesis",
    ),
    Step("list-hypotheses --run-id {run} --output json", '"hypothesis_id": "{hypothesis}"'),
    Step("execute-sql --link-to {run} --sql \"SELECT trace_id FROM traces WHERE state = 'ERROR'\"", "{t3}"),
    Step("link-traces --run-id {run} -t {t0} -t {t1} -t {t2}", "Linked 3 traces to run {run}"),
    Step(
        "update-hypothesis --run-id {run} --hypothesis-id {hypothesis} --status TESTING "
        '--evidence \'{{"trace_id": "{t0}", "rationale": "was told where it is", "supports": false}}\'',
        "Updated hypothesis {hypothesis}: TESTING",
    ),
    Step(
        "update-hypothesis --run-id {run} --hypothesis-id {hypothesis} --status VALIDATED "
        '--evidence \'{{"trace_id": "{t2}", "rationale": "timeout, no word of it", "supports": true}}\'',
        "Updated hypothesis {hypothesis}: VALIDATED",
    ),
    Step("get-hypothesis --run-id {run} --hypothesis-id {hypothesis}", "✗ refutes] {t0}"),
    Step(
        "create-issue --run-id {run} --hypothesis-id {hypothesis} --title 'Cancel tool timeouts stay unmentioned in answers' "
        "--description 'cancel_order times out and users are told nothing.' --severity MEDIUM "
        '--evidence \'{{"trace_id": "{t2}", "rationale": "timeout"}}\'',
        "traces looked at",
        keeps="issue",
    ),
    Step("get-issue --issue-id {issue}", "Cancel tool timeouts stay unmentioned in answers"),
    Step("list-hypotheses --run-id {run}", "{hypothesis}"),
    Step("list-issues --experiment-id {experiment}", "{issue}"),
    Step("preview-issues --experiment-id {experiment} --max-traces 100", "{t2}"),
    Step("preview-hypotheses --run-id {run} --max-traces 100", "{t0}"),
    Step("update-issue --run-id {run} --issue-id {issue} --status IN_PROGRESS", "IN_PROGRESS"),
    Step("plan --experiment-id {experiment} --check {plan}", "Nothing is wrong with it"),
    Step(
        "create-hypothesis --run-id {run} --statement 'Some trace fails.' --rationale 'One did.' --plan {plan}",
        "Created hypothesis with ID: ",
        keeps="planned",
    ),
    Step("run-plan --run-id {run} --hypothesis-id {planned}", "VALIDATED"),
    Step("export-traces --issue-id {issue}", "{t2}"),
    Step("log-assessments --issue-id {issue} --dry-run", "1"),
    Step("log-assessments --issue-id {issue}", "1"),
    Step("create-dataset --issue-id {issue} --name 'unanswered cancellations'", "unanswered cancellations"),
    Step("create-scorer --issue-id {issue}", "@scorer"),
    Step("cache list", "Traces"),
    Step("update-analysis --run-id {run} --status COMPLETED", "COMPLETED"),
    Step("update-analysis --run-id {run} --status ACTIVE", "ACTIVE"),
    Step("get-analysis --run-id {run}", "Error Pattern Analysis - support-agent"),
    Step("list-analyses --experiment-id {experiment}", "{run}"),
    Step("archive --run-id {run}", "Archived"),
    Step("reopen --run-id {run}", "Reopened"),
)


@pytest.fixture(scope="module")
def served(sample_template: SampleExperiment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a server over the five simple traces, and the folder of its artifacts."""
    folder = tmp_path_factory.mktemp("served")
    uri = copy_store(Path(sample_template.uri.removeprefix("sqlite:///")), folder / "store")
    with mlflow_server(uri, folder) as address:
        yield address, folder / "served"


@pytest.fixture
def over_http(served: tuple[str, Path], sample_template: SampleExperiment, capsys: pytest.CaptureFixture[str]) -> Insights:
    return Insights(served[0], sample_template.experiment_id, sample_template.trace_ids, capsys)


@pytest.mark.parametrize("place", ["insights", "over_http"])
def test_every_command_of_the_workflow_runs_as_written(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    insights: Insights = request.getfixturevalue(place)
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    known = {f"t{index}": trace_id for index, trace_id in enumerate(insights.trace_ids)}
    known |= {"experiment": insights.experiment_id, "plan": str(plan)}
    for step in WORKFLOW:
        verb, *arguments = shlex.split(step.command.format(**known))
        done = insights(verb, *arguments)
        assert done.code == 0, f"{step.command}: {done.err}"
        assert step.prints.format(**known) in done.out, step.command
        if step.keeps:
            known[step.keeps] = re.split(r"ID: ", done.out)[1].split()[0]


def commands_of(page: str) -> Iterator[tuple[str, set[str]]]:
    """The commands of the workflow page, translated: verb and options."""
    text = page.replace("\\\n", " ")
    for group, rest in re.findall(r"python -m mlflow (insights|traces|runs|experiments) ([^\n]*)", text):
        words = rest.split("`")[0].split() if "extract" not in rest else rest.split()
        verb = "experiments" if group == "experiments" else words[0]
        options = {word for word in re.findall(r"(?<!\S)(--[a-z-]+|-t)(?=\s|$)", rest)}
        if options - {"--help"}:
            yield verb, options


@pytest.mark.skipif(not PAGE.is_file(), reason=f"the workflow page isn't at {PAGE}")
def test_the_workflow_page_has_no_command_that_is_not_walked_here() -> None:
    walked = [(words[0], set(words)) for step in WORKFLOW for words in [shlex.split(step.command)]]
    page = PAGE.read_text(encoding="utf-8")
    found = list(commands_of(page[page.index("### 1.2") :]))
    assert len(found) > 15
    missing = [(verb, options) for verb, options in found if not any(verb == name and options <= words for name, words in walked)]
    assert missing == []


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that are sent from now on."""
    return requests_sent(monkeypatch)


def test_creating_a_hypothesis_takes_few_requests(over_http: Insights, sent: list[str]) -> None:
    run_id = over_http.begin()
    sent.clear()
    texts = ("--statement", "S", "--rationale", "R", "--testing-plan", "P", "--evidence", evidence(over_http.trace_ids[0]))
    over_http.do("create-hypothesis", "--run-id", run_id, *texts)
    assert len(sent) <= 6, sent


def test_listing_hypotheses_asks_for_what_changed_alone(over_http: Insights, served: tuple[str, Path], sent: list[str]) -> None:
    run_id, count = over_http.begin(), 200
    texts = ("--statement", "S", "--rationale", "R", "--testing-plan", "P")
    first = over_http.do("create-hypothesis", "--run-id", run_id, *texts)["hypothesis_id"]
    store = InsightStore(connect(over_http.uri))
    pattern = store.get_hypothesis(run_id, first)
    folder = served[1] / over_http.experiment_id / run_id / "artifacts" / "insights"
    for number in range(1, count):
        _leave(folder, pattern.model_copy(update={"hypothesis_id": f"H{number:08x}"}))
    store.files.tag(run_id, {f"insights.h.H{number:08x}": f"{number + 1} 0 TESTING" for number in range(1, 100)})
    store.files.tag(run_id, {f"insights.h.H{number:08x}": f"{number + 1} 0 TESTING" for number in range(100, count)})
    sent.clear()
    assert len(store.list_hypotheses(run_id)) == count
    assert len(sent) <= count + 10
    store.add_evidence(run_id, first, [])
    sent.clear()
    assert len(store.list_hypotheses(run_id)) == count
    assert len(sent) <= 10, sent


def _leave(folder: Path, hypothesis: Hypothesis) -> None:
    (folder / f"hypothesis_{hypothesis.hypothesis_id}.yaml").write_text(to_yaml(hypothesis), encoding="utf-8")


WRITER = """
import sys
from pathlib import Path
from analyze_experiment.agent.insights.evidence import GivenEvidence
from analyze_experiment.agent.insights.hypotheses import update_hypothesis
from analyze_experiment.agent.insights.opened import open_insights
uri, run_id, subject, *trace_ids = sys.argv[1:]
insights = open_insights(uri, cache=Path("unused"))
print("ready", flush=True)
sys.stdin.readline()
for number, trace_id in enumerate(trace_ids or range(5)):
    if trace_ids:
        given = GivenEvidence(trace_id=trace_id, rationale="so")
        update_hypothesis(insights, run_id=run_id, hypothesis_id=subject, evidence=[given])
    else:
        update_hypothesis(insights, run_id=run_id, hypothesis_id=subject, testing_plan=f"Plan {number}.")
"""


def test_two_processes_that_write_at_once_lose_nothing(insights: Insights) -> None:
    run_id = insights.begin()
    texts = ("--statement", "S", "--rationale", "R", "--testing-plan", "P")
    subject = insights.do("create-hypothesis", "--run-id", run_id, *texts)["hypothesis_id"]
    command = [sys.executable, "-W", "ignore", "-c", WRITER, insights.uri, run_id, subject]
    writers = [
        subprocess.Popen([*command, *trace_ids], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for trace_ids in ((), insights.trace_ids)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    for writer in writers:
        writer.__exit__(None, None, None)
    left = insights.do("get-hypothesis", "--run-id", run_id, "--hypothesis-id", subject)
    assert {each["trace_id"] for each in left["evidence"]} == set(insights.trace_ids)
    assert [line.split("; ")[1] for line in left["history"][1:]] == ["it was: P", *(f"it was: Plan {n}." for n in range(4))]
    assert left["rev"] == 10
