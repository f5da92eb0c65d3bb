"""How a session ends: the exit code, the object for programs, the table for people, the signal that stops it."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from analyze_experiment.agent.outcome import IssueLine, Outcome, exit_code, to_json
from analyze_experiment.agent.result import print_outcome
from analyze_experiment.agent.stop import StopSignal, stop_code
from analyze_experiment.tools.errors import Stopped
from analyze_experiment.tools.insights.models import IssueStatus, Severity

RUN = "0123456789abcdef0123456789abcdef"
HIGH = IssueLine("I-1", "Refunds \x1b[31mfail", Severity.HIGH, "operational", 412, 1200)
LOW = IssueLine("I-2", "Answers are long", Severity.LOW, "quality", 3, 0, IssueStatus.RESOLVED)
DONE = Outcome(
    RUN,
    "3",
    "retail",
    "done",
    issues=[HIGH, LOW],
    hypotheses={"validated": 2, "rejected": 5, "inconclusive": 0, "untested": 0, "dropped": 1},
    report_path="/srv/reports of today/report.md",
    ui_hint="mlflow ui --backend-store-uri sqlite:////srv/" + "deep/" * 20 + "mlflow.db",
)

CODES = {
    "done": (DONE, None, 0),
    "an issue at the mark": (DONE, Severity.HIGH, 3),
    "an issue above the mark": (DONE, Severity.LOW, 3),
    "no issue reaches the mark": (DONE, Severity.CRITICAL, 0),
    "a settled issue counts no more": (replace(DONE, issues=[LOW]), Severity.LOW, 0),
    "partial wins over an issue": (replace(DONE, status="partial"), Severity.LOW, 4),
    "untested wins over an issue": (replace(DONE, untested=["H-1: no data"]), Severity.LOW, 4),
    "a person is needed": (replace(DONE, status="waiting", untested=["H-1"]), Severity.LOW, 5),
    "stopped": (replace(DONE, status="stopped"), Severity.LOW, 130),
}


@pytest.mark.parametrize(("outcome", "fail_on", "code"), CODES.values(), ids=CODES.keys())
def test_the_exit_code_says_how_it_ended(outcome: Outcome, fail_on: Severity | None, code: int) -> None:
    assert exit_code(outcome, fail_on) == code


def test_the_json_result_is_one_line_with_shares_and_the_exit_code() -> None:
    stream = io.StringIO()
    print_outcome(DONE, stream, as_json=True, code=3)
    (line,) = stream.getvalue().splitlines()
    shown = json.loads(line)
    assert (shown["event"], shown["run_id"], shown["exit_code"]) == ("result", RUN, 3)
    assert shown["issues"][0]["share"] == pytest.approx(412 / 1200)
    assert shown["issues"][1]["share"] is None
    assert {key: value for key, value in shown.items() if key not in {"event", "exit_code"}} == to_json(DONE)


def test_in_a_pipe_the_result_is_plain_lines() -> None:
    stream = io.StringIO()
    print_outcome(DONE, stream, as_json=False, code=0)
    assert stream.getvalue().splitlines() == [
        f"Experiment 'retail' (3), analysis {RUN}: done",
        "",
        "Severity  Affected      Share  Issue",
        "HIGH      412 of 1,200  34.3%  Refunds \\x1b[31mfail",
        "LOW       3 of 0        -      Answers are long (RESOLVED)",
        "",
        "Hypotheses: 2 validated, 5 rejected, 1 dropped",
        "Report: /srv/reports of today/report.md",
        f"MLflow pages: {DONE.ui_hint}",
    ]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_table_fits_and_commands_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    long = replace(HIGH, title="Refunds after thirty days are promised and then refused by the policy check")
    untested = [f"H-{number}: a statement that goes on and on until it no longer fits (not reached)" for number in range(8)]
    left = replace(DONE, issues=[long], status="partial", untested=untested, resume_hint=f"run-analysis --resume {RUN}")
    print_outcome(left, screen, as_json=False, code=4)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()
    table = lines[
        lines.index("Experiment 'retail' (3), analysis " + RUN + ": partly done") + 1 : lines.index(
            "Hypotheses: 2 validated, 5 rejected, 1 dropped"
        )
    ]
    assert max(map(len, table)) <= 80
    assert "Refunds after thirty days are promised" in " ".join(" ".join(table).split())
    assert "Untested: H-4: a statement that goes on and on until it no longer fits (not" in lines
    assert "Untested: 3 more; --output json names all." in lines
    assert f"MLflow pages: {DONE.ui_hint}" in lines
    assert f"To go on: {left.resume_hint}" in lines


def test_without_an_issue_the_result_says_so() -> None:
    stream = io.StringIO()
    print_outcome(Outcome("", "", "", "stopped"), stream, as_json=False, code=130)
    assert stream.getvalue().splitlines() == ["No experiment: stopped", "", "No issue was found so far.", "Hypotheses: none"]


def test_a_stop_is_heard_by_those_before_and_those_after_and_the_first_reason_counts() -> None:
    stop, heard, all_heard = StopSignal(), list[str](), threading.Semaphore(0)

    def hear(reason: str) -> None:
        heard.append(reason)
        all_heard.release()

    stop.on_request(hear)
    stop.check()
    stop.request("SIGTERM")
    stop.request("SIGINT")
    stop.on_request(hear)
    assert all_heard.acquire(timeout=30)
    assert all_heard.acquire(timeout=30)
    assert heard == ["SIGTERM", "SIGTERM"]
    assert (stop.requested, stop.reason, stop_code("SIGTERM")) == (True, "SIGTERM", 143)
    with pytest.raises(Stopped):
        stop.check()


SIGNALLED = """
import os, signal, sys
from analyze_experiment.agent.stop import StopSignal, signals_ask

stop = StopSignal()
with signals_ask(stop):
    print("ready", flush=True)
    while not stop.requested:
        signal.pause()
    print(stop.reason, flush=True)
    for _ in sys.stdin:
        pass
"""


@pytest.mark.parametrize(
    ("numbers", "code"), [((signal.SIGINT, signal.SIGINT), 130), ((signal.SIGTERM, signal.SIGINT), 130), ((signal.SIGTERM,), 0)]
)
def test_the_first_signal_asks_and_a_second_interrupt_quits_at_once(numbers: tuple[signal.Signals, ...], code: int) -> None:
    command = [sys.executable, "-c", SIGNALLED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(numbers[0])
        assert process.stdout.readline() == f"{numbers[0].name}\n"
        for number in numbers[1:]:
            process.send_signal(number)
            assert process.wait(timeout=30) == code
        process.communicate()
    assert process.returncode == code
