"""Casts, with the answers that Apache Spark 4.0 gives."""

from collections.abc import Callable

import pytest

CASES: list[tuple[str, object]] = [
    ("bigint('12')", 12),
    ("boolean('true')", True),
    ("isnan(CAST('NaN' AS DOUBLE))", True),
    ("isnan(CAST(NULL AS DOUBLE))", False),
    ("nanvl(CAST('NaN' AS DOUBLE), 7.0)", 7),
    ("int(1.9)", 1),
    ("int(-1.9)", -1),
    ("int('7')", 7),
    ("CAST(1.9 AS INT)", 1),
    ("CAST('12' AS BIGINT)", 12),
    ("CAST(true AS INT)", 1),
    ("CAST(TIMESTAMP '1970-01-02 00:00:00' AS BIGINT)", 86400),
    ("CAST(1 AS STRING)", "1"),
    ("CAST(true AS STRING)", "true"),
    ("CAST('1.5' AS DOUBLE)", 1.5),
    ("CAST(DATE '2024-01-02' AS STRING)", "2024-01-02"),
    ("CAST(TIMESTAMP '2024-01-02 03:04:05' AS STRING)", "2024-01-02 03:04:05"),
    ("CAST(TIMESTAMP '2024-01-02 03:04:05.120' AS STRING)", "2024-01-02 03:04:05.12"),
    ("CAST('2024-01-01T05:00:00Z' AS TIMESTAMP)", "2024-01-01T05:00:00"),
    ("CAST(TIMESTAMP '2024-01-02 03:04:05' AS DATE)", "2024-01-02"),
    ("CAST('yes' AS BOOLEAN)", True),
    ("CAST(2.567 AS DECIMAL(10, 2))", 2.57),
    ("TRY_CAST('1.7' AS INT)", None),
    ("TRY_CAST('x' AS INT)", None),
    ("TRY_CAST(' 12 ' AS INT)", 12),
    ("TRY_CAST('2024-13-01' AS DATE)", None),
    ("TRY_CAST('x' AS DOUBLE)", None),
    ("TRY_CAST('nope' AS TIMESTAMP)", None),
    ("double('1.5')", 1.5),
    ("float('1.5')", 1.5),
    ("smallint('3')", 3),
    ("tinyint('3')", 3),
    ("string(12)", "12"),
    ("'7'::int", 7),
    ("concat(CAST(NULL AS STRING), 'x') IS NULL", True),
    ("coalesce(TRY_CAST('' AS INT), -1)", -1),
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[expression for expression, _ in CASES])
def test_expression_means_what_databricks_means(answer: Callable[[str], object], expression: str, expected: object) -> None:
    assert answer(f"SELECT {expression}") == expected
