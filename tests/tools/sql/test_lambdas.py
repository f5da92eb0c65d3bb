"""Functions that take a lambda, with the answers that Apache Spark 4.0 gives."""

from collections.abc import Callable

import pytest

CASES: list[tuple[str, object]] = [
    ("aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x)", 6),
    ("aggregate(array(1, 2, 3), 10, (acc, x) -> acc + x, acc -> acc * 2)", 32),
    ("aggregate(CAST(array() AS ARRAY<INT>), 5, (acc, x) -> acc + x)", 5),
    ("reduce(array(1, 2, 3), 0, (acc, x) -> acc + x)", 6),
    ("exists(array(1, 2), x -> x > 1)", True),
    ("exists(array(1, NULL), x -> x > 1)", None),
    ("exists(CAST(array() AS ARRAY<INT>), x -> x > 1)", False),
    ("NOT exists(array(1, NULL), x -> x > 1)", None),
    ("forall(array(1, 2), x -> x > 0)", True),
    ("forall(array(1, NULL), x -> x > 0)", None),
    ("forall(array(1, NULL), x -> x > 1)", False),
    ("filter(array(1, 2, 3, NULL), x -> x > 1)", [2, 3]),
    ("filter(array('a', 'b', 'c'), (x, i) -> i > 0)", ["b", "c"]),
    ("transform(array(1, 2), x -> x + 1)", [2, 3]),
    ("transform(array('a', 'b'), (x, i) -> concat(x, CAST(i AS STRING)))", ["a0", "b1"]),
    ("transform(array(array(1, 2), array(3)), x -> filter(x, x -> x > 1))", [[2], [3]]),
    ("transform(array(1, 2), x -> named_struct('v', x, 'i', x * 2))", [{"v": 1, "i": 2}, {"v": 2, "i": 4}]),
    ("zip_with(array(1, 2), array(10, 20, 30), (x, y) -> coalesce(x, 0) + y)", [11, 22, 30]),
    ("map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1 AND k = 'b')", {"b": 2}),
    ("transform_values(map('a', 1, 'b', 2), (k, v) -> v * 10)", {"a": 10, "b": 20}),
    ("transform(sequence(1, 3), x -> x * x)", [1, 4, 9]),
    ("array_join(transform(array(1, 2), x -> CAST(x AS STRING)), '')", "12"),
    ("reverse(transform(array(1, 2), x -> x))", [2, 1]),
    ("size(map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1))", 1),
    ("map_keys(map_filter(map('a', 1), (k, v) -> false))", []),
    ("transform(array(struct(1 AS a, 2 AS b)), s -> s.a + s.b)", [3]),
    ("transform(array(1, 2), (x, i) -> struct(x AS i, i AS x))", [{"i": 1, "x": 0}, {"i": 2, "x": 1}]),
    ("filter(array(1, 2, 3), (v, n) -> n % 2 = 0)", [1, 3]),
    ("array_max(transform(array('a', 'bb'), s -> length(s)))", 2),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[expression for expression, _ in CASES])
def test_expression_means_what_databricks_means(answer: Callable[[str], object], expression: str, expected: object) -> None:
    assert answer(f"SELECT {expression}") == expected
