"""Why a proven failure happens: the model looks around among affected and other traces, then names a cause; code weighs it."""

import asyncio
from collections.abc import Mapping, Sequence

from ...graph.ports import Explanation as Explained
from ...graph.reading import judgements_of
from ...tools.insights.affected import AffectedTrace
from ...tools.insights.models import Cause, Hypothesis
from ...tools.reading.digest import CHARS_PER_TOKEN, digest
from ...tools.reading.related import find_related
from ...tools.reading.side_by_side import Group
from ...tools.sql.intermediate import nested
from ...tools.testing.plan import Plan, Slices
from ..model import GivenUp
from .fitting import Flexible, Value, flexible, whole_text
from .forms import Explanation
from .grounding import grounded, left_out_in_words
from .inquiry import Inquiry
from .looking import GROUP_TRACES, Lookout
from .weighing import select_these, weigh_cause

ROUNDS = 3
"""Times that the model is asked: it may look around twice before it answers."""
AFFECTED, UNAFFECTED = 3, 2
"""Traces of each side that are read from the start."""
TRACE_TOKENS = 1_000
FOUND = 12
"""Affected traces of which is said what was found in them."""
FOUND_CHARS = 220
BESIDE_CHARS = 2_500
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
    answer, left_out = await _look_into(inquiry, hypothesis, plan, affected, sorted(population - set(ids)))
    if left_out:
        inquiry.note(f"Left out of what the model says of {hypothesis.statement!r}: {left_out}")
    if answer is None:
        return Explained(counted, left_out=left_out)
    cause = await asyncio.to_thread(
        weigh_cause,
        inquiry.bench,
        " ".join(answer.cause.split()),
        answer.mechanism_sql,
        affected=frozenset(ids),
        population=population,
        counted=plan.step("affected") is not None,
    )
    stronger = counted if counted.standing == "confirmed" else cause
    title = answer.title if title_fits(answer.title) else ""
    return Explained(stronger, title=title, recommendation=answer.recommendation, left_out=left_out)


def title_fits(title: str) -> bool:
    """Whether a title has five to eight words."""
    return WORDS[0] <= len(title.split()) <= WORDS[1]


async def _look_into(
    inquiry: Inquiry, hypothesis: Hypothesis, plan: Plan, affected: Sequence[AffectedTrace], others: Sequence[str]
) -> tuple[Explanation | None, str]:
    """The model's explanation after the looks that it asked for, without figures of its own; and what that leaves out, in words.

    There is none where the model doesn't answer, or where nothing of its cause is left. The verdicts are given, so all traces may
    be looked at.
    """
    ids = list(dict.fromkeys(each.trace_id for each in affected))
    groups = {"affected": select_these(ids[:GROUP_TRACES]), "others": select_these(others[:GROUP_TRACES])}
    lookout = Lookout(inquiry, "all", groups)
    await inquiry.look_at(ids[:FOUND])
    given: dict[str, Value] = {
        "finding": f"{hypothesis.statement}\n{len(ids):,} of {len(ids) + len(others):,} {plan.population_title} are affected.",
        "found": flexible(_found(affected)),
        "beside": flexible(await lookout.beside(Group("affected", ids), Group("others", others), chars=BESIDE_CHARS)),
        "affected": await _read(inquiry, {trace_id: _spans_of(trace_id, affected) for trace_id in ids[:AFFECTED]}),
        "unaffected": await _read(inquiry, dict.fromkeys(await asyncio.to_thread(_nearest, inquiry, ids, others), ())),
    }
    for left in range(ROUNDS, 0, -1):
        answer = await inquiry.ask("explain", Explanation, purpose="causes", **given, log=lookout.log, rounds=_rounds(left))
        if isinstance(answer, GivenUp):
            return None, ""
        if not answer.looks or left == 1:
            shown = "\n".join((inquiry.brief, *map(whole_text, (*given.values(), lookout.log))))
            said = {name: grounded(getattr(answer, name), shown) for name in ("title", "cause", "recommendation")}
            kept = answer.model_copy(update={name: each.text for name, each in said.items()})
            return kept if kept.cause else None, left_out_in_words(said)
        await lookout.carry_out(answer.looks, learnt=answer.learnt)
    raise AssertionError("the last round answers")


def _rounds(left: int) -> str:
    if left == 1:
        return "Answer now: no look is carried out any more."
    return f"You may look around {left - 1} more time{'s' if left > 2 else ''}."


def _population(inquiry: Inquiry, hypothesis: Hypothesis, plan: Plan) -> frozenset[str]:
    """The traces that the verdict is about: those that were judged, where somebody read them."""
    if plan.reading is not None:
        judged = judgements_of(inquiry.bench, hypothesis.hypothesis_id)
        return frozenset(trace_id for trace_id, found in judged.items() if found.answer != "unclear")
    table = inquiry.bench.query(f"SELECT DISTINCT p.trace_id FROM {nested(plan.population)} AS p", title="The population")
    return frozenset(str(each) for each in table["trace_id"].to_pylist())


def _found(affected: Sequence[AffectedTrace]) -> str:
    """What was found in some of the affected traces, in a line each."""
    lines = [
        f"{each.trace_id}{f' span {each.span_id}' if each.span_id else ''}: "
        f"{_came_of_it(each)}{' '.join(each.note.split())[:FOUND_CHARS]}"
        for each in affected[:FOUND]
        if each.note
    ]
    return "\n".join(lines) or "(nothing but that they are affected)"


def _came_of_it(affected: AffectedTrace) -> str:
    """What it did to the user, where that is known: the worst traces come first."""
    return {"wrong": "(ended wrongly) ", "misled": "(misled the user) "}.get(affected.consequence, "")


def _nearest(inquiry: Inquiry, affected: Sequence[str], others: Sequence[str]) -> list[str]:
    """Other traces to read beside the affected ones: first those that are about the same as one of them."""
    related = find_related(inquiry.bench, affected, half="all", among=frozenset(others))
    near = [trace_id for each in affected if each in related for trace_id in related[each].trace_ids]
    return list(dict.fromkeys([*near, *others]))[:UNAFFECTED]


def _spans_of(trace_id: str, affected: Sequence[AffectedTrace]) -> Sequence[str]:
    """The spans of a trace in which it was found."""
    return [each.span_id for each in affected if each.trace_id == trace_id and each.span_id]


async def _read(inquiry: Inquiry, about: Mapping[str, Sequence[str]]) -> Value:
    """Traces, by id; the spans in question and what stands around them are cut last."""
    traces = [(trace, spans) for trace_id, spans in about.items() if (trace := await inquiry.read(trace_id)) is not None]
    if not traces:
        return "(none)"

    def cut(chars: int) -> str:
        tokens = chars // (CHARS_PER_TOKEN * len(traces))
        return "\n\n".join(digest(trace, tokens=tokens, known=inquiry.known, about=spans) for trace, spans in traces)

    return Flexible(TRACE_TOKENS * CHARS_PER_TOKEN * len(traces), cut)
