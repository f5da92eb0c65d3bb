"""Reading a SQLite store: what is taken, what is left out, and what is said when it can't be read."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.traces.raw_rows import START_MS
from analyze_experiment.tests.tools.traces.store_rows import EXPERIMENT, StoreRows
from analyze_experiment.tools.errors import StoreError, UserError
from analyze_experiment.tools.traces.sources.base import BEGINNING, Key, RawWindow, RowRange
from analyze_experiment.tools.traces.sources.choose import open_source
from analyze_experiment.tools.traces.sources.sqlite import SqliteSource
from analyze_experiment.tools.traces.sources.sqlite_pages import PageReader

END = Key(2**60, "")
HOLD = """import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()"""

WRITE = """import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0)
connection.execute("UPDATE trace_tags SET value = '2'")
connection.commit()"""


@pytest.fixture
def store(empty_store: str) -> StoreRows:
    return StoreRows(empty_store)


def read(store: StoreRows, low: Key = BEGINNING, high: Key = END) -> RawWindow:
    with SqliteSource(store.uri, EXPERIMENT) as source:
        return source.read(low, high)


def traces_where(window: RawWindow, flag: str) -> set[str]:
    return {row["trace_id"] for row in window.headers.traces.to_pylist() if row[flag]}


def test_range_includes_its_low_key_and_excludes_its_high_one(store: StoreRows) -> None:
    for name in ("a", "b", "c", "d"):
        store.add_trace(name, minute=1 if name in "bc" else ord(name))
    low, high = Key(START_MS + 60_000, "b"), Key(START_MS + 60_000, "c")
    window = read(store, low, high)
    assert window.headers.traces["trace_id"].to_pylist() == ["b"]
    assert set(window.spans["trace_id"].to_pylist()) == {"b"}
    with SqliteSource(store.uri, EXPERIMENT) as source:
        assert source.bounds(low, END, 2) == [(low, 2), (Key(START_MS + 60_000 * ord("a"), "a"), 2)]
        assert [key.trace_id for key, size in source.sizes(BEGINNING, END) if size > 0] == ["b", "c", "a", "d"]


def test_a_look_at_traces_knows_what_was_read_of_them_and_sees_what_has_changed(store: StoreRows) -> None:
    for name in "cab":
        store.add_trace(name, minute=ord(name) % 2, spans=3)
    store.add_assessment("as-1", "a")
    copied = read(store).headers.digest()
    with SqliteSource(store.uri, EXPERIMENT) as source:
        assert source.headers(BEGINNING, END).digest() == copied
        for change in (
            "UPDATE trace_tags SET value = '2' WHERE request_id = 'b' AND key = 'release'",
            "UPDATE assessments SET last_updated_timestamp = last_updated_timestamp + 1",
            "UPDATE spans SET start_time_unix_nano = start_time_unix_nano + 1 WHERE trace_id = 'c' AND span_id = 's2'",
            "DELETE FROM spans WHERE trace_id = 'a' AND span_id = 's1'",
            "UPDATE trace_info SET response_preview = '' WHERE request_id = 'a'",
            "UPDATE trace_info SET response_preview = NULL WHERE request_id = 'a'",
        ):
            store.change(change)
            changed = source.headers(BEGINNING, END).digest()
            assert changed != copied, change
            copied = changed


def test_text_in_a_column_that_began_with_nulls_is_read(store: StoreRows) -> None:
    columns = "request_id, experiment_id, timestamp_ms, status, client_request_id"
    rows = [(f"tr-{number:04}", EXPERIMENT, number, "OK", None if number < 2500 else "caller") for number in range(2501)]
    store.insert(f"INSERT INTO trace_info ({columns}) VALUES (?, ?, ?, ?, ?)", rows)
    with SqliteSource(store.uri, EXPERIMENT) as source:
        found = source.headers(BEGINNING, END).traces["client_request_id"].to_pylist()
    assert (found.count(None), found.count("caller")) == (2500, 1)


def test_bytes_that_are_no_text_are_replaced(store: StoreRows) -> None:
    store.add_trace("a")
    store.change("UPDATE trace_info SET request_preview = CAST(x'ff61' AS TEXT)")
    assert read(store).headers.traces["request_preview"].to_pylist() == ["\ufffda"]


def test_traces_of_judges_and_of_analyses_are_excluded(store: StoreRows) -> None:
    store.add_trace("plain", metadata={"mlflow.sourceRun": "user-run"})
    store.add_trace("judge", tags={"mlflow.trace.sourceScorer": "s"})
    store.add_trace("detection", metadata={"mlflow.sourceRun": "detection-run"})
    store.add_trace("insights", metadata={"mlflow.sourceRun": "insights-run"})
    runs = {"user-run": ("mlflow.runType", "evaluate"), "detection-run": ("mlflow.runType", "issue_detection")}
    runs["insights-run"] = ("mlflow.insights.type", "analysis")
    store.insert("INSERT INTO runs (run_uuid, experiment_id, status) VALUES (?, 0, 'FINISHED')", [(run,) for run in runs])
    store.insert("INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)", [(run, *tag) for run, tag in runs.items()])
    window = read(store)
    assert traces_where(window, "excluded") == {"judge", "detection", "insights"}
    assert set(window.spans["trace_id"].to_pylist()) == {"plain"}


def test_only_valid_feedback_and_expectations_of_others_are_read(store: StoreRows) -> None:
    store.add_trace("a")
    store.add_assessment("feedback", "a")
    store.add_assessment("expectation", "a", assessment_type="expectation", source_id=None)
    store.add_assessment("overridden", "a", valid=0)
    store.add_assessment("issue", "a", assessment_type="issue")
    store.add_assessment("ours", "a", source_id="analyze-experiment")
    assert set(read(store).headers.assessments["assessment_id"].to_pylist()) == {"feedback", "expectation"}


def test_spans_are_elsewhere_where_the_store_says_so_or_has_none_of_those_announced(store: StoreRows) -> None:
    here = {"mlflow.trace.spansLocation": "TRACKING_STORE"}
    announced = {"mlflow.trace.sizeStats": '{"num_spans": 3}'}
    store.add_trace("here", metadata=announced)
    store.add_trace("archived", tags={"mlflow.trace.spansLocation": "ARCHIVE_REPO"})
    store.add_trace("lost", spans=0, tags=here, metadata=announced)
    store.add_trace("old", spans=0, tags={"a": "b"})
    store.add_trace("begun", spans=0, tags={"a": "b"}, status="IN_PROGRESS")
    store.add_trace("none", spans=0, tags=here, metadata={"mlflow.trace.sizeStats": "broken {"})
    with SqliteSource(store.uri, EXPERIMENT) as source:
        found = source.headers(BEGINNING, END).traces.to_pylist()
    assert {row["trace_id"] for row in found if row["elsewhere"]} == {"archived", "lost", "old"}


def test_other_experiments_are_not_read(store: StoreRows) -> None:
    store.add_trace("a")
    store.add_trace("b", experiment_id=7)
    assert read(store).headers.traces["trace_id"].to_pylist() == ["a"]


def test_locked_store_is_waited_for_and_then_named(store: StoreRows) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"locked\n"
        with (
            SqliteSource(store.uri, EXPERIMENT, patience_ms=20) as source,
            pytest.raises(StoreError, match=r"locked by a writer\. Run again"),
        ):
            source.read(BEGINNING, END)
        holder.communicate()
    assert read(store).headers.traces.num_rows == 0


def test_nobody_can_write_while_pages_are_looked_at(store: StoreRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, for locks hold between processes only."""
    store.add_trace("tr-1")
    found: list[str] = []

    def write(*_: object) -> list[str]:
        done = subprocess.run([sys.executable, "-c", WRITE, str(store.path)], capture_output=True, text=True, check=False)
        found.append(done.stderr.strip().split("\n")[-1])
        return [""]

    monkeypatch.setattr(PageReader, "digests", write)
    with SqliteSource(store.uri, EXPERIMENT) as source:
        (rows,) = source.rows("trace_tags", [RowRange(0, 10, "")])
    assert found == ["sqlite3.OperationalError: database is locked"]
    assert rows.rows is not None
    assert rows.rows.num_rows == 2


def test_store_of_another_schema_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE trace_info (request_id TEXT)")
    with SqliteSource(f"sqlite:///{path}", EXPERIMENT) as source, pytest.raises(StoreError, match="mlflow db upgrade"):
        source.read(BEGINNING, END)


def test_missing_store_is_named_and_not_created(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(StoreError, match=r"none\.db"), SqliteSource(f"sqlite:///{path}", EXPERIMENT) as source:
        assert source.identity
    assert not path.exists()


def test_path_with_characters_of_an_address_is_found(store: StoreRows, tmp_path: Path) -> None:
    odd = StoreRows(f"sqlite:///{tmp_path / 'a b%20#c.db'}")
    odd.path.write_bytes(store.path.read_bytes())
    with SqliteSource(odd.uri, EXPERIMENT) as source:
        assert "a b%20#c.db" in source.identity


def test_missing_experiment_is_named(store: StoreRows) -> None:
    with SqliteSource(store.uri, "77") as source, pytest.raises(UserError, match="no experiment '77'"):
        assert source.identity


def test_store_of_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match="'mssql'"):
        open_source("mssql://host/db", EXPERIMENT)
