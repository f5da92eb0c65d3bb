"""Why things fail, as far as the spans say: error messages, here and elsewhere, and durations at which failures pile up."""

from collections.abc import Iterable, Sequence

from ..insights.models import Bucket
from .definitions import PILE_FLOOR_S
from .figures import Row, Scope, samples
from .subjects import FAILING, FAILS, IS_TOOL, SUBJECTS, failures_sql

PILE_STANDS_OUT = 4
"""How many times as many failures as in the seconds around it a pile must have."""
SHOWN = 3
"""Messages that are listed a subject, the commonest first."""
WHOLE_SECOND = "CAST(floor(duration_ms / 1000 + 0.5) AS BIGINT)"
TRACE_SECOND = "CAST(floor(execution_duration_ms / 1000 + 0.5) AS BIGINT)"

_OF_SUBJECTS = " UNION ALL ".join(
    f"SELECT '{subject}' AS subject, segment, trace_id, error_text AS message "
    f"FROM ({failures_sql(subject, 'failing')}) AS {subject}_failures"
    for subject in SUBJECTS
)

MESSAGES_SQL = f"""
WITH failing AS {FAILING},
failures AS (
  SELECT 'trace' AS subject, '' AS segment, trace_id, error_text AS message FROM failing WHERE state = 'ERROR' AND ({FAILS})
  UNION ALL
  SELECT 'silent' AS subject, '' AS segment, trace_id, error_text AS message FROM failing WHERE state = 'OK' AND silent_error
  UNION ALL
  SELECT 'hidden' AS subject, '' AS segment, trace_id, error_text AS message FROM failing
  WHERE state = 'OK' AND status_code = 'ERROR' AND parent_span_id IS NOT NULL
  UNION ALL {_OF_SUBJECTS}),
said AS (SELECT subject, segment, trace_id, message FROM failures GROUP BY subject, segment, trace_id, message),
affected AS (SELECT subject, segment, count(DISTINCT trace_id) AS traces FROM said GROUP BY subject, segment),
counted AS (
  SELECT subject, segment, message, count(*) AS traces, {samples("TRUE")} AS samples
  FROM said GROUP BY subject, segment, message),
ranked AS (
  SELECT c.*, row_number() OVER (PARTITION BY subject, segment ORDER BY traces DESC, message) AS place FROM counted AS c),
common AS (SELECT * FROM ranked WHERE place <= {SHOWN}),
anywhere AS (SELECT trace_id, error_text AS message FROM failing GROUP BY trace_id, error_text),
total AS (SELECT message, count(*) AS traces FROM anywhere GROUP BY message),
inside AS (
  SELECT m.subject, m.segment, w.message, count(*) AS traces
  FROM (SELECT DISTINCT subject, segment, trace_id FROM said) AS m JOIN anywhere AS w ON w.trace_id = m.trace_id
  GROUP BY m.subject, m.segment, w.message)
SELECT c.subject, c.segment, c.message, c.place, c.traces, c.samples, a.traces AS affected, t.traces - i.traces AS elsewhere,
       (SELECT count(*) FROM traces) AS all_traces
FROM common AS c JOIN affected AS a ON a.subject = c.subject AND a.segment = c.segment
JOIN total AS t ON t.message = c.message
JOIN inside AS i ON i.subject = c.subject AND i.segment = c.segment AND i.message = c.message
ORDER BY c.subject, c.segment, c.place
"""

PILES_SQL = f"""
WITH failing AS {FAILING},
timed AS (
  SELECT 'tool' AS subject, name AS segment, {WHOLE_SECOND} AS ends_at_s, count(*) AS ended, 0 AS failed
  FROM spans WHERE {IS_TOOL} AND duration_ms IS NOT NULL GROUP BY name, {WHOLE_SECOND}
  UNION ALL
  SELECT 'tool' AS subject, name AS segment, {WHOLE_SECOND} AS ends_at_s, 0 AS ended, count(*) AS failed
  FROM failing WHERE {IS_TOOL} AND ({FAILS}) AND duration_ms IS NOT NULL GROUP BY name, {WHOLE_SECOND}
  UNION ALL
  SELECT 'trace' AS subject, '' AS segment, {TRACE_SECOND} AS ends_at_s, count(*) AS ended, count_if(state = 'ERROR') AS failed
  FROM traces WHERE state IN ('OK', 'ERROR') AND execution_duration_ms IS NOT NULL GROUP BY {TRACE_SECOND}),
seconds AS (
  SELECT subject, segment, ends_at_s, sum(failed) AS failures, sum(ended) - sum(failed) AS successes FROM timed
  GROUP BY subject, segment, ends_at_s),
sides AS (SELECT subject, segment, sum(failures) AS failures, sum(successes) AS successes FROM seconds GROUP BY subject, segment),
ranked AS (
  SELECT s.*, row_number() OVER (PARTITION BY subject, segment ORDER BY failures DESC, ends_at_s) AS place
  FROM seconds AS s WHERE failures > 0 AND ends_at_s >= {PILE_FLOOR_S}),
around AS (
  SELECT r.subject, r.segment,
         sum(CASE WHEN s.ends_at_s = r.ends_at_s - 1 THEN s.failures ELSE 0 END) AS before,
         sum(CASE WHEN s.ends_at_s = r.ends_at_s + 1 THEN s.failures ELSE 0 END) AS after,
         sum(CASE WHEN abs(s.ends_at_s - r.ends_at_s) = 2 THEN s.failures ELSE 0 END) AS beyond
  FROM ranked AS r JOIN seconds AS s ON s.subject = r.subject AND s.segment = r.segment
  WHERE r.place = 1 AND abs(s.ends_at_s - r.ends_at_s) <= 2 GROUP BY r.subject, r.segment)
SELECT r.subject, r.segment, r.ends_at_s, r.failures, r.successes, s.failures AS all_failures, s.successes AS all_successes
FROM ranked AS r JOIN sides AS s ON s.subject = r.subject AND s.segment = r.segment
JOIN around AS a ON a.subject = r.subject AND a.segment = r.segment
WHERE r.place = 1 AND r.failures + greatest(a.before, a.after) >= {PILE_STANDS_OUT} * (least(a.before, a.after) + a.beyond)
ORDER BY r.subject, r.segment
"""
"""The second at which most failures end. A timeout ends them within one second, or two where it lies on the border of both; that
the seconds around hold as many is how the duration of work spreads."""


def message_dimension(subject: str, segment: str = "") -> str:
    """The dimension of a subject's error messages; the message itself is the segment."""
    return f"error of {subject} {segment}" if segment else f"error of {subject}"


def read_messages(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """The commonest messages of everything that fails, and how often each is seen where that doesn't fail."""
    for row in rows:
        dimension = message_dimension(row.text("subject"), row.text("segment"))
        scope, affected = Scope(query_id, dimension=dimension, segment=row.text("message")), row.count("affected")
        yield scope.share("error_message", row.count("traces"), affected, row.samples())
        yield scope.share("error_message_elsewhere", row.count("elsewhere"), row.count("all_traces") - affected)


def read_piles(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """The second at which most failures of a tool, or of the traces, end."""
    for row in rows:
        scope = Scope(query_id, dimension=row.text("subject"), segment=row.text("segment"))
        yield scope.figure("failure_pile_ms", row.count("ends_at_s") * 1000, of=row.count("failures"))
        yield scope.share("failure_pile", row.count("failures"), row.count("all_failures"))
        yield scope.share("ok_pile", row.count("successes"), row.count("all_successes"))
