"""The same request with different outcomes: where one trace fails and another with the same request doesn't, chance decides.

Siblings are traces with the same normalised request, from different sessions. A trace fails here when it ends in an error or
without an answer, says that it can't, or gets bad feedback. Only the first request of a session is compared: "yes, please" means
something else each time.
"""

from ..insights.models import HypothesisDraft, Polarity
from .outcomes import BAD_OUTCOME
from .plan import Plan, QueryStep, Rate
from .render import render_plan

MIN_CHARS = 15
"""Shorter requests are greetings and confirmations, the same words for different things."""
PROBLEM, STRENGTH = 0.10, 0.05
"""Shares of the repeated requests: above the first chance decides too often, below the second answers are dependable."""

SIBLINGS = f"""
first AS (
  SELECT trace_id, request_hash, coalesce(session_id, trace_id) AS asker,
         row_number() OVER (PARTITION BY coalesce(session_id, trace_id) ORDER BY request_time, trace_id) AS turn
  FROM traces WHERE state IN ('OK', 'ERROR') AND request_hash IS NOT NULL AND length(request_text) >= {MIN_CHARS}
),
repeated AS (
  SELECT request_hash FROM first WHERE turn = 1 GROUP BY request_hash HAVING count(DISTINCT asker) >= 2
),
siblings AS (
  SELECT f.trace_id, f.request_hash FROM first AS f JOIN repeated AS r ON r.request_hash = f.request_hash WHERE f.turn = 1
)"""

POPULATION = f"WITH {SIBLINGS.strip()}\nSELECT trace_id FROM siblings"

DISAGREEING = f"""WITH {SIBLINGS.strip()},
bad AS (SELECT trace_id, min(note) AS note FROM ({BAD_OUTCOME}) AS outcomes GROUP BY trace_id),
judged AS (
  SELECT s.trace_id, s.request_hash, b.note FROM siblings AS s LEFT JOIN bad AS b ON b.trace_id = s.trace_id
),
counted AS (SELECT request_hash, count(*) AS asked, count(note) AS failed FROM judged GROUP BY request_hash)
SELECT j.trace_id, concat(j.note, ' (', CAST(c.asked - c.failed AS STRING), ' of ', CAST(c.asked AS STRING),
                          ' traces with this request do better)') AS note
FROM judged AS j JOIN counted AS c ON c.request_hash = j.request_hash
WHERE j.note IS NOT NULL AND c.failed < c.asked"""


def siblings_problem() -> HypothesisDraft:
    """Whether the same request often fails where it also succeeds."""
    return _draft(
        f"The same request fails in more than {PROBLEM:.0%} of its traces although it succeeds in others.",
        "The request is the same, so what differs is the path that the agent takes: it can be mended without new data.",
        Rate(threshold=PROBLEM, threshold_source="playbook"),
        "problem",
    )


def siblings_strength() -> HypothesisDraft:
    """Whether the same request nearly always ends alike."""
    return _draft(
        f"The same request fails in fewer than {STRENGTH:.0%} of its traces where it succeeds in others.",
        "Users who ask the same get the same: what the agent can do, it does dependably.",
        Rate(threshold=STRENGTH, direction="below", threshold_source="playbook"),
        "strength",
    )


def _draft(statement: str, rationale: str, decision: Rate, polarity: Polarity) -> HypothesisDraft:
    plan = Plan(
        estimand="process",
        population=POPULATION,
        population_title="first requests that at least two sessions ask alike",
        steps=(
            QueryStep(role="affected", title="traces that fail where a trace with the same request doesn't", sql=DISAGREEING),
        ),
        decision=decision,
    )
    return HypothesisDraft(
        statement=statement,
        rationale=rationale,
        testing_plan=render_plan(plan),
        plan=plan,
        source="anomaly",
        kind="quality",
        polarity=polarity,
    )
