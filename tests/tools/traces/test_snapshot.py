"""Snapshots of a store that changes: what is copied again, what is kept, and that the record says what is in them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from analyze_experiment.tests.tools.traces.raw_rows import START_MS
from analyze_experiment.tests.tools.traces.store_rows import EXPERIMENT, StoreRows
from analyze_experiment.tools.errors import StoreError, UserError
from analyze_experiment.tools.traces import refresh, workers
from analyze_experiment.tools.traces.extract import Extractor
from analyze_experiment.tools.traces.manifest import PARTS, RETIRED_S, Manifest, Window
from analyze_experiment.tools.traces.snapshot import Snapshot, take_snapshot
from analyze_experiment.tools.traces.sources.choose import open_source
from analyze_experiment.tools.traces.worker import attend
from analyze_experiment.tools.traces.workers import Answer, Worker

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=1)
WINDOW = 4
TRACES = 10

SCRIPT = """
import os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from analyze_experiment.tools.traces import refresh
from analyze_experiment.tools.traces.snapshot import take_snapshot

uri, cache, window, die_at = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
refresh.WINDOW_TRACES = window

def progress(done, total):
    if 0 < die_at <= done:
        os.kill(os.getpid(), signal.SIGKILL)

taken = take_snapshot(uri, "0", instant=datetime(2026, 1, 2, tzinfo=UTC), since=None, until=None, cache=cache, progress=progress)
print(taken.record.digest, taken.record.traces)
"""


@dataclass(frozen=True)
class Bench:
    """A store, and snapshots of it."""

    store: StoreRows
    cache: Path

    def take(
        self,
        *,
        instant: datetime = LATER,
        since: datetime | None = None,
        until: datetime | None = None,
        cache: Path | None = None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Snapshot:
        """A snapshot of now."""
        return take_snapshot(
            self.store.uri,
            EXPERIMENT,
            instant=instant,
            since=since,
            until=until,
            cache=cache or self.cache,
            progress=progress,
        )

    def command(self, *, die_at: int = 0) -> list[str]:
        """The same in a process of its own, which may kill itself when so many traces are done."""
        return [sys.executable, "-c", SCRIPT, self.store.uri, str(self.cache), str(WINDOW), str(die_at)]


class NearWorker(Worker):
    """A worker in this process: the same requests and answers, without the second that a process takes to start."""

    def __init__(self, uri: str, experiment_id: str) -> None:
        self.source, self.extractor = open_source(uri, experiment_id), Extractor()

    def _ask(self, **request: object) -> Answer:
        self.rest = attend(self.source, self.extractor, json.loads(json.dumps(request)))
        return self._answer()

    def _answer(self) -> Answer:
        return json.loads(json.dumps(next(self.rest)))

    def close(self) -> None:
        self.source.close()
        self.extractor.close()


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies in this process, by one worker: their unfinished files are told apart by their processes."""
    monkeypatch.setattr(workers, "WORKERS", 1)
    monkeypatch.setattr(workers, "Worker", NearWorker)


@pytest.fixture
def bench(empty_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Ten traces, a minute apart, in windows of four."""
    monkeypatch.setattr(refresh, "WINDOW_TRACES", WINDOW)
    store = StoreRows(empty_store)
    for number in range(TRACES):
        store.add_trace(f"tr-{number}", minute=number)
    return Bench(store, tmp_path / "cache")


def windows(snapshot: Snapshot) -> tuple[Window, ...]:
    return Manifest.read(snapshot.folder).windows


def rows(snapshot: Snapshot, relation: str, columns: str) -> list[tuple[object, ...]]:
    """The rows of a relation, as an engine would open it."""
    with duckdb.connect() as duck:
        return duck.sql(f"SELECT {columns} FROM read_parquet({list(snapshot.catalog.files[relation])}) ORDER BY ALL").fetchall()


def test_snapshot_holds_every_trace_span_and_assessment(bench: Bench) -> None:
    bench.store.add_assessment("a-1", "tr-3")
    taken = bench.take()
    assert rows(taken, "traces", "trace_id") == [(f"tr-{number}",) for number in range(TRACES)]
    assert len(rows(taken, "spans", "span_id")) == 2 * TRACES
    assert rows(taken, "assessments", "assessment_id, trace_id") == [("a-1", "tr-3")]
    record = taken.record
    assert (record.traces, record.spans, record.assessments, record.excluded, record.unreadable) == (TRACES, 2 * TRACES, 1, 0, 0)
    assert (record.first_trace, record.last_trace) == (START, START + timedelta(minutes=TRACES - 1))
    assert [window.traces for window in windows(taken)] == [4, 4, 2]
    assert len(record.partitions) == 3
    assert all(Path(path).is_absolute() for paths in taken.catalog.files.values() for path in paths)


@pytest.mark.usefixtures("near")
def test_nothing_new_copies_nothing(bench: Bench) -> None:
    first = bench.take()
    before = {path: path.stat().st_mtime_ns for path in (first.folder / PARTS).iterdir()}
    again = bench.take()
    assert {path: path.stat().st_mtime_ns for path in (first.folder / PARTS).iterdir()} == before
    assert again == first


@pytest.mark.usefixtures("near")
def test_new_traces_fill_the_last_window_and_append_others(bench: Bench) -> None:
    first = windows(bench.take())
    for number in range(TRACES, TRACES + 4):
        bench.store.add_trace(f"tr-{number}", minute=number)
    taken = bench.take()
    assert [window.traces for window in windows(taken)] == [4, 4, 4, 2]
    assert windows(taken)[:2] == first[:2]
    assert taken.record.traces == TRACES + 4


Change = Callable[[StoreRows], None]
CHANGES: dict[str, Change] = {
    "late trace": lambda store: store.add_trace("tr-late", minute=4.5),
    "finished trace": lambda store: store.change("UPDATE trace_info SET status = 'ERROR' WHERE request_id = 'tr-5'"),
    "changed tag": lambda store: store.change("UPDATE trace_tags SET value = 'x' WHERE request_id = 'tr-5'"),
    "new metadata": lambda store: store.change(
        "INSERT INTO trace_request_metadata (request_id, key, value) VALUES ('tr-5', 'a', 'b')"
    ),
    "new feedback": lambda store: store.add_assessment("a-1", "tr-5"),
    "new span": lambda store: store.add_span("tr-5", 2, START_MS + 300_000),
    "spans written again": lambda store: store.change(
        "UPDATE trace_info SET db_payload_generation = 9 WHERE request_id = 'tr-5'"
    ),
    "deleted trace": lambda store: store.change("DELETE FROM trace_info WHERE request_id = 'tr-5'"),
}


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize("name", CHANGES)
def test_change_is_seen_and_copies_its_window_only(name: str, bench: Bench) -> None:
    first = bench.take()
    before = windows(first)
    CHANGES[name](bench.store)
    taken = bench.take()
    assert [old == new for old, new in zip(before, windows(taken), strict=True)] == [True, False, True]
    assert taken.record.digest != first.record.digest
    assert [window.low for window in windows(taken)] == [window.low for window in before]


@pytest.mark.usefixtures("near")
def test_undone_change_gives_the_first_digest_again(bench: Bench) -> None:
    first = bench.take()
    bench.store.add_assessment("a-1", "tr-5")
    changed = bench.take()
    bench.store.change("UPDATE assessments SET last_updated_timestamp = 1")
    updated = bench.take()
    bench.store.change("DELETE FROM assessments")
    assert len({first.record.digest, changed.record.digest, updated.record.digest}) == 3
    assert bench.take().record.digest == first.record.digest


@pytest.mark.usefixtures("near")
def test_own_assessments_and_issues_change_nothing(bench: Bench) -> None:
    first = bench.take()
    bench.store.add_assessment("a-1", "tr-5", source_id="analyze-experiment")
    bench.store.add_assessment("a-2", "tr-5", assessment_type="issue")
    assert bench.take() == first


@pytest.mark.usefixtures("near")
def test_digest_is_the_same_however_the_traces_came_to_be_divided(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench.take()
    bench.store.add_trace("tr-late", minute=0.5)
    bench.store.add_trace("tr-early", minute=-5)
    grown = bench.take()
    monkeypatch.setattr(refresh, "WINDOW_TRACES", 100)
    at_once = bench.take(cache=tmp_path / "other")
    assert len(windows(grown)) > len(windows(at_once)) == 1
    assert grown.record.digest == at_once.record.digest
    assert rows(grown, "traces", "trace_id") == rows(at_once, "traces", "trace_id")


@pytest.mark.usefixtures("near")
def test_window_that_late_traces_have_more_than_doubled_is_divided(bench: Bench) -> None:
    bench.take()
    for number in range(6):
        bench.store.add_trace(f"tr-late-{number}", minute=4 + number / 100)
    assert [window.traces for window in windows(bench.take())] == [4, 4, 4, 2, 2]


@pytest.mark.usefixtures("near")
def test_emptied_window_goes(bench: Bench) -> None:
    bench.take()
    bench.store.change("DELETE FROM trace_info WHERE request_id IN ('tr-4', 'tr-5', 'tr-6', 'tr-7')")
    taken = bench.take()
    assert [window.traces for window in windows(taken)] == [4, 2]
    assert taken.record.traces == 6


@pytest.mark.usefixtures("near")
def test_traces_after_the_instant_are_no_part_of_it(bench: Bench) -> None:
    instant = START + timedelta(minutes=5)
    early = bench.take(instant=instant)
    assert early.record.traces == 6
    assert early.catalog.until_ms == START_MS + 300_000
    bench.take()
    again = bench.take(instant=instant)
    assert again.record.digest == early.record.digest
    assert again.record.last_trace == instant


@pytest.mark.usefixtures("near")
def test_window_of_time_cuts_counts_files_and_digest(bench: Bench) -> None:
    since, until = START + timedelta(minutes=5), START + timedelta(minutes=6)
    whole = bench.take()
    part = bench.take(since=since, until=until)
    assert (part.record.traces, part.record.spans) == (2, 4)
    assert (part.record.first_trace, part.record.last_trace) == (since, until)
    assert (part.catalog.since_ms, part.catalog.until_ms) == (START_MS + 300_000, START_MS + 360_000)
    assert part.catalog.files["traces"] == whole.catalog.files["traces"][1:2]
    assert part.record.digest != whole.record.digest


@pytest.mark.usefixtures("near")
def test_only_the_wanted_times_are_copied_and_the_rest_when_it_is_wanted(bench: Bench) -> None:
    since = START + timedelta(minutes=6)
    late = bench.take(since=since)
    (last,) = windows(late)
    assert last.traces == 4
    whole = bench.take()
    assert [window.traces for window in windows(whole)] == [4, 2, 4]
    assert windows(whole)[-1] == last
    bench.store.add_trace("tr-late", minute=1.5)
    assert bench.take(since=since).record.digest == late.record.digest
    assert bench.take().record.traces == TRACES + 1


@pytest.mark.usefixtures("near")
def test_experiment_without_traces_has_empty_relations(empty_store: str, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    taken = take_snapshot(
        empty_store,
        EXPERIMENT,
        instant=LATER,
        since=None,
        until=None,
        cache=tmp_path,
        progress=lambda *counts: calls.append(counts),
    )
    assert taken.catalog.files == {"traces": (), "spans": (), "assessments": ()}
    assert (taken.record.traces, taken.record.first_trace, taken.record.partitions) == (0, None, {})
    assert calls == [(0, 0)]


@pytest.mark.usefixtures("near")
def test_progress_ends_with_all_traces_done(bench: Bench) -> None:
    calls: list[tuple[int, int]] = []
    for _ in range(2):
        bench.take(progress=lambda *counts: calls.append(counts))
    assert calls[0] == (0, TRACES)
    assert calls[3] == (TRACES, TRACES)
    assert [done for done, _ in calls[:4]] == sorted({done for done, _ in calls[:4]})
    assert calls[4:] == [(TRACES, TRACES)]


@pytest.mark.usefixtures("near")
def test_excluded_and_unreadable_traces_are_counted_apart(bench: Bench) -> None:
    bench.store.add_trace("judge", minute=2.5, tags={"mlflow.trace.sourceScorer": "s"})
    bench.store.change("UPDATE spans SET content = '{' WHERE trace_id = 'tr-3' AND span_id = 's1'")
    record = bench.take().record
    assert (record.traces, record.excluded, record.unreadable, record.spans) == (TRACES, 1, 1, 2 * TRACES - 2)
    assert bench.take(until=START + timedelta(minutes=2)).record.excluded == 0


def test_copy_is_open_to_its_owner_only(bench: Bench) -> None:
    mask = os.umask(0)
    try:
        taken = bench.take()
    finally:
        os.umask(mask)
    found = {path: path.stat().st_mode & 0o777 for path in [bench.cache, *bench.cache.rglob("*")]}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert taken.folder.parent == bench.cache


def test_killed_process_keeps_its_finished_windows(bench: Bench) -> None:
    killed = subprocess.run(bench.command(die_at=WINDOW), capture_output=True, check=False)
    assert killed.returncode == -9
    (folder,) = bench.cache.iterdir()
    left = {window.low: window for window in Manifest.read(folder).windows}
    done = [low for low, window in left.items() if window.parts]
    assert 1 <= len(done) < len(left) == 3
    stamps = {low: (folder / PARTS / left[low].parts["traces"].name).stat().st_mtime_ns for low in done}
    (folder / PARTS / "traces-1.tmp").write_bytes(b"left over")

    taken = bench.take()
    now = {window.low: window for window in windows(taken)}
    assert list(now) == list(left)
    assert {low: (folder / PARTS / now[low].parts["traces"].name).stat().st_mtime_ns for low in done} == stamps
    assert taken.record.traces == TRACES
    assert not list((folder / PARTS).glob("*.tmp"))


def test_two_processes_may_refresh_at_once(bench: Bench) -> None:
    processes = [subprocess.Popen(bench.command(), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert said == {f"{bench.take().record.digest} {TRACES}\n"}


@pytest.mark.usefixtures("near")
def test_replaced_files_stay_for_those_who_opened_them_and_go_later(bench: Bench) -> None:
    first = bench.take()
    old = Path(first.catalog.files["traces"][1])
    bench.store.add_assessment("a-1", "tr-5")
    assert str(old) not in bench.take().catalog.files["traces"]
    assert len(rows(first, "traces", "trace_id")) == TRACES
    past = old.stat().st_mtime - RETIRED_S - 1
    os.utime(old, (past, past))
    bench.take()
    assert not old.exists()


@pytest.mark.usefixtures("near")
def test_damaged_file_is_copied_again(bench: Bench) -> None:
    first = bench.take()
    path = Path(first.catalog.files["traces"][0])
    content = path.read_bytes()
    path.write_bytes(b"")
    assert bench.take() == first
    assert path.read_bytes() == content


@pytest.mark.usefixtures("near")
def test_damaged_manifest_starts_anew(bench: Bench) -> None:
    first = bench.take()
    (first.folder / "manifest.json").write_text("{", encoding="utf-8")
    assert bench.take() == first


def test_store_that_is_gone_or_was_never_there_is_named(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.db"):
        Bench(StoreRows(f"sqlite:///{tmp_path / 'gone.db'}"), bench.cache).take()
    with pytest.raises(UserError, match="no experiment '99'"):
        take_snapshot(
            bench.store.uri, "99", instant=LATER, since=None, until=None, cache=bench.cache, progress=lambda done, total: None
        )


@pytest.mark.usefixtures("near")
def test_cache_that_cannot_be_written_is_named(bench: Bench, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(StoreError, match="another cache folder"):
        bench.take(cache=blocked / "cache")


@pytest.mark.usefixtures("near")
def test_spans_kept_as_artifacts_come_through_mlflow_and_are_tried_again(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    tags = {"mlflow.trace.spansLocation": "ARTIFACT_REPO", "mlflow.artifactLocation": folder.as_uri()}
    bench.store.add_trace("tr-" + "a" * 32, minute=TRACES, spans=0, tags=tags)
    missing = bench.take()
    assert (missing.record.traces, missing.record.unreadable) == (TRACES + 1, 1)

    folder.mkdir()
    ids = {"trace_id": "qqqqqqqqqqqqqqqqqqqqqg==", "span_id": "AAAAAAAAAAE=", "parent_span_id": None}
    times = {"start_time_unix_nano": START_MS * 10**6, "end_time_unix_nano": START_MS * 10**6 + 5}
    attributes = {
        "mlflow.traceRequestId": json.dumps("tr-" + "a" * 32),
        "mlflow.spanType": '"AGENT"',
        "mlflow.spanInputs": '"asked"',
    }
    span = {
        **ids,
        **times,
        "name": "agent",
        "events": [],
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "attributes": attributes,
    }
    (folder / "traces.json").write_text(json.dumps({"spans": [span]}), encoding="utf-8")
    found = bench.take()
    assert (found.record.unreadable, found.record.spans) == (0, 2 * TRACES + 1)
    assert rows(found, "traces", "trace_id, request_text, span_count")[-1] == ("tr-" + "a" * 32, "asked", 1)
    assert found.record.digest != missing.record.digest
