"""Traces that stand beside another one because they are about the same: the same request, or the same customer, order, document.

What one did and the other left undone is easier to see than what either did wrong, so a reader is shown both.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..workbench import Workbench
from .behaviours import MOST_ALIKE, outcome_lines, subject_of, written
from .facts import Facts, Half, TraceFacts, gather
from .glance import line

LEAST_REQUEST = 15
"""Characters of a request; shorter ones are greetings, the same words for different things."""


ALONE = "(no other trace is about the same)"
"""What is said where there is none."""


class Room(NamedTuple):
    """How much is shown of what stands beside a trace: traces, and characters of each request, change and end."""

    traces: int
    asked: int
    changes: int
    ended: int
    own: bool
    """Whether the trace itself stands first in the same words; not where it is shown anyway."""


AMPLE = Room(traces=4, asked=240, changes=300, ended=240, own=True)
NARROW = Room(traces=3, asked=140, changes=200, ended=120, own=False)


@dataclass(frozen=True)
class Related:
    """Traces beside one."""

    text: str
    trace_ids: tuple[str, ...]


def find_related(
    bench: Workbench,
    trace_ids: Iterable[str] | None,
    *,
    half: Half = "discovery",
    among: Collection[str] | None = None,
    room: Room = AMPLE,
) -> dict[str, Related]:
    """For each trace that has any, those that are about the same; what changes other things comes first. Nothing is linked.

    Args:
        bench: The analysis's tools.
        trace_ids: The traces; None: all of those that overviews are made of.
        half: Where to look.
        among: Only these may stand beside.
        room: How much is shown.
    """
    facts = gather(bench, half=half)
    groups = _groups(facts)
    by_id = {each.trace_id: each for each in facts.traces}
    found: dict[str, Related] = {}
    for trace in facts.traces if trace_ids is None else [by_id[each] for each in trace_ids if each in by_id]:
        others = [
            (why, other)
            for why, key in _keys(trace)
            for other in groups.get(key, ())
            if other is not trace and (among is None or other.trace_id in among)
        ]
        if others:
            found[trace.trace_id] = _related(trace, others, room)
    return found


def _groups(facts: Facts) -> dict[str, list[TraceFacts]]:
    groups: dict[str, list[TraceFacts]] = defaultdict(list)
    for trace in facts.traces:
        for _, key in _keys(trace):
            groups[key].append(trace)
    return {key: group for key, group in groups.items() if key.startswith("request") or len(group) <= MOST_ALIKE}


def _keys(trace: TraceFacts) -> list[tuple[str, str]]:
    """In words, and as a key, what another trace may share with it."""
    keys: list[tuple[str, str]] = []
    if trace.request_hash and len(trace.request) >= LEAST_REQUEST:
        keys.append(("the same input", f"request {trace.request_hash}"))
    if subject := subject_of(trace):
        keys.append((f"also about {line(subject, 80)}", f"subject {subject}"))
    return keys


def _related(trace: TraceFacts, others: Sequence[tuple[str, TraceFacts]], room: Room) -> Related:
    changed = written(trace)
    first: dict[str, tuple[str, TraceFacts]] = {}
    for why, other in others:
        first.setdefault(other.trace_id, (why, other))  # the same input says more than the same subject
    ranked = sorted(
        first.values(), key=lambda each: (each[0] != "the same input", written(each[1]) == changed, each[1].trace_id)
    )[: room.traces]
    lines = [
        text for why, other in ranked for text in (f"{why}; asked: {line(other.request, room.asked)}", *_outcome(other, room))
    ]
    own = ["this trace:", *_outcome(trace, room), ""] if room.own else []
    return Related("\n".join((*own, *lines)), tuple(other.trace_id for _, other in ranked))


def _outcome(trace: TraceFacts, room: Room) -> list[str]:
    return outcome_lines(trace, changes=room.changes, ended=room.ended)
