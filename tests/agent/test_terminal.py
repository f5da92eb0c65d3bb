"""`run-analysis` at a terminal of 80 columns: a person answers, interrupts, kills, and goes on."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyze_experiment.tests.agent.console import PATIENCE_S, SCRIPT, Console, environment
from analyze_experiment.tests.agent.whole import folder_of, memory_of
from analyze_experiment.tests.sample_traces import SampleExperiment, SampleTrace, log_traces
from analyze_experiment.tools.insights.models import Analysis, AnalysisStatus, HypothesisStatus

COLUMNS = 80
CONTROL = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")
LINE_END = re.compile(r"\r+\n?")
"""A line that is drawn again begins with a carriage return; here it is another line."""
UNFINISHED = re.compile(r"(\x1b[^A-Za-z]*|\r+)$")
"""What the next read may go on with."""
LOG_IN = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
"""Makes the terminal the process's own, as a shell does, so that what is typed can interrupt it."""


class Seat:
    """A person's seat at a terminal where `run-analysis` runs."""

    def __init__(self, cwd: Path, *arguments: str) -> None:
        self._terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        env = environment(cwd.parent / "home", TERM="xterm-256color", LANG="C.UTF-8")
        del env["COLUMNS"]  # the terminal says it
        command = [sys.executable, "-c", LOG_IN, str(SCRIPT), *arguments]
        self.process = subprocess.Popen(command, cwd=cwd, env=env, stdin=inside, stdout=inside, stderr=inside)
        os.close(inside)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._unread = ""
        self.screen = ""
        """All that was ever shown, without colours and cursor movements."""
        self._seen = 0

    def expect(self, pattern: str) -> None:
        """Waits until the pattern is shown after what was expected before."""
        while not (found := re.compile(pattern).search(self.screen, self._seen)):
            assert self._read(), f"ended before {pattern!r}: {self.screen[self._seen :]!r}"
        self._seen = found.end()

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def answer(self, prompt: str, text: str) -> None:
        self.expect(rf"{prompt}[^\n]*: $")
        self.type(f"{text}\n")

    def end(self) -> int:
        """Waits for the end.

        Returns:
            The exit code.
        """
        while self._read():
            pass
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    def _read(self) -> bool:
        assert select.select([self._terminal], [], [], PATIENCE_S)[0], f"nothing is shown any more after {self.screen!r}"
        try:
            shown = os.read(self._terminal, 65536)
        except OSError:  # the last process at the terminal has ended
            return False
        text = self._unread + self._decode(shown)
        held = UNFINISHED.search(text)
        self._unread = held[0] if held else ""
        self.screen += LINE_END.sub("\n", CONTROL.sub("", text[: held.start()] if held else text))
        return bool(shown)


@pytest.fixture
def sit() -> Iterator[Callable[..., Seat]]:
    seats: list[Seat] = []

    def start(cwd: Path, *arguments: str) -> Seat:
        seats.append(Seat(cwd, *arguments))
        return seats[-1]

    yield start
    for seat in seats:
        seat.close()


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    for name in ("home", "cwd"):
        (tmp_path / name).mkdir()
    return tmp_path / "cwd"


Sit = Callable[..., Seat]


def the_only_analysis(uri: str) -> Analysis:
    (analysis,) = memory_of(uri).list_analyses("1")
    return analysis


def test_person_is_asked_sees_the_work_and_gets_the_issues(planted_store: str, sit: Sit, cwd: Path) -> None:
    log_traces(planted_store, "another-agent", [SampleTrace("Hello?")])
    seat = sit(cwd, "--tracking-uri", planted_store)
    seat.expect(r"1  another-agent  id 2\s+2  tarn-and-fell-concierge  id 1")
    seat.answer("Number, name, a part of the name", "2")
    seat.expect("120 traces")
    seat.expect("Is this what the agent is for")
    seat.answer("Enter if that is right", "It lends boats.")
    seat.answer("Enter for a general report", "rate limits")
    for shown in ("Counting every trace", "120 traces, [0-9,]+ spans", "What may be wrong", "Testing the hypotheses", "Step 1"):
        seat.expect(shown)
    seat.expect(r"VALIDATED: Calls are refused for rate limits")
    seat.answer("Enter for 'report-[0-9a-f]{8}.md'", "mine.md")
    seat.expect(r"Severity\s+Affected\s+Share\s+Issue")
    seat.expect(
        r"MEDIUM\s+5 of 86\s+5.8%\s+5.9% of calls to larch-2-mini fail; also: Rate\s+limits refuse calls in bursts, 5 traces"
    )
    seat.expect(r"Hypotheses: \d+ validated")
    assert seat.end() == 0
    analysis = the_only_analysis(planted_store)
    assert (analysis.agent_description, analysis.focus) == ("It lends boats.", ("rate limits",))
    assert (cwd / "mine.md").read_text(encoding="utf-8") == memory_of(planted_store).read_report(analysis.run_id)
    prompts_and_paths = ("Enter ", "Number, ", "Experiment 'tarn-and-fell-concierge'", "Report: ", "MLflow pages: ")
    lines = [line.rstrip() for line in seat.screen.split("\n") if not line.strip().startswith(prompts_and_paths)]
    assert [line for line in lines if len(line) > COLUMNS] == []


def test_interrupt_pauses_and_says_how_to_go_on(sample_experiment: SampleExperiment, sit: Sit, cwd: Path) -> None:
    uri = sample_experiment.uri
    seat = sit(cwd, "--tracking-uri", uri, "--experiment", "1", "--unattended", "--report", "report.md")
    seat.expect("Testing the hypotheses")
    seat.expect("Testing: ")
    seat.type("\x03")
    seat.expect("Stopping; what is found is kept")
    seat.expect(r"Experiment 'support-agent' \(1\), analysis [0-9a-f]{32}: stopped")
    run_id = the_only_analysis(uri).run_id
    seat.expect(f"To go on: run-analysis --tracking-uri .* --resume {run_id}")
    assert seat.end() == 130
    assert the_only_analysis(uri).status is AnalysisStatus.ACTIVE
    assert "Traceback" not in seat.screen
    assert re.search(r"^(Error|Unexpected)\b", seat.screen, re.MULTILINE) is None


def test_killed_analysis_goes_on(sample_experiment: SampleExperiment, sit: Sit, cwd: Path, console: Console) -> None:
    uri = sample_experiment.uri
    seat = sit(cwd, "--tracking-uri", uri, "--experiment", "1", "--unattended", "--report", "report.md")
    seat.expect("Testing: ")
    seat.process.kill()
    assert seat.end() == -signal.SIGKILL
    killed = the_only_analysis(uri)
    assert (killed.status, "test" in killed.progress) == (AnalysisStatus.ACTIVE, False)

    done = console.run(cwd, "--tracking-uri", uri, "--resume", killed.run_id, "--unattended", "--report", "report.md")
    assert done.returncode == 0, done.stderr
    hypotheses = memory_of(uri).list_hypotheses(killed.run_id)
    assert [each.statement for each in hypotheses if each.status is HypothesisStatus.TESTING] == []
    assert the_only_analysis(uri).status is AnalysisStatus.COMPLETED
    assert (cwd / "report.md").read_text(encoding="utf-8") == memory_of(uri).read_report(killed.run_id)
    assert not (folder_of(uri) / "report.md").exists()
