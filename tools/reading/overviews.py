"""Many traces at a glance: a few thousand tokens that show where to look. Each names the traces it shows, which are linked first.

What is shown may suggest a hypothesis, so it is of the discovery half unless something else is asked for. Counts here point the
way; a figure in a report comes from a plan.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..workbench import Workbench
from .behaviours import action_claims, last_turns, same_subject, siblings, tool_sequences, writes
from .contents import argument_shapes, failure_templates, refusal_templates, unsupported_numbers
from .durations import durations
from .facts import Facts, Half, gather
from .glance import Glance

CHARS = 9_000
"""Of one overview: about 3,000 tokens."""

FROM_FACTS: dict[str, tuple[str, Callable[[Facts], Glance]]] = {
    "siblings": ("the same request more than once: paths, writes and final answers side by side", siblings),
    "same_subject": ("traces about the same customer, order or document, side by side", same_subject),
    "tool_sequences": ("in which order tools are called, as patterns with counts", tool_sequences),
    "writes": ("what the agent changed, with what the user said last before it", writes),
    "action_claims": ("answers that say something was done, where no tool that changes anything was called", action_claims),
    "last_turns": ("how traces end: the user's last words and the final answer", last_turns),
    "argument_shapes": ("what tools are given: keys, types, common values, and what is rare", argument_shapes),
    "failure_templates": ("what failing tools say, numbers and names masked, and what the agent did next", failure_templates),
    "refusal_templates": ("how the agent refuses, sentence by sentence, numbers and names masked", refusal_templates),
    "unsupported_numbers": ("amounts in answers that stand in no tool result, request or instruction", unsupported_numbers),
}


@dataclass(frozen=True)
class Overview:
    """An overview as it is shown."""

    name: str
    text: str
    trace_ids: tuple[str, ...]
    """The traces that it shows, all linked."""


def overview_names() -> dict[str, str]:
    """Each overview, and what it shows."""
    return {**{name: about for name, (about, _) in FROM_FACTS.items()}, "durations": "how long each kind of step takes"}


def show_overviews(bench: Workbench, names: Sequence[str], *, half: Half = "discovery", chars: int = CHARS) -> list[Overview]:
    """Makes overviews of one sample of traces, and links the traces that they show.

    Args:
        bench: The analysis's tools.
        names: Which; see `overview_names`.
        half: Which traces; `all` only where nothing that is seen can suggest what is tested on the same traces.
        chars: How long each may be, in characters.

    Raises:
        ValueError: there is no overview of that name.
        QueryError: a query fails.
    """
    unknown = sorted(set(names) - overview_names().keys())
    if unknown:
        raise ValueError(f"there is no overview {unknown}; there are {sorted(overview_names())}")
    facts = gather(bench, half=half) if set(names) & FROM_FACTS.keys() else None
    shown: list[Overview] = []
    for name in names:
        glance = durations(bench, half=half) if name == "durations" or facts is None else FROM_FACTS[name][1](facts)
        text, trace_ids = glance.cut(chars)
        bench.look_at(trace_ids)
        shown.append(Overview(name, text, tuple(trace_ids)))
    return shown
