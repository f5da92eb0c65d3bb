"""What only reading can suspect: open reading, exploration, merging, plans. On top of what counting proposes, never instead."""

import asyncio
from collections.abc import Sequence

from ...graph.ports import Event, Proposal
from ...tools.insights.models import Census, HypothesisDraft, Issue
from .exploring import explore
from .forms import Candidate
from .inquiry import Inquiry
from .merging import merge_candidates
from .planning import Planned, Suggested, plan_candidate
from .reading import Read, read_openly

CANDIDATES = 16
"""Behaviours that are tested at most, the most harmful first ..."""
TRACES_A_CANDIDATE = 5
"""... and at most one for so many traces, so that questions stay few."""
READINGS = 8
"""Of them at most so many by reading: as many as one look at a trace can answer."""
ROUNDS = 8
TRACES_A_ROUND = 12
"""Traces for each round of exploration, at most `ROUNDS` of them."""


async def propose_reading(
    inquiry: Inquiry, census: Census, counting: Sequence[HypothesisDraft], earlier: Sequence[Issue], *, sample: int
) -> Proposal:
    """The hypotheses that reading and exploring suggest, each with a plan that was tried."""
    traces = inquiry.bench.snapshot.record.traces
    inquiry.show(Event("step", "Reading traces", step=inquiry.step))
    read = await read_openly(inquiry, census, size=min(sample, traces))
    inquiry.show(Event("step", "Looking around", step=inquiry.step))
    found = await explore(inquiry, census, read.candidates, rounds=min(ROUNDS, max(1, traces // TRACES_A_ROUND)))
    known = [*(draft.statement for draft in counting), *(f"{issue.title}: {issue.description[:200]}" for issue in earlier)]
    candidates, merged = await merge_candidates(inquiry, [*read.candidates, *found], known)
    most = min(CANDIDATES, max(3, traces // TRACES_A_CANDIDATE))
    cut = [f"{each.statement} Left out: more than {most} were proposed." for each in candidates[most:]]
    inquiry.show(Event("step", "Writing the plans", step=inquiry.step))
    asked = [_asked_for(draft) for draft in counting if is_unplanned_focus(draft)]
    planned = await _plan(inquiry, [*asked, *(_suggested(each, read) for each in candidates[:most])])
    drafts = _once([each.draft for each in planned if each.draft is not None])
    refused = [each.refused for each in planned if each.draft is None]
    notes = (
        [f"{read.refused} notes of open reading had no quote that stands in their trace, or no trace."] if read.refused else []
    )
    return Proposal(drafts, (*merged, *cut, *refused, *notes))


def is_unplanned_focus(draft: HypothesisDraft) -> bool:
    """Whether it is what a user asked for and counting can't test."""
    return draft.source == "user" and bool(draft.blocked)


def asked_because(words: str) -> str:
    """Why a hypothesis is tested that a user asked for in these words."""
    return f"The user asked for it: {words}"


def _suggested(candidate: Candidate, read: Read) -> Suggested:
    where = f"Open reading of {read.traces} traces suggests it" if candidate in read.candidates else "Exploration suggests it"
    return Suggested(candidate, "sample", f"{where}: {candidate.title}.")


def _asked_for(draft: HypothesisDraft) -> Suggested:
    words = draft.statement
    candidate = Candidate(
        title=words[:90], statement=f"As the user says: {words[:280]}", check="as the user's words say", by_sql=False
    )
    return Suggested(candidate, "user", asked_because(words))


async def _plan(inquiry: Inquiry, suggested: Sequence[Suggested]) -> list[Planned]:
    """Plans for all of them side by side; what only reading can decide comes first where questions are short."""
    ordered = sorted(suggested, key=lambda each: each.candidate.by_sql)
    readable = ordered[:READINGS]
    return list(await asyncio.gather(*(plan_candidate(inquiry, each, may_read=each in readable) for each in suggested)))


def _once(drafts: Sequence[HypothesisDraft]) -> list[HypothesisDraft]:
    """Each plan once, whatever its statement."""
    return list({draft.plan.digest if draft.plan else draft.statement: draft for draft in reversed(drafts)}.values())[::-1]
