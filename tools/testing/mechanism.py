"""Why an issue occurs, as far as the spans say: an error message that the affected share and the others don't (method: Cause)."""

from collections.abc import Sequence

from ..insights.affected import AffectedTrace
from ..insights.models import Cause, Hypothesis
from ..sql.service import SqlService

SHARED = 0.95
"""A mechanism is confirmed when at least this share of the affected traces shows it ..."""
ELSEWHERE = 0.01
"""... and at most this share of the others."""
SHOWN = 160
"""Characters of a message that are shown."""

MESSAGES = """
WITH affected AS (SELECT DISTINCT trace_id FROM ({affected}) AS a),
     population AS (SELECT DISTINCT trace_id FROM ({population}) AS p),
     messages AS (
       SELECT trace_id, name, regexp_replace(substring(error_text, 1, 300), '[0-9]+', '#') AS mask, min(error_text) AS example
       FROM spans WHERE error_text IS NOT NULL GROUP BY 1, 2, 3)
SELECT m.name AS name, m.mask AS mask, min(m.example) AS example,
       count(DISTINCT a.trace_id) AS hits,
       count(DISTINCT CASE WHEN a.trace_id IS NULL THEN m.trace_id END) AS others,
       (SELECT count(*) FROM population) AS population
FROM messages AS m JOIN population AS p ON m.trace_id = p.trace_id LEFT JOIN affected AS a ON m.trace_id = a.trace_id
GROUP BY m.name, m.mask ORDER BY hits DESC, others, name, mask LIMIT 1
"""


def find_mechanism(sql: SqlService, hypothesis: Hypothesis, affected: Sequence[AffectedTrace], *, suspected: str) -> Cause:
    """The message that most affected traces carry: `confirmed` where nearly all do and nearly no other, else `suspected`."""
    plan = hypothesis.plan
    step = plan.step("affected") if plan is not None else None
    traces = len({each.trace_id for each in affected})
    if plan is None or step is None or not traces:
        return Cause(text=suspected, standing="suspected")
    query = MESSAGES.format(affected=step.sql, population=plan.population)
    found = sql.query(query, title=f"What the affected traces of {hypothesis.hypothesis_id} say").table.to_pylist()
    if not found or not found[0]["hits"]:
        return Cause(text=suspected, standing="suspected")
    row = found[0]
    message = " ".join(str(row["example"]).split())[:SHOWN]
    seen = f"Span `{row['name']}` says “{message}” in {row['hits']:,} of {traces:,} affected traces"
    unaffected = max(row["population"] - traces, 1)
    if row["hits"] >= SHARED * traces and row["others"] <= ELSEWHERE * unaffected:
        return Cause(text=f"{seen}, and in {row['others']:,} of {unaffected:,} others.", standing="confirmed")
    return Cause(text=f"{suspected} {seen}.", standing="suspected")
