"""Queries as people, playbooks and models write them, over the small catalog: every engine must answer them alike."""

QUERIES = {
    # the whole, and by what is recorded
    "error rate and latency by hour": """
        SELECT date_trunc('hour', request_time) AS hour, count(*) AS traces,
          count_if(state = 'ERROR') / count(*) AS error_rate,
          percentile(execution_duration_ms, 0.95) FILTER (WHERE state = 'OK') AS p95_ms
        FROM traces GROUP BY hour ORDER BY hour""",
    "verbosity: short requests with long responses": """
        WITH bounds AS (SELECT percentile(LENGTH(request), 0.25) AS short, percentile(LENGTH(response), 0.90) AS long
          FROM traces WHERE state = 'OK')
        SELECT t.trace_id, b.short, b.long FROM traces t CROSS JOIN bounds b
        WHERE LENGTH(t.request) <= b.short OR LENGTH(t.response) > b.long ORDER BY 1""",
    "several percentiles at once": """
        SELECT version, percentile(execution_duration_ms, array(0.1, 0.5, 0.9)) AS p, approx_percentile(total_tokens,
          0.5) AS half,
          percentile_cont(0.3) WITHIN GROUP (ORDER BY cost) AS c, percentile_disc(0.3) WITHIN GROUP (ORDER BY cost) AS d
        FROM traces GROUP BY version ORDER BY version""",
    "failed spans a trace": """
        SELECT state, count(*) AS traces, avg(size(filter(spans, s -> s.status_code = 'ERROR'))) AS failed
        FROM traces GROUP BY state ORDER BY state""",
    "which tool failed where": """
        SELECT trace_id, transform(filter(spans, s -> s.status_code = 'ERROR'), s -> s.name) AS failed
        FROM traces WHERE exists(spans, s -> s.span_type = 'TOOL' AND s.status_code = 'ERROR') ORDER BY trace_id""",
    "tools by failure rate": """
        SELECT name, count(*) AS calls, count_if(status_code = 'ERROR' OR silent_error) / count(*) AS rate,
          max(duration_ms) AS most
        FROM spans WHERE span_type = 'TOOL' GROUP BY name HAVING count(*) >= 1 ORDER BY rate DESC, name""",
    "a failure and what follows at once": """
        SELECT a.trace_id, a.name, b.name AS next FROM spans a JOIN spans b
          ON b.trace_id = a.trace_id AND b.position = a.position + 1 WHERE a.status_code = 'ERROR' ORDER BY 1""",
    "commonest messages, numbers masked": """
        SELECT regexp_replace(error_text, '[0-9]+', '#') AS message, count(*) AS spans, count(DISTINCT trace_id) AS traces
        FROM spans WHERE error_text IS NOT NULL GROUP BY message ORDER BY spans DESC, message""",
    "by a tag": """
        SELECT tags['env'] AS env, count(*) AS n,
          avg(total_tokens) AS tokens FROM traces GROUP BY tags['env'] ORDER BY env""",
    "tags exploded": """
        SELECT key, count(*) AS n, count(DISTINCT value) AS different FROM traces LATERAL VIEW explode(tags) t AS key, value
        GROUP BY key ORDER BY key""",
    "a tag as a number": """
        SELECT trace_id, CAST(tags['n'] AS BIGINT) * 2 AS n, element_at(tags, 'no') AS none FROM traces ORDER BY 1""",
    # JSON
    "fields of the request": """
        SELECT trace_id, get_json_object(request, '$.q') AS q, get_json_object(request, '$.deep.x[1].y') AS y,
          get_json_object(request, '$[\\'a.b\\']') AS dotted, json_array_length(request) AS n FROM traces ORDER BY 1""",
    "JSON that is cut off": """
        SELECT get_json_object('{"a": 1, "b": "tw', '$.a') AS cut, get_json_object('{"a": [1, {"b": null}]}',
          '$.a[1].b') AS null_,
          get_json_object('{"a": {"b": 2}}', '$.a') AS inner_, get_json_object('', '$.a') AS empty""",
    "numbers in JSON": """
        SELECT CAST(get_json_object('{"a": 1.50, "b": 20, "c": true}', '$.a') AS DOUBLE) AS a,
          CAST(get_json_object('{"a": 1.50, "b": 20, "c": true}', '$.b') AS BIGINT) AS b,
          get_json_object('{"a": 1.50, "b": 20, "c": true}', '$.c') AS c""",
    # where a plain Spark raises or rounds
    "division and modulo by zero": """
        SELECT trace_id, execution_duration_ms / (execution_duration_ms - 200) AS d, total_tokens % (total_tokens - 20) AS m,
          total_tokens div (total_tokens - 10) AS w, pmod(-7, total_tokens - 40) AS p FROM traces ORDER BY trace_id""",
    "mean of fractions": """
        SELECT avg(CASE WHEN state = 'OK' THEN 1.0 ELSE 0.0 END) AS share, avg(0.1) AS tenth, sum(cost) / 3 AS third,
          round(100.0 * count_if(state = 'ERROR') / count(*), 1) AS percent, avg(CAST(cost AS DECIMAL(10,
          2))) AS cents FROM traces""",
    "rounding of halves": """
        SELECT round(x, 2) AS two, round(x) AS none, round(x, -1) AS tens, ceil(x) AS up, floor(-x) AS down
        FROM VALUES (2.675), (0.125), (1.005), (15.5), (-2.5) AS t(x) ORDER BY x""",
    "beyond the end of an array": """
        SELECT trace_id, spans[0].name AS first, spans[5].name AS sixth, element_at(spans, -1).name AS last,
          element_at(spans, 9).name AS ninth, get(spans, 1).duration_ms AS ms FROM traces ORDER BY trace_id""",
    "numbers that aren't": """
        SELECT try_cast('12' AS BIGINT) AS a, try_cast('1x' AS BIGINT) AS b, try_cast('1.5' AS DOUBLE) AS c,
          CAST(7.9 AS INT) AS d,
          CAST(-7.9 AS BIGINT) AS e, nvl(try_cast('x' AS DOUBLE), -1) AS f, if(1 > 2, 1, 2) AS g, nullif(3, 3) AS h""",
    "logarithms and roots of nothing": """
        SELECT ln(0) AS a, log10(1000) AS b, sqrt(16) AS c, log(2, 8) AS d, pow(2, 0.5) AS e, exp(0) AS f""",
    # patterns
    "patterns with word borders and Unicode": """
        SELECT text, regexp_like(text, '(?i)\\\\b(sorry|ÜBER)\\\\b') AS said, text RLIKE 'y$' AS at_end,
          text RLIKE '^.+$' AS one_line
        FROM VALUES ('I am sorry'), ('sorryful'), ('我sorry我'), ('sorry\\n'), ('über'), ('a\\rb') AS t(text) ORDER BY text""",
    "patterns with brackets": """
        SELECT regexp_extract('id=[AB-12]{x}', '\\\\[([A-Z-]+[0-9]+)[]]', 1) AS a, regexp_replace('a&&b', '[&&]', '+') AS b,
          regexp_extract_all('a1 b2', '([a-z])([0-9])', 2) AS c, split('a, b;c', '[,;] ?') AS d, regexp_count('banana',
          'an') AS e,
          regexp_extract('none', '(x+)', 1) AS f, regexp_replace('2026-03', '([0-9]+)-([0-9]+)', '$2/$1') AS g""",
    "LIKE and its escapes": """
        SELECT trace_id, request LIKE 'a\\\\_b%' AS literal, request LIKE 'a_b%' AS wild, request ILIKE '%JSON' AS any_case
        FROM traces ORDER BY trace_id""",
    # texts
    "parts of a text": """
        SELECT substring('abcdef', 2, 3) AS a, substring('abcdef', -3, 2) AS b, left('abc', 2) AS c, right('abc', 2) AS d,
          instr('abc', 'c') AS e, locate('c', 'abcabc', 4) AS f, split_part('a.b.c', '.', 2) AS g,
          substring_index('a.b.c', '.', -2) AS h,
          initcap('two words') AS i, concat_ws('-', 'a', NULL, 'b') AS j, reverse('abc') AS k, concat('a', NULL) AS l""",
    "lengths and hashes": """
        SELECT length('naïve 👍') AS a, octet_length('ï') AS b, md5('x') AS c, sha2('x', 256) AS d, upper('ï') AS e,
          lower(trim('  Ab ')) AS f, translate('abc', 'ab', 'x') AS g, levenshtein('kitten', 'sitting') AS h,
          ascii('a') AS i""",
    # times
    "parts of a time": """
        SELECT hour(request_time) AS h, dayofweek(request_time) AS d, weekday(request_time) AS w,
          weekofyear(request_time) AS k,
          date_format(request_time, 'yyyy-MM-dd EEE HH:mm') AS f, unix_millis(request_time) AS ms,
          unix_timestamp(request_time) AS s,
          CAST(request_time AS DATE) AS day, last_day(request_time) AS month_end, quarter(request_time) AS q
        FROM traces ORDER BY request_time""",
    "between times": """
        SELECT timestampdiff(MINUTE, TIMESTAMP '2026-03-01 08:00:00', request_time) AS minutes, datediff(request_time,
          '2026-02-01') AS days,
          timestampadd(HOUR, 2, request_time) AS later, request_time + INTERVAL 1 DAY AS tomorrow,
          add_months(request_time, 1) AS next,
          date_add(request_time, 3) AS in_three, to_timestamp('2026-03-01 09:30', 'yyyy-MM-dd HH:mm') AS parsed
        FROM traces ORDER BY request_time LIMIT 2""",
    "a window of time": """
        SELECT trace_id FROM traces WHERE request_time >= TIMESTAMP '2026-03-01 10:00:00' AND request_time < DATE '2026-03-02'
        ORDER BY request_time DESC""",
    # windows
    "who asked again": """
        SELECT trace_id, row_number() OVER (PARTITION BY session_id ORDER BY request_time) AS turn,
          lag(state) OVER (PARTITION BY session_id ORDER BY request_time) AS before,
          sum(total_tokens) OVER (PARTITION BY session_id ORDER BY request_time) AS so_far,
          last(total_tokens) IGNORE NULLS OVER (ORDER BY request_time) AS known FROM traces ORDER BY trace_id""",
    "the first of each, and ranks": """
        SELECT trace_id, version, ntile(2) OVER (ORDER BY request_time) AS half, percent_rank() OVER (ORDER BY cost) AS r
        FROM traces QUALIFY row_number() OVER (PARTITION BY version ORDER BY request_time DESC) = 1 ORDER BY trace_id""",
    "order with NULLs": "SELECT trace_id, cost, session_id FROM traces ORDER BY cost DESC, session_id, trace_id",
    # collections
    "collected in order": """
        SELECT session_id, sort_array(collect_list(trace_id)) AS ids, collect_set(state) AS states,
          size(collect_list(cost)) AS costs,
          array_join(sort_array(collect_list(trace_id)),
          '+') AS joined FROM traces GROUP BY session_id ORDER BY session_id""",
    "the first few of a group": """
        SELECT version, slice(sort_array(collect_list(CASE WHEN state = 'OK' THEN md5(trace_id) END)), 1, 2) AS two,
          slice(sort_array(collect_list(CASE WHEN cost > 9 THEN trace_id END)), 1, 5) AS none
        FROM traces GROUP BY version ORDER BY 1""",
    "arrays by function": """
        SELECT array_sort(array(3, 1, NULL)) AS a, sort_array(array(3, 1, NULL), false) AS b, array_distinct(array(1,
          1, 2)) AS c,
          array_contains(array(1, NULL), 2) AS d, slice(array(1, 2, 3, 4), 2, 2) AS e, array_position(array('a', 'b'),
          'b') AS f,
          aggregate(array(1, 2, 3), 0, (s, x) -> s + x) AS g, flatten(array(array(1), array(2, 3))) AS h, sequence(1,
          7, 3) AS i,
          zip_with(array(1, 2), array(10), (x, y) -> x + y) AS j, forall(array(1, 2), x -> x > 0) AS k, size(NULL) AS l""",
    "maps and structs": """
        SELECT map_keys(tags) AS keys, map_contains_key(tags, 'env') AS has, map_filter(tags, (k, v) -> v = 'prod') AS prod,
          named_struct('id', trace_id, 'n', size(tags)) AS s, transform_values(tags, (k, v) -> length(v)) AS lengths
        FROM traces WHERE size(tags) > 0 ORDER BY trace_id""",
    "elements with their places": """
        SELECT t.trace_id, p.pos, p.col.name AS name FROM traces t LATERAL VIEW posexplode(spans) p AS pos,
          col ORDER BY 1, 2""",
    "elements, and traces without any": """
        SELECT trace_id, s.name AS name FROM traces LATERAL VIEW OUTER explode(spans) x AS s ORDER BY trace_id,
          s.duration_ms, name""",
    # sets
    "grouping sets": """
        SELECT version, state, grouping(version) AS all_versions, count(*) AS n, sum(cost) AS cost FROM traces
        GROUP BY GROUPING SETS ((version), (state), ()) ORDER BY 3, 1, 2""",
    "rollup and distinct counts": """
        SELECT session_id, version, count(DISTINCT state) AS states, approx_count_distinct(trace_id) AS ids FROM traces
        GROUP BY session_id, version WITH ROLLUP ORDER BY 1, 2""",
    "sets of traces": """
        (SELECT trace_id FROM traces WHERE state = 'OK' EXCEPT SELECT trace_id FROM spans WHERE status_code = 'ERROR')
        UNION ALL SELECT trace_id FROM assessments WHERE number = 0 ORDER BY trace_id""",
    "in, not in, correlated": """
        SELECT t.trace_id, (SELECT count(*) FROM spans s WHERE s.trace_id = t.trace_id) AS n,
          t.trace_id IN (SELECT trace_id FROM assessments) AS judged FROM traces t
        WHERE t.trace_id NOT IN (SELECT trace_id FROM spans WHERE name = 'x') ORDER BY 1""",
    "joins that keep and join that drop": """
        SELECT t.trace_id, a.value, a.number FROM traces t LEFT JOIN assessments a USING (trace_id)
        WHERE EXISTS (SELECT 1 FROM spans s WHERE s.trace_id = t.trace_id) ORDER BY 1""",
    # statistics
    "spread and association": """
        SELECT stddev(execution_duration_ms) AS s, var_pop(execution_duration_ms) AS v, corr(execution_duration_ms,
          total_tokens) AS r,
          regr_slope(total_tokens, execution_duration_ms) AS slope, corr(1, total_tokens) AS none,
          stddev(cost) FILTER (WHERE cost > 1) AS one,
          max_by(trace_id, execution_duration_ms) AS slowest, min_by(trace_id, cost) AS cheapest,
          median(total_tokens) AS m FROM traces""",
    "widths and extremes": """
        SELECT width_bucket(execution_duration_ms, 100, 500, 4) AS bucket, greatest(cost, NULL, 1) AS most,
          least(total_tokens, 25) AS least,
          abs(cost) AS size, sign(cost) AS sign, any(cost > 1) OVER () AS some, bool_and(state = 'OK') OVER () AS every
        FROM traces ORDER BY execution_duration_ms""",
    # every other function that the documentation names
    "spread by every name it has": """
        SELECT version, std(execution_duration_ms) AS a, stddev_pop(cost) AS b, stddev_samp(cost) AS c, variance(cost) AS d,
          var_samp(total_tokens) AS e, covar_pop(cost, total_tokens) AS f, covar_samp(execution_duration_ms, total_tokens) AS g,
          regr_count(total_tokens, cost) AS h, regr_intercept(total_tokens, execution_duration_ms) AS i,
          regr_r2(total_tokens, execution_duration_ms) AS j, mean(cost) AS k, min(cost) AS l, try_avg(total_tokens) AS m,
          try_sum(total_tokens) AS n, percentile_approx(execution_duration_ms, 0.9) AS o, sort_array(array_agg(cost)) AS p,
          bool_or(state = 'ERROR') AS q, every(cost IS NULL) AS r, some(total_tokens > 20) AS s
        FROM traces GROUP BY version ORDER BY version""",
    "sets that are told apart": """
        SELECT version, session_id, grouping_id(version, session_id) AS g, count(*) AS n FROM traces
        GROUP BY CUBE (version, session_id) ORDER BY 3, 1, 2""",
    "places in an order": """
        SELECT trace_id, rank() OVER (ORDER BY version) AS a, dense_rank() OVER (ORDER BY version) AS b,
          cume_dist() OVER (ORDER BY version) AS c, lead(state, 1, 'none') OVER (ORDER BY request_time) AS d,
          nth_value(trace_id, 2) OVER (PARTITION BY version ORDER BY request_time) AS e,
          first_value(cost) OVER (PARTITION BY version ORDER BY request_time) AS f,
          last_value(cost) OVER (PARTITION BY version ORDER BY request_time) AS g,
          first(state) OVER (ORDER BY request_time DESC) AS h, any_value(version) OVER (ORDER BY request_time) AS i,
          avg(total_tokens) OVER (ORDER BY request_time ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS j
        FROM traces ORDER BY trace_id""",
    "texts by function": """
        SELECT bit_length('ï') AS a, btrim('  x ') AS b, char(65) AS c, chr(8364) || chr(-1) AS d, char_length('ï👍') AS e,
          character_length('ab') AS f, charindex('b', 'abcb', 3) AS g, contains('abc', 'bc') AS h, endswith('abc', 'bc') AS i,
          startswith('abc', 'b') AS j, lcase('ÄB') AS k, ucase('äß') AS l, len('abc ') AS m, ltrim('  x ') AS n,
          rtrim('  x ') AS o, position('c', 'abc') AS p, replace('a.b.c', '.', '-') AS q, sha('x') AS r, sha1('') AS s,
          substr('abcdef', 3) AS t, substr('abc', 0, 2) AS u, regexp('a1', '[0-9]') AS v, rlike('ab', '^b') AS w,
          regexp_substr('a12 b3', '[0-9]+') AS x, regexp_substr('none', '[0-9]+') AS y, replace('aaa', 'aa') AS z""",
    "texts cut and joined at their ends": """
        SELECT split('a,b,,c', ',') AS a, split('abc', 'x') AS b, split('a1b2c', '[0-9]') AS c, split_part('a.b', '.', 3) AS d,
          split_part('a.b.c', '.', -1) AS e, substring('abc', -5, 3) AS f, left('abc', 9) AS g, left('abc', -1) AS h,
          right('abc', 0) AS i, substring_index('a.b.c', '.', 0) AS j, concat_ws(',', array('a', NULL), 'b') AS k,
          instr('', 'x') AS l, initcap("o'neil and mary-ann") AS m, reverse('ï👍') AS n, trim(BOTH 'x' FROM 'xxaxx') AS o,
          translate('banana', 'an', '') AS p, levenshtein('', 'ab') AS q, ascii('') AS r, 'a' || 1 AS s""",
    "keys of JSON": """
        SELECT sort_array(json_object_keys('{"b": 1, "a": {"c": 2}}')) AS a, json_object_keys('[1]') AS b,
          json_array_length('[]') AS c, json_array_length('{"a": 1}') AS d, get_json_object('{"a b": 1}', '$.a b') AS e,
          get_json_object('{"a": []}', '$.a') AS f, get_json_object('{"a": "ü\\\\n"}', '$.a') AS g,
          get_json_object('[{"a": 1}, {"a": 2}]', '$[1].a') AS h""",
    "numbers by function": """
        SELECT cbrt(27) AS a, ceiling(-1.5) AS b, isnan(CAST('NaN' AS DOUBLE)) AS c, log2(8) AS d, mod(-7, 3) AS e,
          mod(7, 0) AS f,
          nanvl(CAST('NaN' AS DOUBLE), 1.5) AS g, power(2, 10) AS h, signum(-2.5) AS i, try_divide(1, 0) AS j,
          try_divide(7, 2) AS k, pmod(-7, 3) AS l, abs(-2.5) AS m, greatest(1, 2.5) AS n, least('b', 'a') AS o,
          floor(-1.5) AS p, sign(0) AS q, width_bucket(5.5, 0, 10, 5) AS r, -7 % 3 AS s, 7 div -2 AS t, log(100) AS u,
          round(-2.5) AS v, round(1234.567, -2) AS w, sqrt(-1) AS x, 1e3 AS y, 9223372036854775807 AS z""",
    "conditions": """
        SELECT trace_id, coalesce(cost, total_tokens, -1) AS a, iff(state = 'OK', 'good', 'bad') AS b, ifnull(cost, 0) AS c,
          isnull(cost) AS d, isnotnull(cost) AS e, nvl2(session_id, 'in', 'alone') AS f, nullif(state, 'OK') AS g,
          CASE version WHEN 'v1' THEN 1 WHEN 'v2' THEN 2 END AS h, cost <=> NULL AS i, state IN ('OK', NULL) AS j,
          NOT (cost > 0) AS k, cost BETWEEN 0 AND 1 AS l, state = 'OK' AND cost > 0 OR version IS NULL AS m
        FROM traces ORDER BY trace_id""",
    "casts": """
        SELECT bigint('12') AS a, boolean('true') AS b, date('2026-03-01') AS c, double('1.5') AS d, int(7.9) AS e,
          string(1.5) AS f, timestamp('2026-03-01 09:00:00') AS g, smallint(3) AS h, tinyint(4) AS i,
          CAST(float(0.5) AS DOUBLE) AS j,
          CAST(true AS STRING) AS k, CAST(TIMESTAMP '2026-03-01 09:00:00' AS STRING) AS l, CAST(' 7 ' AS INT) AS m,
          CAST(DATE '2026-03-01' AS STRING) AS n, try_cast('yes' AS BOOLEAN) AS o, try_cast('2026-02-30' AS DATE) AS p,
          CAST(1 AS BOOLEAN) AS q, CAST(true AS INT) AS r, try_cast('1e2' AS DOUBLE) AS s, CAST(12345678901 AS STRING) AS t""",
    "times by part": """
        SELECT year(request_time) AS a, month(request_time) AS b, day(request_time) AS c, dayofmonth(request_time) AS d,
          dayofyear(request_time) AS e, minute(request_time) AS f, second(request_time) AS g, dayname(request_time) AS h,
          monthname(request_time) AS i, date_part('HOUR', request_time) AS j, datepart('DOW', request_time) AS k,
          trunc(request_time, 'MONTH') AS l, date_trunc('WEEK', request_time) AS m, date_trunc('MINUTE', request_time) AS n,
          unix_micros(request_time) AS o, unix_seconds(request_time) AS p, to_unix_timestamp(request_time) AS q,
          extract(DAY FROM request_time) AS r, date_format(request_time, 'MMM d, yy hh:mm:ss a') AS s
        FROM traces ORDER BY request_time""",
    "times made and moved": """
        SELECT date_diff(DAY, DATE '2026-01-31', DATE '2026-03-01') AS a, date_sub(DATE '2026-03-01', 1) AS b,
          dateadd(MONTH, 1, DATE '2026-01-31') AS c, from_unixtime(0) AS d, make_date(2026, 2, 28) AS e,
          make_timestamp(2026, 2, 28, 23, 59, 59.5) AS f, timestamp_micros(1500000) AS g, timestamp_millis(1500) AS h,
          timestamp_seconds(2) AS i, to_date('2026-03-01') AS j, to_date('01/03/2026', 'dd/MM/yyyy') AS k,
          add_months(DATE '2024-02-29', 12) AS l, last_day(DATE '2024-02-01') AS m,
          datediff(DATE '2026-03-01', DATE '2026-02-01') AS n,
          timestampdiff(HOUR, TIMESTAMP '2026-03-01 00:30:00', TIMESTAMP '2026-03-02 00:00:00') AS o,
          timestampdiff(MONTH, TIMESTAMP '2026-01-31 00:00:00', TIMESTAMP '2026-02-28 00:00:00') AS p,
          TIMESTAMP '2026-03-01 00:00:00' - INTERVAL 90 MINUTES AS q, weekofyear(DATE '2027-01-01') AS r,
          date_diff(DATE '2026-03-01', DATE '2026-02-27') AS s, dateadd(DATE '2026-03-01', 2) AS t""",
    "arrays by every function": """
        SELECT array_append(array(1), 2) AS a, array_compact(array(1, NULL, 2)) AS b,
          sort_array(array_except(array(1, 2, 3), array(2))) AS c,
          sort_array(array_intersect(array(1, 2, 2), array(2, 3))) AS d, array_max(array(1, NULL, 3)) AS e,
          array_min(array(2, NULL)) AS f,
          array_prepend(array(2), 1) AS g, array_remove(array(1, 2, 1), 1) AS h, array_size(array(1, 2)) AS i,
          sort_array(array_union(array(1, 2), array(2, 3))) AS j, arrays_overlap(array(1, 2), array(2, 3)) AS k,
          cardinality(array(1, NULL)) AS l, reduce(array(1, 2), 10, (s, x) -> s - x) AS m, try_element_at(array(1, 2), 5) AS n,
          try_element_at(map('a', 1), 'b') AS o, array_distinct(array('b', 'a', 'b')) AS p,
          array_join(array('a', NULL, 'c'), '-', '?') AS q,
          sequence(3, 1) AS r, slice(array(1, 2, 3), -2, 2) AS s, array_max(array()) AS t, forall(array(), x -> x) AS u,
          exists(array(1, NULL), x -> x = 1) AS v, transform(array(5, 6), (x, i) -> x * i) AS w, get(array(1), -1) AS x""",
    "maps by every function": """
        SELECT map('a', 1, 'b', 2) AS a, map_concat(map('a', 1), map('b', 2)) AS b, map_entries(map('k', 'v')) AS c,
          map_from_arrays(array('x', 'y'), array(1, 2)) AS d, map_from_entries(array(struct('p' AS k, 1 AS v))) AS e,
          map_values(map('a', 3)) AS f, size(map('a', 1)) AS g, map('a', 1)['b'] AS h, map_keys(map()) AS i,
          struct(1 AS n, 'x' AS t) AS j, struct(trace_id, state).state AS k, transform_values(map('a', 1), (k, v) -> v + 1) AS l
        FROM traces WHERE trace_id = 't1'""",
    "rows made of elements and of numbers": """
        SELECT r.id, e.x FROM range(3) r LEFT JOIN (SELECT explode_outer(array(1, 2)) AS x) e ON e.x = r.id ORDER BY 1, 2""",
    "elements by place, and traces without any": """
        SELECT trace_id, p.pos, p.span.name AS name FROM traces LATERAL VIEW posexplode_outer(spans) p AS pos, span
        ORDER BY trace_id, 2""",
}
