"""How traces end: one question that a judge is asked of every trace, whatever else is suspected of it.

A rule can be broken, a tool can fail and be called again, and all ends as it should; and a trace can end wrongly with no step
that counting could find. So the language analyst always states one hypothesis about the end itself, before it has looked at
anything: no trace suggests it, and none is left out. What it finds is an issue of its own, and a measure of every other issue:
how many of the traces that one affects ended wrongly, beside how many of the rest (`severity.py`).

Judged is the end state against what was asked for and allowed, as tau-bench scores conversations (Yao et al., 2024,
arXiv:2406.12045); here a reader works out what it should have been, since traces of production hold no reference.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from ..insights.models import Cause, Endings, HypothesisDraft
from .plan import Plan, Read, ReadStep
from .render import render_plan
from .sequential import Answer

THRESHOLD = 0.05
"""Share of traces above which it is a fault, as of all rates that are claimed."""
MOST_PARTS = 6
"""Other issues that are named as part of what lies behind."""
LEAST = 5
"""Affected traces whose end is known, below which nothing is said about the ends of an issue's traces."""

TITLE = "Traces end otherwise than asked and allowed"
ADVICE = "Begin with what holds most of these traces; open those that nothing else tells of, and say what they have in common."

QUESTION = """
Does it end wrongly for the user? Work it out in this order. (1) All that the user wanted by the end, with each condition,
preference and fallback they gave. (2) What of it the agent's rules allow, demand and forbid. (3) Each call that changed
something: the right object, items, dates, amounts and payment, and allowed? Take ids, prices, dates and conditions from the
results of tools, look at every candidate there, and do the sums yourself. (4) What by (1) and (2) should have been changed and
wasn't, or was refused or handed over although it could have been done. It is affected if at the end something is changed that
shouldn't be, or something that should be changed isn't or is otherwise, or if the user leaves with a wrong answer, or none, to
what they asked in order to know it. It isn't affected if what stands at the end is what (1) and (2) come to, however it came
about: slips that were put right, a confirmation that wasn't asked for and the tone don't count, nor does what the user gave up
of their own will or left unanswered. Where nothing may be changed, leaving all as it was is right, whatever reason was given and
whether it was refused or handed over. A wrong figure or reason on the way counts only where, by what the user said, the
right one would have led to another end. Where it is affected its consequence is `wrong`.
""".strip().replace("\n", " ")


def endings_draft() -> HypothesisDraft:
    """That traces end wrongly, decided by reading."""
    plan = Plan(
        estimand="snapshot",
        population="SELECT trace_id FROM traces",
        population_title="all traces",
        steps=(ReadStep(title="ends otherwise than the user asked for and the rules allow", question=QUESTION),),
        decision=Read(threshold=THRESHOLD, threshold_source="configuration"),
        rejected_if="At most one trace in twenty ends wrongly.",
    )
    return HypothesisDraft(
        statement=f"More than {THRESHOLD:.0%} of the traces end otherwise than the user asked for and the agent's rules allow.",
        title=TITLE,
        rationale="Whatever goes wrong on the way, this is what users are left with; it is asked of every trace that is read.",
        testing_plan=render_plan(plan),
        plan=plan,
        source="playbook",
        kind="quality",
    )


def asks_for_ending(plan: Plan | None) -> bool:
    """Whether a plan reads how traces end."""
    return plan is not None and plan.reading is not None and plan.reading.question == QUESTION


def endings_of(affected: Iterable[str], judged: Mapping[str, Answer]) -> Endings | None:
    """How the traces of an issue ended beside all others; None where too few of them were judged to say.

    Args:
        affected: The traces of the issue.
        judged: Of each trace that was judged whether it ended wrongly.
    """
    mine = set(affected)
    known = {trace_id: answer == "affected" for trace_id, answer in judged.items() if answer != "unclear"}
    own = [wrong for trace_id, wrong in known.items() if trace_id in mine]
    rest = [wrong for trace_id, wrong in known.items() if trace_id not in mine]
    if len(own) < min(LEAST, len(mine)):
        return None
    return Endings(judged=len(own), wrong=sum(own), rest_judged=len(rest), rest_wrong=sum(rest))


def tell_parts(ended: Collection[str], others: Sequence[tuple[str, Collection[str]]]) -> Cause:
    """What lies behind the traces that ended wrongly, as far as other issues tell of them: an overlap, no cause that was tested.

    Args:
        ended: The traces that ended wrongly.
        others: Of each other issue its title, and its traces.
    """
    shared = [(len(set(ended) & set(traces)), title) for title, traces in others]
    parts = sorted((part for part in shared if part[0]), key=lambda part: (-part[0], part[1]))
    told = len(set(ended) & {trace_id for _, traces in others for trace_id in traces})
    alone = f"{len(ended) - told:,} of these {len(ended):,} traces are in no other issue"
    found = "; ".join([alone, *(f"{count:,} in “{title}”" for count, title in parts[:MOST_PARTS])])
    text = f"Whatever made them end so. {found}. An overlap: what of it made them end wrongly isn't shown."
    return Cause(text=text, standing="suspected")
