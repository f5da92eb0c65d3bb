"""What `run-analysis --list` shows of a real store."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect

SCRIPT = Path(sys.executable).parent / "run-analysis"


def listed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPT), "--list", *arguments]
    return subprocess.run(command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False)


def test_the_experiments_of_a_store_and_the_analyses_of_one_are_listed(
    tmp_path: Path, sample_experiment: SampleExperiment
) -> None:
    store = InsightStore(connect(sample_experiment.uri), now=lambda: datetime(2026, 3, 3, tzinfo=UTC))
    analysis = store.create_analysis(
        sample_experiment.experiment_id, key="1", name="All traces", run_name="Full \x1b[31mAnalysis", analyst="statistical"
    )
    arguments = ("--tracking-uri", sample_experiment.uri, "--experiment", "support-agent")
    plain = listed(tmp_path, *arguments)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert [line.split() for line in plain.stdout.split("\n\n")[0].splitlines()] == [
        ["Id", "Experiment"],
        ["0", "Default"],
        [sample_experiment.experiment_id, "support-agent"],
    ]
    assert f"{analysis.run_id}  ACTIVE  0       2026-03-03  Full \\x1b[31mAnalysis" in plain.stdout.splitlines()
    answer = json.loads(listed(tmp_path, *arguments, "--output", "json").stdout)
    assert answer["experiment_id"] == sample_experiment.experiment_id
    assert [each["run_id"] for each in answer["analyses"]] == [analysis.run_id]


def test_an_unknown_experiment_is_one_json_line_with_exit_code_2(tmp_path: Path, empty_store: str) -> None:
    done = listed(tmp_path, "--tracking-uri", empty_store, "--experiment", "retail", "--output", "json")
    event = json.loads(done.stderr)
    assert (done.returncode, done.stdout, event["event"], event["exit_code"]) == (2, "", "error", 2)
    assert "'retail'" in event["text"]
