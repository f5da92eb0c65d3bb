"""What only reading can suspect: open reading, exploration, merging, plans. On top of what counting proposes, never instead."""

import asyncio
from collections.abc import Collection, Sequence

from ...graph.ports import Event, Proposal
from ...tools.insights.models import Census, HypothesisDraft, Issue
from .exploring import explore
from .forms import Candidate
from .inquiry import Inquiry
from .likeness import Known, known_draft, known_hypothesis, known_issue, pairs_of, tell_apart
from .merging import find_alike
from .planning import Planned, Suggested, plan_candidate
from .reading import Read, read_openly

CANDIDATES = 24
"""Behaviours that are tested at most ..."""
TRACES_A_CANDIDATE = 5
"""... and at most one for so many traces, so that questions stay few."""
EXPLORED = 3
"""One in so many of them is kept for what exploration finds, however much reading has found."""
READINGS = ((200, 15), (0, 7))
"""From so many traces on at most so many of them by reading: with the question how a trace ends as many as one look at it can
answer, or two. A sample that is read first, and what is asked of no trace, weigh less where there are more; all in all it is to
be two questions a trace."""
ROUNDS = 8
TRACES_A_ROUND = 12
"""Traces for each round of exploration, at most `ROUNDS` of them."""


async def propose_reading(
    inquiry: Inquiry, census: Census, counting: Sequence[HypothesisDraft], earlier: Sequence[Issue], *, sample: int
) -> Proposal:
    """The hypotheses that reading and exploring suggest, each with a plan that was tried."""
    traces = inquiry.bench.snapshot.record.traces
    known = [*map(known_draft, counting), *map(known_issue, earlier), *await asyncio.to_thread(_tested_before, inquiry)]
    inquiry.show(Event("step", "Reading traces", step=inquiry.step))
    read = await read_openly(inquiry, census, [each.text for each in known], size=min(sample, traces))
    inquiry.show(Event("step", "Looking around", step=inquiry.step))
    modes = [mode.candidate for mode in read.modes]
    found = await explore(inquiry, census, modes, rounds=min(ROUNDS, max(1, traces // TRACES_A_ROUND)))
    alike = await find_alike(inquiry, [*modes, *found], known)
    candidates = [each for each in (*modes, *found) if each not in alike]
    most = min(CANDIDATES, max(3, traces // TRACES_A_CANDIDATE))
    chosen = choose_candidates(candidates, frozenset(modes), most)
    cut = [f"{each.statement} Left out: more than {most} were proposed." for each in candidates if each not in chosen]
    inquiry.show(Event("step", "Writing the plans", step=inquiry.step))
    asked = [asked_for(draft.statement) for draft in counting if is_unplanned_focus(draft)]
    readings = limit_readings(traces)
    suggested = [_suggested(each, read) for each in chosen]
    planned = await _plan(inquiry, [*asked, *suggested], readings)
    pairs, merged = pairs_of(alike, list(zip(suggested, planned[len(asked) :], strict=True)), lambda each: _suggested(each, read))
    planned += await tell_apart(inquiry, pairs, readings=readings - sum(each.reads for each in planned))
    drafts = _once([each.draft for each in planned if each.draft is not None])
    refused = [each.refused for each in planned if each.draft is None]
    return Proposal(drafts, (*merged, *cut, *refused, *_notes(read)))


def limit_readings(traces: int) -> int:
    """Statements that may be decided by reading, beside how a trace ends, where there are so many traces."""
    return next(most for least, most in READINGS if traces >= least)


def _tested_before(inquiry: Inquiry) -> list[Known]:
    """What this analysis has tested already, where it is gone on with after its end; counting's statements are known anyway."""
    if not inquiry.analysis.asked_on:
        return []
    listed = inquiry.bench.store.list_hypotheses(inquiry.analysis.run_id)
    return [known_hypothesis(each) for each in listed if each.source in {"sample", "judging", "user"}]


def choose_candidates(candidates: Sequence[Candidate], modes: Collection[Candidate], most: int) -> list[Candidate]:
    """As many as may be tested, in their order; neither what was read nor what was explored crowds out the other."""
    explored = [each for each in candidates if each not in modes]
    places = max(most // EXPLORED, most - (len(candidates) - len(explored)))
    kept = frozenset(explored[:places])
    read = [each for each in candidates if each in modes][: most - len(kept)]
    return [each for each in candidates if each in kept or each in read]


def _notes(read: Read) -> list[str]:
    """What became of notes that are in no candidate."""
    notes = []
    if read.refused:
        notes.append(f"{read.refused} notes of open reading had no quote that stands in their trace, or no trace.")
    if read.ungrouped:
        notes.append(f"{read.ungrouped} notes of open reading are in no failure mode.")
    return notes


def is_unplanned_focus(draft: HypothesisDraft) -> bool:
    """Whether it is what a user asked for and counting can't test."""
    return draft.source == "user" and bool(draft.blocked)


def asked_because(words: str) -> str:
    """Why a hypothesis is tested that a user asked for in these words."""
    return f"The user asked for it: {words}"


def _suggested(candidate: Candidate, read: Read) -> Suggested:
    mode = next((each for each in read.modes if each.candidate == candidate), None)
    if mode is None:
        return Suggested(candidate, "sample", f"Exploration suggests it: {candidate.title}.")
    seen = f", seen in {mode.traces} of them" if mode.traces else ""
    why = f"Open reading of {read.traces} traces suggests it{seen}: {candidate.title}."
    return Suggested(candidate, "sample", why, seen=mode.examples, noted_in=mode.noted_in)


def asked_for(words: str) -> Suggested:
    """What a user asked for, in their words, as a candidate for a plan."""
    candidate = Candidate(
        title=words[:90], statement=f"As the user says: {words[:280]}", check="as the user's words say", by_sql=False
    )
    return Suggested(candidate, "user", asked_because(words))


async def _plan(inquiry: Inquiry, suggested: Sequence[Suggested], readings: int) -> list[Planned]:
    """Plans for all of them side by side; what only reading can decide comes first where questions are short."""
    ordered = sorted(suggested, key=lambda each: each.candidate.by_sql)
    readable = ordered[:readings]
    return list(await asyncio.gather(*(plan_candidate(inquiry, each, may_read=each in readable) for each in suggested)))


def _once(drafts: Sequence[HypothesisDraft]) -> list[HypothesisDraft]:
    """Each plan once, whatever its statement."""
    return list({draft.plan.digest if draft.plan else draft.statement: draft for draft in reversed(drafts)}.values())[::-1]
