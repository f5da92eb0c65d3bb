"""Traces in Unity Catalog read by a cluster itself: its copy has the relations, the record and the clusters of any other.

A table of a local Spark Connect server stands for the view that MLflow keeps in Unity Catalog, in the shape that is documented.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analyze_experiment.tests.tools.traces.test_databricks_source import FIRST, METADATA, SECOND, THIRD, feedback, span
from analyze_experiment.tools.errors import EngineError, QueryError, StoreError, UserError
from analyze_experiment.tools.sql.engines.base import Engine
from analyze_experiment.tools.sql.process import LOCAL
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.sql.spark.cluster import SparkCluster, packed
from analyze_experiment.tools.sql.spark.engine import SparkEngine
from analyze_experiment.tools.sql.spark.session import SparkSession
from analyze_experiment.tools.testing.clusters import find_clusters, write_clusters
from analyze_experiment.tools.traces import cluster, snapshot, workers
from analyze_experiment.tools.traces.changes import Changes
from analyze_experiment.tools.traces.cluster import copy_there
from analyze_experiment.tools.traces.cut import keep_traces, recent_times
from analyze_experiment.tools.traces.refresh import Range
from analyze_experiment.tools.traces.snapshot import Snapshot, take_snapshot
from analyze_experiment.tools.traces.sources.base import BEGINNING, Key
from analyze_experiment.tools.traces.sources.databricks import DatabricksSource
from analyze_experiment.tools.traces.sources.databricks_rows import Row, TraceView
from analyze_experiment.tools.traces.sources.sqlite import SqliteSource

pytestmark = pytest.mark.xdist_group("spark")

LOCATION = "spark_catalog.agents.support"
TABLE = f"{LOCATION}_trace_unified"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
SPANS = """ARRAY<STRUCT<trace_id: STRING, span_id: STRING, parent_span_id: STRING, name: STRING, kind: STRING,
    start_time_unix_nano: BIGINT, end_time_unix_nano: BIGINT, attributes: VARIANT,
    events: ARRAY<STRUCT<time_unix_nano: BIGINT, name: STRING, attributes: VARIANT>>,
    status: STRUCT<code: STRING, message: STRING>>>"""
ASSESSMENTS = """ARRAY<STRUCT<assessment_id: STRING, trace_id: STRING, name: STRING,
    source: STRUCT<source_id: STRING, source_type: STRING>, create_time: STRING, last_update_time: STRING,
    feedback: STRUCT<value: VARIANT>, expectation: STRUCT<value: VARIANT>, rationale: STRING, valid: BOOLEAN>>"""
LABELS = "MAP<STRING, STRING>"
ROWS = f"""SELECT trace_id, client_request_id, timestamp_millis(ms) AS request_time, state, execution_duration_ms,
    from_json(tags, '{LABELS}') AS tags, from_json(metadata, '{LABELS}') AS trace_metadata,
    from_json(spans, '{SPANS}') AS spans, from_json(assessments, '{ASSESSMENTS}') AS assessments FROM given"""

ORDERS = {"traces": "trace_id", "spans": "trace_id, position", "assessments": "trace_id, assessment_id"}
ALONE = """
import sys

class Alone:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in {"duckdb", "_duckdb", "numpy", "pyarrow", "analyze_experiment", *sys.stdlib_module_names}:
            raise ModuleNotFoundError(name)

sys.meta_path[:] = [Alone(), *(each for each in sys.meta_path if "editable" not in str(each).lower())]
sys.path.insert(0, sys.argv[1])
from analyze_experiment.tools.traces import on_cluster
print(on_cluster.__file__)
"""
"""What a cluster has: DuckDB, NumPy, Arrow, and what is sent there."""

ODD = {
    "trace_id": "0afa",
    "spans": [
        span(
            0, "CHAT_MODEL", {"mlflow.spanInputs": {"q": "Wo ist Nr. 17? ✓ 'x' \\ \n\t"}, "mlflow.spanOutputs": [1.0, None, "é"]}
        ),
        span(1, "TOOL", {"mlflow.spanOutputs": {"error": "no such order"}, "n": 12345678901234567890, "deep": {"a": [True]}}),
        span(2, "RETRIEVER", {"mlflow.spanOutputs": '"plain"', "mlflow.chat.tokenUsage": {"input_tokens": 3, "total_tokens": 5}}),
    ],
    "assessments": [feedback("score", 0.75, "bob"), feedback("note", {"a": ["ü"]}, "bob"), feedback("empty", None, "bob")],
    "tags": {"release": "7"},
}


def traces_of(store: Path) -> Iterator[dict[str, Any]]:
    """The traces of an SQLite store as Unity Catalog's view has them."""
    with SqliteSource(f"sqlite:///{store}", "1") as source:
        raw = source.read(BEGINNING, Key(2**60, ""))
    spans: dict[str, list[Mapping[str, Any]]] = {}
    for each in raw.spans.to_pylist():
        content = json.loads(each["content"])
        attributes = {key: json.loads(value) for key, value in content["attributes"].items()}
        row = {**content, "attributes": attributes, "span_id": each["span_id"], "parent_span_id": each["parent_span_id"] or ""}
        times = {"start_time_unix_nano": each["start_ns"], "end_time_unix_nano": each["end_ns"]}
        spans.setdefault(each["trace_id"], []).append({**row, **times})
    labels: list[dict[str, dict[str, str]]] = [{}, {}]
    for found, table in zip(labels, (raw.headers.tags, raw.headers.metadata), strict=True):
        for each in table.to_pylist():
            found.setdefault(each["trace_id"], {})[each["key"]] = each["value"]
    for each in raw.headers.traces.to_pylist():
        trace_id = each["trace_id"]
        metadata = {**labels[1].get(trace_id, {}), "mlflow.trace.session": each["session_id"]}
        yield {
            "trace_id": trace_id.removeprefix("tr-"),
            "ms": each["timestamp_ms"],
            "state": each["status"],
            "execution_duration_ms": each["execution_time_ms"],
            "tags": labels[0].get(trace_id, {}),
            "metadata": {key: value for key, value in metadata.items() if value is not None},
            "spans": spans.get(trace_id, []),
            "assessments": [],
        }


def by_hand() -> Iterator[dict[str, Any]]:
    for number, trace in enumerate((FIRST, SECOND, THIRD, ODD)):
        yield {"ms": 1_772_442_000_000 + number, "state": "OK", "execution_duration_ms": 1250, "metadata": METADATA, **trace}


class Tables:
    """The view's rows in the catalog of a Spark server."""

    def __init__(self, remote: str) -> None:
        self.session = SparkSession(remote)
        self.write("CREATE DATABASE IF NOT EXISTS agents")

    def make(self, traces: Iterable[Mapping[str, Any]]) -> None:
        self.give(traces)
        self.write(f"DROP TABLE IF EXISTS {TABLE}", f"CREATE TABLE {TABLE} USING parquet AS {ROWS}")

    def add(self, traces: Iterable[Mapping[str, Any]]) -> None:
        self.give(traces)
        self.write(f"INSERT INTO {TABLE} {ROWS}")

    def give(self, traces: Iterable[Mapping[str, Any]]) -> None:
        nested = ("tags", "metadata", "spans", "assessments")
        rows = [{**each, **{name: json.dumps(each[name]) for name in nested}} for each in traces]
        texts = [("client_request_id", pa.string()), ("trace_id", pa.string()), ("state", pa.string())]
        schema = pa.schema(
            [*texts, *((name, pa.string()) for name in nested), ("ms", pa.int64()), ("execution_duration_ms", pa.int64())]
        )
        self.session._session.createDataFrame(pa.Table.from_pylist(rows, schema)).createOrReplaceTempView("given")

    def write(self, *statements: str) -> None:
        for statement in statements:
            list(self.session.stream(statement))

    def __call__(self, statement: str, /) -> Sequence[Row]:
        """As a warehouse answers."""
        return pa.Table.from_batches(list(self.session.stream(statement))).to_pylist()


@pytest.fixture(scope="module")
def tables(spark_remote: str) -> Iterator[Tables]:
    opened = Tables(spark_remote)
    yield opened
    opened.session.close()


@pytest.fixture
def take(tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Takes the snapshot, by whoever the engine says."""
    source = DatabricksSource("databricks", "7", location=LOCATION, warehouse=tables)
    monkeypatch.setattr(workers, "open_source", lambda *_: source)
    monkeypatch.setattr(snapshot, "location_of", lambda *_: LOCATION)

    def taken(engine: Engine, *, since: datetime | None = None, condition: str = "") -> Snapshot:
        return take_snapshot(
            "databricks",
            "7",
            instant=NOW,
            since=since,
            until=None,
            cache=tmp_path / "cache",
            progress=lambda *_: None,
            keep=lambda folder: keep_traces(folder, condition=condition, counted=(), engine=engine),
            engine=engine,
        )

    return taken


@pytest.fixture
def engine(spark_remote: str, tmp_path: Path) -> SparkEngine:
    return SparkEngine(spark_remote, (tmp_path / "lake").as_uri())


def answers(taken: Snapshot, engine: Engine, *statements: str) -> list[list[dict[str, Any]]]:
    """Of the statements, over the relations and the clusters."""
    with SqlService(taken.catalog, snapshot_digest="d", on_query=lambda _: None, engine=engine, workers=1) as service:
        clusters = find_clusters(taken.catalog, salt="7")
        service.extend("clusters", [str(write_clusters(clusters, taken.folder))])
        return [service.query(statement, title="t").table.to_pylist() for statement in statements]


def test_relations_record_and_clusters_are_those_of_the_copy_through_a_warehouse(
    take: Any, tables: Tables, engine: SparkEngine, planted_template: Path
) -> None:
    tables.make([*traces_of(planted_template), *by_hand()])
    here, there = take(LOCAL), take(engine)
    assert there.record.model_copy(update={"partitions": {}}) == here.record.model_copy(update={"partitions": {}})
    assert there.record.traces > 100
    assert there.catalog.there is not None
    statements = [f"SELECT * FROM {name} ORDER BY {order}" for name, order in ORDERS.items()]
    for mine, theirs in zip(answers(there, engine, *statements), answers(here, LOCAL, *statements), strict=True):
        assert len(mine) > 3
        assert mine == theirs
    joined = [find_clusters(each.catalog, salt="7") for each in (there, here)]
    assert joined[0] == joined[1]
    assert recent_times(there.catalog, 0, engine) == recent_times(here.catalog, 0)
    kept = [path for path in there.folder.rglob("*") if path.is_file() and path.name.endswith(".parquet")]
    assert not any(b"Where is order 17" in path.read_bytes() for path in kept)


def test_copy_is_used_again_until_a_trace_is_another_and_removed_when_nobody_has_used_it_for_long(
    take: Any, tables: Tables, engine: SparkEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_made = list(by_hand())
    tables.make(hand_made[:3])
    first = take(engine)
    assert (first.record.traces, first.freshness.changes) == (2, Changes(new=2))
    narrow = take(engine, since=datetime(2026, 3, 2, 9, tzinfo=UTC), condition="version = '3'")
    assert (narrow.record.traces, narrow.catalog.there) == (1, first.catalog.there)
    assert answers(narrow, engine, "SELECT count(*) AS n FROM traces JOIN clusters USING (trace_id)") == [[{"n": 1}]]

    tables.add(hand_made[3:])
    later = take(engine)
    assert (later.record.traces, later.freshness.changes) == (3, Changes(new=1, late=1))
    copies = {path.name: path for path in (tmp_path / "lake").iterdir()}
    assert len(copies) == 2
    monkeypatch.setattr(cluster, "RETIRED_S", -1)
    anew = take(engine)
    assert anew.record.digest == later.record.digest
    assert all(not list(path.rglob("relation=*")) for path in copies.values())


def test_folder_to_write_to_is_asked_for_and_a_python_that_lacks_something_is_told(spark_remote: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="say --spark-files dbfs:/Volumes/"):
        SparkEngine(spark_remote).cluster()

    def lacking(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import duckdb_that_is_not_there  # type: ignore[import-not-found]  # noqa: F401

        yield from batches

    there = SparkCluster(spark_remote, tmp_path.as_uri())
    try:
        with pytest.raises(EngineError, match=r"install duckdb, numpy and pyarrow there.*duckdb_that_is_not_there"):
            there.run("SELECT id FROM range(1)", lacking, "id BIGINT", progress=lambda _: None)
        with pytest.raises(QueryError, match="PATH_NOT_FOUND"):
            there.query("SELECT * FROM held", (tmp_path / "nothing").as_uri())
        with pytest.raises(StoreError, match=r"default\.nothing_trace_unified: see that whom its token.*TABLE_OR_VIEW_NOT_FOUND"):
            copy_there(TraceView("spark_catalog.default.nothing", "7"), there, tmp_path, Range(None, 1), lambda *_: None)
    finally:
        there.close()


def test_what_is_sent_along_is_all_that_the_reader_needs_besides_three_libraries(tmp_path: Path) -> None:
    archive = packed(tmp_path)
    ran = subprocess.run([sys.executable, "-c", ALONE, str(archive)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout.startswith(str(archive)), ran.stderr
