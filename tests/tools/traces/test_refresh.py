"""Snapshots of a store that changes: what is copied again, and what is kept."""

import os
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.traces.raw_rows import START_MS
from analyze_experiment.tests.tools.traces.snapshot_bench import START, TRACES, WINDOW, Bench, rows, windows
from analyze_experiment.tests.tools.traces.store_rows import StoreRows
from analyze_experiment.tools.traces import refresh
from analyze_experiment.tools.traces.changes import Changes
from analyze_experiment.tools.traces.manifest import PARTS, RETIRED_S
from analyze_experiment.tools.traces.sources.base import BEGINNING, Key
from analyze_experiment.tools.traces.workers import NearWorker

AN_HOUR = START + timedelta(hours=1)


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
    "changed tag": lambda store: store.change("UPDATE trace_tags SET value = 'x' WHERE request_id = 'tr-5' AND key = 'release'"),
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
def test_new_late_changed_and_deleted_traces_are_told_apart(bench: Bench) -> None:
    assert bench.take(instant=AN_HOUR).freshness.changes == Changes(new=TRACES)
    bench.store.add_trace("tr-judged", minute=4.2, tags={"mlflow.trace.sourceScorer": "s"})
    bench.store.add_trace("tr-late", minute=4.5)
    bench.store.add_trace("tr-new", minute=90)
    bench.store.add_assessment("a-1", "tr-1")
    bench.store.change("DELETE FROM trace_info WHERE request_id IN ('tr-8', 'tr-9')")
    expected = Changes(new=2, late=1, changed=1, deleted=2)
    found = bench.take()
    assert found.freshness.changes == expected
    assert "2 new (1 of them came late), 1 changed, 2 deleted" in found.freshness.in_words(found.record.last_trace)
    again = bench.take()
    assert again.freshness.changes == Changes()
    assert "Nothing differs" in again.freshness.in_words(None)


@pytest.mark.usefixtures("near")
def test_traces_that_a_wider_window_of_time_brings_are_new_and_not_late(bench: Bench) -> None:
    bench.take(since=START + timedelta(minutes=6))
    assert bench.take().freshness.changes == Changes(new=6)


@pytest.mark.usefixtures("near")
def test_changes_are_those_since_the_last_whole_copy_however_often_it_was_killed(bench: Bench) -> None:
    bench.take(instant=AN_HOUR)
    bench.store.add_assessment("a-1", "tr-1")
    bench.store.add_assessment("a-2", "tr-5")

    def die(done: int, total: int) -> None:
        if done == 6:  # the first of the two windows is copied
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.take(progress=die)
    assert bench.take().freshness.changes == Changes(changed=2)


@pytest.mark.usefixtures("near")
def test_copying_anew_trusts_no_file_and_changes_nothing(bench: Bench) -> None:
    first = bench.take()
    path = Path(first.catalog.files["traces"][0])
    content = path.read_bytes()
    path.write_bytes(content[::-1])  # as long as before, so that nothing but its content shows it
    assert bench.take() == first
    assert path.read_bytes() != content
    calls: list[tuple[int, int]] = []
    anew = bench.take(anew=True, progress=lambda *counts: calls.append(counts))
    assert (anew, calls[0], anew.freshness.changes) == (first, (0, TRACES), Changes())
    assert path.read_bytes() == content


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


def test_workers_get_as_many_windows_each_of_new_traces(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "GRAIN", 1)
    everything = refresh.Stretch(BEGINNING, Key(2**50, ""), None, limit=WINDOW, size=WINDOW)
    with closing(NearWorker(bench.store.uri, bench.experiment_id)) as worker:
        alone, shared = (refresh.divided(worker, everything, sharers) for sharers in (1, 2))
    assert [bound.traces for bound in alone] == [4, 4, 2]
    assert [bound.traces for bound in shared] == [2, 3, 2, 3]
    assert [bound.low.trace_id for bound in shared] == ["tr-0", "tr-2", "tr-5", "tr-7"]


@pytest.mark.usefixtures("near")
def test_emptied_window_goes(bench: Bench) -> None:
    bench.take()
    bench.store.change("DELETE FROM trace_info WHERE request_id IN ('tr-4', 'tr-5', 'tr-6', 'tr-7')")
    taken = bench.take()
    assert [window.traces for window in windows(taken)] == [4, 2]
    assert taken.record.traces == 6


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
