"""The chat at a real terminal of 80 columns: Ctrl-C, a second terminal, kill and resume; and where there is no terminal."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyze_experiment.tests.agent.console import Console
from analyze_experiment.tests.agent.test_terminal import Seat, the_only_analysis
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.insights.models import AnalysisStatus

pytestmark = pytest.mark.xdist_group("chat")


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Callable[..., Seat]]:
    seats: list[Seat] = []
    for name in ("home", "cwd"):
        (tmp_path / name).mkdir()

    def start(*arguments: str) -> Seat:
        seats.append(Seat(tmp_path / "cwd", "chat", *arguments))
        return seats[-1]

    yield start
    for seat in seats:
        seat.close()


def test_interrupt_pauses_a_kill_loses_nothing_and_a_second_terminal_is_kept_out(
    sample_experiment: SampleExperiment, sit: Callable[..., Seat]
) -> None:
    uri = sample_experiment.uri
    first = sit("--tracking-uri", uri, "--experiment", "1", "--no-review", "--report", "report.md")
    first.expect("Is this what the agent is for")
    first.type("It lends boats.\r")
    first.expect("Anything to focus on")
    first.type("repeated calls\r")
    first.expect("Testing: ")
    first.type("\x03")
    first.expect("Pausing at the next safe point; Ctrl-C again leaves")
    first.expect("Paused. /resume goes on")
    paused = the_only_analysis(uri)
    assert (paused.status, "test" in paused.progress) == (AnalysisStatus.ACTIVE, False)

    second = sit("--tracking-uri", uri, "--resume", paused.run_id)
    second.expect("Another run analyses experiment '1' of this store")
    assert second.end() == 75

    first.process.kill()
    assert first.end() == -signal.SIGKILL
    third = sit("--tracking-uri", uri, "--resume", paused.run_id, "--report", "report.md")
    third.expect(r"Hypotheses: \d+")
    third.type("/show hypotheses\r")
    third.expect("H1 ")
    third.type("\x03")
    third.expect("Ctrl-C again leaves")
    third.type("\x03")
    assert third.end() == 130
    done = the_only_analysis(uri)
    assert (done.status, done.agent_description, done.focus) == (
        AnalysisStatus.COMPLETED,
        "It lends boats.",
        ("repeated calls",),
    )


def test_chat_without_a_terminal_says_so_and_makes_nothing(
    sample_experiment: SampleExperiment, tmp_path: Path, console: Console
) -> None:
    (tmp_path / "cwd").mkdir()
    done = console.run(tmp_path / "cwd", "chat", "--tracking-uri", sample_experiment.uri)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: The chat needs a terminal")
    assert "--unattended" in done.stderr


def test_option_before_the_command_is_told_where_it_belongs(tmp_path: Path, console: Console) -> None:
    (tmp_path / "cwd").mkdir()
    done = console.run(tmp_path / "cwd", "--experiment", "1", "chat")
    assert done.returncode == 2
    assert "--experiment belongs after the command" in done.stderr
