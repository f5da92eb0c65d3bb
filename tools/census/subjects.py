"""What can fail below a trace: a tool, a model, its provider, a span of another name; and which spans are its failures, in SQL.

A failure that travels up the span tree is counted where it began: a span whose child failed is no failure of its own, nor is a
span that is part of a tool's failing call. A span that names a model counts for the model, not for its own name.
"""

from typing import Literal

from ..sql.intermediate import nested
from .literals import mask, quote

Subject = Literal["tool", "model", "provider", "span"]

FAILS = "status_code = 'ERROR' OR silent_error"
IS_TOOL = "span_type = 'TOOL'"
IS_MODEL = "model IS NOT NULL AND coalesce(span_type, '') <> 'TOOL'"
MODEL_FAILS = f"{IS_MODEL} AND status_code = 'ERROR'"
COLUMNS = "trace_id, span_id, position, duration_ms, error_text"
_FAILURES: dict[Subject, str] = {
    "tool": f"SELECT {COLUMNS}, name AS segment FROM {{spans}} WHERE {IS_TOOL} AND ({FAILS})",
    "model": f"SELECT {COLUMNS}, model AS segment FROM {{spans}} WHERE {MODEL_FAILS}",
    "provider": f"SELECT {COLUMNS}, provider AS segment FROM {{spans}} WHERE {MODEL_FAILS} AND provider IS NOT NULL",
    "span": f"""
SELECT f.trace_id, f.span_id, f.position, f.duration_ms, f.error_text, f.name AS segment
FROM {{spans}} AS f
LEFT JOIN (
  SELECT DISTINCT trace_id, parent_span_id FROM {{spans}} WHERE status_code = 'ERROR' AND parent_span_id IS NOT NULL) AS child
  ON child.trace_id = f.trace_id AND child.parent_span_id = f.span_id
LEFT JOIN (SELECT trace_id, span_id FROM {{spans}} WHERE {IS_TOOL} AND ({FAILS})) AS tool
  ON tool.trace_id = f.trace_id AND tool.span_id = f.parent_span_id
WHERE f.status_code = 'ERROR' AND f.parent_span_id IS NOT NULL AND coalesce(f.span_type, '') <> 'TOOL' AND f.model IS NULL
  AND child.parent_span_id IS NULL AND tool.span_id IS NULL""",
}
SUBJECTS = tuple(_FAILURES)


def failures_sql(subject: Subject, spans: str = "spans") -> str:
    """One row a failing span of this kind of subject: `segment` is the tool's, model's, provider's or span's name.

    Args:
        subject: what fails.
        spans: the relation to look in, where a statement has put aside all spans that fail.
    """
    return _FAILURES[subject].format(spans=spans)


FAILING_SQL = f"""
SELECT s.trace_id, s.span_id, s.parent_span_id, s.position, s.name, s.span_type, s.model, s.provider, s.status_code,
       s.silent_error, s.duration_ms, {mask("s.error_text")} AS error_text,
       t.state, (t.state = 'OK' AND coalesce(t.response_chars, 0) > 0) AS answered
FROM spans AS s LEFT JOIN traces AS t ON t.trace_id = s.trace_id
WHERE s.error_text IS NOT NULL
"""
"""Every failing span (each has an `error_text`, if an empty one), its message masked, and how its trace ends; `answered`: OK with
a response.

A part of most statements of the census, so that spans are searched for it once.
"""
FAILING = nested(FAILING_SQL)


PRESENT: dict[Subject, str] = {
    "tool": f"{IS_TOOL} AND name",
    "model": f"{IS_MODEL} AND model",
    "provider": f"{IS_MODEL} AND provider",
    "span": "parent_span_id IS NOT NULL AND name",
}
"""The spans of each kind of subject, up to the comparison with its name."""


def present_sql(subject: Subject, segment: str) -> str:
    """The traces in which it is called at all."""
    return f"SELECT DISTINCT trace_id FROM spans WHERE {PRESENT[subject]} = {quote(segment)}"


def affected_sql(subject: Subject, segment: str) -> str:
    """The traces in which it fails, with the first failing span and what it says."""
    return (
        "SELECT trace_id, min_by(span_id, position) AS span_id, "
        "min_by(substring(coalesce(error_text, ''), 1, 300), position) AS note "
        f"FROM ({failures_sql(subject)}) AS failures WHERE segment = {quote(segment)} GROUP BY trace_id ORDER BY trace_id"
    )
