"""The first run of an experiment, begun on two hosts at once: they agree on one run `Insights`, and one has the experiment."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.insights import racing_hosts
from analyze_experiment.tools.errors import AnalysisLocked
from analyze_experiment.tools.insights.lease import ExperimentClaim
from analyze_experiment.tools.insights.parents import KEPT, PARENT
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)
RACES = 6


class Host:
    """A host of its own: another folder of locks, another clock, and somebody who breaks in before or after a write."""

    def __init__(self, uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, late: timedelta = timedelta()) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        self.interrupt: dict[str, Callable[[], object]] = {}
        with self._at_home():
            self.store = InsightStore(connect(uri), now=lambda: NOON + late, boundary=self._reached)
        self._claim = ExperimentClaim(self.store, now=lambda: NOON + late, on_lost=lambda: None)

    def take(self) -> bool:
        """Whether it has the experiment now."""
        with self._at_home():
            try:
                self._claim.take("0", create=True)
            except AnalysisLocked:
                return False
            return True

    def release(self) -> None:
        with self._at_home():
            self._claim.release()

    def _reached(self, label: str) -> None:
        if label in self.interrupt:
            self.interrupt.pop(label)()

    def _at_home(self) -> "_Home":
        return _Home(self._folder, self._monkeypatch)


class _Home:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir(exist_ok=True)
        self._folder, self._monkeypatch = folder, monkeypatch
        self._before = ""

    def __enter__(self) -> None:
        self._before = os.environ["XDG_CACHE_HOME"]
        self._monkeypatch.setenv("XDG_CACHE_HOME", str(self._folder))

    def __exit__(self, *_: object) -> None:
        self._monkeypatch.setenv("XDG_CACHE_HOME", self._before)


def parents(store: InsightStore, experiment_id: str = "0") -> list[str]:
    runs = store.files.find_runs(experiment_id, tag="mlflow.insights.type", value="parent")
    return [run.params.get(PARENT, "") for run in runs]


@pytest.mark.parametrize("late", [timedelta(minutes=-1), timedelta(minutes=1)], ids=["behind", "ahead"])
@pytest.mark.parametrize(
    "moment", ["before run Insights", "after run Insights", f"before parameter {PARENT}", "before parameter insights.lease.1"]
)
def test_host_that_breaks_in_anywhere_leaves_one_winner_and_one_run(
    moment: str, late: timedelta, empty_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Host(empty_store, tmp_path / "one", monkeypatch)
    other = Host(empty_store, tmp_path / "other", monkeypatch, late=late)
    took: list[bool] = []
    one.interrupt[moment] = lambda: took.append(other.take())
    took.append(one.take())
    assert sorted(took) == [False, True]
    assert parents(one.store) == [KEPT]
    one.release()
    other.release()
    assert one.take()
    one.release()


def test_claim_counts_before_its_holder_is_heard_of(empty_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (Host(empty_store, tmp_path / name, monkeypatch) for name in ("one", "other"))
    took: list[bool] = []
    one.interrupt["after parameter insights.lease.1"] = lambda: took.append(other.take())
    assert one.take()
    assert took == [False]
    one.release()


def test_run_that_was_left_unmarked_by_a_kill_is_taken_up(
    empty_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, host = (Host(empty_store, tmp_path / name, monkeypatch) for name in ("killed", "host"))

    def die() -> None:
        raise KeyboardInterrupt

    killed.interrupt["after run Insights"] = die
    with pytest.raises(KeyboardInterrupt):
        killed.take()
    assert parents(host.store) == [""]
    assert host.take()
    assert parents(host.store) == [KEPT]
    host.release()


def test_of_two_processes_that_begin_at_once_one_has_the_experiment(empty_store: str, tmp_path: Path) -> None:
    store = InsightStore(connect(empty_store))
    hosts = [_process(empty_store, tmp_path / name) for name in ("one", "other")]
    try:
        assert [_line(host) for host in hosts] == ["ready", "ready"]
        for number in range(RACES):
            experiment_id = str(store.tracking.client.create_experiment(f"race {number}"))
            for host in hosts:
                assert host.stdin is not None
                host.stdin.write(f"{experiment_id}\n")
                host.stdin.flush()
            assert sorted(_line(host) for host in hosts) == ["held", "locked"]
            assert parents(store, experiment_id) == [KEPT]
    finally:
        for host in hosts:
            host.communicate()


def _process(uri: str, home: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "ignore", str(Path(racing_hosts.__file__)), uri]
    environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def _line(host: "subprocess.Popen[str]") -> str:
    assert host.stdout is not None
    return host.stdout.readline().strip()
