"""A long trace within a limit: errors and last turns whole, the middle shortened where it is marked, spans in full on request."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ..traces.views import TraceView
from .transcript import Block, Part, blocks_of, span_called

CHARS_PER_TOKEN = 3
"""For a limit that is seldom exceeded: English has four and more characters a token, JSON about three."""
CLOSING = 6
"""Blocks at the end that are kept whole as long as that is possible, as are those that failed."""
LEAST_CHARS = 80
"""A text isn't cut to less; where that isn't short enough, whole blocks are left out."""

SHORTENED = re.compile(r"\[…[\d,]+ characters left out, ask for s\d+…\]|^\[s\d+ to s\d+ left out: ", re.MULTILINE)
"""The marks of what is left out, as `_cut` and `_gap` write them."""

Allowed = Callable[[Block, Part], int | None]
"""How many characters a text may have; None for as many as it has."""


def digest(trace: TraceView, *, tokens: int, known: Mapping[str, str] | None = None) -> str:
    """The trace as text of at most about so many tokens.

    What tools gave and what instructs the agent is cut first, then what is said in the middle, then the same of what failed and
    of the end; blocks of the middle are left out last.

    Args:
        trace: The trace.
        tokens: What it may take, at three characters a token.
        known: Long texts that the reader has before them already: what each is called.
    """
    blocks, limit = blocks_of(trace, known=known), tokens * CHARS_PER_TOKEN
    head = _head(trace)
    kept = {block.handle for block in (*blocks[-CLOSING:], *(block for block in blocks if block.failed))}
    for level in range(4):
        found = _largest(blocks, limit - len(head), lambda chars, level=level: _allowed(level, chars, kept))
        if found is not None:
            return f"{head}\n{found}"
    return "\n".join([head, *_with_gaps(blocks, limit - len(head))])


def spans_in_full(trace: TraceView, handles: Sequence[str], *, tokens: int) -> str:
    """The named spans with their whole inputs and outputs, cut only where all together would be too long."""
    spans = {span.span_id: (handle, span) for handle in handles if (span := span_called(trace, handle)) is not None}
    each = tokens * CHARS_PER_TOKEN // max(2 * len(spans), 1)
    texts = [
        f"[{handle.strip()} {span.span_type} {span.name}]\ninputs: {_cut(span.inputs or '-', each, handle)}\n"
        f"outputs: {_cut(span.outputs or '-', each, handle)}"
        for handle, span in spans.values()
    ]
    missing = [handle for handle in handles if span_called(trace, handle) is None]
    return "\n".join([*texts, *(f"[{handle[:40]}: the trace has no such span]" for handle in missing)])


def is_shortened(text: str) -> bool:
    """Whether a digest leaves something out that can be asked for."""
    return SHORTENED.search(text) is not None


def _head(trace: TraceView) -> str:
    kinds = Counter(span.span_type or "SPAN" for span in trace.spans)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    took = "" if trace.execution_duration_ms is None else f", {trace.execution_duration_ms / 1000:.1f} s"
    when = f"{trace.request_time:%Y-%m-%d %H:%M} UTC"
    return f"trace {trace.trace_id}: {trace.state}{took}, {when}, {len(trace.spans)} spans ({listed})"


def _allowed(level: int, chars: int, kept: set[str]) -> Allowed:
    """What is cut to so many characters: 0 heavy texts of the middle, 1 all there, 2 heavy texts everywhere, 3 all."""

    def allowed(block: Block, part: Part) -> int | None:
        if block.handle in kept and level < 2:
            return None
        if part.heavy:
            return chars if level in {0, 2} else LEAST_CHARS
        if level == 2:
            return LEAST_CHARS if block.handle not in kept else None
        return None if level == 0 else chars

    return allowed


def _largest(blocks: Sequence[Block], limit: int, allowed: Callable[[int], Allowed]) -> str | None:
    """The text with the largest allowance that fits; None where the least doesn't."""
    low, high = LEAST_CHARS, max((len(part.text) for block in blocks for part in block.parts), default=LEAST_CHARS)
    best = _text(blocks, allowed(low))
    if len(best) > limit:
        return None
    while low < high:
        middle = (low + high + 1) // 2
        text = _text(blocks, allowed(middle))
        if len(text) <= limit:
            low, best = middle, text
        else:
            high = middle - 1
    return best


def _text(blocks: Sequence[Block], allowed: Allowed) -> str:
    return "\n".join(_block(block, allowed) for block in blocks)


def _with_gaps(blocks: Sequence[Block], limit: int) -> list[str]:
    """As many blocks as there is room for, cut as far as can be: the last, what failed, the first; a line for each gap."""
    ranked = sorted(range(len(blocks)), key=lambda place: _rank(place, blocks))
    texts: dict[int, str] = {}
    for place in ranked:
        text = _block(blocks[place], lambda _block, _part: LEAST_CHARS)
        if len(text) < limit:
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


def _rank(place: int, blocks: Sequence[Block]) -> tuple[int, int]:
    """The closing and the opening first, then what failed, then by distance from the end."""
    from_end = len(blocks) - 1 - place
    if from_end < CLOSING or place < 2:
        return (0, from_end)
    return (1 if blocks[place].failed else 2, from_end)


def _gap(blocks: Sequence[Block]) -> list[str]:
    if not blocks:
        return []
    names = Counter(block.title.split(" ")[2] for block in blocks)
    listed = ", ".join(f"{count} {name}" for name, count in names.most_common(6))
    return [f"[{blocks[0].handle} to {blocks[-1].handle} left out: {listed}; ask for those you need]"]


def _block(block: Block, allowed: Allowed) -> str:
    lines = [f"[{block.title}]", *(_line(block, part, allowed) for part in block.parts)]
    return "\n".join(lines)


def _line(block: Block, part: Part, allowed: Allowed) -> str:
    chars = allowed(block, part)
    return f"{part.label}: {part.text if chars is None else _cut(part.text, chars, block.handle)}"


def _cut(text: str, limit: int, handle: str) -> str:
    """The beginning and the end of a text, and how much is left out between them."""
    if len(text) <= limit:
        return text
    mark = f" […{len(text) - limit:,} characters left out, ask for {handle}…] "
    end = limit // 3
    shorter = f"{text[: limit - end]}{mark}{text[len(text) - end :] if end else ''}"
    return shorter if len(shorter) < len(text) else text
