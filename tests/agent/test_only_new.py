"""Analyses that go on from one another: each trace is counted once, an empty window is well, and nothing advances falsely."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.agent.insights.benches import snapshot_of
from analyze_experiment.agent.insights.opened import Insights
from analyze_experiment.agent.outcome import Outcome, exit_code
from analyze_experiment.agent.settings import Settings
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.agent.unfinished import find_unfinished
from analyze_experiment.evals.month.traffic import FIRST_DAY, Rates, end_of, new_store, tag_day, write_day, write_late
from analyze_experiment.tests.agent.whole import GivenAnalyst, Watcher, analyse, folder_of, memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.insights.artifacts import RunFiles
from analyze_experiment.tools.insights.models import AnalysisStatus, Scope
from analyze_experiment.tools.reporting.verify import verify_report
from analyze_experiment.tools.sql.process import LOCAL

TRACES = 25


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store with the experiment and two days of traces, of which the second is of another environment."""
    database = tmp_path_factory.mktemp("grown") / "mlflow.db"
    new_store(database)
    for day, env in enumerate(("prod", "staging")):
        write_day(database, day, Rates(), traces=TRACES)
        tag_day(database, day, {"env": env})
    return database


@pytest.fixture
def store(grown: Path, tmp_path: Path) -> str:
    return copy_store(grown, tmp_path / "store")


def run(uri: str, day: int, *, stop: StopSignal | None = None, watcher: Watcher | None = None, **settings: object) -> Outcome:
    given: dict[str, Any] = {"since": "last", "experiment": "1", "unattended": True, **settings}
    return analyse(uri, analyst=GivenAnalyst([]), now=end_of(day), stop=stop, watcher=watcher, **given)


def counted(uri: str, run_id: str) -> int:
    snapshot = memory_of(uri).read_snapshot(run_id)
    assert snapshot is not None
    return snapshot.traces


def looked_at_again(uri: str, run_id: str) -> bool:
    """Whether verbs, and the report's verification, see the very traces that an analysis was about."""
    memory, cache = memory_of(uri), folder_of(uri) / "cache"
    recorded, again = memory.read_snapshot(run_id), snapshot_of(Insights(memory, cache), memory.get_analysis(run_id), LOCAL)
    assert recorded is not None
    verified = verify_report(memory, run_id, cache=cache, now=end_of(9), progress=lambda text, done, total: None)
    return recorded == again.record and verified.same_snapshot and not verified.differences


def test_each_trace_is_counted_once_also_a_late_one(store: str) -> None:
    database = Path(store.removeprefix("sqlite:///"))
    first = run(store, 1)
    assert counted(store, first.run_id) == 2 * TRACES
    last = memory_of(store).last_mark("1", Scope())
    assert last is not None
    write_late(database, "late", last.until - timedelta(minutes=30))
    write_late(database, "too late", last.until - timedelta(hours=2))
    write_day(database, 2, Rates(), traces=TRACES)
    second = run(store, 2)
    assert counted(store, second.run_id) == TRACES + 1
    write_late(database, "later still", end_of(2) - timedelta(minutes=1))
    third = run(store, 3)
    assert counted(store, third.run_id) == 1
    assert memory_of(store).get_analysis(third.run_id).follows == second.run_id
    assert looked_at_again(store, third.run_id)


def test_hundredth_run_asks_the_store_no_more_than_the_tenth(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Counter[str]()
    for name in ("run", "find_runs", "read", "names", "write", "tag", "link", "claim", "create_run", "set_status", "rename"):
        monkeypatch.setattr(RunFiles, name, counting(asked, name, getattr(RunFiles, name)))
    run(store, 1)
    totals: list[Counter[str]] = []
    for day, others in ((2, 2), (3, 12)):
        complete_others(store, day, others)
        write_day(Path(store.removeprefix("sqlite:///")), day, Rates(), traces=TRACES)
        asked.clear()
        run(store, day)
        totals.append(Counter(asked))
    assert totals[0] == totals[1]
    assert totals[0]["find_runs"] < 30


def counting(asked: Counter[str], name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*given: Any, **named: Any) -> Any:
        asked[name] += 1
        return call(*given, **named)

    return counted


def complete_others(uri: str, day: int, number: int) -> None:
    """Adds analyses that other nights would have left; they leave the scope's watermark alone."""
    memory = memory_of(uri, now=end_of(day) - timedelta(hours=1))
    for each in range(number):
        made = memory.create_analysis("1", key=f"night {day}.{each}", name="A night", run_name="a night", analyst="statistical")
        memory.update_analysis(
            made.run_id, op="done", change=lambda current: current.model_copy(update={"status": AnalysisStatus.COMPLETED})
        )


def test_empty_window_ends_well_and_moves_nothing(store: str) -> None:
    run(store, 1)
    before = memory_of(store).last_mark("1", Scope())
    outcome = run(store, 5)
    assert (outcome.status, outcome.run_id, exit_code(outcome, None)) == ("empty", "", 0)
    assert outcome.notes[0].startswith("Nothing new in experiment 'tarn-and-fell-concierge' since its last analysis")
    assert memory_of(store).last_mark("1", Scope()) == before
    assert len(memory_of(store).list_analyses("1")) == 1


def test_clock_that_was_set_back_finds_nothing_new_and_says_so(store: str) -> None:
    run(store, 1)
    outcome = run(store, -5)
    assert (outcome.status, exit_code(outcome, None)) == ("empty", 0)
    assert "Was it set back?" in outcome.notes[0]


def test_clock_that_runs_ahead_skips_no_trace(store: str) -> None:
    run(store, 300)
    write_day(Path(store.removeprefix("sqlite:///")), 2, Rates(), traces=TRACES)
    assert counted(store, run(store, 2).run_id) == TRACES


def test_window_that_leaves_a_gap_is_not_followed(store: str) -> None:
    database = Path(store.removeprefix("sqlite:///"))
    first = run(store, 1)
    write_day(database, 2, Rates(), traces=TRACES)
    write_day(database, 3, Rates(), traces=TRACES)
    gap = run(store, 3, since=FIRST_DAY + timedelta(days=3))
    assert counted(store, gap.run_id) == TRACES
    mark = memory_of(store).last_mark("1", Scope())
    assert mark is not None
    assert mark.run_id == first.run_id


def test_filter_cuts_the_traces_and_is_a_scope_of_its_own(store: str) -> None:
    outcome = run(store, 1, filter="tags['env'] = 'prod'")
    assert counted(store, outcome.run_id) == TRACES
    assert memory_of(store).last_mark("1", Scope()) is None
    assert memory_of(store).last_mark("1", Scope(filter="tags['env'] = 'prod'")) is not None
    nothing = run(store, 1, filter="tags['env'] = 'test'")
    assert nothing.notes[0].startswith("Experiment 'tarn-and-fell-concierge' has no trace that meets \"tags['env'] = 'test'\"")
    census = memory_of(store).read_census(outcome.run_id)
    assert census is not None
    assert census.traces == TRACES
    assert looked_at_again(store, outcome.run_id)


@pytest.mark.parametrize("wrong", ["env = 'prod'", "state = 'OK') OR (1 = 1", "state = 'OK'; DROP TABLE traces", "state ="])
def test_filter_that_is_no_condition_is_refused_before_anything_is_opened(wrong: str) -> None:
    from analyze_experiment.tools.traces.cut import condition_sql

    with pytest.raises(UserError, match="is no condition on traces"):
        condition_sql(wrong)


def test_stopped_run_of_the_scope_is_found_again_and_its_watermark_waits_for_its_end(store: str) -> None:
    stop = StopSignal()
    watcher = Watcher(lambda event: stop.request("SIGTERM") if event.kind == "census" else None)
    stopped = run(store, 1, stop=stop, watcher=watcher)
    assert stopped.status == "stopped"
    settings = Settings(tracking_uri=store, experiment="1", cache=folder_of(store) / "cache")
    left = find_unfinished(settings)
    assert left is not None
    assert left.run_id == stopped.run_id
    assert find_unfinished(settings.model_copy(update={"filter": "state = 'OK'"})) is None
    assert memory_of(store).last_mark("1", Scope()) is None
    done = analyse(store, analyst=GivenAnalyst([]), now=end_of(1), resume=stopped.run_id, unattended=True)
    assert memory_of(store).get_analysis(done.run_id).status is AnalysisStatus.COMPLETED
    assert find_unfinished(settings) is None
    assert memory_of(store).last_mark("1", Scope()) is not None
