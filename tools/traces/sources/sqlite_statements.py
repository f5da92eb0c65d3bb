"""The SQL over MLflow's tables: each statement cut to a range of trace keys, each column cast to the type of the raw schema.

Each begins with one row of made-up values that the reader drops: the driver takes a column's type from its first rows, and
breaks off when a column that began with NULLs turns out to be text. CROSS JOIN keeps SQLite to the written order of the joins:
the range of traces first, then the rows of each through its index.
"""

import pyarrow as pa

from .base import (
    ASSESSMENT_SCHEMA,
    LABEL_SCHEMA,
    OUR_SOURCE_ID,
    OUR_TRACE_KEY,
    SPAN_MARK_SCHEMA,
    SPAN_SCHEMA,
    TRACE_SCHEMA,
)

CASTS = {pa.string(): ("TEXT", "''"), pa.int64(): ("INTEGER", "0"), pa.float64(): ("REAL", "0.0")}

RANGE = """i.experiment_id = ? AND i.timestamp_ms BETWEEN ? AND ?
    AND (i.timestamp_ms, i.request_id) >= (?, ?) AND (i.timestamp_ms, i.request_id) < (?, ?)"""
"""The times stand there twice because the index holds them alone."""

EXCLUDED = f"""(
    EXISTS (SELECT 1 FROM trace_tags t WHERE t.request_id = i.request_id
        AND t.key IN ('mlflow.trace.sourceScorer', '{OUR_TRACE_KEY}'))
    OR EXISTS (SELECT 1 FROM trace_request_metadata m LEFT JOIN tags r ON m.key = 'mlflow.sourceRun' AND r.run_uuid = m.value
        WHERE m.request_id = i.request_id AND (m.key IN ('mlflow.trace.sourceScorer', '{OUR_TRACE_KEY}')
            OR r.key = 'mlflow.insights.type' OR (r.key = 'mlflow.runType' AND r.value = 'issue_detection'))))"""

LOCATION = "(SELECT t.value FROM trace_tags t WHERE t.request_id = i.request_id AND t.key = 'mlflow.trace.spansLocation')"

ELSEWHERE = f"""CASE
    WHEN {LOCATION} <> 'TRACKING_STORE' THEN 1
    WHEN EXISTS (SELECT 1 FROM spans s WHERE s.trace_id = i.request_id) THEN 0
    WHEN {LOCATION} IS NULL AND i.status <> 'IN_PROGRESS' THEN 1
    ELSE coalesce((SELECT json_extract(m.value, '$.num_spans') > 0 FROM trace_request_metadata m
        WHERE m.request_id = i.request_id AND m.key = 'mlflow.trace.sizeStats' AND json_valid(m.value)), 0) END"""
"""Whether the spans of a trace are to be had through the API only: archived, kept as an artifact, or announced but not there."""

SCOPE = f"""WITH scope AS MATERIALIZED (
    SELECT i.request_id, i.timestamp_ms, {EXCLUDED} AS excluded, {ELSEWHERE} AS elsewhere FROM trace_info i WHERE {RANGE})"""

PLAIN = f"WITH scope AS MATERIALIZED (SELECT i.request_id, i.timestamp_ms FROM trace_info i WHERE {RANGE})"
"""Without the look at what made each trace: rows of excluded traces are dropped later, with their trace."""

KEPT_ASSESSMENT = f"""a.valid = 1 AND a.assessment_type IN ('feedback', 'expectation') AND a.source_id IS NOT '{OUR_SOURCE_ID}'"""


def typed(schema: pa.Schema, columns: dict[str, str], source: str) -> str:
    """A SELECT of these columns in the types of the schema, after its row of made-up values."""
    samples = ", ".join(f"{CASTS[field.type][1]} AS {field.name}" for field in schema)
    values = ", ".join(f"CAST({columns[field.name]} AS {CASTS[field.type][0]})" for field in schema)
    return f"SELECT {samples} UNION ALL SELECT {values} FROM {source}"


def named(schema: pa.Schema, alias: str, **other: str) -> dict[str, str]:
    """The schema's columns as they are called in the table, but for those given."""
    return {name: other.get(name, f"{alias}.{name}") for name in schema.names}


TRACES = f"""{SCOPE} {
    typed(
        TRACE_SCHEMA,
        named(
            TRACE_SCHEMA,
            "i",
            trace_id="i.request_id",
            generation="i.db_payload_generation",
            excluded="scope.excluded",
            elsewhere="scope.elsewhere",
        ),
        "scope CROSS JOIN trace_info i ON i.request_id = scope.request_id",
    )
}"""


def labels(table: str) -> str:
    """Tags or metadata."""
    columns = named(LABEL_SCHEMA, "l", trace_id="l.request_id")
    return f"{PLAIN} {typed(LABEL_SCHEMA, columns, f'scope CROSS JOIN {table} l ON l.request_id = scope.request_id')}"


def spans(scope: str, condition: str) -> str:
    """The spans of the traces in scope."""
    columns = named(SPAN_SCHEMA, "s", start_ns="s.start_time_unix_nano", end_ns="s.end_time_unix_nano")
    return f"{scope} {typed(SPAN_SCHEMA, columns, f'scope CROSS JOIN spans s ON s.trace_id = scope.request_id {condition}')}"


SPANS = spans(PLAIN, "")
SPANS_HERE = spans(SCOPE, "WHERE NOT excluded AND NOT elsewhere")
"""For a range in which there are traces whose spans are not to be read."""

ASSESSMENTS = f"""{PLAIN} {
    typed(
        ASSESSMENT_SCHEMA,
        named(
            ASSESSMENT_SCHEMA,
            "a",
            kind="a.assessment_type",
            created_ms="a.created_timestamp",
            updated_ms="a.last_updated_timestamp",
        ),
        f"scope CROSS JOIN assessments a ON a.trace_id = scope.request_id WHERE {KEPT_ASSESSMENT}",
    )
}"""

SPAN_MARKS = f"""{PLAIN} {
    typed(
        SPAN_MARK_SCHEMA,
        {
            "trace_id": "s.trace_id",
            "spans": "count(*)",
            "first_ns": "min(s.start_time_unix_nano)",
            "last_ns": "max(s.start_time_unix_nano)",
        },
        "scope CROSS JOIN spans s ON s.trace_id = scope.request_id GROUP BY s.trace_id",
    )
}"""
"""From an index alone, without a look at the spans themselves."""

HEADERS = (TRACES, labels("trace_tags"), labels("trace_request_metadata"), ASSESSMENTS, SPAN_MARKS)
"""In the order of the fields of `Headers`."""

BOUNDS = f"""SELECT 0 AS timestamp_ms, '' AS trace_id, 0 AS traces UNION ALL
    SELECT max(timestamp_ms) FILTER (WHERE place = 0), max(request_id) FILTER (WHERE place = 0), count(*) FROM (
        SELECT timestamp_ms, request_id, number / ? AS part, number % ? AS place FROM (
            SELECT i.timestamp_ms, i.request_id, row_number() OVER (ORDER BY i.timestamp_ms, i.request_id) - 1 AS number
            FROM trace_info i WHERE {RANGE})) GROUP BY part"""

SIZES = f"""{PLAIN} SELECT 0 AS timestamp_ms, '' AS trace_id, 0 AS bytes UNION ALL SELECT timestamp_ms, request_id,
    coalesce((SELECT sum(octet_length(content)) FROM spans s WHERE s.trace_id = scope.request_id), 0) FROM scope"""

EXPERIMENT = """SELECT 0 AS created, '' AS revision UNION ALL SELECT e.creation_time, v.version_num
    FROM experiments e CROSS JOIN alembic_version v WHERE CAST(e.experiment_id AS TEXT) = ?"""
