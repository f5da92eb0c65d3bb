"""A long trace within a limit: what tools gave is cut first, what users said last; spans in full on request."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ..traces.views import MODEL_TYPES, TraceView
from .transcript import Block, Kind, Part, blocks_of, handle_of, models_called, span_called

CHARS_PER_TOKEN = 3
"""For a limit that is seldom exceeded: English has four and more characters a token, JSON about three."""
CLOSING = 6
"""Blocks at the end whose results of tools are cut after those of the middle, as are those of blocks that failed."""
AROUND = 2
"""Blocks on each side of a span that matters most, which are shown as it is."""
SHORT = 300
"""A shorter text isn't worth cutting, ..."""
LEAST_CHARS = 80
"""... as long as that is enough. None is cut to less than this; then whole blocks are left out."""

SHORTENED = re.compile(r"\[…[\d,]+ characters left out, ask for s\d+…\]|^\[s\d+ to s\d+ left out: ", re.MULTILINE)
"""The marks of what is left out, as `_cut` and `_gap` write them."""
HEADING = re.compile(r"(?<=[\n\r\v\f\x85\u2028\u2029])(?=\[s\d)")
"""Where a text would look as if another span began."""

Allowed = Callable[[Block, Part], int | None]
"""How many characters a text may have; None for as many as it has."""
Order = Callable[[Block, Part], int]
"""When a text is cut: those of the lowest number first."""
LATER: tuple[Kind, ...] = ("instructions", "agent", "user")
"""What is cut after the material."""
NEVER = 9
"""Of what matters most: rather are whole blocks left out."""


def digest(trace: TraceView, *, tokens: int, known: Mapping[str, str] | None = None, about: Collection[str] = frozenset()) -> str:
    """The trace as text of at most about so many tokens.

    What tools gave in the middle is cut first, then what they gave at the end and where something failed, what instructs the
    agent, what it said and did, and what its users said. Blocks of the middle are left out last.

    Args:
        trace: The trace.
        tokens: What it may take, at three characters a token.
        known: Long texts that the reader has before them already: what each is called.
        about: Spans, by handle or id, that matter most: they and what stands around them are whole as long as that is possible.
    """
    blocks, limit = blocks_of(trace, known=known), tokens * CHARS_PER_TOKEN
    head = _head(trace)
    near = _near(trace, blocks, about)
    found = _fitted(blocks, limit - len(head), _order(blocks, near))
    return "\n".join([head, found] if found is not None else [head, *_with_gaps(blocks, limit - len(head), near)])


def spans_in_full(trace: TraceView, handles: Sequence[str], *, tokens: int, known: Mapping[str, str] | None = None) -> str:
    """The named spans whole, as the digest would show them; the longest texts are cut where all together would be too long."""
    places = {span.span_id: handle_of(place) for place, span in enumerate(trace.spans)}
    named = {places[span.span_id] for handle in handles if (span := span_called(trace, handle)) is not None}
    blocks = [block for block in blocks_of(trace, known=known, whole=named) if block.handle in named]
    missing = [f"[{handle[:40]}: the trace has no such span]" for handle in handles if span_called(trace, handle) is None]
    limit = tokens * CHARS_PER_TOKEN
    found = _fitted(blocks, limit, lambda _block, _part: 0)
    shown = _with_gaps(blocks, limit, frozenset()) if found is None else [found] if blocks else []
    return "\n".join([*shown, *missing])


def is_shortened(text: str) -> bool:
    """Whether a digest leaves something out that can be asked for."""
    return SHORTENED.search(text) is not None


def _head(trace: TraceView) -> str:
    called = models_called(trace)
    names = (f"{span.span_type} {called}".strip() if span.span_type in MODEL_TYPES else span.span_type for span in trace.spans)
    kinds = Counter(name or "SPAN" for name in names)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    took = "" if trace.execution_duration_ms is None else f", {trace.execution_duration_ms / 1000:.1f} s"
    when = f"{trace.request_time:%Y-%m-%d %H:%M} UTC"
    return f"trace {trace.trace_id}: {trace.state}{took}, {when}, {len(trace.spans)} spans ({listed})"


def _near(trace: TraceView, blocks: Sequence[Block], about: Collection[str]) -> frozenset[str]:
    """The blocks of these spans, and those around them."""
    spans = {id(span) for each in about if (span := span_called(trace, each)) is not None}
    named = {handle_of(place) for place, span in enumerate(trace.spans) if id(span) in spans}
    places = [place for place, block in enumerate(blocks) if block.handle in named]
    return frozenset(block.handle for place in places for block in blocks[max(place - AROUND, 0) : place + AROUND + 1])


def _order(blocks: Sequence[Block], near: Collection[str]) -> Order:
    """What is cut first: see `digest`."""
    kept = {block.handle for block in (*blocks[-CLOSING:], *(block for block in blocks if block.failed))}

    def order(block: Block, part: Part) -> int:
        if block.handle in near:
            return NEVER
        return int(block.handle in kept) if part.kind == "material" else LATER.index(part.kind) + 2

    return order


def _fitted(blocks: Sequence[Block], limit: int, order: Order) -> str | None:
    """The blocks with as little cut as has to be; None where even the least is too long."""
    whole = _text(blocks, lambda _block, _part: None)
    if len(whole) <= limit:
        return whole
    numbers = sorted({order(block, part) for block in blocks for part in block.parts} - {NEVER})
    longest = max((len(part.text) for block in blocks for part in block.parts), default=SHORT)
    for cutting in (_Cutting(order, SHORT, longest, None), _Cutting(order, LEAST_CHARS, SHORT, SHORT)):
        for number in numbers:
            found = _largest(blocks, limit, cutting, number)
            if found is not None:
                return found
    return None


class _Cutting(NamedTuple):
    """One turn of cutting."""

    order: Order
    least: int
    most: int
    after: int | None
    """What those have whose time hasn't come."""

    def allowed(self, number: int, chars: int) -> Allowed:
        """Those before this number have the least, those of it so many characters."""

        def allowed(block: Block, part: Part) -> int | None:
            own = self.order(block, part)
            if own == number:
                return chars
            return self.least if own < number else None if own == NEVER else self.after

        return allowed


def _largest(blocks: Sequence[Block], limit: int, cutting: _Cutting, number: int) -> str | None:
    """The text with the largest allowance for those of this number that fits; None where the least doesn't."""
    low, high = cutting.least, cutting.most
    best = _text(blocks, cutting.allowed(number, low))
    if len(best) > limit:
        return None
    while low < high:
        middle = (low + high + 1) // 2
        text = _text(blocks, cutting.allowed(number, middle))
        if len(text) <= limit:
            low, best = middle, text
        else:
            high = middle - 1
    return best


def _text(blocks: Sequence[Block], allowed: Allowed) -> str:
    return "\n".join(_block(block, allowed) for block in blocks)


def _with_gaps(blocks: Sequence[Block], limit: int, near: Collection[str]) -> list[str]:
    """As many blocks as there is room for, cut as far as can be, those of the spans in question first; a line for each gap."""
    ranked = sorted(range(len(blocks)), key=lambda place: (blocks[place].handle not in near, *_rank(place, blocks)))
    texts: dict[int, str] = {}
    for place in ranked:
        text = _fitting(blocks[place], limit, matters=blocks[place].handle in near)
        if text is not None:
            texts[place] = text
            limit -= len(text) + 1
    lines: list[str] = []
    gap: list[Block] = []
    for place, block in enumerate(blocks):
        if place in texts:
            lines += [*_gap(gap), texts[place]]
            gap = []
        else:
            gap.append(block)
    return [*lines, *_gap(gap)]


def _fitting(block: Block, limit: int, *, matters: bool) -> str | None:
    """A block as there is room for it; of what matters each may take half of the room that is left."""
    tried: tuple[int | None, ...] = (None, limit // 3, SHORT, LEAST_CHARS) if matters else (LEAST_CHARS,)
    ways = (_block(block, lambda _block, _part, chars=chars: chars) for chars in tried)
    return next((each for each in ways if len(each) < (limit // 2 if matters else limit)), None)


def _rank(place: int, blocks: Sequence[Block]) -> tuple[int, int]:
    """The closing and the opening first, then what failed, then by distance from the end."""
    from_end = len(blocks) - 1 - place
    if from_end < CLOSING or place < 2:
        return (0, from_end)
    return (1 if blocks[place].failed else 2, from_end)


def _gap(blocks: Sequence[Block]) -> list[str]:
    if not blocks:
        return []
    names = Counter(block.name for block in blocks)
    listed = ", ".join(f"{count} {name}" for name, count in names.most_common(6))
    return [f"[{blocks[0].handle} to {blocks[-1].handle} left out: {listed}; ask for those you need]"]


def _block(block: Block, allowed: Allowed) -> str:
    lines = [f"[{block.title}]", *(_line(block, part, allowed) for part in block.parts)]
    return "\n".join(lines)


def _line(block: Block, part: Part, allowed: Allowed) -> str:
    chars = allowed(block, part)
    text = part.text if chars is None else _cut(part.text, chars, block.handle)
    return f"{part.label}: {HEADING.sub(' ', text)}"


def _cut(text: str, limit: int, handle: str) -> str:
    """The beginning and the end of a text, and how much is left out between them."""
    if len(text) <= limit:
        return text
    mark = f" […{len(text) - limit:,} characters left out, ask for {handle}…] "
    end = limit // 3
    shorter = f"{text[: limit - end]}{mark}{text[len(text) - end :] if end else ''}"
    return shorter if len(shorter) < len(text) else text
