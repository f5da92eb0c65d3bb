"""Open reading: traces read one at a time, what went wrong first in each, and the failure modes that the notes make together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ...tools.insights.models import Census
from ...tools.reading.digest import digest
from ...tools.reading.transcript import span_called
from ...tools.traces.claims import look_up
from ...tools.traces.sample import find_siblings, odd_sample, random_sample
from ..model import GivenUp
from .forms import Candidate, Candidates, TraceReading
from .inquiry import Inquiry

TRACE_TOKENS = 4_000
"""Of a trace that is read."""
SIBLING_TOKENS = 1_000
ODD = 8
"""Traces of odd buckets that are read besides the random ones."""
NOTES_CHARS = 14_000
"""Of all notes together, for the question that groups them."""
NO_SIBLING = "(no other trace has the same input)"


@dataclass(frozen=True)
class Read:
    """What open reading gave."""

    candidates: tuple[Candidate, ...] = ()
    traces: int = 0
    """Traces that were read to an answer."""
    refused: int = 0
    """Notes whose span or quote isn't in the trace."""


async def read_openly(inquiry: Inquiry, census: Census, *, size: int) -> Read:
    """Reads a seeded random sample and traces of odd buckets, and groups what was noted."""
    sample, siblings = await asyncio.to_thread(_draw, inquiry, census, size)
    done = 0

    async def one(trace_id: str) -> TraceReading | GivenUp | None:
        nonlocal done
        noted = await _read_one(inquiry, trace_id, siblings.get(trace_id))
        done += 1
        inquiry.progress("reading traces", done, len(sample))
        return noted

    answers = await asyncio.gather(*(one(trace_id) for trace_id in sample))
    readings = [each for each in answers if isinstance(each, TraceReading)]
    notes = [note for each in readings if each.went_wrong for note in (each.what, *each.also) if note.strip()]
    refused = sum(each is None for each in answers)
    inquiry.note(f"{len(readings):,} traces read, {len(notes):,} notes of what went wrong, {refused:,} refused or unreadable")
    return Read(await _group(inquiry, notes), len(readings), refused)


def _draw(inquiry: Inquiry, census: Census, size: int) -> tuple[list[str], dict[str, str]]:
    bench = inquiry.bench
    drawn = random_sample(bench.sql, size=size, seed=inquiry.analysis.seed)
    odd = odd_sample(bench.sql, census, size=ODD if size else 0)
    sample = list(dict.fromkeys([*drawn, *odd]))
    siblings = find_siblings(bench.sql, sample)
    bench.look_at(sorted({*sample, *siblings.values()}))
    return sample, siblings


async def _read_one(inquiry: Inquiry, trace_id: str, sibling: str | None) -> TraceReading | GivenUp | None:
    """What the model noted of a trace; None where the trace can't be read, or where it has nothing of what is quoted."""
    trace = await inquiry.read(trace_id)
    if trace is None:
        return None
    other = await inquiry.read(sibling) if sibling else None
    noted = await inquiry.ask(
        "read_trace",
        TraceReading,
        purpose="open reading",
        sibling=digest(other, tokens=SIBLING_TOKENS, known=inquiry.known) if other else NO_SIBLING,
        trace=digest(trace, tokens=TRACE_TOKENS, known=inquiry.known),
    )
    if isinstance(noted, GivenUp) or not noted.went_wrong:
        return noted
    span = span_called(trace, noted.span)
    return None if look_up(trace, span_id=span.span_id if span else noted.span, quote=noted.quote).refused else noted


async def _group(inquiry: Inquiry, notes: Sequence[str]) -> tuple[Candidate, ...]:
    """The failure modes that the notes make together."""
    if not notes:
        return ()
    listed = "\n".join(f"{place}. {note}" for place, note in enumerate(notes, start=1))[:NOTES_CHARS]
    grouped = await inquiry.ask("group_notes", Candidates, purpose="grouping", notes=listed)
    if isinstance(grouped, GivenUp):
        inquiry.note(f"The notes could not be grouped: {grouped.why}")
        return ()
    return tuple(grouped.candidates)
