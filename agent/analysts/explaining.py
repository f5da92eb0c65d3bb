"""Why a proven failure happens: the model reads affected and unaffected traces and names a cause; code says how far it is known.

`confirmed` is a mechanism that is seen in the spans of nearly all affected traces and of nearly no others, `supported` one that
goes with the failure by the test of a contrast; everything else is `suspected` (method: Cause).
"""

import asyncio
from collections.abc import Iterable, Sequence

from ...graph.ports import Explanation as Explained
from ...graph.reading import judgements_of
from ...tools.census.literals import quote
from ...tools.errors import QueryError
from ...tools.insights.affected import AffectedTrace
from ...tools.insights.models import Cause, Hypothesis
from ...tools.reading.digest import digest
from ...tools.sql.guard import check_query
from ...tools.sql.help import relations_brief
from ...tools.testing.compose import nested
from ...tools.testing.mechanism import ELSEWHERE, SHARED
from ...tools.testing.plan import Contrast, Plan, QueryStep, Slices
from ..model import GivenUp
from .forms import Explanation
from .inquiry import Inquiry

AFFECTED, UNAFFECTED = 3, 2
"""Traces of each side that are read."""
TRACE_TOKENS = 1_000
LEVEL = 0.05
OWNER = "causes"
WORDS = (5, 8)
"""Words of a title, as the workflow has it."""


async def explain(inquiry: Inquiry, hypothesis: Hypothesis, affected: Sequence[AffectedTrace], counted: Cause) -> Explained:
    """The cause, a title and a recommendation; what counting found where nobody answers, or where counting has confirmed it.

    Args:
        inquiry: Who asks.
        hypothesis: What was validated.
        affected: The traces that it is about.
        counted: The cause as far as counting knows it.
    """
    plan = hypothesis.plan
    ids = list(dict.fromkeys(each.trace_id for each in affected))
    if plan is None or isinstance(plan.decision, Slices) or not ids:
        return Explained(counted)
    population = await asyncio.to_thread(_population, inquiry, hypothesis, plan)
    others = sorted(population - set(ids))
    answer = await inquiry.ask(
        "explain",
        Explanation,
        purpose="causes",
        relations=relations_brief(),
        finding=f"{hypothesis.statement}\n{len(ids):,} of {len(population):,} {plan.population_title} are affected.",
        affected=await _read(inquiry, ids[:AFFECTED]),
        unaffected=await _read(inquiry, others[:UNAFFECTED]) or "(none)",
    )
    if isinstance(answer, GivenUp):
        return Explained(counted)
    cause = await asyncio.to_thread(_weigh, inquiry, answer, plan, frozenset(ids), population)
    stronger = counted if counted.standing == "confirmed" else cause
    return Explained(stronger, title=answer.title if title_fits(answer.title) else "", recommendation=answer.recommendation)


def title_fits(title: str) -> bool:
    """Whether a title has five to eight words."""
    return WORDS[0] <= len(title.split()) <= WORDS[1]


def _population(inquiry: Inquiry, hypothesis: Hypothesis, plan: Plan) -> frozenset[str]:
    """The traces that the verdict is about: those that were judged, where somebody read them."""
    if plan.reading is not None:
        judged = judgements_of(inquiry.bench, hypothesis.hypothesis_id)
        return frozenset(trace_id for trace_id, found in judged.items() if found.answer != "unclear")
    table = inquiry.bench.query(f"SELECT DISTINCT p.trace_id FROM {nested(plan.population)} AS p", title="The population")
    return frozenset(str(each) for each in table["trace_id"].to_pylist())


async def _read(inquiry: Inquiry, trace_ids: Sequence[str]) -> str:
    traces = [await inquiry.read(trace_id) for trace_id in trace_ids]
    return "\n\n".join(digest(trace, tokens=TRACE_TOKENS, known=inquiry.known) for trace in traces if trace is not None)


def _weigh(inquiry: Inquiry, answer: Explanation, plan: Plan, affected: frozenset[str], population: frozenset[str]) -> Cause:
    """How far the cause is known, by counting who carries its mark."""
    text = " ".join(answer.cause.split())
    suspected, unaffected = Cause(text=text, standing="suspected"), population - affected
    if not answer.mechanism_sql.strip() or not unaffected:
        return suspected
    contrast = _contrast(answer.mechanism_sql, affected, population)
    try:
        check_query(answer.mechanism_sql)
        marked = inquiry.bench.query(
            f"SELECT DISTINCT x.trace_id FROM {nested(answer.mechanism_sql)} AS x", title="The mark of the cause"
        )
        result = inquiry.bench.executor.run(contrast, owner=OWNER, on_step=lambda *_: None).result
    except QueryError:
        return suspected
    carriers = population.intersection(map(str, marked["trace_id"].to_pylist()))
    if carriers == affected and plan.step("affected") is not None:
        return suspected  # a query that says again what was counted is no cause
    hits, elsewhere = len(carriers & affected), len(carriers & unaffected)
    seen = (
        f"{text} Its mark is in {hits:,} of {len(affected):,} affected traces and in {elsewhere:,} of {len(unaffected):,} others."
    )
    if hits >= SHARED * len(affected) and elsewhere <= ELSEWHERE * len(unaffected):
        return Cause(text=seen, standing="confirmed")
    p, ratio = result.p_value, result.value
    if result.eligible and p is not None and ratio is not None and p <= LEVEL and ratio > 1:
        return Cause(text=f"{seen} Failures are {ratio:.1f} times as frequent where it is (p {p:.2g}).", standing="supported")
    return Cause(text=seen, standing="suspected")


def _contrast(mechanism: str, affected: Iterable[str], population: Iterable[str]) -> Plan:
    """Whether the failure goes with the mark."""
    return Plan(
        estimand="process",
        population=_these(population),
        steps=(
            QueryStep(role="exposed", title="carry the mark of the cause", sql=mechanism),
            QueryStep(role="affected", title="are affected", sql=_these(affected)),
        ),
        decision=Contrast(threshold_source="configuration"),
    )


def _these(trace_ids: Iterable[str]) -> str:
    listed = ", ".join(quote(each) for each in sorted(trace_ids))
    return f"SELECT t.trace_id AS trace_id FROM traces AS t WHERE t.trace_id IN ({listed})"
