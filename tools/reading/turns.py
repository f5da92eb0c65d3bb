"""The turns around a trace that is one turn of a conversation: what was said before it and just after, in other traces.

Many agents record each turn as a trace of its own and keep what was said before elsewhere. Such a trace alone shows neither what
was agreed on earlier nor whether a promise was kept.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..census.literals import quote
from ..workbench import Workbench
from .glance import line
from .related import Related

BEFORE, AFTER = 8, 2
"""Turns of each side that are shown."""
ASKED_CHARS, ANSWERED_CHARS, TOOLS_CHARS = 300, 400, 120

SEVERAL = "SELECT session_id FROM traces WHERE session_id IS NOT NULL GROUP BY session_id HAVING count(*) > 1 LIMIT 1"
AROUND = """
WITH turns AS (
  SELECT t.trace_id, t.session_id, count(*) OVER (PARTITION BY t.session_id) AS turns,
         row_number() OVER (PARTITION BY t.session_id ORDER BY t.request_time, t.trace_id) AS place
  FROM traces AS t WHERE t.session_id IS NOT NULL),
around AS (
  SELECT w.trace_id AS around_id, w.place AS own, w.turns AS turns, o.trace_id AS trace_id, o.place AS place
  FROM turns AS w JOIN turns AS o ON o.session_id = w.session_id AND o.place BETWEEN w.place - {before} AND w.place + {after}
  WHERE w.trace_id IN ({ids}) AND w.turns > 1),
calls AS (
  SELECT s.trace_id, array_join(transform(sort_array(collect_list(struct(s.position, s.name))), c -> c.name), ' > ') AS tools
  FROM spans AS s WHERE s.span_type = 'TOOL' AND s.trace_id IN (SELECT a.trace_id FROM around AS a) GROUP BY s.trace_id)
SELECT a.around_id AS around_id, a.own AS own, a.turns AS turns, a.trace_id AS trace_id, a.place AS place,
       t.request_text AS asked, t.response_text AS answered, c.tools AS tools
FROM around AS a JOIN traces AS t ON t.trace_id = a.trace_id LEFT JOIN calls AS c ON c.trace_id = a.trace_id
ORDER BY 1, 5
"""


def has_turns(bench: Workbench) -> bool:
    """Whether several traces are of one conversation anywhere in the experiment."""
    return bool(bench.query(SEVERAL, title="Whether traces are turns of conversations").num_rows)


def turns_around(bench: Workbench, trace_ids: Iterable[str]) -> dict[str, Related]:
    """For each trace that is one of several turns, the turns around it in short. Nothing is linked."""
    ids = ", ".join(quote(each) for each in sorted(set(trace_ids)))
    if not ids:
        return {}
    sql = AROUND.format(ids=ids, before=BEFORE, after=AFTER)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in bench.query(sql, title="Turns around a trace").to_pylist():
        found[str(row["around_id"])].append(row)
    return {trace_id: _told(trace_id, rows) for trace_id, rows in found.items()}


def _told(trace_id: str, rows: list[dict[str, Any]]) -> Related:
    head = (
        f"This trace is turn {rows[0]['own']} of {rows[0]['turns']} of a conversation. The turns around it, other traces, in "
        "short (quote from this trace alone):"
    )
    lines = [f"turn {row['place']}: this trace" if row["trace_id"] == trace_id else _turn(row) for row in rows]
    return Related("\n".join([head, *lines]), tuple(str(row["trace_id"]) for row in rows if row["trace_id"] != trace_id))


def _turn(row: dict[str, Any]) -> str:
    tools = f"\n  tools: {line(row['tools'], TOOLS_CHARS)}" if row["tools"] else ""
    return (
        f"turn {row['place']} {row['trace_id']}: user: {line(row['asked'] or '(nothing)', ASKED_CHARS)}{tools}\n"
        f"  agent: {line(row['answered'] or '(no answer)', ANSWERED_CHARS)}"
    )
