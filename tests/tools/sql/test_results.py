"""Ids and digests of queries and results, and the cache."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import hashlib
import json
from datetime import datetime

import pyarrow as pa
import pytest

from analyze_experiment.tools.sql.results import ResultCache, query_id, result_digest


def test_query_id_is_of_the_snapshot_and_the_text() -> None:
    known = query_id("SELECT 1", snapshot_digest="abc")
    assert known == "Q1d5e654542"
    assert query_id("SELECT 2", snapshot_digest="abc") != known
    assert query_id("SELECT 1", snapshot_digest="abd") != known


SAME = [
    ({"x": ["a", "b"], "y": [1, 2]}, {"x": ["b", "a"], "y": [2, 1]}),
    ({"x": [1.0]}, {"x": [1]}),
    ({"x": [0.1 + 0.2]}, {"x": [0.3]}),
    ({"x": [[{"k": 1, "j": 2}]]}, {"x": [[{"j": 2, "k": 1.0}]]}),
    ({"x": [-0.0]}, {"x": [0.0]}),
]
OTHER = [
    ({"x": ["a"]}, {"y": ["a"]}),
    ({"x": [None]}, {"x": [""]}),
    ({"x": ["a", "a"]}, {"x": ["a"]}),
    ({"x": [0.3]}, {"x": [0.30001]}),
    ({"x": [{"a": 1}]}, {"x": [{"a": 2}]}),
    ({"x": [datetime(2026, 1, 1)]}, {"x": [datetime(2026, 1, 2)]}),  # noqa: DTZ001 - results hold naive UTC
    ({"x": ["a"], "y": ["b"]}, {"x": ["b"], "y": ["a"]}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_rows_have_the_same_digest(one: dict[str, list[object]], other: dict[str, list[object]]) -> None:
    assert result_digest(pa.table(one)) == result_digest(pa.table(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_rows_have_another_digest(one: dict[str, list[object]], other: dict[str, list[object]]) -> None:
    assert result_digest(pa.table(one)) != result_digest(pa.table(other))


def test_map_has_the_same_digest_whatever_the_order_of_its_keys() -> None:
    type_ = pa.map_(pa.string(), pa.int64())
    tables = [pa.table({"x": pa.array([entries], type_)}) for entries in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)])]
    assert result_digest(tables[0]) == result_digest(tables[1])


@pytest.mark.parametrize("distinct", [3, 100_000])
def test_digest_is_that_of_the_sorted_lines_whether_they_repeat_or_not(distinct: int) -> None:
    numbers = [number * 7919 % distinct / 4 for number in range(12_000)]
    names = [None if number % 5 == 0 else f"n{number % distinct}" for number in range(12_000)]
    spelled = (int(number) if number == int(number) else number for number in numbers)
    lines = [f"{number}\x1f" + ("\0" if name is None else name) for number, name in zip(spelled, names, strict=True)]
    expected = hashlib.sha256(json.dumps(["x", "y"]).encode() + "\x1e".join(sorted(lines)).encode()).hexdigest()
    assert result_digest(pa.table({"x": numbers, "y": names})) == expected


def test_empty_result_has_a_digest() -> None:
    assert len(result_digest(pa.table({"x": pa.array([], pa.string())}))) == 64


def test_cache_lets_go_of_what_was_not_asked_for_the_longest() -> None:
    table = pa.table({"x": pa.array([0] * 100, pa.int64())})
    cache = ResultCache(max_bytes=2 * table.nbytes)
    cache.put("a", table)
    cache.put("b", table)
    assert cache.get("a") is table
    cache.put("c", table)
    assert cache.get("b") is None
    assert cache.get("a") is table


def test_cache_holds_nothing_that_is_too_large() -> None:
    table = pa.table({"x": pa.array([0] * 100, pa.int64())})
    cache = ResultCache(max_bytes=10)
    cache.put("a", table)
    assert cache.get("a") is None
