"""`run-analysis compare`: a gate for CI, two analyses, two windows; and what is no comparison."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.cli import run
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import BEGINNING, SampleTrace, log_traces
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect

EACH = 30
CHANGE = BEGINNING + timedelta(minutes=EACH)
END = CHANGE + timedelta(minutes=EACH)


def _traces() -> Iterator[SampleTrace]:
    """Version 1, then version 2, a minute apart: the tool fails in 3 of 30, then in 21 of 30."""
    for number in range(2 * EACH):
        later, place = divmod(number, EACH)
        fails = place % 10 < (7 if later else 1)
        yield SampleTrace(f"Pay bill {number}", tool="pay", tool_error="down" if fails else "", version=str(1 + later))


@dataclass(frozen=True)
class Store:
    uri: str
    cache: Path


@pytest.fixture(scope="module")
def store(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("versions")
    uri = copy_store(store_template, folder / "store")
    log_traces(uri, "payments", _traces())
    return Store(uri, folder / "cache")


@dataclass
class Command:
    store: Store
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, stdout and stderr."""
        self.capture.readouterr()
        code = run(["compare", *arguments, "--tracking-uri", self.store.uri, "--cache", str(self.store.cache)])
        said = self.capture.readouterr()
        return code, said.out, said.err


@pytest.fixture
def compare(store: Store, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(store, capsys)


def of_tool(out: str) -> dict[str, Any]:
    document = json.loads(out.splitlines()[-1])
    return next(each for each in document["compared"] if each["name"] == "tool_failing_traces pay")


def test_a_version_that_is_worse_ends_a_gate_with_3(compare: Command) -> None:
    by = ("--by", "version", "--experiment", "payments", "--output", "json", "--fail-on-regression", "low")
    code, out, _ = compare("1", "2", *by)
    backwards, mirrored, _ = compare("2", "1", *by)

    assert (code, backwards) == (3, 0)
    assert (of_tool(out)["change"], of_tool(mirrored)["change"]) == ("worse", "better")
    assert (of_tool(out)["a"]["affected"], of_tool(out)["b"]["affected"]) == (3, 21)
    assert json.loads(out.splitlines()[-1])["exit_code"] == 3


def test_two_analyses_are_compared_over_what_each_was_about(compare: Command, store: Store) -> None:
    memory = InsightStore(connect(store.uri))
    (experiment_id,) = [each.experiment_id for each in memory.tracking.client.search_experiments(filter_string="name='payments'")]
    runs = [_analysed(memory, store, experiment_id, instant_minutes) for instant_minutes in (EACH - 1, 2 * EACH)]

    code, out, _ = compare(*runs)

    assert code == 0
    assert f"# analysis {runs[0][:8]} against analysis {runs[1][:8]}" in out
    assert "30 traces are of both; they are left out of analysis" in out
    assert "**2 worse**" in out
    assert "Traces in which pay fails" in out


def _analysed(memory: InsightStore, store: Store, experiment_id: str, minutes: int) -> str:
    """An analysis of everything up to an instant; its run id."""
    run_id = memory.create_analysis(experiment_id, key=str(minutes), name="A", run_name="a", analyst="statistical").run_id
    snapshot = take_snapshot(
        store.uri,
        experiment_id,
        instant=BEGINNING + timedelta(minutes=minutes),
        since=None,
        until=None,
        cache=store.cache,
        progress=lambda done, total: None,
    )
    memory.write_snapshot(run_id, snapshot.record)
    return run_id


def test_two_windows_are_compared_and_the_report_is_written(compare: Command, tmp_path: Path) -> None:
    times = [f"{at:%Y-%m-%dT%H:%M:%S}" for at in (BEGINNING, CHANGE - timedelta(seconds=1), CHANGE, END)]
    first, second = (("--since", since, "--until", until) for since, until in (times[:2], times[2:]))
    code, out, _ = compare("--experiment", "payments", *first, *second, "--report", str(tmp_path / "compared.md"))

    assert code == 0
    assert "never one *because of* it" in out
    assert "3 of 30" in out
    assert (tmp_path / "compared.md").read_text(encoding="utf-8") == out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("one",),
        ("one", "two", "--since", "7d"),
        ("one", "two", "--by", "version", "--since", "7d", "--since", "1d"),
        ("--since", "7d", "--until", "1d"),
        ("--by", "version", "--since", "7d", "--until", "3d", "--since", "3d", "--until", "1d"),
    ],
)
def test_what_is_no_comparison_is_answered_with_what_is_one(compare: Command, arguments: tuple[str, ...]) -> None:
    code, out, err = compare(*arguments)
    assert (code, out) == (2, "")
    assert "two run ids; two values with --by version, --by model or --by tag:KEY" in err


def test_options_before_the_command_are_sent_behind_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--experiment", "payments", "compare", "1", "2", "--by", "version"]) == 2
    assert "--experiment belongs after the command: run-analysis compare --experiment" in capsys.readouterr().err


def test_help_fits_eighty_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    assert run(["compare", "--help"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "run-analysis compare 1.4.0 1.5.0 --by version --experiment retail" in shown
