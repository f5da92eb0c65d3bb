"""What Spark is told, and what is refused because its answer would be another; no server is needed to know."""

import pytest

from analyze_experiment.tools.errors import QueryRefused
from analyze_experiment.tools.sql.guard import check_query
from analyze_experiment.tools.sql.spark.dialect import translate_to_spark


def told(sql: str) -> str:
    return translate_to_spark(check_query(sql))


SAID = {
    "division by zero gives NULL": (
        "SELECT total_tokens / 2 AS x FROM traces",
        "SELECT CAST(`total_tokens` AS DOUBLE) / NULLIF(CAST(2 AS DOUBLE), 0) AS `x` FROM `traces`",
    ),
    "fractions are doubles": ("SELECT 0.5 AS x", "SELECT 0.5D AS `x`"),
    "an array's end gives NULL": ("SELECT spans[3].name AS x FROM traces", "SELECT GET(`spans`, 3).`name` AS `x` FROM `traces`"),
    "a map stays a map": ("SELECT tags['a'] AS x FROM traces", "SELECT `tags`['a'] AS `x` FROM `traces`"),
    "a mean is of doubles": ("SELECT avg(cost) AS x FROM traces", "SELECT AVG(CAST(`cost` AS DOUBLE)) AS `x` FROM `traces`"),
    "an approximate quantile is exact": (
        "SELECT approx_percentile(cost, 0.5) AS x FROM traces",
        "SELECT PERCENTILE_DISC(0.5D) WITHIN GROUP (ORDER BY `cost`) AS `x` FROM `traces`",
    ),
    "a set is sorted": (
        "SELECT collect_set(name) AS x FROM traces",
        "SELECT SORT_ARRAY(COLLECT_SET(`name`)) AS `x` FROM `traces`",
    ),
    "a unit is no column": (
        "SELECT timestampadd(hour, 1, request_time) AS x FROM traces",
        "SELECT TIMESTAMPADD(HOUR, 1, `request_time`) AS `x` FROM `traces`",
    ),
    "a WITH inside of another stays there": (
        "WITH a AS (WITH x AS (SELECT 1 AS n) SELECT n FROM x), b AS (WITH x AS (SELECT 2 AS n) SELECT n FROM x) SELECT n FROM b",
        "WITH `a` AS (WITH `x` AS (SELECT 1 AS `n`) SELECT `n` FROM `x`), "
        "`b` AS (WITH `x` AS (SELECT 2 AS `n`) SELECT `n` FROM `x`) SELECT `n` FROM `b`",
    ),
    "a comment isn't sent": ("SELECT 1 AS x -- ; DROP TABLE t", "SELECT 1 AS `x`"),
    "quotes and backslashes stay": (r"SELECT 'it\'s \\d' AS x", r"SELECT 'it\'s \\d' AS `x`"),
}


@pytest.mark.parametrize(("sql", "said"), SAID.values(), ids=SAID.keys())
def test_spark_is_told_what_makes_it_mean_the_same(sql: str, said: str) -> None:
    assert told(sql) == said


PATTERNS = {
    "any end but the last line's": ("a$", r"(?du)a\z"),
    "an end of a line": ("(?m)a$", "(?du)(?m)a$"),
    "white space": (r"\s\S[\s]", r"(?du)[\t\n\f\r ][^\t\n\f\r ][\t\n\f\r ]"),
    "a bracket in brackets": ("[][a]", r"(?du)[\]\[a]"),
    "two ampersands in brackets": ("[a&&b]", r"(?du)[a&\&b]"),
    "a named class": ("[[:alpha:]_][[:^digit:]]", r"(?du)[\p{Alpha}_][\P{Digit}]"),
    "a named group": ("(?P<year>[0-9]{4})", "(?du)(?<year>[0-9]{4})"),
    "a text in JSON": (r'"((?:[^"\\]|\\.)*)"', r'(?du)"([^"\\]*(?:\\.[^"\\]*)*)"'),
    "a brace alone": ("{x}", r"(?du)\{x}"),
}


@pytest.mark.parametrize(("pattern", "said"), PATTERNS.values(), ids=PATTERNS.keys())
def test_pattern_is_said_as_java_reads_it(pattern: str, said: str) -> None:
    escaped = pattern.replace("\\", "\\\\")
    expected = said.replace("\\", "\\\\")
    assert told(f"SELECT regexp_like(name, '{escaped}') AS x FROM traces") == (
        f"SELECT REGEXP_LIKE(`name`, '{expected}') AS `x` FROM `traces`"
    )


REFUSED = {
    "a list in no order": ("SELECT collect_list(name) FROM traces", r"write sort_array\(collect_list\(x\)\)"),
    "the first row of none": ("SELECT first(name) FROM traces", r"write min_by\(x, request_time\)"),
    "the commonest of ties": ("SELECT mode(name) FROM traces", r"ORDER BY count\(\*\) DESC, value LIMIT 1"),
    "look-around": ("SELECT name RLIKE 'a(?=b)' FROM traces", "no look-around"),
    "a reference back": (r"SELECT name RLIKE '(a)\\1' FROM traces", "no reference back"),
    "a possessive repetition": ("SELECT name RLIKE 'a++' FROM traces", "no possessive"),
    "a pattern out of a column": ("SELECT name RLIKE state FROM traces", "written out as a string"),
    "what DuckDB refuses too": ("SELECT max(struct(name, state)) FROM traces", "max_by"),
}


@pytest.mark.parametrize(("sql", "instead"), REFUSED.values(), ids=REFUSED.keys())
def test_what_would_not_be_the_same_is_refused_with_what_to_write(sql: str, instead: str) -> None:
    with pytest.raises(QueryRefused, match=instead):
        told(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sort_array(collect_list(name)) AS x FROM traces",
        "SELECT size(collect_list(name) FILTER (WHERE state = 'OK')) AS x FROM traces",
        "SELECT collect_list(name) OVER (PARTITION BY session_id ORDER BY request_time) AS x FROM traces",
        "SELECT first(name) OVER (ORDER BY request_time) AS x FROM traces",
    ],
)
def test_what_has_an_order_passes(sql: str) -> None:
    assert told(sql)
