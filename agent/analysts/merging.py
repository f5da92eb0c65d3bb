"""Candidates that are about what is on a list already are left out: by meaning, as the model sees it, checked by code."""

from collections.abc import Sequence

from ..model import GivenUp
from .fitting import flexible
from .forms import Candidate, Duplicates, Pair
from .inquiry import Inquiry

KNOWN = 80
"""Known statements that candidates are compared with."""


async def merge_candidates(
    inquiry: Inquiry, candidates: Sequence[Candidate], known: Sequence[str]
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """The candidates that are new, and a sentence for each that isn't.

    Args:
        inquiry: Who asks.
        candidates: In order of importance: of two that are the same, the first stays.
        known: What is being tested, or was found before.
    """
    if not candidates or len(candidates) + len(known) < 2:
        return tuple(candidates), ()
    labels = {f"C{place}": each for place, each in enumerate(candidates, start=1)}
    listed = {f"K{place}": each for place, each in enumerate(known[:KNOWN], start=1)}
    answer = await inquiry.ask(
        "merge_candidates",
        Duplicates,
        purpose="merging",
        known=flexible("\n".join(f"{label}: {text}" for label, text in listed.items()) or "(nothing)"),
        candidates=flexible("\n".join(f"{label}: {each.statement} ({each.check})" for label, each in labels.items())),
    )
    if isinstance(answer, GivenUp):
        return tuple(candidates), ()
    merged: dict[str, str] = {}
    for pair in answer.pairs:
        if _holds(pair, labels, listed, merged):
            merged[pair.candidate] = pair.same_as
    texts = {**listed, **{label: each.statement for label, each in labels.items()}}
    reasons = tuple(f"{labels[one].statement} It is the same as: {texts[other]}" for one, other in merged.items())
    return tuple(each for label, each in labels.items() if label not in merged), reasons


def _holds(pair: Pair, labels: dict[str, Candidate], known: dict[str, str], merged: dict[str, str]) -> bool:
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
