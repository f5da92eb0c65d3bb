"""Our analyst beside its peers, over one endpoint."""

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from analyze_experiment.evals.peers.compare import Task, ask_incumbent, contest, paired, render
from analyze_experiment.evals.peers.meter import Meter
from analyze_experiment.evals.planted.build import build
from analyze_experiment.tests.scripted_model import Failure, Request, Said, ScriptedModel

TRACES = 60


@pytest.fixture
def model() -> Generator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


def task_of(folder: Path, meter: Meter) -> Task:
    truth = build(folder / "mlflow.db", traces=TRACES, seed=3)
    return Task(f"sqlite:///{folder / 'mlflow.db'}", truth, folder, "small", meter, 20_000, 3, 4)


def test_one_prompt_is_scored_by_the_traces_that_its_numbers_mean(tmp_path: Path, model: ScriptedModel) -> None:
    def answer(request: Request) -> dict[str, object]:
        shown = [text.partition("\n") for text in request.user.split("trace number ")[1:]]
        silent = [int(number) for number, _, text in shown if "lookup_policy" in text]
        return {"issues": [{"title": "It looks policies up", "traces": [*silent, 10_000]}]}

    model.script("FoundIssues", answer)
    with Meter(model.url, "key", 100_000) as meter:
        result = contest("one prompt", task_of(tmp_path, meter))
    assert (result.failed, result.issues, result.calls) == ("", 1, 1)
    assert result.tokens > 1_000
    assert "discover_issues" not in render([result], model="small", endpoint="here")


def test_what_mlflow_finds_is_read_from_the_traces_that_it_marks(tmp_path: Path, model: ScriptedModel) -> None:
    def judge(_: Request) -> dict[str, object]:
        passed = "false" if model.count("ResponseFormat") % 4 == 2 else "true"
        return {"result": {"passed": passed, "categories": "execution"}, "rationale": "[it gave up] it says so"}

    model.script("ResponseFormat", judge, repeat=True)
    model.script("", Said("gave up on a request"), repeat=True)
    model.script("_ClusterResponse", {"groups": [{"name": "Issue: It gives up", "indices": [0, 1]}]}, repeat=True)
    issue = {"name": "Issue: It gives up", "description": "It gives up.", "root_cause": "Not known.", "severity": "medium"}
    more = {"example_indices": [0], "categories": [], "category_rationale": ""}
    model.script("_IdentifiedIssue", issue | more, repeat=True)
    model.script("_DedupGroups", {"groups": []}, repeat=True)
    with Meter(model.url, "key", 40_000) as meter:
        issues = ask_incumbent(task_of(tmp_path, meter))
    assert issues
    assert all(issue.title == "It gives up" and issue.trace_ids for issue in issues)
    assert meter.calls == model.count()
    assert model.count("ResponseFormat") >= 10


def test_nobody_spends_more_than_is_allowed(model: ScriptedModel) -> None:
    with Meter(model.url, "key", 0) as meter:
        answer = httpx.post(f"{meter.url}/chat/completions", json={"model": "small", "messages": []})
    assert (answer.status_code, meter.calls, meter.refused, model.count()) == (400, 0, 1, 0)
    assert "budget" in answer.text


def test_who_fails_has_found_nothing_and_the_table_says_why(tmp_path: Path, model: ScriptedModel) -> None:
    model.script("FoundIssues", Failure(401, "who are you"))
    with Meter(model.url, "key", 100_000) as meter:
        result = contest("one prompt", task_of(tmp_path, meter))
    assert (result.issues, result.recall, result.precision) == (0, 0.0, 1.0)
    assert "ModelError" in result.failed
    assert result.failed in render([result], model="small", endpoint="here")


def test_differences_are_paired_by_store() -> None:
    assert paired([(0.8, 0.5), (0.6, 0.3)]).startswith("+0.30 (+0.30 to")
    assert paired([(0.8, 0.5)]) == "+0.30"
