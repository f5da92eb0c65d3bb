"""Clusters and halves, from Parquet files as the snapshot writes them."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.testing.clusters import Clusters, find_clusters, write_clusters

START = datetime(2026, 1, 1)  # noqa: DTZ001  # relations hold UTC without a zone
START_MS = 1_767_225_600_000


class Trace(NamedTuple):
    """One trace, `minute` minutes after the first."""

    trace_id: str
    session: str | None = None
    user: str | None = None
    request: str | None = None
    minute: int = 0


def catalog_of(folder: Path, *parts: Sequence[Trace], since: int | None = None, until: int = 10**6) -> Catalog:
    """One Parquet file a part, with a column that isn't asked for; the window in minutes."""
    paths: list[str] = []
    for place, traces in enumerate(parts):
        path = folder / f"traces-{place}.parquet"
        times = [START + timedelta(minutes=trace.minute) for trace in traces]
        columns = {
            "request": pa.array(["long text"] * len(traces), pa.string()),
            "request_time": pa.array(times, pa.timestamp("us")),
            "trace_id": pa.array([trace.trace_id for trace in traces], pa.string()),
            "session_id": pa.array([trace.session for trace in traces], pa.string()),
            "user_id": pa.array([trace.user for trace in traces], pa.string()),
            "request_hash": pa.array([trace.request for trace in traces], pa.string()),
        }
        pq.write_table(pa.table(columns), path)
        paths.append(str(path))
    return Catalog(
        experiment_id="1",
        files={"traces": tuple(paths)},
        since_ms=None if since is None else START_MS + since * 60_000,
        until_ms=START_MS + until * 60_000,
    )


def filler(count: int) -> list[Trace]:
    """Traces that share nothing, so that shares of 20% aren't reached by the few under test."""
    return [Trace(f"z{place:03}", f"session z{place}", f"user z{place}", f"request z{place}") for place in range(count)]


def groups(clusters: Clusters, *ids: str) -> list[list[str]]:
    """How the named traces are grouped."""
    found: dict[int, list[str]] = {}
    for trace_id, cluster in zip(clusters.table["trace_id"].to_pylist(), clusters.table["cluster_id"].to_pylist(), strict=True):
        if trace_id in ids:
            found.setdefault(cluster, []).append(trace_id)
    return sorted(found.values())


@pytest.mark.parametrize(
    ("traces", "key", "expected"),
    [
        ([Trace("a"), Trace("b"), Trace("c")], "trace", [["a"], ["b"], ["c"]]),
        ([Trace("a", "s"), Trace("b", "s"), Trace("c", "t")], "session", [["a", "b"], ["c"]]),
        ([Trace("a", "", ""), Trace("b", "", ""), Trace("c")], "trace", [["a"], ["b"], ["c"]]),
        ([Trace("a", "s", "u"), Trace("b", "t", "u"), Trace("c", "t", "v")], "session+user", [["a", "b", "c"]]),
        ([Trace("a", "s", "u"), Trace("b", "s", "u"), Trace("c", "t", "v")], "session", [["a", "b"], ["c"]]),
        ([Trace("a", None, "u"), Trace("b", None, "u"), Trace("c")], "user", [["a", "b"], ["c"]]),
        ([Trace("a", None, None, "q"), Trace("b", None, None, "q"), Trace("c", None, None, "r")], "request", [["a", "b"], ["c"]]),
    ],
    ids=["none", "session", "empty keys", "chain", "user adds nothing", "user", "request without session"],
)
def test_traces_are_joined_by_the_keys_that_they_share(tmp_path: Path, traces: list[Trace], key: str, expected: list[list[str]]):
    found = find_clusters(catalog_of(tmp_path, [*traces, *filler(20)]), salt="x")
    assert (found.key, groups(found, "a", "b", "c")) == (key, expected)


def test_the_request_of_a_session_is_that_of_its_first_trace(tmp_path: Path):
    traces = [
        Trace("b", "s", None, "yes", minute=9),
        Trace("a", "s", None, "book a flight", minute=1),
        Trace("c", "t", None, "book a flight", minute=2),
        Trace("d", "u", None, "yes", minute=3),
    ]
    found = find_clusters(catalog_of(tmp_path, [*traces, *filler(20)]), salt="x")
    assert (found.key, groups(found, "a", "b", "c", "d")) == ("session+request", [["a", "b", "c"], ["d"]])


@pytest.mark.parametrize(("others", "key"), [(8, "session"), (7, "trace")])
def test_a_key_whose_commonest_value_covers_more_than_a_fifth_joins_nothing(tmp_path: Path, others: int, key: str):
    traces = [Trace("a", "default", request="q"), Trace("b", "default", request="r"), *filler(others)]
    assert find_clusters(catalog_of(tmp_path, traces), salt="x").key == key


def test_traces_of_a_session_key_that_joins_nothing_keep_their_own_requests(tmp_path: Path):
    traces = [Trace(name, "default", None, f"q{place // 2}") for place, name in enumerate("abcdefghijkl")]
    found = find_clusters(catalog_of(tmp_path, traces), salt="x")
    assert found.key == "request"
    assert groups(found, "a", "b", "c", "d") == [["a", "b"], ["c", "d"]]


def test_requests_that_would_tie_a_fifth_of_the_traces_together_are_left_out(tmp_path: Path):
    # Every user greets once, and asks something of their own in two more sessions.
    traces = [
        Trace(f"t{user:02}{turn}", f"s{user}-{turn}", f"u{user}", "hello" if turn == 0 and user < 12 else f"q{user}-{turn}")
        for user in range(30)
        for turn in range(3)
    ]
    found = find_clusters(catalog_of(tmp_path, traces), salt="x")
    assert found.key == "user"
    assert len(set(found.table["cluster_id"].to_pylist())) == 30


def test_only_the_window_is_looked_at(tmp_path: Path):
    early, late = [Trace("a", "s", minute=1), Trace("c", "t", minute=9)], [Trace("b", "s", minute=5)]
    within = find_clusters(catalog_of(tmp_path, early, late, since=1, until=5), salt="x")
    assert within.table["trace_id"].to_pylist() == ["a", "b"]


def test_clusters_are_numbered_by_their_smallest_trace_id_however_the_files_are_cut(tmp_path: Path):
    traces = [Trace("d", "s"), Trace("a", "t"), Trace("c", "t"), Trace("b", "s"), *filler(20)]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = find_clusters(catalog_of(tmp_path / "one", traces), salt="x")
    two = find_clusters(catalog_of(tmp_path / "two", traces[::-2], traces[::2]), salt="x")
    assert one.table.slice(0, 4).to_pydict()["cluster_id"] == [0, 1, 0, 1]
    assert one.table.num_rows == 24
    assert two.table.num_rows == 24
    assert one.table.equals(two.table)


def test_a_half_is_the_parity_of_the_hash_of_salt_and_earliest_trace(tmp_path: Path):
    traces = [Trace(f"t{place:02}", f"s{place // 2}", minute=-place) for place in range(40)]
    found = find_clusters(catalog_of(tmp_path, traces), salt="experiment 7")
    for row in found.table.to_pylist():
        earliest = f"t{int(row['trace_id'][1:]) | 1:02}"
        odd = int(hashlib.sha256(f"experiment 7{earliest}".encode()).hexdigest(), 16) % 2
        assert row["half"] == ("confirmation" if odd else "discovery")
    assert set(found.table["half"].to_pylist()) == {"confirmation", "discovery"}


def test_a_session_that_goes_on_keeps_its_half(tmp_path: Path):
    first = [Trace(f"m{place:02}", f"s{place}", minute=place) for place in range(30)]
    later = [Trace(f"a{place:02}", f"s{place}", minute=100) for place in range(30)]
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    before = find_clusters(catalog_of(tmp_path / "before", first), salt="x").table.to_pylist()
    after = find_clusters(catalog_of(tmp_path / "after", first, later), salt="x").table.to_pylist()
    halves = {row["trace_id"]: row["half"] for row in after}
    assert all(halves[row["trace_id"]] == row["half"] for row in before)
    assert all(halves[f"a{place:02}"] == halves[f"m{place:02}"] for place in range(30))


@pytest.mark.parametrize("parts", [[], [[]]], ids=["no file", "no row"])
def test_no_traces_make_no_clusters(tmp_path: Path, parts: list[list[Trace]]):
    found = find_clusters(catalog_of(tmp_path, *parts), salt="x")
    assert (found.key, found.table.num_rows) == ("trace", 0)
    assert found.table.column_names == ["trace_id", "cluster_id", "half"]


def test_the_written_file_holds_the_table_and_is_named_by_it(tmp_path: Path):
    found = find_clusters(catalog_of(tmp_path, [Trace("a", "s"), Trace("b", "s"), *filler(9)]), salt="x")
    path = write_clusters(found, tmp_path / "cache")
    written = pq.read_table(path)
    assert written.equals(found.table)
    assert [str(field.type) for field in written.schema] == ["string", "int64", "string"]
    assert write_clusters(found, tmp_path / "cache") == path
    other = find_clusters(catalog_of(tmp_path, filler(9)), salt="x")
    assert write_clusters(other, tmp_path / "cache") != path
    assert len(list((tmp_path / "cache").iterdir())) == 2
