"""What counts as a bad outcome of a trace, in SQL, the same for all hypotheses that code proposes."""

from ..census.feedback import BAD
from ..census.literals import quote

REFUSES = (
    r"\b(sorry|apologi[sz]e|unfortunately|unable to|(can ?not|can.t|could ?n.t|could not) "
    r"(do|help|assist|find|access|complete|process|provide|answer|retrieve|cancel|book|change|modify|proceed)|not able to|"
    r"something went wrong|an error occurred|try again later)\b"
)
"""Words of an answer that doesn't give what was asked for, on lower case."""

FAILED_TOOL = "span_type = 'TOOL' AND (status_code = 'ERROR' OR silent_error)"
"""Tool calls that fail, openly or silently: a condition on `spans`."""

FAILED_STEP = """
SELECT trace_id, span_id, concat(name, ': ', substring(coalesce(error_text, 'failed'), 1, 200)) AS note
FROM spans WHERE parent_span_id IS NOT NULL AND (status_code = 'ERROR' OR silent_error)
""".strip()
"""Traces with a failed step, whatever the root's status."""

EMPTY_ANSWER = """
SELECT t.trace_id, CASE WHEN t.response_text IS NULL THEN 'no output at all' ELSE 'an empty text' END AS note
FROM traces AS t
LEFT JOIN (SELECT DISTINCT trace_id FROM spans
           WHERE span_type = 'TOOL' AND regexp_like(lower(name), 'transfer|escalat|hand_?off|handover|human')) AS h
  ON h.trace_id = t.trace_id
WHERE t.state = 'OK' AND NOT regexp_like(coalesce(t.response_text, ''), '\\\\S') AND h.trace_id IS NULL
""".strip()
"""Traces that end OK without a visible answer; one that passes the user on to a person needs none."""

NEGATIVE_FEEDBACK = f"""
SELECT a.trace_id, concat(a.name, ' = ', a.value) AS note FROM assessments AS a
JOIN (SELECT name, min(number) AS lowest, max(number) AS highest FROM assessments WHERE kind = 'feedback' GROUP BY name) AS s
  ON s.name = a.name
WHERE a.kind = 'feedback' AND a.source_type = 'HUMAN' AND (
  lower(trim(a.value)) IN ({", ".join(quote(value) for value in BAD)})
  OR a.number < CASE WHEN s.lowest < 0 THEN 0 WHEN s.highest <= 1 THEN 0.5 WHEN s.highest <= 5 THEN 2.5
                     WHEN s.highest <= 10 THEN 5 ELSE 50 END)
""".strip()
"""Traces that a person judged badly: by the word, or below the middle of the scale that the largest number seen suggests."""

BAD_OUTCOME = f"""
SELECT trace_id, CASE WHEN state = 'ERROR' THEN 'ends in an error'
                      ELSE concat('answers: ', substring(response_text, 1, 200)) END AS note
FROM traces WHERE state = 'ERROR' OR regexp_like(lower(response_text), {quote(REFUSES)})
UNION ALL
{EMPTY_ANSWER}
UNION ALL
{NEGATIVE_FEEDBACK}
""".strip()
"""Traces that give the user nothing of use, or displease: by state, by the words of the answer, or by feedback."""

BAD_OUTCOME_TITLE = "an error, no answer, an answer that refuses, or negative feedback"
