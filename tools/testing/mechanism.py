"""A mechanism visible in the spans: an error message that the affected traces carry and the others don't (method: Cause)."""

from typing import NamedTuple

from ..census.advice import names_mechanism
from ..census.drafting import ELSEWHERE, SHARED
from ..sql.intermediate import nested
from ..sql.service import SqlService
from . import compose
from .plan import Plan

SHOWN = 160
"""Characters of a message that are shown."""

SAID = """
SELECT trace_id, name, regexp_replace(substring(error_text, 1, 300), '[0-9]+', '#') AS mask, min(error_text) AS example
FROM spans WHERE error_text IS NOT NULL GROUP BY 1, 2, 3
""".strip()
"""The messages of each trace, numbers left out."""

MESSAGES = """
WITH population AS (SELECT DISTINCT p.trace_id FROM {population} AS p WHERE p.trace_id IS NOT NULL),
     affected AS (SELECT DISTINCT a.trace_id FROM {affected} AS a JOIN population AS p ON p.trace_id = a.trace_id{exposed}),
     messages AS {said}
SELECT m.name AS name, m.mask AS mask, min(m.example) AS example,
       count(DISTINCT a.trace_id) AS hits,
       count(DISTINCT CASE WHEN a.trace_id IS NULL THEN m.trace_id END) AS others,
       (SELECT count(*) FROM affected) AS affected, (SELECT count(*) FROM population) AS population
FROM messages AS m JOIN population AS p ON m.trace_id = p.trace_id LEFT JOIN affected AS a ON m.trace_id = a.trace_id
GROUP BY m.name, m.mask ORDER BY hits DESC, others, name, mask LIMIT 1
"""


class Mechanism(NamedTuple):
    """What the spans of most affected traces say, in a sentence; empty where they say nothing."""

    text: str
    confirmed: bool
    """Whether nearly all affected traces say it, nearly no others do, and it says what went wrong."""


def find_mechanism(sql: SqlService, plan: Plan, *, owner: str) -> Mechanism:
    """The message that most affected traces carry; of a comparison those of its exposed arm.

    Raises:
        QueryError: a step fails.
    """
    step, exposed = plan.step("affected"), plan.step("exposed")
    if step is None:
        return Mechanism("", confirmed=False)
    within = f" JOIN {nested(exposed.sql)} AS e ON e.trace_id = a.trace_id" if exposed is not None else ""
    population, said = nested(plan.population), nested(SAID)
    query = MESSAGES.format(affected=nested(step.sql), population=population, exposed=within, said=said).strip()
    title, parts = f"What the affected traces of {owner} say", (*compose.parts(plan), SAID)
    found = sql.query(query, title=title, owner=owner, parts=parts).table.to_pylist()
    if not found or not found[0]["hits"]:
        return Mechanism("", confirmed=False)
    row = found[0]
    message = " ".join(str(row["example"]).split())[:SHOWN]
    affected, unaffected = int(row["affected"]), max(int(row["population"]) - int(row["affected"]), 1)
    seen = f"Span `{row['name']}` says “{message}” in {row['hits']:,} of {affected:,} affected traces"
    tells_apart = row["hits"] >= SHARED * affected and row["others"] <= ELSEWHERE * unaffected
    if tells_apart and names_mechanism(str(row["mask"])):
        return Mechanism(f"{seen}, and in {row['others']:,} of {unaffected:,} others.", confirmed=True)
    return Mechanism(f"{seen}.", confirmed=False)
