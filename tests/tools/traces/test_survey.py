"""Surveys of a store's tables: which windows are spared a look, and that nothing that changed is."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.tools.traces.raw_rows import START_MS
from analyze_experiment.tests.tools.traces.snapshot_bench import START, Bench, rows, windows
from analyze_experiment.tests.tools.traces.store_rows import StoreRows
from analyze_experiment.tools.traces import survey, workers
from analyze_experiment.tools.traces.manifest import Manifest
from analyze_experiment.tools.traces.snapshot import Snapshot
from analyze_experiment.tools.traces.sources.base import Key
from analyze_experiment.tools.traces.sources.sqlite import SqliteSource
from analyze_experiment.tools.traces.surveying import PIECE_ROWS
from analyze_experiment.tools.traces.workers import State

pytestmark = pytest.mark.usefixtures("near")

SECOND = Key(START_MS + 240_000, "tr-4")
"""Where the second of the three windows begins: it holds tr-4 to tr-7."""

Change = Callable[[StoreRows], None]

SPANS_WRITTEN = "UPDATE trace_info SET db_payload_generation = db_payload_generation + 1 WHERE request_id = 'tr-5'"
"""As MLflow does with each write of spans."""


def runs(*statements: str) -> Change:
    def change(store: StoreRows) -> None:
        for statement in statements:
            store.change(statement)

    return change


def add_span(store: StoreRows) -> None:
    store.add_span("tr-5", 2, START_MS + 300_000)
    store.change(SPANS_WRITTEN)


CHANGES: dict[str, Change] = {
    "late trace": lambda store: store.add_trace("tr-late", minute=4.5),
    "early trace": lambda store: store.add_trace("tr-early", minute=-1),
    "finished trace": runs("UPDATE trace_info SET status = 'ERROR' WHERE request_id = 'tr-5'"),
    "changed tag": runs("UPDATE trace_tags SET value = '2' WHERE request_id = 'tr-5' AND key = 'release'"),
    "new metadata": runs("INSERT INTO trace_request_metadata (request_id, key, value) VALUES ('tr-5', 'a', 'b')"),
    "changed metadata": runs("UPDATE trace_request_metadata SET value = 'c' WHERE request_id = 'tr-5'"),
    "removed metadata": runs("DELETE FROM trace_request_metadata WHERE request_id = 'tr-5'"),
    "new feedback": lambda store: store.add_assessment("a-1", "tr-5"),
    "feedback given again": runs("UPDATE assessments SET value = 'false', last_updated_timestamp = 1"),
    "feedback overridden": runs("UPDATE assessments SET valid = 0"),
    "own feedback": lambda store: store.add_assessment("a-2", "tr-5", source_id="analyze-experiment"),
    "new span": add_span,
    "span moved": runs("UPDATE spans SET start_time_unix_nano = 1 WHERE trace_id = 'tr-5' AND span_id = 's2'", SPANS_WRITTEN),
    "span removed": runs("DELETE FROM spans WHERE trace_id = 'tr-5' AND span_id = 's2'", SPANS_WRITTEN),
    "spans written again": runs("UPDATE trace_info SET db_payload_generation = 9 WHERE request_id = 'tr-5'"),
    "trace moved": runs(f"UPDATE trace_info SET timestamp_ms = {START_MS + 500_000} WHERE request_id = 'tr-1'"),
    "tag of a trace that moved": runs("DELETE FROM trace_tags WHERE request_id = 'tr-1' AND key = 'release'"),
    "trace of a run": lambda store: store.add_trace("tr-run", minute=5.5, metadata={"mlflow.sourceRun": "run-1"}),
    "run that becomes an analysis": lambda store: store.insert(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", [("mlflow.insights.type", "analysis", "run-1")]
    ),
    "deleted trace": runs("DELETE FROM trace_info WHERE request_id = 'tr-5'"),
    "trace in the place of another": lambda store: store.add_trace("tr-other", minute=2.5),
}

UNSEEN = {"own feedback"}
"""What is no part of what is analysed."""


@pytest.fixture
def looked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    """The windows that were looked at; the store is surveyed although it is small, in pieces of three rows."""
    monkeypatch.setattr(survey, "LEAST_TRACES", 1)
    for table in PIECE_ROWS:
        monkeypatch.setitem(PIECE_ROWS, table, 3)
    found: list[Key] = []
    meddle(monkeypatch, lambda low: found.append(low))
    bench.take()
    assert found == []
    return found


def meddle(monkeypatch: pytest.MonkeyPatch, first: Callable[[Key], object]) -> None:
    """Does something before each look at a window."""
    check = workers.NearWorker.check

    def meddled(self: workers.NearWorker, low: Key, *rest: Any) -> State:
        first(low)
        return check(self, low, *rest)

    monkeypatch.setattr(workers.NearWorker, "check", meddled)


def assert_true(bench: Bench, folder: Path) -> Snapshot:
    """A copy brought up to date, that is what one is that is made now."""
    taken, fresh = bench.take(), bench.take(cache=folder)
    assert taken.record.digest == fresh.record.digest
    for relation in ("traces", "assessments"):
        assert rows(taken, relation, "*") == rows(fresh, relation, "*")
    return taken


def test_nothing_new_looks_at_no_window(bench: Bench, looked: list[Key]) -> None:
    first = bench.take()
    assert bench.take() == first
    assert looked == []


def test_only_what_changed_is_looked_at_and_only_once(bench: Bench, looked: list[Key]) -> None:
    bench.store.add_assessment("a-1", "tr-5")
    bench.take()
    assert looked == [SECOND]
    bench.take()
    bench.store.add_assessment("a-2", "tr-5", source_id="analyze-experiment")
    bench.take()
    assert looked == [SECOND]


@pytest.mark.usefixtures("looked")
def test_every_change_is_seen_as_a_copy_made_now_sees_it(bench: Bench, tmp_path: Path) -> None:
    digests = [bench.take().record.digest]
    for name, change in CHANGES.items():
        change(bench.store)
        digests.append(bench.take().record.digest)
        assert (digests[-1] == digests[-2]) == (name in UNSEEN), name
    assert_true(bench, tmp_path / "fresh")


def test_store_that_nobody_wrote_to_is_not_read(bench: Bench, looked: list[Key], monkeypatch: pytest.MonkeyPatch) -> None:
    bench.store.add_assessment("a-1", "tr-5")
    first = bench.take()
    with monkeypatch.context() as patched:
        patched.delattr(SqliteSource, "rows")
        assert bench.take() == first
    bench.store.change("UPDATE assessments SET value = 'false', last_updated_timestamp = 1")
    assert bench.take().record.digest != first.record.digest
    assert looked == [SECOND, SECOND]


def test_later_instant_has_no_window_looked_at_where_no_trace_began_since(bench: Bench, looked: list[Key]) -> None:
    early = bench.take(instant=START + timedelta(minutes=9), cache=bench.cache / "early")
    assert bench.take(instant=START + timedelta(minutes=20), cache=bench.cache / "early").record.digest == early.record.digest
    assert looked == []
    bench.store.add_trace("tr-ahead", minute=25)
    for minute, traces in ((22, 10), (26, 11)):
        taken = bench.take(instant=START + timedelta(minutes=minute), cache=bench.cache / "early")
        assert taken.record.traces == traces
    assert {low.trace_id for low in looked} == {"tr-8"}


@pytest.mark.filterwarnings("ignore:The ``noload`` loader")
def test_mlflow_raises_the_generation_of_a_trace_whose_spans_it_writes(sample_experiment: SampleExperiment) -> None:
    """Spans aren't surveyed: that they were written has to stand in their trace's own row."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(sample_experiment.uri, "unused")
    (trace,) = store.batch_get_traces([sample_experiment.trace_ids[0]], sample_experiment.experiment_id)
    generations = []
    with closing(sqlite3.connect(StoreRows(sample_experiment.uri).path)) as connection:
        for _ in range(2):
            found = "SELECT db_payload_generation FROM trace_info WHERE request_id = ?"
            generations.append(connection.execute(found, [sample_experiment.trace_ids[0]]).fetchone()[0])
            store.log_spans(sample_experiment.experiment_id, trace.data.spans[-1:])
    assert generations[1] == generations[0] + 1


def test_spans_that_were_changed_by_hand_are_seen_where_all_is_copied_anew(bench: Bench, looked: list[Key]) -> None:
    before = bench.take()
    bench.store.add_span("tr-5", 2, START_MS + 300_000)
    assert bench.take().record.spans == before.record.spans
    assert bench.take(anew=True).record.spans == before.record.spans + 1
    assert looked == []


def test_store_in_wal_mode_is_surveyed_by_its_rows(bench: Bench, looked: list[Key], tmp_path: Path) -> None:
    with closing(sqlite3.connect(bench.store.path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        bench.store.change("UPDATE trace_tags SET value = '2' WHERE request_id = 'tr-5' AND key = 'release'")
        assert_true(bench, tmp_path / "fresh")
        bench.take()
    assert looked == [SECOND]


def test_survey_of_before_there_were_digests_of_pages_is_gone_on_from(bench: Bench, looked: list[Key], tmp_path: Path) -> None:
    (path,) = bench.cache.glob(f"*/{survey.SURVEY}/*.json")
    for traces in path.parent.glob("*.zst"):
        traces.unlink()
    known = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({"runs": known["runs"], "pieces": [piece[:5] for piece in known["pieces"]], "ranges": []}))
    bench.store.add_assessment("a-1", "tr-5")
    assert_true(bench, tmp_path / "fresh")
    assert looked == [SECOND]


GONE: dict[str, tuple[Change, list[str]]] = {
    "tag": (runs("DELETE FROM trace_tags WHERE request_id = 'tr-5' AND key = 'release'"), ["tr-4"]),
    "trace": (runs("DELETE FROM trace_info WHERE request_id = 'tr-9'"), ["tr-8"]),
    "tag whose row another trace's has now": (
        runs(
            "DELETE FROM trace_tags WHERE request_id = 'tr-9' AND key = 'release'",
            "INSERT INTO trace_tags (request_id, key, value) VALUES ('tr-5', 'a', 'b')",
        ),
        ["tr-4", "tr-8"],
    ),
}


def test_pieces_do_not_become_many_where_few_traces_are_new_each_time(
    bench: Bench, looked: list[Key], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in PIECE_ROWS:
        monkeypatch.setitem(PIECE_ROWS, table, 12)
    cache = tmp_path / "often"
    folder = bench.take(cache=cache).folder
    for number in range(10):
        bench.take(cache=cache)
        bench.store.add_trace(f"tr-new-{number}", minute=11 + number)
        bench.store.change("UPDATE trace_tags SET value = value || '+' WHERE request_id = 'tr-9' AND key = 'release'")
    known = survey.Survey.read(folder, Manifest.read(folder).whole.survey)
    assert known is not None
    pieces = [piece for piece in known.pieces if piece.table == "trace_info"]
    assert pieces[-1].last == 19
    assert len(pieces) <= 5
    assert [piece.after for piece in pieces] == [0, *(piece.last for piece in pieces[:-1])]
    bench.store.change("DELETE FROM trace_info WHERE request_id = 'tr-new-1'")
    looked.clear()
    assert bench.take(cache=cache).record.digest == bench.take().record.digest
    assert {low.trace_id for low in looked} < {low.trace_id for low in (window.low for window in Manifest.read(folder).windows)}


@pytest.mark.parametrize("change", GONE)
def test_rows_that_are_gone_have_the_windows_looked_at_of_those_who_had_them(
    change: str, bench: Bench, looked: list[Key], tmp_path: Path
) -> None:
    made, expected = GONE[change]
    made(bench.store)
    assert_true(bench, tmp_path / "fresh")
    assert [low.trace_id for low in looked] == expected


def test_all_windows_are_looked_at_where_it_is_not_known_whose_rows_are_gone(
    bench: Bench, looked: list[Key], tmp_path: Path
) -> None:
    for path in bench.cache.glob(f"*/{survey.SURVEY}/*.zst"):
        path.write_bytes(path.read_bytes()[:-1])
    bench.store.change("DELETE FROM trace_tags WHERE request_id = 'tr-5' AND key = 'release'")
    assert_true(bench, tmp_path / "fresh")
    assert len(looked) == 3


def test_store_that_was_vacuumed_and_rows_in_another_order_are_copied_as_they_are(
    bench: Bench, looked: list[Key], tmp_path: Path
) -> None:
    bench.store.change("DELETE FROM trace_tags WHERE request_id = 'tr-1'")
    with closing(sqlite3.connect(bench.store.path)) as connection:
        connection.execute("VACUUM")
    bench.take()
    assert {low.trace_id for low in looked} >= {"tr-0"}
    looked.clear()
    with closing(sqlite3.connect(bench.store.path)) as connection:
        for statement in (
            "CREATE TEMP TABLE reversed AS SELECT * FROM trace_tags ORDER BY request_id DESC",
            "DELETE FROM trace_tags",
            "INSERT INTO trace_tags SELECT * FROM reversed",
        ):
            connection.execute(statement)
        connection.commit()
    assert_true(bench, tmp_path / "fresh")
    assert len(looked) == 3


@pytest.mark.usefixtures("looked")
def test_change_that_is_taken_back_after_it_was_copied_is_seen(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The survey found the first value, the copy has the second, and the next survey finds the first again."""
    value = "UPDATE trace_tags SET value = ? WHERE request_id = 'tr-6' AND key = 'release'"
    bench.store.add_assessment("a-1", "tr-5")
    with monkeypatch.context() as patched:
        meddle(patched, lambda low: bench.store.change(value, "2"))
        assert ("2",) in rows(bench.take(), "traces", "tags['release']")
    bench.store.change(value, "1")
    assert rows(assert_true(bench, tmp_path / "fresh"), "traces", "tags['release']") == [("1",)] * 10


def test_windows_that_were_not_wanted_are_looked_at_when_they_are(bench: Bench, looked: list[Key], tmp_path: Path) -> None:
    bench.store.add_assessment("a-1", "tr-1")
    bench.take(since=START + timedelta(minutes=6))
    assert looked == []
    assert_true(bench, tmp_path / "fresh")
    assert [low.trace_id for low in looked] == ["tr-0"]


def test_copy_that_was_broken_off_goes_on_from_the_survey_before(bench: Bench, looked: list[Key], tmp_path: Path) -> None:
    bench.store.add_assessment("a-1", "tr-1")
    bench.store.add_assessment("a-2", "tr-5")

    def die(done: int, total: int) -> None:
        if looked and done == 6:  # the first of the two windows is copied
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.take(progress=die)
    bench.store.change("DELETE FROM assessments WHERE assessment_id = 'a-1'")
    assert_true(bench, tmp_path / "fresh")


def test_store_that_is_written_to_is_surveyed_once_it_is_left_alone(bench: Bench, looked: list[Key], tmp_path: Path) -> None:
    def write(done: int, total: int) -> None:
        if 0 < done < total:
            bench.store.change("UPDATE trace_tags SET value = value || '+' WHERE key = 'release'")

    cache = tmp_path / "busy"
    busy = bench.take(cache=cache, progress=write)
    assert not Manifest.read(busy.folder).whole.survey
    quiet = bench.take(cache=cache)
    assert len(looked) == len(windows(quiet)) == 3
    assert all(window.surveyed for window in windows(quiet))
    assert bench.take(cache=cache) == quiet
    assert len(looked) == 3


def test_survey_that_cannot_be_read_has_all_windows_looked_at(bench: Bench, looked: list[Key], tmp_path: Path) -> None:
    (folder,) = (path.parent for path in bench.cache.glob("*/manifest.json"))
    for path in (folder / survey.SURVEY).glob("*.json"):
        path.write_bytes(b"{")
    add_span(bench.store)
    taken = assert_true(bench, tmp_path / "fresh")
    assert len(looked) == 3
    assert all(window.surveyed for window in windows(taken))
    assert len(list((folder / survey.SURVEY).glob("*.json"))) == 1


def test_surveys_are_open_to_their_owner_only_and_the_last_one_is_kept(bench: Bench, looked: list[Key]) -> None:
    bench.store.add_trace("tr-new", minute=11)
    folder = bench.take().folder
    kept = list((folder / survey.SURVEY).iterdir())
    assert {path.stat().st_mode & 0o077 for path in (folder / survey.SURVEY, *kept)} == {0}
    name = Manifest.read(folder).whole.survey
    last = survey.Survey.read(folder, name)
    assert last is not None
    assert {path.name for path in kept} == {name, *(piece.traces_file for piece in last.pieces)}
    assert len(looked) == 1
