"""Snapshots: what is in them, what their record says, and what becomes of them when a process dies or another runs."""

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from analyze_experiment.tests.tools.traces.raw_rows import START_MS
from analyze_experiment.tests.tools.traces.snapshot_bench import START, TRACES, WINDOW, Bench, rows, windows
from analyze_experiment.tests.tools.traces.store_rows import StoreRows
from analyze_experiment.tools.errors import StoreError, UserError
from analyze_experiment.tools.traces.changes import Changes
from analyze_experiment.tools.traces.manifest import PARTS, Manifest
from analyze_experiment.tools.traces.sums import NAME


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
def test_record_is_the_same_whether_what_its_files_add_up_to_is_remembered_or_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.store.add_trace("tr-judge", minute=0.5, tags={"mlflow.trace.sourceScorer": "s"})
    minutes = [(None, None), (None, 5), (2, 7), (4, None), (20, None), (None, None)]
    times = [[None if each is None else START + timedelta(minutes=each) for each in pair] for pair in minutes]
    remembered = [bench.take(since=since, until=until).record for since, until in times]
    sums = bench.take().folder / NAME
    with monkeypatch.context() as patched:
        patched.delattr("analyze_experiment.tools.traces.record.summed")
        assert bench.take().record == remembered[0]
    for (since, until), record in zip(times, remembered, strict=True):
        sums.unlink(missing_ok=True)
        assert bench.take(since=since, until=until).record == record
    bench.take()
    said = sums.read_text(encoding="utf-8")
    for damaged in (said.replace("[4, 3,", "[4, 4,"), said[:-9], "[]"):
        assert damaged != said
        sums.write_text(damaged, encoding="utf-8")
        assert bench.take().record == remembered[0]
    assert sums.stat().st_mode & 0o077 == 0


def test_experiment_without_traces_has_empty_relations(empty_store: str, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    taken = Bench(StoreRows(empty_store), tmp_path).take(progress=lambda *counts: calls.append(counts))
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
    assert calls[4:] == [(4, TRACES), (8, TRACES), (TRACES, TRACES)]


@pytest.mark.usefixtures("near")
def test_progress_of_a_first_copy_that_goes_on_tells_no_other_total_than_all_traces(bench: Bench) -> None:
    def die(done: int, total: int) -> None:
        if done == WINDOW:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.take(progress=die)
    calls: list[tuple[int, int]] = []
    bench.take(progress=lambda *counts: calls.append(counts))
    assert [each for each in calls if each[1]] == [(WINDOW, TRACES), (8, TRACES), (TRACES, TRACES)]


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
    assert taken.freshness.changes == Changes(new=TRACES)
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
def test_refresh_of_another_process_is_waited_for_and_that_is_told(bench: Bench) -> None:
    first = bench.take()
    other, told = FileLock(first.folder / "lock"), list[str]()
    other.acquire()

    def look(done: int, total: int) -> None:
        if total == 0:
            told.append("looks")
            other.release()

    assert bench.take(progress=look, waiting=lambda: told.append("waits")) == first
    assert told == ["waits", "looks"]


def test_store_that_is_gone_or_was_never_there_is_named(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.db"):
        Bench(StoreRows(f"sqlite:///{tmp_path / 'gone.db'}"), bench.cache).take()
    with pytest.raises(UserError, match="no experiment '99'"):
        Bench(bench.store, bench.cache, experiment_id="99").take()


@pytest.mark.usefixtures("near")
def test_cache_that_cannot_be_written_is_named(bench: Bench, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(StoreError, match="another cache folder"):
        bench.take(cache=blocked / "cache")


@pytest.mark.usefixtures("near")
@pytest.mark.filterwarnings("ignore")  # importing MLflow's store warns of what its libraries deprecate
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
