"""The functions that a query may call, by their Databricks names: what isn't here is refused.

Left out on purpose: what reads files, network, settings or the clock; what isn't the same twice (rand, uuid, hash); what can
fill memory from one short call (repeat, lpad, array_repeat); and what engines compute differently (skewness, format_number).
"""


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


AGGREGATES = names("""
    any any_value approx_count_distinct approx_percentile array_agg avg bool_and bool_or collect_list collect_set corr count
    count_if covar_pop covar_samp every first first_value last last_value max max_by mean median min min_by mode percentile
    percentile_approx percentile_cont percentile_disc regr_count regr_intercept regr_r2 regr_slope some std stddev stddev_pop
    stddev_samp sum try_avg try_sum var_pop var_samp variance
    """)

GROUPINGS = frozenset({"grouping", "grouping_id"})

WINDOWS = names("cume_dist dense_rank lag lead nth_value ntile percent_rank rank row_number")

STRINGS = names("""
    ascii bit_length btrim char char_length character_length charindex chr concat concat_ws contains endswith initcap instr
    lcase left len length levenshtein locate lower ltrim md5 octet_length position regexp regexp_count regexp_extract
    regexp_extract_all regexp_like regexp_replace regexp_substr replace reverse right rlike rtrim sha sha1 sha2 split split_part
    startswith substr substring substring_index translate trim ucase upper
    """)

JSON = names("get_json_object json_array_length json_object_keys")

NUMBERS = names("""
    abs cbrt ceil ceiling exp floor greatest isnan least ln log log10 log2 mod nanvl pmod pow power round sign signum sqrt
    try_divide width_bucket
    """)

CONDITIONS = names("coalesce if iff ifnull isnotnull isnull nullif nvl nvl2")

CASTS = names("bigint boolean date double float int smallint string timestamp tinyint")

TIMES = names("""
    add_months date_add date_diff date_format date_part date_sub date_trunc dateadd datediff datepart day dayname dayofmonth
    dayofweek dayofyear from_unixtime hour last_day make_date make_timestamp minute month monthname quarter second
    timestamp_micros timestamp_millis timestamp_seconds timestampadd timestampdiff to_date to_timestamp to_unix_timestamp trunc
    unix_micros unix_millis unix_seconds unix_timestamp weekday weekofyear year
    """)

COLLECTIONS = names("""
    aggregate array array_append array_compact array_contains array_distinct array_except array_intersect array_join array_max
    array_min array_position array_prepend array_remove array_size array_sort array_union arrays_overlap cardinality element_at
    exists filter flatten forall get map map_concat map_contains_key map_entries map_filter map_from_arrays map_from_entries
    map_keys map_values named_struct reduce sequence size slice sort_array struct transform transform_values try_element_at
    zip_with
    """)

GENERATORS = names("explode explode_outer posexplode posexplode_outer")
"""One row an element: in LATERAL VIEW and FROM; explode and explode_outer also in SELECT."""

TABLES = frozenset({"range"}) | GENERATORS
"""Functions that FROM may call."""

KINDS = {
    "aggregates": AGGREGATES | GROUPINGS,
    "windows": WINDOWS,
    "text": STRINGS,
    "JSON": JSON,
    "numbers": NUMBERS,
    "conditions": CONDITIONS,
    "casts": CASTS,
    "times": TIMES,
    "arrays, maps, structs": COLLECTIONS,
    "one row an element": GENERATORS,
    "in FROM": TABLES,
}
"""All that is allowed, by what it is for."""

FUNCTIONS = names(" ".join(" ".join(kind) for kind in KINDS.values())) - (TABLES - GENERATORS)
"""What may be called in an expression."""

INSTEAD = {
    "array_repeat": "write out the array",
    "current_date": "write the instant as a literal, TIMESTAMP '2026-01-31 12:00:00': a query must give the same twice",
    "current_timestamp": "write the instant as a literal, TIMESTAMP '2026-01-31 12:00:00': a query must give the same twice",
    "date_from_unix_date": "use date_add(DATE '1970-01-01', n)",
    "decode": "use CASE",
    "format_number": "use round, and format where it is shown",
    "format_string": "use concat and CAST(x AS STRING)",
    "from_json": "use get_json_object(text, '$.path')",
    "generate_series": "use sequence(first, last)",
    "group_concat": "use array_join(sort_array(collect_list(x)), ', ')",
    "hash": "use md5 or sha2(x, 256)",
    "inline": "use explode and name the fields: s.name",
    "json_extract": "use get_json_object(text, '$.path')",
    "json_tuple": "use get_json_object(text, '$.path')",
    "kurtosis": "engines define it differently: compare percentiles",
    "listagg": "use array_join(sort_array(collect_list(x)), ', ')",
    "now": "write the instant as a literal, TIMESTAMP '2026-01-31 12:00:00': a query must give the same twice",
    "parse_json": "use get_json_object(text, '$.path')",
    "quantile": "use percentile(x, 0.5)",
    "quantile_cont": "use percentile(x, 0.5)",
    "rand": "order by md5(trace_id) to sample: a query must give the same twice",
    "random": "order by md5(trace_id) to sample: a query must give the same twice",
    "regexp_matches": "use regexp_like(x, 'pattern')",
    "skewness": "engines define it differently: compare percentiles",
    "stack": "use FROM VALUES (...)",
    "string_agg": "use array_join(sort_array(collect_list(x)), ', ')",
    "strpos": "use instr(text, part)",
    "to_json": "select the fields you need",
    "unnest": "use explode(array)",
    "uuid": "use trace_id or span_id: a query must give the same twice",
    "xxhash64": "use md5 or sha2(x, 256)",
}
"""What to write instead of a function that people and models ask for and that is refused."""
