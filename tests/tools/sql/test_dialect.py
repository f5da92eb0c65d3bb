"""Whole queries in the Databricks dialect, with the answers that Apache Spark 4.0 gives, and what is refused in them."""

from collections.abc import Callable

import pytest

from analyze_experiment.tools.errors import QueryError, QueryRefused
from analyze_experiment.tools.sql.service import SqlService

Rows = list[list[object]]

QUERIES: list[tuple[str, Rows]] = [
    (
        "SELECT any(state = 'ERROR'), some(state = 'X'), every(state = 'OK'), bool_or(state = 'ERROR'), bool_and(state = "
        "'OK') FROM traces",
        [[True, False, False, True, False]],
    ),
    ("SELECT approx_count_distinct(state) FROM traces", [[2]]),
    (
        "SELECT trace_id, total_tokens FROM traces ORDER BY total_tokens",
        [["t3", None], ["t1", 10], ["t2", 20], ["t5", 30], ["t4", 40]],
    ),
    (
        "SELECT trace_id, total_tokens FROM traces ORDER BY total_tokens DESC",
        [["t4", 40], ["t5", 30], ["t2", 20], ["t1", 10], ["t3", None]],
    ),
    ("SELECT trace_id, total_tokens FROM traces ORDER BY total_tokens NULLS LAST LIMIT 2", [["t1", 10], ["t2", 20]]),
    (
        "SELECT trace_id, size(filter(spans, s -> s.status_code = 'ERROR')) AS errors FROM traces WHERE "
        "size(filter(spans, s -> s.status_code = 'ERROR')) > 0 ORDER BY trace_id",
        [["t1", 2], ["t5", 1]],
    ),
    (
        "SELECT trace_id, aggregate(spans, 0.0D, (a, s) -> a + s.duration_ms) AS d, array_join(transform(spans, s -> "
        "s.name), '>') AS path FROM traces ORDER BY trace_id",
        [["t1", 14, "search>search>answer"], ["t2", 0, ""], ["t3", 1, "search"], ["t4", 0, ""], ["t5", 1, "x"]],
    ),
    (
        "SELECT trace_id, exists(spans, s -> s.name = 'answer' AND s.duration_ms < 3) AS e, forall(spans, s -> "
        "s.status_code = 'OK') AS f FROM traces ORDER BY trace_id",
        [["t1", True, False], ["t2", False, True], ["t3", False, True], ["t4", False, True], ["t5", False, False]],
    ),
    (
        "SELECT trace_id, zip_with(transform(spans, s -> s.name), transform(spans, s -> s.duration_ms), (n, d) -> "
        "concat(n, ':', CAST(CAST(d AS INT) AS STRING))) AS z FROM traces ORDER BY trace_id",
        [["t1", ["search:5", "search:7", "answer:2"]], ["t2", []], ["t3", ["search:1"]], ["t4", []], ["t5", ["x:1"]]],
    ),
    ("SELECT trace_id FROM traces WHERE tags['env'] = 'prod' AND tags['nope'] IS NULL ORDER BY trace_id", [["t1"], ["t4"]]),
    ("SELECT trace_id FROM traces WHERE element_at(tags, 'n') = '12' AND CAST(tags['n'] AS INT) > 5", [["t1"]]),
    ("SELECT t.trace_id FROM traces t LEFT SEMI JOIN spans s ON t.trace_id = s.trace_id ORDER BY 1", [["t1"], ["t3"], ["t5"]]),
    ("SELECT t.trace_id FROM traces t LEFT ANTI JOIN spans s ON t.trace_id = s.trace_id ORDER BY 1", [["t2"], ["t4"]]),
    (
        "SELECT trace_id FROM traces WHERE trace_id IN (SELECT trace_id FROM spans WHERE status_code = 'ERROR') ORDER BY 1",
        [["t1"], ["t5"]],
    ),
    (
        "SELECT trace_id FROM traces t WHERE EXISTS (SELECT 1 FROM spans s WHERE s.trace_id = t.trace_id AND "
        "s.silent_error) ORDER BY 1",
        [["t3"]],
    ),
    ("SELECT trace_id FROM traces EXCEPT SELECT trace_id FROM spans ORDER BY 1", [["t2"], ["t4"]]),
    ("SELECT trace_id FROM traces MINUS SELECT trace_id FROM spans ORDER BY 1", [["t2"], ["t4"]]),
    ("SELECT trace_id FROM traces INTERSECT SELECT trace_id FROM spans ORDER BY 1", [["t1"], ["t3"], ["t5"]]),
    ("SELECT 'a' AS x UNION ALL SELECT 'a' UNION SELECT 'b' ORDER BY x", [["a"], ["b"]]),
    (
        "SELECT a.trace_id, b.name FROM spans a JOIN spans b ON a.trace_id = b.trace_id AND b.position = a.position + 1 "
        "ORDER BY 1",
        [["t1", "answer"]],
    ),
    (
        "SELECT trace_id FROM traces WHERE request_time >= '2026-03-01 11:00:00' AND request_time < TIMESTAMP "
        "'2026-03-01 13:00:00' ORDER BY 1",
        [["t3"], ["t4"]],
    ),
    (
        "SELECT trace_id, get_json_object(request, '$.deep.x[1].y') AS y FROM traces WHERE get_json_object(request, "
        "'$.q') IS NOT NULL",
        [["t1", "z"]],
    ),
    (
        "SELECT trace_id, regexp_extract(error_text, '([0-9]+)') AS n FROM spans WHERE error_text RLIKE '[0-9]' ORDER BY 1",
        [["t1", "30"], ["t5", "429"]],
    ),
    ("SELECT trace_id FROM traces WHERE request LIKE 'a\\\\_b%' OR request LIKE '%100\\\\%'", [["t5"]]),
    ("SELECT * EXCEPT (trace_id) FROM (SELECT trace_id, state FROM traces) ORDER BY state LIMIT 2", [["ERROR"], ["OK"]]),
    ("WITH x AS (SELECT trace_id FROM traces WHERE state = 'OK'), y AS (SELECT count(*) AS n FROM x) SELECT n FROM y", [[4]]),
    ("WITH traces AS (SELECT * FROM traces WHERE state = 'ERROR') SELECT trace_id FROM traces", [["t4"]]),
    (
        "SELECT execution_duration_ms / 1000 AS s, execution_duration_ms div 1000 AS d, execution_duration_ms % 300 AS m "
        "FROM traces ORDER BY 1",
        [[0.1, 0, 100], [0.2, 0, 200], [0.3, 0, 0], [0.4, 0, 100], [0.5, 0, 200]],
    ),
    (
        "WITH percentiles AS (SELECT percentile(LENGTH(request), 0.25) AS p25, percentile(LENGTH(response), 0.90) AS p90 "
        "FROM traces WHERE state = 'OK'), verbose AS (SELECT t.trace_id FROM traces t CROSS JOIN percentiles p WHERE "
        "t.state = 'OK' AND LENGTH(t.request) <= p.p25 AND LENGTH(t.response) >= p.p90) SELECT (SELECT count(*) FROM "
        "verbose) AS n, round((SELECT count(*) FROM verbose) * 100.0 / count(*), 2) AS share FROM traces WHERE state = "
        "'OK'",
        [[1, 25]],
    ),
    (
        "SELECT size(tags), cardinality(t.tags), size(map_keys(tags)) FROM traces t ORDER BY trace_id",
        [[2, 2, 2], [1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0]],
    ),
    (
        "SELECT trace_id, unix_timestamp(request_time) AS u, unix_millis(request_time) AS m, request_time + INTERVAL 90 "
        "MINUTES AS later FROM traces ORDER BY 1",
        [
            ["t1", 1772355600, 1772355600000, "2026-03-01T10:30:00"],
            ["t2", 1772359200, 1772359200000, "2026-03-01T11:30:00"],
            ["t3", 1772362800, 1772362800000, "2026-03-01T12:30:00"],
            ["t4", 1772366400, 1772366400000, "2026-03-01T13:30:00"],
            ["t5", 1772370000, 1772370000000, "2026-03-01T14:30:00"],
        ],
    ),
    (
        "SELECT s.trace_id, s.name, timestampdiff(MILLISECOND, s.start_time, s.end_time) AS ms FROM spans s ORDER BY 1, 2",
        [["t1", "answer", 250], ["t1", "search", 250], ["t3", "search", 250], ["t5", "x", 250]],
    ),
    (
        "SELECT t.trace_id, a.value FROM traces t LEFT JOIN assessments a USING (trace_id) ORDER BY 1",
        [["t1", "true"], ["t2", None], ["t3", None], ["t4", None], ["t5", "false"]],
    ),
    ("SELECT trace_id FROM traces ORDER BY md5(trace_id) LIMIT 3", [["t3"], ["t2"], ["t4"]]),
    ("SELECT DISTINCT state FROM traces ORDER BY state DESC", [["OK"], ["ERROR"]]),
    (
        "SELECT state, version FROM traces ORDER BY version DESC, state, trace_id",
        [["ERROR", "v2"], ["OK", "v2"], ["OK", "v1"], ["OK", "v1"], ["OK", None]],
    ),
    ("SELECT trace_id, tags FROM traces WHERE map_contains_key(tags, 'n')", [["t1", {"env": "prod", "n": "12"}]]),
    (
        "SELECT trace_id, map_filter(tags, (k, v) -> k = 'env') AS e, transform_values(tags, (k, v) -> upper(v)) AS u "
        "FROM traces ORDER BY trace_id",
        [
            ["t1", {"env": "prod"}, {"env": "PROD", "n": "12"}],
            ["t2", {"env": "dev"}, {"env": "DEV"}],
            ["t3", {}, {}],
            ["t4", {"env": "prod"}, {"env": "PROD"}],
            ["t5", {}, {}],
        ],
    ),
    ("SELECT trace_id FROM traces WHERE NOT (total_tokens > 15) ORDER BY 1", [["t1"]]),
    ("SELECT trace_id FROM traces WHERE session_id NOT IN ('a') ORDER BY 1", [["t3"], ["t4"]]),
    ("SELECT trace_id FROM traces WHERE session_id <=> NULL", [["t5"]]),
    ("SELECT bool_or(silent_error), count_if(silent_error) FROM spans WHERE false", [[None, 0]]),
]


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[sql for sql, _ in QUERIES])
def test_query_answers_as_spark_does(rows: Callable[[str], Rows], sql: str, expected: Rows) -> None:
    assert rows(sql) == expected


TOLERANT: list[tuple[str, Rows]] = [
    ("SELECT 1 / 0, 1.0 / 0, 7 % 0, 7 div 0, mod(7, 0)", [[None, None, None, None, None]]),
    ("SELECT spans[7].name, element_at(spans, 9).name FROM traces WHERE trace_id = 't1'", [[None, None]]),
    ("SELECT corr(x, y), regr_slope(x, y) FROM VALUES (1.0D, 1.0D), (2.0D, 1.0D) AS t(x, y)", [[None, None]]),
]


@pytest.mark.parametrize(("sql", "expected"), TOLERANT, ids=[sql for sql, _ in TOLERANT])
def test_what_is_an_error_in_databricks_is_null_here(rows: Callable[[str], Rows], sql: str, expected: Rows) -> None:
    assert rows(sql) == expected


def test_decimals_are_doubles(rows: Callable[[str], Rows]) -> None:
    assert rows("SELECT sum(total_tokens) * 1.0 / 3, 0.1 + 0.2, CAST('1.25' AS DECIMAL(5, 2)) FROM traces") == [
        [33.33333333, 0.3, 1.25]
    ]


REFUSED = [
    ("SELECT trace_id FROM traces WHERE request_time > '2024-01-01T00:00:00+02:00'", "offset from UTC"),
    ("SELECT tags[state] FROM traces", "element_at(map, key)"),
    ("SELECT regexp_extract(name, 'abc') FROM spans", "has 0 groups"),
    ("SELECT regexp_extract(name, '(a)(b)', 3) FROM spans", "has 2 groups"),
    ("SELECT regexp_replace(name, 'a', state) FROM traces", "written out as a string"),
    ("SELECT percentile(total_tokens, 0.5, 2) FROM traces", "percentile(x, 0.9)"),
    ("SELECT percentile(DISTINCT total_tokens, 0.5) FROM traces", "percentile(x, 0.9)"),
    ("SELECT approx_percentile(total_tokens) FROM traces", "approx_percentile(x, 0.9)"),
    ("SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY total_tokens DESC) FROM traces", "percentile(x, fraction)"),
    ("SELECT percentile_cont(total_tokens, 0.9) FROM traces", "percentile(x, fraction)"),
    ("SELECT count() FROM traces", "count(*)"),
    ("SELECT get_json_object(request, '$[\"a.b\"]') FROM traces", "single quotes"),
    ("SELECT get_json_object(request, '$.a[*].b') FROM traces", "no wildcards"),
    ("SELECT get_json_object(request, state) FROM traces", "written out as a string"),
    ("SELECT date_format(request_time, 'QQQ') FROM traces", "'QQQ'"),
    ("SELECT date_format(request_time, state) FROM traces", "written out as a string"),
    ("SELECT date_trunc('fortnight', request_time) FROM traces", "'fortnight'"),
    ("SELECT extract(SECOND FROM request_time) FROM traces", "second and unix_millis"),
    ("SELECT unix_timestamp()", "the clock"),
    ("SELECT CAST(name AS BINARY) FROM traces", "CAST to BINARY"),
    ("SELECT split('a,b', ',', 2)", "no limit"),
    ("SELECT split('abc', '')", "isn't empty"),
    ("SELECT ltrim('x', 'xa')", "LEADING"),
    ("SELECT state LIKE ANY ('a\\\\_b') FROM traces", "single LIKEs"),
    ("SELECT sha2('a', 512)", "256"),
    ("SELECT state, count(*) FROM traces GROUP BY state GROUPING SETS ((state), ())", "inside each set"),
    ("SELECT max(struct(total_tokens, trace_id)) FROM traces", "max_by"),
    ("SELECT collect_list(state, version) FROM traces", "2 arguments"),
    ("SELECT array_sort(spans, (a, b) -> 1) FROM traces", "lambdas are for"),
    ("SELECT filter(spans, 1) FROM traces", "should be a lambda"),
    ("SELECT aggregate(spans, 0, x -> x) FROM traces", "should be a lambda of 2"),
    ("SELECT x FROM traces LATERAL VIEW posexplode(spans) v AS x", "gives 2 columns"),
    ("SELECT x FROM traces LATERAL VIEW explode(spans, 1) v AS x", "explode(array)"),
    ("SELECT x FROM traces LATERAL VIEW range(3) v AS x", "range stands in FROM only"),
    ("SELECT col FROM explode_outer(array(1))", "LATERAL VIEW OUTER"),
]


@pytest.mark.parametrize(("sql", "says"), REFUSED, ids=[sql for sql, _ in REFUSED])
def test_what_cannot_mean_the_same_is_refused(rows: Callable[[str], Rows], sql: str, says: str) -> None:
    with pytest.raises(QueryRefused) as refusal:
        rows(sql)
    assert says in str(refusal.value)


FAILING = [
    ("SELECT nope FROM traces", "name"),
    ("SELECT CAST('x' AS INT)", "not a whole number: x"),
    ("SELECT spans.name FROM traces", "transform(spans, s -> s.name)"),
    ("SELECT tags['n'] > 5 FROM traces", "CAST(tags['n'] AS BIGINT)"),
    ("SELECT regexp_like(name, '(?=a)') FROM spans", "look-around"),
    ("SELECT request_time - request_time FROM traces", "unix_millis"),
    ("SELECT left(name) FROM spans", "left("),
]


@pytest.mark.parametrize(("sql", "says"), FAILING, ids=[sql for sql, _ in FAILING])
def test_what_the_engine_refuses_is_told_without_its_own_sql(rows: Callable[[str], Rows], sql: str, says: str) -> None:
    with pytest.raises(QueryError, match="can't be answered") as error:
        rows(sql)
    assert says in str(error.value)
    assert "LINE" not in str(error.value)
    assert "spark_" not in str(error.value).lower()


def test_nameless_columns_are_named_as_they_were_written(service: SqlService) -> None:
    table = service.query("SELECT size(spans), state, count(*) OVER () AS n, upper(state) FROM traces", title="t").table
    assert table.column_names == ["size(spans)", "state", "n", "upper(state)"]


def test_numbers_and_times_come_out_in_plain_types(service: SqlService) -> None:
    table = service.query(
        "SELECT sum(total_tokens) AS a, avg(cost) AS b, max(request_time) AS c, count(*) AS d, 1.5 AS e, true AS f FROM traces",
        title="t",
    ).table
    assert [str(field.type) for field in table.schema] == ["int64", "double", "timestamp[us]", "int64", "double", "bool"]
