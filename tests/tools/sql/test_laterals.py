"""explode, posexplode and range, with the answers that Apache Spark 4.0 gives."""

from collections.abc import Callable

import pytest

Rows = list[list[object]]

QUERIES: list[tuple[str, Rows]] = [
    (
        "SELECT a, pos, col FROM VALUES (1, array('x', 'y')), (2, array()) AS t(a, b) LATERAL VIEW posexplode_outer(b) u "
        "ORDER BY 1, 2",
        [[1, 0, "x"], [1, 1, "y"], [2, None, None]],
    ),
    (
        "SELECT t.trace_id, s.name, s.status_code FROM traces t LATERAL VIEW explode(t.spans) v AS s ORDER BY 1, 2, 3",
        [
            ["t1", "answer", "OK"],
            ["t1", "search", "ERROR"],
            ["t1", "search", "ERROR"],
            ["t3", "search", "OK"],
            ["t5", "x", "ERROR"],
        ],
    ),
    (
        "SELECT t.trace_id, s.name FROM traces t LATERAL VIEW OUTER explode(t.spans) v AS s ORDER BY 1, 2",
        [["t1", "answer"], ["t1", "search"], ["t1", "search"], ["t2", None], ["t3", "search"], ["t4", None], ["t5", "x"]],
    ),
    (
        "SELECT trace_id, p, s.name FROM traces LATERAL VIEW posexplode(spans) v AS p, s ORDER BY 1, 2",
        [["t1", 0, "search"], ["t1", 1, "search"], ["t1", 2, "answer"], ["t3", 0, "search"], ["t5", 0, "x"]],
    ),
    (
        "SELECT trace_id, p, s.name FROM traces LATERAL VIEW OUTER posexplode(spans) v AS p, s ORDER BY 1, 2",
        [
            ["t1", 0, "search"],
            ["t1", 1, "search"],
            ["t1", 2, "answer"],
            ["t2", None, None],
            ["t3", 0, "search"],
            ["t4", None, None],
            ["t5", 0, "x"],
        ],
    ),
    (
        "SELECT trace_id, k, v FROM traces LATERAL VIEW explode(tags) m AS k, v ORDER BY 1, 2",
        [["t1", "env", "prod"], ["t1", "n", "12"], ["t2", "env", "dev"], ["t4", "env", "prod"]],
    ),
    (
        "SELECT trace_id, k, v FROM traces LATERAL VIEW OUTER explode(tags) m AS k, v ORDER BY 1, 2",
        [
            ["t1", "env", "prod"],
            ["t1", "n", "12"],
            ["t2", "env", "dev"],
            ["t3", None, None],
            ["t4", "env", "prod"],
            ["t5", None, None],
        ],
    ),
    (
        "SELECT trace_id, e.s.name FROM traces, LATERAL explode(spans) AS e(s) ORDER BY 1, 2",
        [["t1", "answer"], ["t1", "search"], ["t1", "search"], ["t3", "search"], ["t5", "x"]],
    ),
    (
        "SELECT trace_id, explode(map_keys(tags)) AS k FROM traces ORDER BY 1, 2",
        [["t1", "env"], ["t1", "n"], ["t2", "env"], ["t4", "env"]],
    ),
    (
        "SELECT trace_id, explode(map_keys(tags)) FROM traces ORDER BY 1, 2",
        [["t1", "env"], ["t1", "n"], ["t2", "env"], ["t4", "env"]],
    ),
    (
        "SELECT trace_id, explode_outer(map_keys(tags)) AS k FROM traces ORDER BY 1, 2",
        [["t1", "env"], ["t1", "n"], ["t2", "env"], ["t3", None], ["t4", "env"], ["t5", None]],
    ),
    ("SELECT * FROM explode(array(1, 2)) AS t(x)", [[1], [2]]),
    ("SELECT * FROM posexplode(array('a', 'b'))", [[0, "a"], [1, "b"]]),
    ("SELECT id FROM range(3)", [[0], [1], [2]]),
    ("SELECT id FROM range(2, 8, 3) AS r", [[2], [5]]),
    ("SELECT a, b, x FROM VALUES (1, array(1, 2)) AS t(a, b) LATERAL VIEW explode(b) u AS x", [[1, [1, 2], 1], [1, [1, 2], 2]]),
    (
        "SELECT trace_id, s.span_id FROM traces LATERAL VIEW explode(filter(spans, x -> x.status_code = 'ERROR')) v AS s "
        "ORDER BY 1, 2",
        [["t1", "search"], ["t1", "search"], ["t5", "x"]],
    ),
    (
        "SELECT a.k, count(*) AS n FROM (SELECT explode(map_keys(tags)) AS k FROM traces) a GROUP BY a.k ORDER BY n DESC",
        [["env", 3], ["n", 1]],
    ),
    (
        "SELECT t.trace_id, u.k FROM traces t LEFT JOIN LATERAL explode(map_keys(t.tags)) AS u(k) ON TRUE ORDER BY 1, 2",
        [["t1", "env"], ["t1", "n"], ["t2", "env"], ["t3", None], ["t4", "env"], ["t5", None]],
    ),
]


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[sql for sql, _ in QUERIES])
def test_query_answers_as_spark_does(rows: Callable[[str], Rows], sql: str, expected: Rows) -> None:
    assert rows(sql) == expected
