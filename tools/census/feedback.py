"""What people, judges and checks said of the traces: how much of it there is, and how much is bad."""

from collections.abc import Iterable, Sequence

from ..insights.models import Bucket
from .figures import Row, Scope, samples
from .literals import quote

LISTED = 50
"""Names that are listed, by traces."""
GOOD = (
    "true", "yes", "y", "good", "great", "positive", "correct", "pass", "passed", "like", "liked", "up", "thumbs_up", "thumbs up",
    "thumbsup", "helpful", "resolved", "👍",
)  # fmt: skip
BAD = (
    "false", "no", "n", "bad", "poor", "negative", "incorrect", "fail", "failed", "dislike", "disliked", "down", "thumbs_down",
    "thumbs down", "thumbsdown", "unhelpful", "not helpful", "unresolved", "👎",
)  # fmt: skip


def _among(words: tuple[str, ...]) -> str:
    return f"lower(trim(a.value)) IN ({', '.join(quote(word) for word in words)})"


def _traced(only: str = "") -> str:
    """Per trace and name how much feedback is good and how much is bad; `only` cuts it further."""
    return f"""scales AS (
  SELECT name, min(number) AS lowest, max(number) AS highest, avg(number) AS mean, count(number) AS numbers
  FROM assessments WHERE kind = 'feedback' GROUP BY name),
judged AS (
  SELECT a.trace_id, a.name,
         CASE WHEN {_among(GOOD)} THEN 'good' WHEN {_among(BAD)} THEN 'bad'
              WHEN a.number IS NULL OR s.highest > 1 OR s.lowest < -1 OR s.lowest = 1 THEN NULL
              WHEN s.lowest < 0 THEN CASE WHEN a.number > 0 THEN 'good' WHEN a.number < 0 THEN 'bad' END
              WHEN a.number >= 0.5 THEN 'good' ELSE 'bad' END AS sign
  FROM assessments AS a JOIN scales AS s ON s.name = a.name WHERE a.kind = 'feedback'{only}),
traced AS (
  SELECT trace_id, name, count_if(sign = 'good') AS good, count_if(sign = 'bad') AS bad FROM judged GROUP BY trace_id, name)"""


FEEDBACK_SQL = f"""
WITH {_traced()},
per_name AS (
  SELECT name, count(*) AS traces, count_if(good > 0) AS good, count_if(bad > 0) AS bad, count_if(good + bad > 0) AS signed,
         {samples("bad > 0")} AS samples, {samples("good > 0")} AS praised
  FROM traced GROUP BY name)
SELECT p.*, s.mean, s.numbers, (SELECT count(*) FROM traces) AS all_traces
FROM per_name AS p JOIN scales AS s ON s.name = p.name ORDER BY p.traces DESC, p.name LIMIT {LISTED}
"""
PEOPLE_SQL = f"""
WITH {_traced(" AND a.source_type = 'HUMAN'")}
SELECT name, trace_id, bad > 0 AS bad FROM traced WHERE (good > 0) <> (bad > 0) ORDER BY name, trace_id
"""
"""Per name and trace whether what people said is bad; where they disagree it is neither."""


def read_feedback(rows: Sequence[Row], query_id: str) -> Iterable[Bucket]:
    """Each name of feedback: a number without a known scale (above 1, or nothing but 1) has a mean and no sign."""
    for row in rows:
        scope, signed = Scope(query_id, dimension="feedback", segment=row.text("name")), row.count("signed")
        yield scope.share("feedback_coverage", row.count("traces"), row.count("all_traces"))
        if signed:
            yield scope.share("feedback_positive", row.count("good"), signed, row.samples("praised"))
            yield scope.share("feedback_negative", row.count("bad"), signed, row.samples())
        if row.count("numbers"):
            yield scope.figure("feedback_mean", row.number("mean"), of=row.count("numbers"))
