"""Analyses by hand: begun, listed with what became of them, completed, archived and reopened."""

import os
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from analyze_experiment.tests.agent.insights.conftest import Insights
from analyze_experiment.tools.insights.locks import ExperimentLock
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


def test_analysis_is_completed_archived_and_reopened(insights: Insights) -> None:
    run_id = insights.begin()
    insights.do("update-analysis", "--run-id", run_id, "--status", "COMPLETED", "--name", "Another name")
    shown = insights.do("get-analysis", "--run-id", run_id)
    assert (shown["status"], shown["name"], shown["completed_at"] is None) == ("COMPLETED", "Another name", False)
    assert insights.do("archive", "--run-id", run_id)["status"] == "ARCHIVED"
    assert insights.do("reopen", "--run-id", run_id)["completed_at"] is None


def test_long_run_name_is_kept_and_remarked_on(insights: Insights) -> None:
    names = ("--run-name", "one two three four five", "--name", "N", "--description", "D")
    done = insights("create-analysis", "--experiment-id", "support-agent", *names)
    assert (done.code, "5 words" in done.err) == (0, True)
    assert done.out.startswith("Created analysis 'N' with run ID: ")


def test_analysis_without_a_holder_is_listed_as_abandoned_with_the_way_on(insights: Insights) -> None:
    tracking = connect(insights.uri)
    left = InsightStore(tracking).create_analysis(
        insights.experiment_id, key="k", name="All", run_name="all", analyst="statistical"
    )
    lock = ExperimentLock(tracking.uri)
    lock.claim(insights.experiment_id)
    held = insights.do("list-analyses", "--experiment-id", insights.experiment_id)
    lock.release()
    done = insights("list-analyses", "--experiment-id", insights.experiment_id)
    assert [each["standing"] for each in held] == ["at work"]
    assert f"run-analysis --resume {left.run_id}" in done.err
    assert "abandoned" in done.out


def test_run_and_experiment_come_from_the_environment(insights: Insights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", insights.experiment_id)
    names = ("--run-name", "Full Analysis", "--name", "N", "--description", "D")
    monkeypatch.setenv("INSIGHTS_RUN_ID", insights.do("create-analysis", *names)["run_id"])
    assert insights.do("get-analysis")["name"] == "N"


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ("list-analyses", "No experiment is given: say --experiment-id (or set MLFLOW_EXPERIMENT_ID)"),
        ("get-analysis", "No analysis is given: say --run-id (or set INSIGHTS_RUN_ID)"),
    ],
)
def test_what_is_not_named_is_asked_for(insights: Insights, verb: str, says: str) -> None:
    done = insights(verb)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_list_of_analyses_fits_a_terminal_of_eighty_columns(insights: Insights) -> None:
    run_id = insights.begin()
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    script = Path(sys.executable).parent / "mlflow-insights"
    command = [str(script), "list-analyses", "--tracking-uri", insights.uri, "--experiment-id", insights.experiment_id]
    environment = {name: text for name, text in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm"}
    subprocess.run(command, env=environment, stdin=slave, stdout=slave, stderr=slave, timeout=120, check=True)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(master, 65536).decode())
    os.close(slave)
    os.close(master)
    (line,) = [line for line in shown.splitlines() if run_id in line]
    assert (line.split()[1], line.rstrip().endswith(" All of it"), len(line.rstrip()) <= 80) == ("ACTIVE", True, True)
