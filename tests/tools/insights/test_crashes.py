"""A process that dies after any of its writes leaves a memory that the next process completes to the same one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.tools.insights import crashes


@pytest.fixture(scope="module")
def trials(sample_template: SampleExperiment, tmp_path_factory: pytest.TempPathFactory) -> list[crashes.Trial]:
    template = sample_template.uri.removeprefix("sqlite:///")
    command = [
        sys.executable,
        crashes.__file__,
        template,
        ",".join(sample_template.trace_ids),
        str(tmp_path_factory.mktemp("trials")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [crashes.Trial(**json.loads(line)) for line in done.stdout.splitlines()]


def test_kill_after_any_write_leaves_the_same_memory_in_the_end(trials: list[crashes.Trial]) -> None:
    assert [trial.label for trial in trials if not trial.same] == []


def test_every_kind_of_write_was_interrupted(trials: list[crashes.Trial]) -> None:
    labels = [trial.label for trial in trials[2:]]
    native = {"native-issue", "native-mark", "native-update"}
    assert {label.split()[1] for label in labels} == {"run", "artifact", "tags", "parameter", "link", "status", "name"} | native
    documents = {Path(label).name.split("_")[0] for label in labels if label.split()[1] == "artifact"}
    assert documents == {
        "analysis.yaml",
        "snapshot.yaml",
        "baseline",
        "query",
        "proposals",
        "hypothesis",
        "issue",
        "report.md",
        "report.html",
    }


def test_undisturbed_memory_is_whole(trials: list[crashes.Trial]) -> None:
    memory = trials[0].memory
    assert memory.count('"mlflow.insights.type": "analysis"') == 1
    assert memory.count('"mlflow.insights.type": "parent"') == 1
    assert memory.count('"marks"') == 1
    for part in ("VALIDATED by test", "dropped by a person", "# Report", '"status": "FINISHED"'):
        assert part in memory


def test_of_a_loop_of_equal_writes_the_first_the_middle_one_and_the_last_are_tried() -> None:
    loop = [f"{when} artifact insights/query_Q{number:010x}.yaml" for number in range(9) for when in ("before", "after")]
    end = ["before artifact insights/analysis.yaml", "after artifact insights/analysis.yaml"]
    tried = crashes.first_middle_and_last([*loop, *end, *loop[:2]])
    assert tried == {1, 2, 10, 18, 20, 22}
