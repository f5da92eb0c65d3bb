"""What a run left unfinished: gone on with a few times, and given up where that leads nowhere, so that its scope goes on."""

import sys
from pathlib import Path

import pytest

from analyze_experiment.agent import session
from analyze_experiment.agent.attend import Ended, ended_sessions
from analyze_experiment.agent.display import make_display
from analyze_experiment.agent.human import PolicyHuman
from analyze_experiment.agent.settings import Settings
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.agent.unfinished import TRIES, Unfinished, find_unfinished
from analyze_experiment.evals.month.traffic import Rates, end_of, new_store, write_day
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, copy_analysed, folder_of, memory_of
from analyze_experiment.tools.errors import StoreError
from analyze_experiment.tools.insights.models import AnalysisStatus, Scope


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a day of traces, and the analysis of a run that nobody watched and that was stopped before its census."""
    database = tmp_path_factory.mktemp("interrupted") / "mlflow.db"
    new_store(database)
    write_day(database, 0, Rates(), traces=20)
    uri, stop = f"sqlite:///{database}", StopSignal()
    watcher = Watcher(lambda event: stop.request("SIGTERM") if event.step == "purpose" else None)
    outcome = analyse(
        uri, analyst=GivenAnalyst([]), now=end_of(0), stop=stop, watcher=watcher, experiment="1", unattended=True, since="last"
    )
    assert outcome.status == "stopped"
    return uri


@pytest.fixture
def settings(interrupted: str, tmp_path: Path) -> Settings:
    uri = copy_analysed(interrupted, tmp_path / "store")
    folder = folder_of(uri)
    return Settings(
        tracking_uri=uri, experiment="1", cache=folder / "cache", report=folder / "r.md", unattended=True, since="last"
    )


@pytest.fixture
def left(settings: Settings) -> Unfinished:
    found = find_unfinished(settings)
    assert found is not None
    return found


def sessions(settings: Settings) -> list[Ended]:
    with make_display("none", sys.stderr) as display:
        return list(ended_sessions(settings, display=display, human=PolicyHuman(), stop=StopSignal()))


def test_runs_that_are_killed_each_time_count_although_none_could_say_so(left: Unfinished) -> None:
    assert [left.take_up() for _ in range(TRIES)] == [None] * TRIES
    given_up = left.take_up()
    assert given_up is not None
    assert given_up.status == "failed"
    assert "the last time: it was killed" in given_up.notes[0]
    analysis = left.store.get_analysis(left.run_id)
    assert (analysis.status, analysis.notes) == (AnalysisStatus.FAILED, (given_up.notes[0],))
    assert left.store.files.run(left.run_id).status == "FAILED"
    assert left.store.unfinished("1", Scope()) is None


def test_stop_as_asked_and_headway_are_no_failures(left: Unfinished) -> None:
    for _ in range(TRIES + 1):
        assert left.take_up() is None
        left.stopped()
    for _ in range(TRIES - 1):
        assert left.take_up() is None
        assert left.failed(StoreError("no space left")) is None
    assert len(left.store.get_analysis(left.run_id).failures) == TRIES - 1
    left.store.finish_step(left.run_id, "purpose")
    assert left.store.get_analysis(left.run_id).failures == ()


def test_scope_whose_unfinished_run_fails_each_night_begins_anew_and_says_why(
    left: Unfinished, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "choose_analyst", lambda *_, **__: GivenAnalyst([]))  # pyright: ignore[reportUnknownLambdaType]
    snapshot = left.store.files.read(left.run_id, "snapshot.yaml")
    assert snapshot is not None
    left.store.files.write(left.run_id, "snapshot.yaml", "not: a snapshot\n")
    for _ in range(TRIES - 1):
        with pytest.raises(StoreError, match="snapshot.yaml"):
            sessions(settings)
    failed, anew = sessions(settings)
    assert (failed.outcome.status, failed.outcome.run_id, failed.code) == ("failed", left.run_id, 1)
    assert "snapshot.yaml" in failed.outcome.notes[0]
    assert (anew.outcome.status, anew.code) == ("done", 0)
    assert anew.outcome.run_id != left.run_id
    assert [each.status for each in memory_of(left.store.tracking.uri).list_analyses("1")] == [
        AnalysisStatus.COMPLETED,
        AnalysisStatus.FAILED,
    ]
    left.store.files.write(left.run_id, "snapshot.yaml", snapshot)
    resumed = analyse(left.store.tracking.uri, analyst=GivenAnalyst([]), now=end_of(0), resume=left.run_id)
    assert resumed.status == "done"
    assert left.store.get_analysis(left.run_id).status is AnalysisStatus.COMPLETED
