"""Spark Connect as an engine: the rows of its relations, its limits, and that what nobody wants any more is interrupted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyze_experiment.tests.mlflow_servers import free_port
from analyze_experiment.tools.errors import EngineError, QueryCancelled, QueryError, QueryTimeout, UserError
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.relations import RELATIONS
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.sql.spark import session
from analyze_experiment.tools.sql.spark.engine import SparkEngine, SparkWorker

pytestmark = pytest.mark.xdist_group("spark")

HOUR = 3_600_000
ENDLESS = "SELECT count(*) AS n FROM range(100000000) a, range(100000000) b WHERE a.id % 7 = b.id % 11"
COUNT = "SELECT count(*) AS n FROM traces"


def make(catalog: Catalog, engine: SparkEngine, *, timeout_s: float = 300, max_rows: int = 1_000) -> SqlService:
    return SqlService(
        catalog,
        snapshot_digest="d",
        on_query=lambda record: None,
        engine=engine,
        workers=1,
        timeout_s=timeout_s,
        max_rows=max_rows,
    )


@pytest.fixture(scope="module")
def engine(spark_remote: str) -> SparkEngine:
    return SparkEngine(spark_remote)


@pytest.fixture(scope="module")
def service(catalog: Catalog, engine: SparkEngine) -> Iterator[SqlService]:
    with make(catalog, engine) as opened:
        yield opened


def ids(service: SqlService, relation: str) -> list[str]:
    table = service.query(f"SELECT trace_id FROM {relation} ORDER BY trace_id", title="t").table
    return table["trace_id"].to_pylist()


def test_relations_have_their_documented_columns_and_an_empty_result_has_them_too(service: SqlService) -> None:
    for relation in RELATIONS:
        table = service.query(f"SELECT * FROM {relation.name} WHERE trace_id = 'none'", title="t").table
        assert table.num_rows == 0
        assert table.column_names == [column.name for column in relation.columns]


def test_window_cuts_every_relation_as_it_does_on_duckdb(catalog: Catalog, engine: SparkEngine) -> None:
    with make(replace(catalog, since_ms=catalog.until_ms - 3 * HOUR, until_ms=catalog.until_ms - HOUR), engine) as service:
        assert (ids(service, "traces"), ids(service, "spans"), ids(service, "assessments")) == (["t2", "t3", "t4"], ["t3"], [])


def test_relations_are_cut_to_the_traces_that_are_kept(catalog: Catalog, engine: SparkEngine, tmp_path: Path) -> None:
    kept = tmp_path / "kept.parquet"
    pq.write_table(pa.table({"trace_id": ["t1", "t2"]}), kept)
    with make(replace(catalog, kept=str(kept)), engine) as service:
        assert (ids(service, "traces"), ids(service, "spans")) == (["t1", "t2"], ["t1", "t1"])


def test_files_are_copied_to_where_the_server_reads_them_under_a_name_of_its_own(
    catalog: Catalog, engine: SparkEngine, tmp_path: Path
) -> None:
    path = tmp_path / "here" / "clusters.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"trace_id": ["t1"], "half": ["discovery"]}), path)
    there, name = tmp_path / "there", tmp_path / "as [the] server {calls} it?"
    name.symlink_to(there)
    with make(catalog, replace(engine, files=f"{there.as_uri()},file://{name}")) as service:
        service.extend("clusters", [str(path)])
        joined = service.query("SELECT half FROM traces JOIN clusters USING (trace_id)", title="t").table
    assert joined.to_pylist() == [{"half": "discovery"}]
    names = {Path(file).name for files in catalog.files.values() for file in files} | {path.name}
    assert {file.name for file in there.iterdir()} == names


def test_what_spark_cannot_answer_is_told_without_its_stack(service: SqlService) -> None:
    with pytest.raises(QueryError, match="nope") as error:
        service.query("SELECT nope FROM traces", title="t")
    assert "\tat org.apache" not in str(error.value)
    with pytest.raises(QueryError, match="CAST_INVALID_INPUT"):
        service.query("SELECT CAST(state AS BIGINT) AS n FROM traces", title="t")
    with pytest.raises(QueryError, match="an interval can't be a result"):
        service.query("SELECT request_time - TIMESTAMP '2026-01-01 00:00:00' AS age FROM traces", title="t")


def test_nothing_of_the_server_can_be_read_through_a_text(service: SqlService) -> None:
    text = "${env:PATH} ${spark.app.name}"
    assert service.query(f"SELECT '{text}' AS said", title="t").table.to_pylist() == [{"said": text}]


def test_too_many_rows_are_an_error_that_says_what_to_do(catalog: Catalog, engine: SparkEngine) -> None:
    with make(catalog, engine, max_rows=4) as service:
        with pytest.raises(QueryError, match="more than 4 rows: aggregate, or put LIMIT"):
            service.query("SELECT trace_id FROM traces", title="t")
        assert service.query("SELECT trace_id FROM traces LIMIT 4", title="t").table.num_rows == 4


def test_query_over_its_time_is_interrupted_at_the_server_and_the_next_one_runs(catalog: Catalog, engine: SparkEngine) -> None:
    worker = engine.start()
    worker.run(COUNT, catalog, timeout_s=300, max_rows=9)
    with pytest.raises(QueryTimeout, match="longer than 1 s"):
        worker.run(ENDLESS, catalog, timeout_s=1, max_rows=9)
    assert not worker.usable
    worker.reap()
    with make(catalog, engine) as service:  # while both threads of the server counted, it would wait for ever
        assert ids(service, "assessments") == ["t1", "t5"]


def test_cancelled_query_is_interrupted_at_the_server_and_the_next_one_runs(catalog: Catalog, engine: SparkEngine) -> None:
    with make(catalog, engine) as service, ThreadPoolExecutor() as pool:
        service.query(COUNT, title="t")
        (worker,) = service._idle
        doomed = pool.submit(service.query, ENDLESS, title="t", owner="h1")
        with pytest.raises(TimeoutError):
            doomed.result(timeout=1)
        service.cancel("h1")
        assert isinstance(doomed.exception(timeout=120), QueryCancelled)
        assert ids(service, "assessments") == ["t1", "t5"]
        assert service._idle != [worker]


def test_session_that_the_server_has_forgotten_is_opened_anew(catalog: Catalog, engine: SparkEngine) -> None:
    with make(catalog, engine) as service:
        service.query(COUNT, title="t")
        (worker,) = service._idle
        assert isinstance(worker, SparkWorker)
        assert worker._session is not None
        worker._session._session.client.release_session()
        assert service.query("SELECT count(*) AS n FROM spans", title="t").table.to_pylist() == [{"n": 4}]


@pytest.mark.filterwarnings("ignore:.RETRIES_EXCEEDED")
def test_nobody_at_the_address_is_an_error_of_the_engine_and_no_query_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark")
    monkeypatch.setattr(session, "RETRIES", 1)
    remote = f"sc://127.0.0.1:{free_port()}/;token=s3cret"
    with pytest.raises(EngineError, match="No Spark Connect server answers at 'sc://127") as error:
        SparkEngine(remote).check()
    assert "s3cret" not in str(error.value)


def test_address_that_is_none_is_told_as_such() -> None:
    pytest.importorskip("pyspark")
    with pytest.raises(UserError, match="say sc://host:15002"):
        SparkEngine("http://somewhere").check()
