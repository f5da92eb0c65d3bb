"""Databricks functions as DuckDB macros, where DuckDB has no function that means the same.

Each is created as `spark_<name>` when the engine opens; `tools/sql/calls.py` names them. Overloads by the number of arguments
stand behind each other. None is by their type: where an argument holds an aggregate, DuckDB chooses before it knows the type, and
chooses wrongly without a word. `typeof` is known in time, and costs nothing.
"""

_BAD_NUMBER = "error('not a whole number: ' || CAST(x AS VARCHAR) || '; use TRY_CAST where text may be something else')"
_WHOLE = "regexp_full_match(trim(CAST(x AS VARCHAR)), '[+-]?[0-9]+')"
_CUT_OFF = "typeof(x) IN ('DOUBLE', 'FLOAT') OR starts_with(typeof(x), 'DECIMAL')"
_VALID = "(CASE WHEN json_valid(s) THEN s END)"
_SECONDS = "WHEN typeof(x) = 'TIMESTAMP' THEN CAST(floor(epoch(CAST(x AS TIMESTAMP))) AS BIGINT)"

_STRINGS = {
    "substring": "(s, p) AS substring(s, CASE WHEN p = 0 THEN 1 ELSE p END), "
    "(s, p, n) AS CASE WHEN n <= 0 THEN substring(s, 1, 0) WHEN p >= 0 THEN substring(s, greatest(p, 1), n) "
    "WHEN length(s) + p >= 0 THEN substring(s, length(s) + p + 1, n) ELSE left(s, greatest(length(s) + p + n, 0)) END",
    "left": "(s, n) AS left(s, greatest(n, 0))",
    # Counting the characters of a text takes as long as searching it: one of no more bytes is whole.
    "right": "(s, n) AS CASE WHEN strlen(s) <= n THEN s ELSE right(s, greatest(n, 0)) END",
    "locate": "(part, s) AS strpos(s, part), (part, s, p) AS CASE WHEN p < 1 THEN 0 "
    "WHEN strpos(substring(s, p), part) = 0 THEN 0 ELSE strpos(substring(s, p), part) + p - 1 END",
    "initcap": "(s) AS array_to_string(list_transform(string_split(lower(s), ' '), lambda w : upper(w[1:1]) || w[2:]), ' ')",
    "chr": "(n) AS CASE WHEN n < 0 THEN '' ELSE chr(CAST(n & 255 AS INTEGER)) END",
    "upper": "(s) AS upper(replace(s, 'ß', 'ss'))",
    "replace": "(s, a) AS replace(s, a, ''), (s, a, b) AS replace(s, a, b)",
    "substring_index": "(s, d, n) AS CASE WHEN n > 0 THEN array_to_string(list_slice(string_split(s, d), 1, n), d) "
    "WHEN n < 0 THEN array_to_string(list_slice(string_split(s, d), greatest(len(string_split(s, d)) + n + 1, 1), "
    "len(string_split(s, d))), d) ELSE left(s, 0) END",
    "regexp_count": "(s, p) AS len(regexp_extract_all(s, p))",
    "regexp_substr": "(s, p) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, 0) END",
}

_JSON = {
    "get_json_object": f"(s, p) AS {_VALID} ->> p",
    "json_array_length": f"(s) AS CASE WHEN json_type({_VALID}) = 'ARRAY' THEN CAST(json_array_length({_VALID}) AS BIGINT) END",
    "json_object_keys": f"(s) AS CASE WHEN json_type({_VALID}) = 'OBJECT' THEN json_keys({_VALID}) END",
}

_NUMBERS = {
    "ceil": "(x) AS CAST(ceil(x) AS BIGINT)",
    "floor": "(x) AS CAST(floor(x) AS BIGINT)",
    "isnan": "(x) AS coalesce(isnan(CAST(x AS DOUBLE)), FALSE)",
    "nanvl": "(x, y) AS CASE WHEN isnan(CAST(x AS DOUBLE)) THEN y ELSE x END",
    "ln": "(x) AS CASE WHEN x > 0 THEN ln(x) END",
    "log": "(x) AS CASE WHEN x > 0 THEN ln(x) END, (b, x) AS CASE WHEN b > 0 AND x > 0 THEN ln(x) / ln(b) END",
    "log2": "(x) AS CASE WHEN x > 0 THEN log2(x) END",
    "log10": "(x) AS CASE WHEN x > 0 THEN log10(x) END",
    "sqrt": "(x) AS CASE WHEN x < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt(x) END",
    "div": "(a, b) AS CAST(trunc(a / b) AS BIGINT)",
    "mod": "(a, b) AS a % b",
    "pmod": "(a, b) AS CASE WHEN a % b < 0 THEN (a % b + b) % b ELSE a % b END",
    "try_divide": "(a, b) AS a / b",
    "width_bucket": "(x, low, high, n) AS CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1 "
    "ELSE CAST(floor((x - low) / (high - low) * n) AS BIGINT) + 1 END",
    "bigint": f"(x) AS CASE WHEN {_CUT_OFF} THEN CAST(trunc(CAST(x AS DOUBLE)) AS BIGINT) WHEN typeof(x) = 'VARCHAR' THEN "
    f"CASE WHEN {_WHOLE} THEN CAST(trim(CAST(x AS VARCHAR)) AS BIGINT) WHEN x IS NOT NULL THEN CAST({_BAD_NUMBER} AS BIGINT) END "
    f"{_SECONDS} ELSE CAST(x AS BIGINT) END",
    "try_bigint": f"(x) AS CASE WHEN {_CUT_OFF} THEN TRY_CAST(trunc(CAST(x AS DOUBLE)) AS BIGINT) WHEN typeof(x) = 'VARCHAR' "
    f"THEN CASE WHEN {_WHOLE} THEN TRY_CAST(trim(CAST(x AS VARCHAR)) AS BIGINT) END {_SECONDS} ELSE TRY_CAST(x AS BIGINT) END",
}

_TIMES = {
    "timestamp": "(t) AS CASE WHEN typeof(t) = 'VARCHAR' THEN CAST(CAST(CAST(t AS VARCHAR) AS TIMESTAMPTZ) AS TIMESTAMP) "
    "ELSE CAST(t AS TIMESTAMP) END",
    "try_timestamp": "(t) AS CASE WHEN typeof(t) = 'VARCHAR' THEN CAST(TRY_CAST(CAST(t AS VARCHAR) AS TIMESTAMPTZ) AS TIMESTAMP) "
    "ELSE TRY_CAST(t AS TIMESTAMP) END",
    "whole_months": "(first, last) AS CAST(12 * (year(last) - year(first)) + month(last) - month(first) "
    "- CASE WHEN last >= first AND last - date_trunc('month', last) < first - date_trunc('month', first) THEN 1 "
    "WHEN last < first AND last - date_trunc('month', last) > first - date_trunc('month', first) THEN -1 ELSE 0 END AS BIGINT)",
    "dayofweek": "(t) AS dayofweek(t) + 1",
    "weekday": "(t) AS isodow(t) - 1",
    "dayname": "(t) AS strftime(t, '%a')",
    "monthname": "(t) AS strftime(t, '%b')",
    "last_day": "(t) AS last_day(CAST(t AS DATE))",
    "add_months": "(t, n) AS CAST(CAST(t AS DATE) + to_months(n) AS DATE)",
    "date_add": "(t, n) AS CAST(t AS DATE) + CAST(n AS INTEGER)",
    "date_sub": "(t, n) AS CAST(t AS DATE) - CAST(n AS INTEGER)",
    "days_between": "(last, first) AS date_diff('day', CAST(first AS DATE), CAST(last AS DATE))",
    "unix_timestamp": "(t) AS CAST(floor(epoch(t)) AS BIGINT)",
    "timestamp_seconds": "(n) AS make_timestamp(CAST(CAST(n AS DOUBLE) * 1000000 AS BIGINT))",
    "timestamp_millis": "(n) AS make_timestamp(CAST(n AS BIGINT) * 1000)",
    "timestamp_micros": "(n) AS make_timestamp(CAST(n AS BIGINT))",
}

_COLLECTIONS = {
    "exists": "(a) AS CASE WHEN a IS NULL THEN NULL WHEN list_contains(a, TRUE) THEN TRUE "
    "WHEN list_count(a) < len(a) THEN NULL ELSE FALSE END",
    "forall": "(a) AS CASE WHEN a IS NULL THEN NULL WHEN list_contains(a, FALSE) THEN FALSE "
    "WHEN list_count(a) < len(a) THEN NULL ELSE TRUE END",
    "array_contains": "(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL WHEN list_contains(a, x) THEN TRUE "
    "WHEN list_count(a) < len(a) THEN NULL ELSE FALSE END",
    "array_position": "(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL ELSE coalesce(list_position(a, x), 0) END",
    "array_distinct": "(a) AS list_filter(a, lambda e, i : list_position(a, e) = i)",
    "array_remove": "(a, x) AS CASE WHEN x IS NOT NULL THEN list_filter(a, lambda e : e IS DISTINCT FROM x) END",
    "array_compact": "(a) AS list_filter(a, lambda e : e IS NOT NULL)",
    "array_union": "(a, b) AS spark_array_distinct(a || b)",
    "array_intersect": "(a, b) AS CASE WHEN b IS NOT NULL THEN list_filter(spark_array_distinct(a), "
    "lambda e : list_position(b, e) IS NOT NULL) END",
    "array_except": "(a, b) AS CASE WHEN b IS NOT NULL THEN list_filter(spark_array_distinct(a), "
    "lambda e : list_position(b, e) IS NULL) END",
    "arrays_overlap": "(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN list_has_any(a, b) THEN TRUE "
    "WHEN len(a) > 0 AND len(b) > 0 AND (list_count(a) < len(a) OR list_count(b) < len(b)) THEN NULL ELSE FALSE END",
    "array_join": "(a, s) AS array_to_string(a, s), "
    "(a, s, missing) AS array_to_string(list_transform(a, lambda e : coalesce(CAST(e AS VARCHAR), missing)), s)",
    "array_prepend": "(a, x) AS list_prepend(x, a)",
    "array_sort": "(a) AS list_sort(a, 'ASC', 'NULLS LAST')",
    "sort_array": "(a) AS list_sort(a, 'ASC', 'NULLS FIRST'), "
    "(a, ascending) AS CASE WHEN ascending THEN list_sort(a, 'ASC', 'NULLS FIRST') ELSE list_sort(a, 'DESC', 'NULLS LAST') END",
    "slice": "(a, first, n) AS CASE WHEN first > 0 THEN list_slice(a, first, first + n - 1) WHEN len(a) + first >= 0 "
    "THEN list_slice(a, len(a) + first + 1, len(a) + first + n) WHEN a IS NOT NULL THEN a[2:1] END",
    "get": "(a, i) AS CASE WHEN i >= 0 THEN a[i + 1] END",
    "sequence": "(first, last) AS CASE WHEN first <= last THEN generate_series(first, last) "
    "ELSE generate_series(first, last, -1) END, (first, last, step) AS generate_series(first, last, step)",
    "days": "(first, last) AS list_transform(CASE WHEN first <= last THEN generate_series(first, last, INTERVAL 1 DAY) "
    "ELSE generate_series(first, last, -INTERVAL 1 DAY) END, lambda d : CAST(d AS DATE)), "
    "(first, last, step) AS list_transform(generate_series(first, last, step), lambda d : CAST(d AS DATE))",
}

MACROS: dict[str, str] = {**_STRINGS, **_JSON, **_NUMBERS, **_TIMES, **_COLLECTIONS}


def macro_statements() -> list[str]:
    """The CREATE MACRO statements, in an order in which each finds those it calls."""
    return [f"CREATE MACRO spark_{name}{overloads}" for name, overloads in MACROS.items()]
