"""The DuckDB engine: which rows its relations have, and that nothing else is within its reach."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.engines.duckdb import DuckDBEngine
from analyze_experiment.tools.sql.engines.types import spell_type
from analyze_experiment.tools.sql.relations import LIGHT_SPAN, RELATIONS

HOUR = 3_600_000


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    opened = DuckDBEngine(memory_mb=256)
    yield opened
    opened.close()


def ids(engine: DuckDBEngine, relation: str) -> list[str]:
    batches = list(engine.stream(f"SELECT trace_id FROM {relation} ORDER BY trace_id"))
    return [trace_id for batch in batches for trace_id in batch.column(0).to_pylist()]


def test_relations_have_their_documented_columns_in_order(engine: DuckDBEngine, catalog: Catalog) -> None:
    engine.open(catalog)
    for relation in RELATIONS:
        (batch,) = engine.stream(f"SELECT * FROM {relation.name} LIMIT 1")
        assert batch.schema.names == [column.name for column in relation.columns]


def test_relations_without_files_are_empty_and_have_the_same_types(engine: DuckDBEngine, catalog: Catalog) -> None:
    for relation in RELATIONS:
        schemas = []
        for files in (catalog.files, {}):
            engine.open(replace(catalog, files=files))
            (batch,) = engine.stream(f"SELECT * FROM {relation.name} WHERE trace_id = 'none'")
            assert batch.num_rows == 0
            schemas.append(batch.schema)
        assert schemas[0] == schemas[1]


def test_window_includes_both_its_ends(engine: DuckDBEngine, catalog: Catalog) -> None:
    engine.open(replace(catalog, since_ms=catalog.until_ms - 3 * HOUR, until_ms=catalog.until_ms - HOUR))
    assert ids(engine, "traces") == ["t2", "t3", "t4"]


def test_window_cuts_spans_and_assessments_with_their_traces(engine: DuckDBEngine, catalog: Catalog) -> None:
    engine.open(replace(catalog, until_ms=catalog.until_ms - 1))
    assert ids(engine, "spans") == ["t1", "t1", "t3"]
    assert ids(engine, "assessments") == ["t1"]
    engine.open(replace(catalog, since_ms=catalog.until_ms))
    assert ids(engine, "spans") == ["t5"]
    assert ids(engine, "assessments") == ["t5"]


def test_internal_relation_shows_its_own_columns(engine: DuckDBEngine, catalog: Catalog, tmp_path: Path) -> None:
    path = str(tmp_path / "clusters.parquet")
    pq.write_table(pa.table({"trace_id": ["t1"], "cluster_id": [7], "half": ["discovery"]}), path)
    engine.open(catalog.with_relation("clusters", (path,)))
    (batch,) = engine.stream("SELECT c.half FROM clusters c JOIN traces t USING (trace_id)")
    assert batch.column(0).to_pylist() == ["discovery"]


ESCAPES = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "ATTACH '{folder}/other.db'",
    "EXPORT DATABASE '{folder}/export'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 8",
    "SET enable_external_access = true",
    "SET allowed_paths = ['/etc/passwd']",
    "SELECT * FROM secret_rows",
]


@pytest.mark.parametrize("sql", ESCAPES)
def test_engine_reaches_nothing_but_its_files(engine: DuckDBEngine, catalog: Catalog, tmp_path: Path, sql: str) -> None:
    secret_rows = pa.table({"secret": [1]})  # a replacement scan would find this variable
    engine.open(catalog)
    with pytest.raises(duckdb.Error):
        list(engine.stream(sql.format(folder=tmp_path)))
    assert list(tmp_path.iterdir()) == []
    assert secret_rows.num_rows == 1


def test_engine_that_is_not_open_says_so(engine: DuckDBEngine) -> None:
    with pytest.raises(duckdb.InvalidInputException, match="isn't open"):
        list(engine.stream("SELECT 1"))


TYPES = [
    ("STRING", "VARCHAR"),
    ("MAP<STRING, STRING>", "MAP(VARCHAR, VARCHAR)"),
    ("ARRAY<DOUBLE>", "DOUBLE[]"),
    ("ARRAY<STRUCT<a: STRING, b: MAP<STRING, BIGINT>>>", 'STRUCT("a" VARCHAR, "b" MAP(VARCHAR, BIGINT))[]'),
]


@pytest.mark.parametrize(("databricks", "ours"), TYPES)
def test_types_of_the_relations_are_said_in_duckdb(databricks: str, ours: str) -> None:
    assert spell_type(databricks) == ours


def test_light_spans_are_an_array_of_structs() -> None:
    assert spell_type(LIGHT_SPAN).startswith('STRUCT("span_id" VARCHAR, ')
    assert spell_type(LIGHT_SPAN).endswith("[]")
