"""Aggregates, window functions and grouping, with the answers that Apache Spark 4.0 gives."""

from collections.abc import Callable

import pytest

Rows = list[list[object]]

QUERIES: list[tuple[str, Rows]] = [
    (
        "SELECT count(*), count(total_tokens), count(DISTINCT session_id), count(DISTINCT session_id, version) FROM traces",
        [[5, 4, 2, 2]],
    ),
    (
        "SELECT count_if(state = 'OK'), count(*) FILTER (WHERE total_tokens > 15), sum(total_tokens), avg(total_tokens), "
        "mean(total_tokens), min(cost), max(cost) FROM traces",
        [[4, 3, 100, 25, 25, -2.5, 1.5]],
    ),
    (
        "SELECT percentile(total_tokens, 0.5), percentile(total_tokens, array(0.1, 0.9)), percentile(cost, 0.25), "
        "median(total_tokens) FROM traces",
        [[25, [13, 37], -1, 25]],
    ),
    (
        "SELECT approx_percentile(total_tokens, 0.5), percentile_approx(total_tokens, 0.9), "
        "approx_percentile(total_tokens, array(0.25, 0.75), 100), approx_percentile(execution_duration_ms, 0.5) FROM "
        "traces",
        [[20, 40, [10, 30], 300]],
    ),
    (
        "SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY total_tokens), percentile_disc(0.25) WITHIN GROUP (ORDER BY "
        "total_tokens), percentile_disc(0.5) WITHIN GROUP (ORDER BY total_tokens) FROM traces",
        [[17.5, 10, 20]],
    ),
    ("SELECT percentile(total_tokens, 0.5) FILTER (WHERE version = 'v1') FROM traces", [[15]]),
    (
        "SELECT version, percentile(total_tokens, 0.9) - percentile(total_tokens, 0.1), percentile(total_tokens, 0.5), "
        "percentile(total_tokens, 0.5) FILTER (WHERE state = 'OK'), percentile(cost, 0.5), (SELECT "
        "percentile(total_tokens, 0.25) FROM traces) FROM traces GROUP BY version HAVING percentile(total_tokens, 1) > 20 "
        "ORDER BY percentile(total_tokens, 0.5)",
        [[None, 0, 30, 30, -2.5, 17.5], ["v2", 0, 40, None, None, 17.5]],
    ),
    ("SELECT percentile(cost, 0.5), percentile(cost, 0.9) FROM traces WHERE false", [[None, None]]),
    (
        "SELECT version, percentile(execution_duration_ms, 0.95) FROM traces GROUP BY version ORDER BY version",
        [[None, 500], ["v1", 195], ["v2", 395]],
    ),
    (
        "SELECT stddev(total_tokens), std(total_tokens), stddev_samp(total_tokens), stddev_pop(total_tokens), "
        "variance(total_tokens), var_samp(total_tokens), var_pop(total_tokens) FROM traces",
        [[12.90994449, 12.90994449, 12.90994449, 11.18033989, 166.6666667, 166.6666667, 125.0]],
    ),
    (
        "SELECT corr(total_tokens, cost), covar_samp(total_tokens, cost), covar_pop(total_tokens, cost) FROM traces",
        [[-0.7205766921, -15, -10]],
    ),
    (
        "SELECT regr_slope(total_tokens, cost), regr_intercept(total_tokens, cost), regr_r2(total_tokens, cost), "
        "regr_count(total_tokens, cost) FROM traces",
        [[-3.461538462, 19.42307692, 0.5192307692, 3]],
    ),
    (
        "SELECT corr(x, y), stddev(x), covar_samp(x, y), regr_slope(x, y) FROM VALUES (1.0D, 1.0D) AS t(x, y)",
        [[None, None, None, None]],
    ),
    (
        "SELECT array_agg(total_tokens), collect_list(total_tokens), sort_array(collect_set(state)) FROM traces",
        [[[10, 20, 40, 30], [10, 20, 40, 30], ["ERROR", "OK"]]],
    ),
    (
        "SELECT version, collect_list(total_tokens) AS l, sort_array(collect_set(session_id)) AS s FROM traces GROUP BY "
        "version ORDER BY version",
        [[None, [30], []], ["v1", [10, 20], ["a"]], ["v2", [40], ["b"]]],
    ),
    ("SELECT size(collect_list(total_tokens)), size(collect_set(total_tokens)) FROM traces WHERE false", [[0, 0]]),
    (
        "SELECT sort_array(collect_list(DISTINCT state)), collect_list(trace_id) FILTER (WHERE total_tokens > 15) FROM traces",
        [[["ERROR", "OK"], ["t2", "t4", "t5"]]],
    ),
    (
        "SELECT max_by(trace_id, total_tokens), min_by(trace_id, total_tokens), max_by(cost, total_tokens) FROM traces",
        [["t4", "t1", None]],
    ),
    (
        "SELECT first(trace_id), last(trace_id), any_value(trace_id), first(total_tokens, true), last(total_tokens) "
        "IGNORE NULLS, first_value(trace_id), last_value(trace_id) FROM traces",
        [["t1", "t5", "t1", 10, 30, "t1", "t5"]],
    ),
    ("SELECT mode(state) FROM traces", [["OK"]]),
    ("SELECT try_sum(total_tokens), try_avg(total_tokens) FROM traces", [[100, 25]]),
    (
        "SELECT trace_id, row_number() OVER (ORDER BY trace_id), rank() OVER (ORDER BY state), dense_rank() OVER (ORDER "
        "BY state), ntile(2) OVER (ORDER BY trace_id) FROM traces ORDER BY trace_id",
        [["t1", 1, 2, 2, 1], ["t2", 2, 2, 2, 1], ["t3", 3, 2, 2, 1], ["t4", 4, 1, 1, 2], ["t5", 5, 2, 2, 2]],
    ),
    (
        "SELECT trace_id, percent_rank() OVER (ORDER BY execution_duration_ms), cume_dist() OVER (ORDER BY "
        "execution_duration_ms) FROM traces ORDER BY trace_id",
        [["t1", 0, 0.2], ["t2", 0.25, 0.4], ["t3", 0.5, 0.6], ["t4", 0.75, 0.8], ["t5", 1, 1]],
    ),
    (
        "SELECT trace_id, lag(trace_id) OVER (ORDER BY trace_id), lead(trace_id, 2) OVER (ORDER BY trace_id), "
        "lag(trace_id, 1, 'none') OVER (PARTITION BY session_id ORDER BY trace_id) FROM traces ORDER BY trace_id",
        [
            ["t1", None, "t3", "none"],
            ["t2", "t1", "t4", "t1"],
            ["t3", "t2", "t5", "none"],
            ["t4", "t3", None, "t3"],
            ["t5", "t4", None, "none"],
        ],
    ),
    (
        "SELECT trace_id, first_value(total_tokens) OVER (ORDER BY trace_id), last_value(total_tokens) IGNORE NULLS OVER "
        "(ORDER BY trace_id), lag(total_tokens) IGNORE NULLS OVER (ORDER BY trace_id), nth_value(trace_id, 2) OVER "
        "(ORDER BY trace_id) FROM traces ORDER BY trace_id",
        [
            ["t1", 10, 10, None, None],
            ["t2", 10, 20, 10, "t2"],
            ["t3", 10, 20, 20, "t2"],
            ["t4", 10, 40, 20, "t2"],
            ["t5", 10, 30, 40, "t2"],
        ],
    ),
    (
        "SELECT trace_id, sum(total_tokens) OVER (ORDER BY trace_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), "
        "avg(total_tokens) OVER (PARTITION BY session_id), collect_list(total_tokens) OVER (PARTITION BY session_id "
        "ORDER BY trace_id) FROM traces ORDER BY trace_id",
        [["t1", 10, 15, [10]], ["t2", 30, 15, [10, 20]], ["t3", 20, 40, []], ["t4", 40, 40, [40]], ["t5", 70, 30, [30]]],
    ),
    (
        "SELECT trace_id, sum(total_tokens) OVER w FROM traces WINDOW w AS (ORDER BY trace_id) ORDER BY trace_id",
        [["t1", 10], ["t2", 30], ["t3", 30], ["t4", 70], ["t5", 100]],
    ),
    (
        "SELECT trace_id FROM traces QUALIFY row_number() OVER (PARTITION BY session_id ORDER BY trace_id DESC) = 1 "
        "ORDER BY trace_id",
        [["t2"], ["t4"], ["t5"]],
    ),
    (
        "SELECT session_id, version, grouping(session_id), grouping_id(session_id, version), count(*) FROM traces GROUP "
        "BY CUBE(session_id, version) ORDER BY 1, 2, 3, 4",
        [
            [None, None, 0, 0, 1],
            [None, None, 0, 1, 1],
            [None, None, 1, 2, 1],
            [None, None, 1, 3, 5],
            [None, "v1", 1, 2, 2],
            [None, "v2", 1, 2, 2],
            ["a", None, 0, 1, 2],
            ["a", "v1", 0, 0, 2],
            ["b", None, 0, 1, 2],
            ["b", "v2", 0, 0, 2],
        ],
    ),
    (
        "SELECT session_id, version, count(*) FROM traces GROUP BY session_id, version WITH ROLLUP ORDER BY 1, 2, 3",
        [[None, None, 1], [None, None, 1], [None, None, 5], ["a", None, 2], ["a", "v1", 2], ["b", None, 2], ["b", "v2", 2]],
    ),
    (
        "SELECT session_id, version, count(*) FROM traces GROUP BY GROUPING SETS ((session_id), (version), ()) ORDER BY 1, 2, 3",
        [[None, None, 1], [None, None, 1], [None, None, 5], [None, "v1", 2], [None, "v2", 2], ["a", None, 2], ["b", None, 2]],
    ),
    ("SELECT version, count(*) AS n FROM traces GROUP BY ALL HAVING n > 1 ORDER BY version", [["v1", 2], ["v2", 2]]),
    ("SELECT avg(size(filter(spans, s -> s.status_code = 'ERROR'))) FROM traces", [[0.6]]),
    ("SELECT tags['env'] AS env, count(*) FROM traces GROUP BY tags['env'] ORDER BY env", [[None, 2], ["dev", 1], ["prod", 2]]),
    (
        "SELECT trace_id, sum(CASE WHEN status_code = 'ERROR' THEN 1 ELSE 0 END) / count(*) AS share FROM spans GROUP BY "
        "trace_id ORDER BY trace_id",
        [["t1", 0.5], ["t3", 0], ["t5", 1]],
    ),
    (
        "SELECT date_trunc('hour', request_time) AS h, count(*) FROM traces GROUP BY 1 ORDER BY 1",
        [
            ["2026-03-01T09:00:00", 1],
            ["2026-03-01T10:00:00", 1],
            ["2026-03-01T11:00:00", 1],
            ["2026-03-01T12:00:00", 1],
            ["2026-03-01T13:00:00", 1],
        ],
    ),
    (
        "SELECT floor(execution_duration_ms / 200) AS bucket, count(*) FROM traces GROUP BY floor(execution_duration_ms "
        "/ 200) ORDER BY bucket",
        [[0, 1], [1, 2], [2, 2]],
    ),
    (
        "SELECT CAST(avg(total_tokens) AS INT), CAST(sum(cost) AS BIGINT), int(max(cost)), reverse(max(state)), "
        "hour(max(request_time)), size(collect_set(state)) FROM traces",
        [[25, 0, 1, "KO", 13, 2]],
    ),
    (
        "SELECT reverse(sort_array(collect_list(total_tokens))), reverse(collect_set(state)) FROM traces",
        [[[40, 30, 20, 10], ["OK", "ERROR"]]],
    ),
    (
        "SELECT array_join(sort_array(collect_list(trace_id)), ',') AS ids FROM traces GROUP BY session_id ORDER BY ids",
        [["t1,t2"], ["t3,t4"], ["t5"]],
    ),
    (
        "SELECT approx_percentile(cost, 0.5), percentile(cost, 0.0), percentile(cost, 1.0), percentile_approx(cost, "
        "array(0.0, 0.3, 0.6, 1.0)) FROM traces",
        [[0.5, -2.5, 1.5, [-2.5, -2.5, 0.5, 1.5]]],
    ),
    ("SELECT avg(x), count(x), sum(x) FROM VALUES (CAST(NULL AS INT)) AS t(x)", [[None, 0, None]]),
    ("SELECT kind, avg(number) FROM assessments GROUP BY kind", [["feedback", 0.5]]),
    (
        "SELECT trace_id, rank() OVER (PARTITION BY state ORDER BY total_tokens DESC) AS r FROM traces ORDER BY trace_id",
        [["t1", 3], ["t2", 2], ["t3", 4], ["t4", 1], ["t5", 1]],
    ),
    (
        "SELECT trace_id, max(total_tokens) OVER (ORDER BY request_time RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND "
        "CURRENT ROW) AS m FROM traces ORDER BY trace_id",
        [["t1", 10], ["t2", 20], ["t3", 20], ["t4", 40], ["t5", 40]],
    ),
    (
        "SELECT CASE WHEN total_tokens > 25 THEN 'big' WHEN total_tokens IS NULL THEN 'none' ELSE 'small' END AS "
        "size_class, count(*) AS n FROM traces GROUP BY size_class ORDER BY n, size_class",
        [["none", 1], ["big", 2], ["small", 2]],
    ),
    (
        "SELECT version, state, count(*) AS n FROM traces GROUP BY ROLLUP (version, state) ORDER BY 1, 2, 3",
        [
            [None, None, 1],
            [None, None, 5],
            [None, "OK", 1],
            ["v1", None, 2],
            ["v1", "OK", 2],
            ["v2", None, 2],
            ["v2", "ERROR", 1],
            ["v2", "OK", 1],
        ],
    ),
    ("SELECT regr_count(total_tokens, cost), stddev_pop(cost) FROM traces WHERE false", [[0, None]]),
    ("SELECT sum(total_tokens), avg(total_tokens), count(*), max(state) FROM traces WHERE false", [[None, None, 0, None]]),
    ("SELECT count(DISTINCT CASE WHEN state = 'OK' THEN session_id END) FROM traces", [[2]]),
    (
        "SELECT date_format(request_time, 'yyyy-MM-dd') AS day, dayofweek(request_time) AS dow, count(*) FROM traces "
        "GROUP BY 1, 2",
        [["2026-03-01", 1, 5]],
    ),
    (
        "SELECT nth_value(trace_id, 2) OVER (ORDER BY trace_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) "
        "AS n FROM traces LIMIT 1",
        [["t2"]],
    ),
    (
        "SELECT first_value(total_tokens, true) OVER (PARTITION BY session_id ORDER BY trace_id) AS f FROM traces ORDER "
        "BY trace_id",
        [[10], [10], [None], [40], [30]],
    ),
    ("SELECT collect_set(version) OVER () AS v FROM traces LIMIT 1", [[["v1", "v2"]]]),
    (
        "SELECT percentile(total_tokens, 0.5) OVER (PARTITION BY version) AS p FROM traces ORDER BY trace_id",
        [[15], [15], [40], [40], [30]],
    ),
    ("SELECT count(*) OVER () AS n, trace_id FROM traces ORDER BY trace_id LIMIT 1 OFFSET 2", [[5, "t3"]]),
]


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[sql for sql, _ in QUERIES])
def test_query_answers_as_spark_does(rows: Callable[[str], Rows], sql: str, expected: Rows) -> None:
    assert rows(sql) == expected
