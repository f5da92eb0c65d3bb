"""The same answers from DuckDB and from Spark, row by row."""

import math
import re
from collections.abc import Iterator
from typing import cast

import pytest

from analyze_experiment.tests.tools.sql.conftest import ignore
from analyze_experiment.tests.tools.sql.spark.queries import QUERIES
from analyze_experiment.tools.sql.catalog import Catalog
from analyze_experiment.tools.sql.functions import FUNCTIONS, TABLES
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.sql.spark.engine import SparkEngine

pytestmark = pytest.mark.xdist_group("spark")


@pytest.fixture(scope="module")
def on_spark(catalog: Catalog, spark_remote: str) -> Iterator[SqlService]:
    with SqlService(catalog, snapshot_digest="d", on_query=ignore, engine=SparkEngine(spark_remote), workers=1) as opened:
        yield opened


def answer(service: SqlService, sql: str) -> tuple[list[str], list[list[object]]]:
    table = service.query(sql, title="test").table
    columns = [column.to_pylist(maps_as_pydicts="strict") for column in table.columns]
    return table.column_names, [list(row) for row in zip(*columns, strict=True)]


def same(one: object, other: object) -> bool:
    """Equal, floats to 1e-9, where 0 may be what is left of two that are nearly the same; a whole number may be a float."""
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = cast("dict[str, object]", one), cast("dict[str, object]", other)
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(one, list) and isinstance(other, list):
        left, right = cast("list[object]", one), cast("list[object]", other)
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return one == other


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES.keys())
def test_both_engines_answer_alike(service: SqlService, on_spark: SqlService, sql: str) -> None:
    here, there = answer(service, sql), answer(on_spark, sql)
    assert here[0] == there[0]
    assert same(here[1], there[1]), f"{here[1]} is not {there[1]}"


def test_every_function_that_the_documentation_names_is_asked_of_both() -> None:
    asked = {name for sql in QUERIES.values() for name in re.findall(r"([a-z_0-9]+)\(", sql.lower())}
    assert (FUNCTIONS | TABLES) - asked == {"mode"}  # refused on Spark
