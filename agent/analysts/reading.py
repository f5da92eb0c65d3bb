"""Open reading: traces read one at a time, and what went wrong first in each; what is noted needs a quote."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ...tools.insights.models import Census
from ...tools.reading.digest import CHARS_PER_TOKEN, digest
from ...tools.reading.related import ALONE, find_related
from ...tools.reading.transcript import span_called
from ...tools.reading.turns import turns_around
from ...tools.traces.claims import look_up
from ...tools.traces.sample import odd_sample, random_sample
from ...tools.traces.views import TraceView
from ..model import GivenUp
from .fitting import Flexible, flexible
from .forms import TraceReading
from .grouping import Grouped, Note, group_notes
from .inquiry import Inquiry
from .showing import ask_with_spans

TRACE_TOKENS = 6_000
"""Of a trace that is read: nearly all conversations with tools are shown whole."""
ODD = 8
"""Traces of odd buckets that are read besides the random ones."""


@dataclass(frozen=True)
class Read:
    """What open reading gave."""

    modes: tuple[Grouped, ...] = ()
    traces: int = 0
    """Traces that were read to an answer."""
    refused: int = 0
    """Notes whose span or quote isn't in the trace."""
    ungrouped: int = 0
    """Notes that are in no failure mode."""


async def read_openly(inquiry: Inquiry, census: Census, tested: Sequence[str], *, size: int) -> Read:
    """Reads a seeded random sample and traces of odd buckets, and groups what was noted beside what is tested already."""
    sample, beside = await asyncio.to_thread(_draw, inquiry, census, size)
    done = 0

    async def one(trace_id: str) -> TraceReading | GivenUp | None:
        nonlocal done
        noted = await _read_one(inquiry, trace_id, beside.get(trace_id, ALONE))
        done += 1
        inquiry.progress("reading traces", done, len(sample))
        return noted

    answers = await asyncio.gather(*(one(trace_id) for trace_id in sample))
    readings = {trace_id: each for trace_id, each in zip(sample, answers, strict=True) if isinstance(each, TraceReading)}
    notes = [note for trace_id, each in readings.items() if each.went_wrong for note in _notes(trace_id, each)]
    refused = sum(each is None for each in answers)
    inquiry.note(f"{len(readings):,} traces read, {len(notes):,} notes of what went wrong, {refused:,} refused or unreadable")
    modes, ungrouped = await group_notes(inquiry, notes, tested)
    return Read(modes, len(readings), refused, ungrouped)


def _draw(inquiry: Inquiry, census: Census, size: int) -> tuple[list[str], dict[str, str]]:
    """The traces to read, and what is shown beside each: the turns around it, and traces about the same; all linked."""
    bench = inquiry.bench
    drawn = random_sample(bench.sql, size=size, seed=inquiry.analysis.seed)
    odd = odd_sample(bench.sql, census, size=ODD if size else 0)
    sample = list(dict.fromkeys([*drawn, *odd]))
    sources = (turns_around(bench, sample), find_related(bench, sample))
    shown = {trace_id for found in sources for each in found.values() for trace_id in each.trace_ids}
    inquiry.seen |= shown
    bench.look_at(sorted({*sample, *shown}))
    texts = {trace_id: [found[trace_id].text for found in sources if trace_id in found] for trace_id in sample}
    return sample, {trace_id: "\n\n".join(found) for trace_id, found in texts.items() if found}


def _notes(trace_id: str, reading: TraceReading) -> list[Note]:
    """What was noted of a trace: the first failure with its proof, and the others."""
    first = Note(trace_id, " ".join(reading.what.split()), " ".join(reading.quote.split()), reading.consequence)
    return [note for note in (first, *(Note(trace_id, " ".join(text.split())) for text in reading.also)) if note.text]


async def _read_one(inquiry: Inquiry, trace_id: str, beside: str) -> TraceReading | GivenUp | None:
    """What the model noted of a trace; None where the trace can't be read, or where it has nothing of what is quoted."""
    trace = await inquiry.read(trace_id)
    if trace is None:
        return None
    text = digest(trace, tokens=inquiry.fitting(TRACE_TOKENS), known=inquiry.known)

    def cut(chars: int) -> str:
        return digest(trace, tokens=chars // CHARS_PER_TOKEN, known=inquiry.known)

    async def ask(spans: str, may: str) -> TraceReading | GivenUp:
        return await inquiry.ask(
            "read_trace",
            TraceReading,
            purpose="open reading",
            may=may,
            related=flexible(beside),
            trace=Flexible(len(text), lambda chars: text if chars >= len(text) else cut(chars)),
            spans=flexible(spans),
        )

    noted = await ask_with_spans(trace, text, ask, known=inquiry.known)
    if isinstance(noted, GivenUp) or not noted.went_wrong:
        return noted
    return noted if _is_proven(trace, noted) else None


def _is_proven(trace: TraceView, noted: TraceReading) -> bool:
    """Whether the note has a quote, and it stands in the trace."""
    span = span_called(trace, noted.span)
    return bool(look_up(trace, span_id=span.span_id if span else noted.span, quote=noted.quote).quote)
