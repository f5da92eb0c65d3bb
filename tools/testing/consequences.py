"""What a failure that was read did to its users: counted over the traces that a judge flagged, the worst of them shown first.

A rule can be broken with no harm to anybody. So the judge says of each trace that it flags what came of it, and shows the words;
what no words of the trace show counts as nothing. Severity rests on the share of traces that ended wrongly, not on how often the
rule was broken (`severity.py`); and the issue is about those traces, where there are any: whoever opens one finds harm in it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..insights.affected import AffectedTrace
from ..insights.models import Consequence, Consequences, Evidence, Interval, Judgement, TestResult
from ..shares import percent
from .reading_on import share_of_whole
from .sequential import Answer

SHOWN = 8
"""Flagged traces that an issue is shown with, the worst first."""
WORST_FIRST: tuple[Consequence, ...] = ("wrong", "misled", "none")
IN_WORDS: Mapping[Consequence, str] = {
    "wrong": "What the user wanted ended wrongly",
    "misled": "The user was misled, or had to correct the agent",
}
NOTE_CHARS = 200


class Flagged(NamedTuple):
    """What a judge flagged: the traces that the issue is about, and what the failure did to users."""

    traces: list[AffectedTrace]
    """Those that ended wrongly by it; where none did, all that are flagged, those first in which the user was misled."""
    share: Interval | None
    """Of those that ended wrongly among all traces, both ends the same where all were read; None where none did."""
    consequences: Consequences
    """Of all that are flagged."""
    evidence: tuple[Evidence, ...]
    """A few of them, the worst first."""


def weigh_flagged(
    judged: Mapping[str, Judgement], result: TestResult, *, order: Sequence[str], aside: frozenset[str], whole: int, step: str
) -> Flagged:
    """What was flagged, and the shares of all traces in which it did something to the user.

    Args:
        judged: All that was judged, by trace.
        result: What the verdict was given on.
        order: The traces of the draw in their order, as many as were judged, or more.
        aside: Traces that weren't drawn from.
        whole: Traces that the statement is about, with those put aside.
        step: The step of the plan that the evidence is of.
    """
    flagged = [(trace_id, said) for trace_id, said in judged.items() if said.answer == "affected"]
    ordered = sorted(flagged, key=lambda each: (WORST_FIRST.index(each[1].consequence), each[0]))
    counts = {kind: sum(said.consequence == kind for _, said in flagged) for kind in WORST_FIRST}

    def share(*kinds: Consequence) -> Interval:
        answers: dict[str, Answer] = {
            trace_id: "not" if said.answer == "affected" and said.consequence not in kinds else said.answer
            for trace_id, said in judged.items()
        }
        return share_of_whole(result, answers, order=order, aside=aside, whole=whole)

    wrong = share("wrong")
    about = ordered[: counts["wrong"]] or ordered
    return Flagged(
        [AffectedTrace(trace_id, said.span_id, said.reason, said.consequence) for trace_id, said in about],
        wrong if counts["wrong"] else None,
        Consequences(
            population=whole,
            wrong=counts["wrong"],
            misled=counts["misled"],
            none=counts["none"],
            wrong_share=wrong,
            harmed_share=share("wrong", "misled"),
        ),
        tuple(_evidence(trace_id, said, step) for trace_id, said in ordered[:SHOWN]),
    )


def consequences_in_words(found: Consequences) -> str:
    """One sentence: how many of the flagged traces ended wrongly, which are those listed, and what share of all that is."""
    low, high = found.wrong_share.low, found.wrong_share.high
    of_all = percent(low) if low == high else f"{100 * found.wrong_share.level:.4g}% CI {percent(low)} to {percent(high)}"
    return (
        f"Of {found.flagged:,} flagged traces {found.wrong:,} ended wrongly by it ({of_all} of all {found.population:,})"
        f"{', which are those listed' if found.wrong else ''}; in {found.misled:,} the user was misled or had to correct the "
        f"agent, {found.none:,} show no consequence."
    )


def _evidence(trace_id: str, said: Judgement, step: str) -> Evidence:
    quote = " ".join(said.consequence_quote.split())[:NOTE_CHARS]
    came_of_it = f" {IN_WORDS[said.consequence]}: “{quote}”" if said.consequence in IN_WORDS else ""
    return Evidence(
        trace_id=trace_id,
        span_id=said.span_id or None,
        quote=said.quote[:500] or None,
        rationale=f"{said.reason[:NOTE_CHARS]}{came_of_it}".strip(),
        step=step,
    )
