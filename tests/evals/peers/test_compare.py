"""Our analyst beside its peers, over one endpoint."""

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from analyze_experiment.evals.peers.compare import Limits, Task, ask_incumbent, contest
from analyze_experiment.evals.peers.meter import Meter
from analyze_experiment.evals.peers.results import Result, Results
from analyze_experiment.evals.peers.table import paired, render
from analyze_experiment.evals.planted.build import build
from analyze_experiment.tests.scripted_model import Failure, Request, Said, ScriptedModel
from analyze_experiment.tools.errors import UserError

TRACES = 60


@pytest.fixture
def model() -> Generator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


def task_of(folder: Path, meter: Meter) -> Task:
    truth = build(folder / "mlflow.db", traces=TRACES, seed=3)
    return Task(f"sqlite:///{folder / 'mlflow.db'}", truth, folder, "small", meter, 3, Limits(20_000, 4, 60))


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
    assert "discover_issues" not in render([result], order=["discover_issues", "one prompt"])


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
    assert (result.issues, result.recall, result.precision) == (0, 0.0, None)
    assert "ModelError" in result.failed
    assert result.failed in render([result], order=["one prompt"])


def test_differences_are_paired_by_store() -> None:
    assert paired([(0.8, 0.5), (0.6, 0.3)]).startswith("+0.30 (+0.30 to")
    assert paired([(0.8, 0.5)]) == "+0.30"


def result_of(contestant: str, store: int, **given: object) -> Result:
    told: dict[str, object] = {
        "contestant": contestant,
        "agent": "extractor",
        "traces": 60,
        "store": store,
        "budget_tokens": 100_000,
        "model": "small",
        "faults": {"gives_up": 12, "slow": 7, "empty": 3, "loop": 1},
        "titles": ("It gives up", "It is slow"),
        "found": ("gives_up", "slow"),
        "calls": 10,
        "tokens": 5_000,
        "seconds": 12.0,
    }
    return Result.model_validate(told | given)


def test_a_comparison_goes_on_where_it_was_and_asks_who_failed_again(tmp_path: Path) -> None:
    file = tmp_path / "results" / "peers.jsonl"
    first = Results(file)
    first.add(result_of("one prompt", 41))
    first.add(result_of("discover_issues", 41, failed="MlflowException: no answer"))
    again = Results(file)
    assert [again.holds(result_of(name, 41).key) for name in ("one prompt", "discover_issues", "ours, both")] == [
        True,
        False,
        False,
    ]
    assert not again.holds(result_of("one prompt", 41, budget_tokens=50_000).key)
    again.add(result_of("discover_issues", 41))
    assert [each.failed for each in Results(file).all] == ["", ""]


def test_a_file_with_something_else_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("remember the milk\n", encoding="utf-8")
    with pytest.raises(UserError, match="name another file"):
        Results(file)
    assert file.read_text(encoding="utf-8") == "remember the milk\n"


def test_the_table_sets_each_contestant_beside_ours_store_by_store() -> None:
    ours = [result_of("ours, both", 41, found=("gives_up", "slow", "loop")), result_of("ours, both", 42)]
    silent = [
        result_of("one prompt", 41, found=("gives_up",), false=("It is slow (unexplained)",)),
        result_of("one prompt", 42, titles=(), found=()),
    ]
    table = render([*silent, *ours], order=["ours, both", "one prompt"])
    rows = [line for line in table.splitlines() if line.startswith(("| ours", "| one"))]
    assert rows[0] == "| ours, both | 2 | 2.0 | 0.62 | 1.00 | 10 | 5,000 | 12 |  |  |"
    assert rows[1].startswith("| one prompt | 2 | 1.0 | 0.12 | 0.50 | 10 | 5,000 | 12 | +0.50 (+0.50 to +0.50) | +0.50 |")
    assert "| 41 | slow | 7 | found | – |" in table
    assert "- one prompt, store 41: It is slow (unexplained)" in table
