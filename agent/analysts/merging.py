"""Candidates that are about what is on a list already: by meaning, as the model sees it; the labels are checked by code."""

from collections.abc import Sequence

from ..model import GivenUp
from .fitting import flexible
from .forms import Candidate, Duplicates, Pair
from .inquiry import Inquiry
from .likeness import Known

KNOWN = 80
"""Known statements that candidates are compared with."""


async def find_alike(
    inquiry: Inquiry, candidates: Sequence[Candidate], known: Sequence[Known]
) -> dict[Candidate, Known | Candidate]:
    """The candidates that the model calls the same as something else, and what that is.

    Args:
        inquiry: Who asks.
        candidates: In order of importance: of two that are the same, the first stays.
        known: What is being tested, or was found before.
    """
    if not candidates or len(candidates) + len(known) < 2:
        return {}
    labels = {f"C{place}": each for place, each in enumerate(candidates, start=1)}
    listed = {f"K{place}": each for place, each in enumerate(known[:KNOWN], start=1)}
    answer = await inquiry.ask(
        "merge_candidates",
        Duplicates,
        purpose="merging",
        known=flexible("\n".join(f"{label}: {each.text}" for label, each in listed.items()) or "(nothing)"),
        candidates=flexible("\n".join(f"{label}: {each.statement} ({each.check})" for label, each in labels.items())),
    )
    if isinstance(answer, GivenUp):
        return {}
    merged: dict[str, str] = {}
    for pair in answer.pairs:
        if _holds(pair, labels, listed, merged):
            merged[pair.candidate] = pair.same_as
    return {labels[one]: listed[other] if other in listed else labels[other] for one, other in merged.items()}


def _holds(pair: Pair, labels: dict[str, Candidate], known: dict[str, Known], merged: dict[str, str]) -> bool:
    """A candidate goes into a known one, or into an earlier candidate that stays; each once, none into itself."""
    if pair.candidate not in labels or pair.candidate in merged:
        return False
    if pair.same_as in known:
        return True
    return (
        pair.same_as in labels
        and pair.same_as not in merged
        and list(labels).index(pair.same_as) < list(labels).index(pair.candidate)
    )
