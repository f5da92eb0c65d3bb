"""The DuckDB SQL behind `extract.py`: from MLflow's rows and span JSON to the columns of `tools/sql/relations.py`."""

from collections.abc import Iterable

from ..sql.engines.types import spell_type
from ..sql.relations import ASSESSMENTS, SPANS, TRACES, Relation
from .answers import APOLOGY, HEDGING, VISIBLE
from .failures import TOLD_BY
from .texts import ANSWERED_KEYS, COMPLETION_KEYS

SHAPE = """{"attributes": "MAP(VARCHAR, VARCHAR)", "status": {"message": "VARCHAR"},
    "events": [{"name": "VARCHAR", "attributes": {"exception.type": "VARCHAR", "exception.message": "VARCHAR"}}]}"""
"""What is read of a span's content, in one pass. Attribute values come out as the JSON texts that they are."""

VERSION_KEYS = (
    "version",
    "app.version",
    "agent.version",
    "agent_version",
    "app_version",
    "release",
    "service.version",
    "git.commit",
    "mlflow.source.git.commit",
    "mlflow.modelId",
)
"""Tags or metadata that name an agent's version; the first that is there counts, a tag before metadata."""

TOOL_TYPES = ("TOOL", "FUNCTION", "RETRIEVER")
"""Spans that stand for a tool's work, so that their output can be an error in disguise."""

ERROR_HINT = "(?i)error|exception|fail|fatal|traceback|false"
"""In every output that `error_in_output` takes for an error; spares it most of those that `OBJECT` doesn't."""

BROADLY_SPACED = " OR ".join(f"contains(value, {space})" for space in ("'  '", "chr(9)", "chr(10)", "chr(12)", "chr(13)"))
"""Whether a text has white space other than single blanks; it spares most texts the slow search for it."""

MACROS = (
    """CREATE MACRO decoded(value) AS  -- a JSON string's text; any other JSON as it is
        CASE WHEN NOT starts_with(value, '"') THEN value WHEN json_valid(value) THEN json_extract_string(value, '$')
        ELSE value END""",
    "CREATE MACRO given(value) AS CASE WHEN value <> 'null' THEN value END",
    "CREATE MACRO whole(value) AS CASE WHEN json_valid(value) THEN value END",
    "CREATE MACRO counted(value, unreadable) AS CASE WHEN NOT unreadable THEN coalesce(value, 0) END",
    "CREATE MACRO at_ns(value) AS make_timestamp(value // 1000)",
    "CREATE MACRO at_ms(value) AS make_timestamp(value * 1000)",
    """CREATE MACRO tokens(value) AS
        TRY(from_json(value, '{"input_tokens": "BIGINT", "output_tokens": "BIGINT", "total_tokens": "BIGINT"}'))""",
    """CREATE MACRO dollars(value) AS TRY(from_json(value, '{"total_cost": "DOUBLE"}')).total_cost""",
    f"""CREATE MACRO normalised(value) AS lower(trim(CASE WHEN {BROADLY_SPACED}
        THEN regexp_replace(value, '\\s+', ' ', 'g') ELSE value END))""",
    """CREATE MACRO other_attributes(attributes) AS map_from_entries(list_transform(list_filter(map_entries(attributes),
            lambda e: e.key NOT IN ('mlflow.spanInputs', 'mlflow.spanOutputs', 'mlflow.traceRequestId')),
        lambda e: {'key': e.key, 'value': decoded(e.value)}))""",
    """CREATE MACRO as_number(value) AS CASE json_type(value)
        WHEN 'BOOLEAN' THEN CASE value::VARCHAR WHEN 'true' THEN 1 ELSE 0 END
        WHEN 'VARCHAR' THEN NULL ELSE TRY_CAST(value::VARCHAR AS DOUBLE) END""",
)

LABELS = tuple(  # sorted as lists, because an ordered aggregate takes twice as long
    f"""CREATE OR REPLACE TEMP TABLE {name} AS
SELECT trace_id, map_from_entries(list_sort(list({{'key': key, 'value': value}}))) AS {name}_map
FROM {name}_now GROUP BY trace_id"""
    for name in ("tags", "metadata")
)

STATES = """CREATE OR REPLACE TEMP TABLE states AS
SELECT trace_id, timestamp_ms, excluded = 1 AS excluded, md5(to_json({'trace': t, 'tags': tags_map, 'metadata': metadata_map,
    'spans': s, 'assessments': updates})::VARCHAR) AS state
FROM traces_now t LEFT JOIN tags USING (trace_id) LEFT JOIN metadata USING (trace_id) LEFT JOIN span_marks_now s USING (trace_id)
    LEFT JOIN (SELECT trace_id, list([assessment_id, updated_ms::VARCHAR] ORDER BY assessment_id) AS updates
        FROM assessments_now GROUP BY trace_id) USING (trace_id)"""
"""Differs as soon as anything of a trace does: MLflow's counter of span writes stands for what is in the spans."""

HEADERS = (*LABELS, STATES)
STATE_ROWS = "SELECT trace_id, timestamp_ms, excluded, state FROM states"
FINGERPRINT = "SELECT coalesce(md5(string_agg(trace_id || state, chr(10) ORDER BY trace_id)), '') FROM states"

OPENED = f"SELECT *, from_json(content, '{SHAPE}') AS body FROM spans_now"
"""Fails where one isn't JSON."""
TRIED = f"SELECT *, TRY(from_json(content, '{SHAPE}')) AS body FROM spans_now"
"""Takes longer, because what comes of a TRY is copied."""
ANY_BROKEN = "SELECT count(*) FROM read_parquet($path) WHERE silent_error IS NULL"
BROKEN = f"SELECT * EXCLUDE (body, position, is_root) FROM ({TRIED}) WHERE body.attributes IS NULL"

TRACE_ORDER = """SELECT number FROM (SELECT (row_number() OVER () - 1)::BIGINT AS number, timestamp_ms, trace_id FROM traces_now)
ORDER BY timestamp_ms, trace_id"""
SPAN_ORDER = """SELECT number FROM (SELECT (row_number() OVER () - 1)::BIGINT AS number, trace_id, span_id FROM spans_now)
    JOIN (SELECT trace_id, timestamp_ms FROM traces_now) USING (trace_id) ORDER BY timestamp_ms, trace_id, span_id"""
"""The order in which rows are written, whatever the source: a sum's last digit depends on it."""

TELLING_KEYS = (*ANSWERED_KEYS, *COMPLETION_KEYS, "role", "type", "tool_calls")
"""An object with none of these is given back as it is by `response_text`."""
SAID_BY = "{" + ", ".join(f'"{key}": "JSON"' for key in dict.fromkeys((*TELLING_KEYS, *TOLD_BY))) + "}"


def plain(keys: Iterable[str]) -> str:
    """The condition that an output is an object, as JSON, that has none of these keys."""
    held = ", ".join(f"said_by.{key}" for key in keys)
    return f"(starts_with(outputs, '{{') AND coalesce({held}) IS NULL AND said_by IS NOT NULL)"


OUTPUT_TEXT = f"""CASE WHEN starts_with(outputs, '"') AND json_valid(outputs) THEN decoded(outputs)
        WHEN said_by.role::VARCHAR = '"assistant"' AND starts_with(said_by.content, '"') THEN decoded(said_by.content::VARCHAR)
        WHEN {plain(TELLING_KEYS)} THEN outputs
        ELSE response_text(outputs) END"""
"""The text of an output. The commonest shapes are done here, with the same result, because Python is slower by far."""
ERROR_SAID = f"""CASE WHEN (status = 'ERROR' OR type IN {TOOL_TYPES}) AND NOT coalesce({plain((*TELLING_KEYS, *TOLD_BY))}, false)
        THEN CASE WHEN regexp_matches(outputs, '{ERROR_HINT}') THEN error_in_output(outputs) END END"""
"""The error that an output is. An object without a text and without what declares an error is none, which takes no search."""
ASKED_BY = """'{"messages": [{"role": "JSON", "type": "JSON", "content": "JSON"}]}'"""
REQUEST_TEXT = """CASE WHEN asked.role::VARCHAR = '"user"' AND asked.type IS NULL AND starts_with(asked.content, '"')
        THEN decoded(asked.content::VARCHAR) ELSE request_text(inputs) END"""
"""The text of a request. Messages of which the last is the user's are done here, with the same result as in `request_text`."""


def span_rows(opened: str) -> str:
    """The columns of spans whose content a statement has opened.

    A broken span is not dropped here, because DuckDB would parse all of them twice for that; its `silent_error` is NULL.
    """
    return f"""(
WITH columns AS (
    SELECT * EXCLUDE (body), body.attributes AS a, nullif(body.status.message, '') AS message,
        list_filter(body.events, lambda e: e.name = 'exception')[-1].attributes AS exception,
        given(body.attributes['mlflow.spanOutputs']) AS outputs, tokens(body.attributes['mlflow.chat.tokenUsage']) AS usage
    FROM ({opened})
), parsed AS (SELECT *, TRY(from_json(outputs, '{SAID_BY}')) AS said_by FROM columns
), judged AS (SELECT *, {ERROR_SAID} AS said FROM parsed)
SELECT trace_id, span_id, parent_span_id, position, name, coalesce(type, 'UNKNOWN') AS span_type, status AS status_code,
    CASE WHEN status = 'ERROR' THEN message END AS status_message,
    CASE WHEN a IS NOT NULL THEN status <> 'ERROR' AND said IS NOT NULL END AS silent_error,
    left(CASE WHEN status <> 'ERROR' THEN said ELSE coalesce(message, exception['exception.message'], said, '') END, 2000)
        AS error_text,
    exception['exception.type'] AS exception_type, exception['exception.message'] AS exception_message,
    at_ns(start_ns) AS start_time, at_ns(end_ns) AS end_time, (end_ns - start_ns) / 1e6 AS duration_ms,
    coalesce(model_name, decoded(a['mlflow.llm.model'])) AS model,
    coalesce(model_provider, decoded(a['mlflow.llm.provider'])) AS provider,
    usage.input_tokens, usage.output_tokens, usage.total_tokens, coalesce(total_cost, dollars(a['mlflow.llm.cost'])) AS cost,
    given(a['mlflow.spanInputs']) AS inputs, CASE WHEN type = 'TOOL' THEN md5(given(a['mlflow.spanInputs'])) END AS inputs_hash,
    outputs, {OUTPUT_TEXT} AS output_text,
    other_attributes(a) AS attributes
FROM judged)"""


PAYLOADS = """['$.attributes."mlflow.spanInputs"', '$.attributes."mlflow.spanOutputs"']"""
ROOTS = f"""CREATE OR REPLACE TEMP TABLE roots AS
SELECT trace_id, span_id AS root_id, name AS root_name, inputs, outputs, {REQUEST_TEXT} AS root_asked,
    {OUTPUT_TEXT} AS root_answered
FROM (SELECT *, TRY(from_json(outputs, '{SAID_BY}')) AS said_by, TRY(from_json(inputs, {ASKED_BY})).messages[-1] AS asked
    FROM (SELECT trace_id, span_id, name, given(texts[1]) AS inputs, given(texts[2]) AS outputs
        FROM (SELECT *, TRY(json_extract_string(content, {PAYLOADS})) AS texts FROM spans_now WHERE is_root)))"""
"""Parsed once more, because that takes less than reading their texts back from what was written."""

SPAN_SUMS = """CREATE OR REPLACE TEMP TABLE span_sums AS
SELECT trace_id, count(*) AS span_count,
    count(*) FILTER (status_code = 'ERROR' AND parent_span_id IS NOT NULL AND span_id <> root_id) AS error_span_count,
    count(*) FILTER (silent_error) AS silent_error_count, count(*) FILTER (span_type = 'TOOL') AS tool_call_count,
    count(*) FILTER (span_type IN ('LLM', 'CHAT_MODEL')) AS llm_call_count
FROM read_parquet($spans) JOIN roots USING (trace_id) GROUP BY trace_id"""

LIGHT_SPANS = """SELECT span_id, parent_span_id, name, span_type, status_code, start_time, duration_ms, model, silent_error
FROM read_parquet($spans)"""
"""Made lists of outside of SQL, where to aggregate structs is slow."""

ASSESSMENT_ROWS = """CREATE OR REPLACE TEMP TABLE assessment_rows AS
SELECT assessment_id, trace_id, span_id, name, kind, decoded(given(value::VARCHAR)) AS value, as_number(value) AS number,
    source_type, source_id, rationale, at_ms(created_ms) AS create_time
FROM (SELECT * REPLACE (CASE WHEN json_valid(value) THEN value::JSON ELSE to_json(value) END AS value) FROM assessments_now)
WHERE trace_id IN (SELECT trace_id FROM traces_now WHERE excluded = 0)"""

ASSESSMENT_SUMS = """CREATE OR REPLACE TEMP TABLE assessment_sums AS
SELECT trace_id, count(*) AS assessment_count, list({'name': name, 'kind': kind, 'value': value, 'source_type': source_type,
        'rationale': rationale} ORDER BY create_time, assessment_id) AS assessments
FROM assessment_rows GROUP BY trace_id"""

VERSION = "coalesce(" + ", ".join(f"{labels}['{key}']" for key in VERSION_KEYS for labels in ("g", "m")) + ")"


def said(pattern: str) -> str:
    """Whether an answer has something that matches a pattern."""
    quoted = pattern.replace("'", "''")
    return f"regexp_matches(response_text, '{quoted}')"


TRACE_ROWS = f"""(
WITH joined AS (
    SELECT * EXCLUDE (tags_map, metadata_map, assessments), coalesce(tags_map, MAP {{}}) AS g,
        coalesce(metadata_map, MAP {{}}) AS m, coalesce(assessments, []) AS assessments,
        trace_id IN (FROM unreadable) AS lost, root_id IS NOT NULL AS has_spans
    FROM listed_now LEFT JOIN tags USING (trace_id) LEFT JOIN metadata USING (trace_id) LEFT JOIN roots USING (trace_id)
        LEFT JOIN span_sums USING (trace_id) LEFT JOIN assessment_sums USING (trace_id)
    WHERE excluded = 0
), filled AS (
    SELECT *, tokens(m['mlflow.trace.tokenUsage']) AS usage,
        CASE WHEN has_spans THEN inputs
            ELSE coalesce(whole(m['mlflow.traceInputs']), request_preview, m['mlflow.traceInputs']) END AS request,
        CASE WHEN has_spans THEN outputs
            ELSE coalesce(whole(m['mlflow.traceOutputs']), response_preview, m['mlflow.traceOutputs']) END AS response
    FROM joined
), worded AS (
    SELECT *, CASE WHEN has_spans THEN root_asked ELSE request_text(request) END AS request_text,
        CASE WHEN has_spans THEN root_answered ELSE response_text(response) END AS response_text
    FROM filled
), searched AS (SELECT *, CASE WHEN {said(VISIBLE)} THEN {said(f"{HEDGING}|{APOLOGY}")} END AS found FROM worded)
SELECT trace_id, experiment_id, coalesce(trace_name, g['mlflow.traceName'], root_name) AS name, status AS state,
    at_ms(timestamp_ms) AS request_time, execution_time_ms AS execution_duration_ms,
    coalesce(session_id, m['mlflow.trace.session'], g['mlflow.trace.session']) AS session_id,
    coalesce(m['mlflow.trace.user'], g['mlflow.trace.user']) AS user_id, client_request_id, {VERSION} AS version,
    request, response, request_text, response_text, request_preview, response_preview,
    md5(nullif(normalised(request_text), '')) AS request_hash,
    length(request_text) AS request_chars, length(response_text) AS response_chars,
    CASE WHEN found THEN {said(HEDGING)} ELSE found END AS hedges,
    CASE WHEN found THEN {said(APOLOGY)} ELSE found END AS apologises,
    coalesce(input_tokens, usage.input_tokens) AS input_tokens, coalesce(output_tokens, usage.output_tokens) AS output_tokens,
    coalesce(total_tokens, usage.total_tokens) AS total_tokens, coalesce(total_cost, dollars(m['mlflow.trace.cost'])) AS cost,
    counted(span_count, lost) AS span_count, counted(error_span_count, lost) AS error_span_count,
    counted(silent_error_count, lost) AS silent_error_count, counted(tool_call_count, lost) AS tool_call_count,
    counted(llm_call_count, lost) AS llm_call_count, g AS tags, m AS trace_metadata,
    CASE WHEN NOT lost THEN light_spans END AS spans, assessments
FROM searched)"""
"""Where there are no spans, the metadata's copy stands in as long as it was not cut, else the longer preview. Most answers hold
neither doubt nor an apology, and are searched once for both."""

INDEX_ROWS = """SELECT trace_id, timestamp_ms, excluded, trace_id IN (FROM unreadable) AS unreadable,
    coalesce(span_count, 0) AS spans, coalesce(assessment_count, 0) AS assessments, state
FROM states LEFT JOIN span_sums USING (trace_id) LEFT JOIN assessment_sums USING (trace_id) ORDER BY trace_id"""

SUMS = (ROOTS, SPAN_SUMS, ASSESSMENT_ROWS, ASSESSMENT_SUMS)


def output(relation: Relation, rows: str) -> str:
    """The relation's columns, in its order and types."""
    columns = ", ".join(f"CAST({column.name} AS {spell_type(column.type)}) AS {column.name}" for column in relation.columns)
    return f"SELECT {columns} FROM {rows}"


SPAN_OUTPUT, TRIED_SPAN_OUTPUT = (output(SPANS, span_rows(opened)) for opened in (OPENED, TRIED))
OUTPUT = {
    TRACES.name: output(TRACES, TRACE_ROWS),
    ASSESSMENTS.name: output(ASSESSMENTS, "assessment_rows") + " ORDER BY trace_id, create_time, assessment_id",
    "index": INDEX_ROWS,
}
