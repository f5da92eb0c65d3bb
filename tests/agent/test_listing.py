"""What `run-analysis --list` shows of a real store."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from analyze_experiment.tests.agent.console import Console
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect

Listed = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def listed(console: Console, tmp_path: Path) -> Listed:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    return partial(console.run, cwd, "--list")


def test_the_experiments_of_a_store_and_the_analyses_of_one_are_listed(
    listed: Listed, sample_experiment: SampleExperiment
) -> None:
    store = InsightStore(connect(sample_experiment.uri), now=lambda: datetime(2026, 3, 3, tzinfo=UTC))
    analysis = store.create_analysis(
        sample_experiment.experiment_id, key="1", name="All traces", run_name="Full \x1b[31mAnalysis", analyst="statistical"
    )
    arguments = ("--tracking-uri", sample_experiment.uri, "--experiment", "support-agent")
    plain = listed(*arguments)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert [line.split() for line in plain.stdout.split("\n\n")[0].splitlines()] == [
        ["Id", "Experiment"],
        ["0", "Default"],
        [sample_experiment.experiment_id, "support-agent"],
    ]
    assert f"{analysis.run_id}  ACTIVE  0       2026-03-03  Full \\x1b[31mAnalysis" in plain.stdout.splitlines()
    answer = json.loads(listed(*arguments, "--output", "json").stdout)
    assert answer["experiment_id"] == sample_experiment.experiment_id
    assert [each["run_id"] for each in answer["analyses"]] == [analysis.run_id]


def test_an_unknown_experiment_is_one_json_line_with_exit_code_2(listed: Listed, empty_store: str) -> None:
    done = listed("--tracking-uri", empty_store, "--experiment", "retail", "--output", "json")
    event = json.loads(done.stderr)
    assert (done.returncode, done.stdout, event["event"], event["exit_code"]) == (2, "", "error", 2)
    assert "'retail'" in event["text"]
