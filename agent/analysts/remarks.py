"""What a judge came upon while it answered other questions: grouped, held against what is known, and planned like all else.

The traces in which it was noted have been read, so nothing of it is tested on them: neither on those read for a verdict, nor on
those shown before; where chance is to be told from more than chance, nor on what belongs together with them.
"""

import asyncio
from collections.abc import Collection, Sequence

from ...graph.ports import Event, Proposal
from ...tools.census.literals import quote
from ...tools.insights.models import Hypothesis, Issue, Noticed
from ...tools.testing.plan import Contrast, Rate
from ...tools.testing.render import render_plan
from .grouping import Grouped, Note, group_notes
from .inquiry import Inquiry
from .likeness import known_hypothesis, known_issue, pairs_of, tell_apart
from .merging import find_alike
from .planning import READ_LEAST, Planned, Suggested, plan_candidate

MOST = 5
"""Hypotheses that may come of it."""
NOTES = 120
"""Notes that are grouped at most; more are of the same failures."""
MOST_LEFT_OUT = 5000
"""Traces that a plan may leave out."""

AKIN = """
SELECT DISTINCT c.trace_id AS trace_id FROM clusters AS c
JOIN clusters AS s ON s.cluster_id = c.cluster_id WHERE s.trace_id IN ({ids})
"""


async def propose_from_remarks(
    inquiry: Inquiry, noticed: Sequence[Noticed], tested: Sequence[Hypothesis], earlier: Sequence[Issue]
) -> Proposal:
    """The failures that were noted and that no hypothesis is about, each with a plan of its own.

    Args:
        inquiry: Who asks; what it has seen are the traces that were shown or read.
        noticed: What was noted, each with a quote that stands in its trace.
        tested: The hypotheses of the analysis.
        earlier: The issues of the experiment.
    """
    inquiry.show(Event("step", "What else was noted while judging", step=inquiry.step))
    notes = [Note(each.trace_id, each.what, each.quote) for each in noticed][:NOTES]
    known = [*map(known_hypothesis, tested), *map(known_issue, earlier)]
    modes, ungrouped = await group_notes(inquiry, notes, [each.text for each in known])
    alike = await find_alike(inquiry, [mode.candidate for mode in modes], known)
    candidates = [mode.candidate for mode in modes if mode.candidate not in alike]
    unread = inquiry.bench.snapshot.record.traces - len(inquiry.seen)
    testable = [each for each in candidates if each.by_sql or unread >= READ_LEAST]
    suggested = {mode.candidate: _suggested(mode) for mode in modes}
    chosen = [suggested[each] for each in testable[:MOST]]
    cut = [f"{each.statement} Left out: {MOST} are tested of what was noted while judging." for each in testable[MOST:]]
    cut += [f"{each.statement} Left out: nearly all traces were read already." for each in candidates if each not in testable]
    may_read = unread >= READ_LEAST
    planned = await asyncio.gather(*(plan_candidate(inquiry, each, may_read=may_read) for each in chosen))
    pairs, merged = pairs_of(alike, list(zip(chosen, planned, strict=True)), lambda each: suggested[each])
    left = MOST - len(chosen)
    planned += await tell_apart(inquiry, pairs, readings=left if may_read else 0, most=left)
    akin = await asyncio.to_thread(_akin, inquiry)
    apart = [_apart(each, akin) for each in planned]
    refused = [each.refused for each in apart if each.draft is None]
    open_ = [f"{ungrouped} notes of what else was seen while judging are in no failure mode."] if ungrouped else []
    return Proposal([each.draft for each in apart if each.draft is not None], (*merged, *cut, *refused, *open_))


def _suggested(mode: Grouped) -> Suggested:
    seen = f"noted in {mode.traces} {'trace' if mode.traces == 1 else 'traces'} that were judged for other questions"
    why = f"It was {seen}: {mode.candidate.title}."
    return Suggested(mode.candidate, "judging", why, seen=mode.examples, noted_in=mode.noted_in)


def _akin(inquiry: Inquiry) -> frozenset[str]:
    """What was shown or read, with all that belongs together with it: same session, user or request."""
    ids = ", ".join(quote(each) for each in sorted(inquiry.seen))
    table = inquiry.bench.query(AKIN.format(ids=ids), title="What belongs together with what was read")
    return frozenset(map(str, table["trace_id"].to_pylist())) | inquiry.seen


def _apart(planned: Planned, akin: Collection[str]) -> Planned:
    """What was planned, so that nothing that suggested it has a part in its test."""
    draft = planned.draft
    if draft is None or draft.plan is None or not isinstance(draft.plan.decision, Rate | Contrast):
        return planned  # a counted fact is what it is, and what is read leaves out what was read
    if len(akin) > MOST_LEFT_OUT:
        return Planned(None, f"{draft.statement} Too many traces belong together with those that suggested it to test it.")
    plan = draft.plan.model_copy(update={"leave_out": tuple(sorted(akin))})
    return Planned(draft.model_copy(update={"plan": plan, "testing_plan": render_plan(plan)}))
