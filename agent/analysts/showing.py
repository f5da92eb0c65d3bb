"""Spans in full on request: a digest leaves out the middle of what is long; whoever reads it may ask for that, twice at most."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from ...tools.reading.digest import is_shortened, spans_in_full
from ...tools.reading.transcript import span_called
from ...tools.traces.views import TraceView
from ..model import GivenUp

MOST_REQUESTS = 2
"""Times that spans may be asked for before the answer must come."""
SPANS_TOKENS = 4_000
"""Of all spans in full that one question shows."""
NOTHING_YET = "(none yet)"


class AsksForSpans(Protocol):
    """An answer that may ask for spans instead."""

    @property
    def show(self) -> list[str]:
        """Spans that are needed first, as the digest calls them."""
        ...


T = TypeVar("T", bound=AsksForSpans)


async def ask_with_spans(
    trace: TraceView,
    digest: str,
    ask: Callable[[str, str], Awaitable[T | GivenUp]],
    *,
    known: Mapping[str, str] | None = None,
    settled: Callable[[T], bool] = lambda _: False,
    tokens: int = SPANS_TOKENS,
) -> T | GivenUp:
    """The answer about a trace, after at most two requests for spans that its digest shortens.

    Args:
        trace: The trace.
        digest: What is shown of it; where nothing is left out, nothing can be asked for.
        ask: Asks once, with the spans shown so far and a sentence that says whether more may be asked for.
        known: Long texts that the reader has before them already: what each is called.
        settled: Whether an answer that asks for spans is one all the same.
        tokens: What all spans together may take.
    """
    shown: list[str] = []
    for left in range(MOST_REQUESTS if is_shortened(digest) else 0, -1, -1):
        spans = spans_in_full(trace, shown, tokens=tokens, known=known)
        answer = await ask(spans or NOTHING_YET, _may(left, asked=bool(shown)))
        if isinstance(answer, GivenUp):
            return answer
        more = [handle for handle in answer.show if span_called(trace, handle) and handle not in shown]
        if not left or not more or settled(answer):
            return answer
        shown += more
    raise AssertionError("the last round answers")


def _may(left: int, *, asked: bool) -> str:
    if left:
        return f"You may ask {left} more time{'s' if left > 1 else ''}."
    return "You can't ask any more: answer now." if asked else "Of this trace nothing is left out: leave `show` empty."
