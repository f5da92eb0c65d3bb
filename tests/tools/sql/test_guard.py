"""What the guard refuses and what it lets through."""

import pytest

from analyze_experiment.tools.errors import QueryRefused
from analyze_experiment.tools.sql.guard import check_query

REFUSED = [
    # files, network, settings, other statements
    ("SELECT * FROM read_csv('/etc/passwd')", "FROM read_csv"),
    ("SELECT * FROM read_parquet('/tmp/x.parquet')", "FROM read_parquet"),
    ("SELECT * FROM read_text('/etc/passwd')", "FROM read_text"),
    ("SELECT * FROM read_json_auto('http://localhost/x')", "FROM read_json_auto"),
    ("SELECT * FROM glob('/tmp/*')", "FROM glob"),
    ("SELECT * FROM '/etc/passwd'", "no relation '/etc/passwd'"),
    ("SELECT * FROM parquet.`/tmp/x.parquet`", "without a schema"),
    ("SELECT * FROM main.traces", "without a schema"),
    ("SELECT * FROM information_schema.tables", "without a schema"),
    ("SELECT * FROM sqlite_master", "no relation 'sqlite_master'"),
    ("SELECT * FROM duckdb_settings()", "FROM duckdb_settings"),
    ("SELECT * FROM duckdb_databases()", "FROM duckdb_databases"),
    ("SELECT * FROM duckdb_views", "no relation"),
    ("SELECT * FROM pragma_version()", "FROM pragma_version"),
    ("SELECT * FROM query('SELECT 1')", "FROM query"),
    ("SELECT * FROM query_table('traces')", "FROM query_table"),
    ("SELECT * FROM pyobj", "no relation 'pyobj'"),
    ("COPY (SELECT 1) TO '/tmp/x.csv'", "Only SELECT"),
    ("COPY traces TO '/tmp/x.csv'", "Only SELECT"),
    ("EXPORT DATABASE '/tmp/x'", ""),
    ("ATTACH '/tmp/x.db' AS x", "Only SELECT"),
    ("INSTALL httpfs", "Only SELECT"),
    ("LOAD httpfs", "Only SELECT"),
    ("SET threads = 8", "Only SELECT"),
    ("PRAGMA database_list", "Only SELECT"),
    ("CALL pragma_version()", "Only SELECT"),
    ("CHECKPOINT", "Only SELECT"),
    ("VACUUM", "Only SELECT"),
    ("PREPARE p AS SELECT 1", "Only SELECT"),
    ("EXECUTE p", "Only SELECT"),
    ("BEGIN", "Only SELECT"),
    ("EXPLAIN ANALYZE SELECT 1", "Only SELECT"),
    ("DESCRIBE traces", "Only SELECT"),
    ("SHOW TABLES", "Only SELECT"),
    ("USE main", "Only SELECT"),
    ("CREATE TABLE x AS SELECT 1", "Only SELECT"),
    ("CREATE TEMP TABLE x AS SELECT 1", "Only SELECT"),
    ("CREATE OR REPLACE MACRO f(x) AS x", "Only SELECT"),
    ("INSERT INTO traces VALUES (1)", "Only SELECT"),
    ("UPDATE traces SET state = 'OK'", "Only SELECT"),
    ("DELETE FROM traces", "Only SELECT"),
    ("MERGE INTO traces USING spans ON true WHEN MATCHED THEN DELETE", "Only SELECT"),
    ("DROP TABLE traces", "Only SELECT"),
    ("ALTER TABLE traces ADD COLUMN x INT", "Only SELECT"),
    ("TRUNCATE TABLE traces", "Only SELECT"),
    ("VALUES (1), (2)", "Only SELECT"),
    ("SELECT 1; SELECT 2", "2 statements"),
    ("SELECT 1; DROP TABLE traces", "2 statements"),
    ("", "0 statements"),
    ("-- nothing", "0 statements"),
    ("SELECT (", "not SQL"),
    ("SELECT 'open", "not SQL"),
    # functions
    ("SELECT getenv('HOME')", "'getenv' is not allowed"),
    ("SELECT current_setting('threads')", "'current_setting' is not allowed"),
    ("SELECT repeat('x', 2000000000)", "'repeat' is not allowed"),
    ("SELECT lpad('x', 2000000000, 'x')", "'lpad' is not allowed"),
    ("SELECT write_log('x')", "'write_log' is not allowed"),
    ("SELECT nextval('s')", "'nextval' is not allowed"),
    ("SELECT spark_get_json_object('{}', '$.a')", "'spark_get_json_object' is not allowed"),
    ("SELECT rand()", "same twice"),
    ("SELECT uuid()", "same twice"),
    ("SELECT now()", "TIMESTAMP '"),
    ("SELECT current_timestamp", "TIMESTAMP '"),
    ("SELECT current_date()", "TIMESTAMP '"),
    ("SELECT `current_timestamp`", "TIMESTAMP '"),
    ("SELECT `current_user`", "not a column"),
    ("SELECT java_method('java.lang.Runtime', 'getRuntime')", "not allowed"),
    ("SELECT ai_query('model', 'prompt')", "not allowed"),
    ("SELECT secret('a', 'b')", "not allowed"),
    ("SELECT percentil(total_tokens, 0.5) FROM traces", "did you mean percentile"),
    ("SELECT quantile_cont(total_tokens, 0.5) FROM traces", "percentile(x, 0.5)"),
    ("SELECT regexp_matches(name, 'x') FROM traces", "regexp_like"),
    ("SELECT 'x'.len()", "behind a dot"),
    ("SELECT name.upper() FROM traces", "behind a dot"),
    # syntax
    ("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT * FROM n", "RECURSIVE"),
    ("SELECT trace_id INTO x FROM traces", "INTO"),
    ("SELECT * FROM traces TABLESAMPLE (10 PERCENT)", "md5(trace_id)"),
    ("SELECT * FROM traces PIVOT (count(*) FOR state IN ('OK', 'ERROR'))", "PIVOT"),
    ("SELECT request:a.b FROM traces", "get_json_object"),
    ("SELECT request -> 'a' FROM traces", "get_json_object"),
    ("SELECT :p", "parameters"),
    ("SELECT ?", "parameters"),
    ("SELECT /*+ BROADCAST(spans) */ 1", "hints"),
    ("SELECT trace_id FROM traces SORT BY trace_id", "ORDER BY"),
    ("SELECT trace_id FROM traces DISTRIBUTE BY trace_id", "ORDER BY"),
    ("SELECT trace_id FROM traces CLUSTER BY trace_id", "ORDER BY"),
    ("SELECT trace_id FROM traces FOR UPDATE", "allowed"),
    ("SELECT array('a', 'b')[0]", "get(array(...), index)"),
    ("SELECT x FROM UNNEST(array(1)) AS t(x)", "explode"),
    ("SELECT explode(tags) AS (k, v) FROM traces", "LATERAL VIEW"),
    ("SELECT posexplode(spans) FROM traces", "posexplode stands in"),
    ("SELECT 1 + explode(array(1))", "explode stands in"),
    ("SELECT 1 FROM traces WHERE explode(spans) IS NULL", "explode stands in"),
    ("SELECT range(3)", "sequence"),
    ("SELECT length(x -> x)", "lambdas are for"),
    ("SELECT length('a' AS b)", "AS are given"),
    ("SELECT * FROM traces ASOF JOIN spans USING (trace_id)", "JOIN"),
    ("SELECT * FROM traces VERSION AS OF 1", "allowed"),
    ("SELECT 'it''s'", "strings side by side"),
    ("SELECT DISTINCT ON (state) state FROM traces", "QUALIFY"),
    # tables
    ("SELECT * FROM trace", "did you mean traces"),
    ("SELECT * FROM clusters", "no relation 'clusters'"),
    ("SELECT * FROM (WITH hidden AS (SELECT 1) SELECT * FROM hidden) a, hidden", "no relation 'hidden'"),
    ("WITH later AS (SELECT * FROM earlier), earlier AS (SELECT 1) SELECT * FROM later", "no relation 'earlier'"),
    ("SELECT (SELECT count(*) FROM secrets)", "no relation 'secrets'"),
    ("SELECT trace_id FROM traces UNION SELECT trace_id FROM secrets", "no relation 'secrets'"),
    (f"SELECT {'(' * 5_000}1{')' * 5_000}", "nested too deeply"),
    (f"SELECT '{'x' * 200_000}'", "write it shorter"),
]


@pytest.mark.parametrize(("sql", "says"), REFUSED, ids=[sql[:60] for sql, _ in REFUSED])
def test_query_is_refused_and_told_why(sql: str, says: str) -> None:
    with pytest.raises(QueryRefused) as refusal:
        check_query(sql)
    assert says in str(refusal.value)


ALLOWED = [
    "SELECT 1",
    "(SELECT trace_id FROM traces) UNION ALL (SELECT trace_id FROM spans)",
    "select TRACE_ID from TRACES",
    "SELECT `trace_id` FROM `traces` AS `select`",
    "WITH a AS (SELECT 1 AS x), b AS (SELECT x FROM a) SELECT x FROM b",
    "SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a)",
    "WITH traces AS (SELECT * FROM traces WHERE state = 'OK') SELECT count(*) FROM traces",
    "SELECT count(*) -- a comment\nFROM traces;",
    "SELECT 'DROP TABLE traces; SELECT 2'",
    "FROM traces SELECT trace_id",
]


@pytest.mark.parametrize("sql", ALLOWED)
def test_query_is_let_through(sql: str) -> None:
    check_query(sql)


def test_internal_relation_is_visible_only_when_passed_in() -> None:
    check_query("SELECT trace_id FROM clusters", relations=["clusters"])
    with pytest.raises(QueryRefused, match="'clusters'"):
        check_query("SELECT trace_id FROM clusters")
