"""Exploration: the model looks around over the discovery half, in a bounded loop, for behaviours that nobody has listed yet."""

from collections.abc import Sequence

from ...tools.insights.models import Census
from ...tools.reading.overviews import overview_names
from ..model import GivenUp
from .fitting import flexible
from .forms import Candidate, Exploration
from .inquiry import Inquiry
from .looking import Lookout

GLANCE_CHARS = 1_100
"""Of each overview that is shown from the start."""


async def explore(inquiry: Inquiry, census: Census, known: Sequence[Candidate], *, rounds: int) -> tuple[Candidate, ...]:
    """Looks around for at most so many rounds; gives the behaviours that were found."""
    found: list[Candidate] = []
    lookout = Lookout(inquiry, "discovery")
    glances = await lookout.overviews(list(overview_names()), chars=GLANCE_CHARS)
    for left in range(rounds, 0, -1):
        answer = await inquiry.ask(
            "explore",
            Exploration,
            purpose="exploration",
            rounds=f"You may answer {left} more time{'s' if left > 1 else ''}.",
            counted=flexible(_counted(census)),
            overviews=flexible(glances),
            candidates=flexible(_listed([*known, *found]) or "(none yet)"),
            log=lookout.log,
        )
        if isinstance(answer, GivenUp):
            inquiry.note(f"The exploration ended early: {answer.why}")
            break
        found += answer.found
        if not answer.looks or left == 1:
            break
        await lookout.carry_out(answer.looks, learnt=answer.learnt)
    inquiry.note(f"Explored: {len(lookout.shown):,} looks, {len(found):,} further behaviours")
    return tuple(found)


def _counted(census: Census) -> str:
    """The figures of the census over all traces, and of tools; nothing of segments."""
    lines = [
        f"{bucket.name}{f' {bucket.segment}' if bucket.segment else ''}: "
        + (f"{bucket.numerator} of {bucket.denominator}" if bucket.numerator is not None else f"{bucket.value:.6g}")
        for bucket in census.buckets
        if bucket.dimension == "all" and bucket.value
    ]
    return "\n".join(lines)


def _listed(candidates: Sequence[Candidate]) -> str:
    return "\n".join(f"- {each.title}: {each.statement}" for each in candidates)
