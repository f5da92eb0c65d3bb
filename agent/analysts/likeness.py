"""Whether two tests that a model calls the same are one: held against each other by the traces that both find, counted by code.

Words alone lose faults: a query that counts just the faulty traces goes into an entry of the playbook that is broader, narrower,
or asks for more traces than there are, and with that entry's verdict the fault is gone. So nothing goes into what finds others.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...tools.errors import QueryError
from ...tools.insights.models import Hypothesis, HypothesisDraft, Issue
from ...tools.testing.aspects import INSIDE, MOST, SAME, Ids, overlap, share_inside, trace_set
from ...tools.testing.compose import member_count
from ...tools.testing.plan import Contrast, Count, Plan, Rate, Shift, Slices
from ...tools.testing.rate import material_share
from ...tools.testing.render import render_plan
from ...tools.workbench import Workbench
from .forms import Candidate
from .inquiry import Inquiry
from .planning import OWNER, Planned, Suggested, plan_candidate

HELD = 8
"""Candidates that are held against what they are called the same as; of more the model is believed."""


@dataclass(frozen=True)
class Known:
    """What is being tested, or was found before."""

    text: str
    plan: Plan | None = None
    """What tests it, or what an issue is watched by; None where code can't say which traces it finds."""
    issue_id: str = ""
    """The issue that it is, where it is one: its traces are told of already."""
    noted_in: frozenset[str] = frozenset()
    """Traces in which it was noted, where reading suggested it."""

    @property
    def key(self) -> str:
        """By what a hypothesis names it that is akin to it."""
        return self.issue_id or (self.plan.digest if self.plan else "")


def known_draft(draft: HypothesisDraft) -> Known:
    """What is about to be tested."""
    return Known(draft.statement, draft.plan)


def known_hypothesis(hypothesis: Hypothesis) -> Known:
    """What was tested; of what a person decided the words are enough."""
    by_person = hypothesis.dropped or (hypothesis.verdict is not None and hypothesis.verdict.by == "person")
    return Known(hypothesis.statement, None if by_person else hypothesis.plan)


def known_issue(issue: Issue) -> Known:
    """What was found before."""
    return Known(f"{issue.title}: {issue.description[:200]}", issue.watch, issue.issue_id)


@dataclass(frozen=True)
class Alike:
    """A candidate, and what a model calls the same; None where nothing tests that."""

    suggested: Suggested
    known: Known | None


def pairs_of(
    alike: Mapping[Candidate, Known | Candidate],
    planned: Sequence[tuple[Suggested, Planned]],
    suggest: Callable[[Candidate], Suggested],
) -> tuple[list[Alike], list[str]]:
    """The candidates with what they are called the same as; and a sentence for each that goes with one that was cut.

    Args:
        alike: What the model calls the same.
        planned: The candidates that it calls new, and what became of each.
        suggest: Says where a candidate comes from.
    """
    tested = {
        each.candidate: became.draft and Known(became.draft.statement, became.draft.plan, noted_in=each.noted_in)
        for each, became in planned
    }
    pairs: list[Alike] = []
    cut: list[str] = []
    for candidate, other in alike.items():
        if isinstance(other, Known) or other in tested:
            pairs.append(Alike(suggest(candidate), other if isinstance(other, Known) else tested[other]))
        else:
            cut.append(f"{candidate.statement} It is the same as: {other.statement}")
    return pairs, cut


async def tell_apart(inquiry: Inquiry, pairs: Sequence[Alike], *, readings: int, most: int = HELD) -> list[Planned]:
    """What becomes of each candidate: a plan of its own where it is another test, else the reason why it has none.

    Args:
        inquiry: Who asks.
        pairs: What a model calls the same.
        readings: How many of them may still be decided by reading.
        most: How many are held against each other; of more the model is believed.
    """
    to_read = [pair for pair in pairs if not pair.suggested.candidate.by_sql][: max(readings, 0)]
    held = [_hold(inquiry, pair, may_read=pair in to_read) for pair in pairs[:most]]
    return [*await asyncio.gather(*held), *(_merged(pair) for pair in pairs[most:])]


async def _hold(inquiry: Inquiry, pair: Alike, *, may_read: bool) -> Planned:
    """Plans a candidate and compares what it finds; one that only reading decides is compared by the traces it was noted in."""
    suggested, known = pair.suggested, pair.known
    by_sql, noted_in = suggested.candidate.by_sql, suggested.noted_in
    if known is None:
        return await plan_candidate(inquiry, suggested, may_read=may_read)
    if known.plan is None or not (by_sql or noted_in) or (known.plan.reading and not (by_sql and known.noted_in)):
        return _merged(pair)
    if not by_sql and await asyncio.to_thread(_holds_most, inquiry.bench, known.plan, noted_in):
        return _merged(pair)
    planned = await plan_candidate(inquiry, suggested, may_read=may_read and not by_sql)
    if planned.draft is None or planned.draft.plan is None:
        return _merged(pair)
    draft = planned.draft
    if by_sql:
        draft = await asyncio.to_thread(other_test, inquiry.bench, draft, planned.draft.plan, known)
    if draft is None:
        return _merged(pair)
    why = f"{draft.rationale} It is tested beside what a model calls the same: {known.text}"
    return replace(planned, draft=draft.model_copy(update={"akin": known.key, "rationale": why}))


def _merged(pair: Alike) -> Planned:
    same = f"It is the same as: {pair.known.text}" if pair.known else "It is the same as another for which there is no plan."
    return Planned(None, f"{pair.suggested.candidate.statement} {same}")


def _holds_most(bench: Workbench, plan: Plan, noted_in: frozenset[str]) -> bool:
    """Whether a query finds most of the traces in which something was noted; what compares segments finds none of its own."""
    if isinstance(plan.decision, Shift | Slices):
        return True
    try:
        return share_inside(trace_set(noted_in), _finds(bench, plan)) >= MOST
    except QueryError:
        return False


def other_test(bench: Workbench, draft: HypothesisDraft, plan: Plan, known: Known) -> HypothesisDraft | None:
    """The draft as it is tested beside what is known; None where it is the same test.

    It is the same where it finds the same traces and claims as little of them. Of a rate that finds them, a count is the fact in
    this snapshot, from the share on that would matter there: it is told where too few traces prove the rate, and falls with it.
    """
    assert known.plan is not None, "what has no plan is compared with nothing"
    if isinstance(known.plan.decision, Shift | Slices):
        return None if isinstance(plan.decision, Contrast) else draft
    mine = _finds(bench, plan)
    if known.plan.reading is not None:
        return None if share_inside(trace_set(known.noted_in), mine) >= MOST else draft
    try:
        theirs = _finds(bench, known.plan)
    except QueryError:
        return draft  # what can't be run proves nothing
    if known.issue_id:
        return None if share_inside(mine, theirs) >= INSIDE else draft
    if overlap(mine, theirs) < SAME:
        return draft
    match plan.decision, known.plan.decision:
        case Count(), Rate(direction="above") as rate:
            return _as_fact(bench, draft, plan, known.plan, rate)
        case (Count(), Count()) | (Rate(), Rate(direction="above") | Count()) | (Contrast(), Contrast()):
            return None
        case _:
            return draft


def _as_fact(bench: Workbench, draft: HypothesisDraft, plan: Plan, known: Plan, rate: Rate) -> HypothesisDraft:
    """A count that asks for as many traces as would matter to the rate."""
    table = bench.query(member_count(known), title=f"All {known.population_title.removeprefix('all ')}", owner=OWNER)
    least = math.ceil(material_share(rate) * int(table["traces"][0].as_py()))
    assert isinstance(plan.decision, Count)
    decision = Count(at_least=max(least, plan.decision.at_least), threshold_source=rate.threshold_source)
    stated = plan.model_copy(update={"decision": decision})
    return draft.model_copy(update={"plan": stated, "testing_plan": render_plan(stated)})


def _finds(bench: Workbench, plan: Plan) -> Ids:
    """All traces that a plan finds, in both halves, those too that suggested it.

    Raises:
        QueryError: a step fails.
    """
    whole = plan.model_copy(update={"half": "all", "leave_out": ()})
    return trace_set(bench.executor.affected(whole, owner=OWNER).ids())
