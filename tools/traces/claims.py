"""Claims about a trace, looked up in it: a span that is named must be there, and a quote must stand in it.

Who quotes writes a text down again: line breaks become spaces, escapes are resolved or doubled, quotation marks are straightened,
the middle is left out with an ellipsis. That much is forgiven; a changed word isn't. JSON may be quoted as it is recorded, or in
short as readers are shown it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .compact import compact
from .texts import conversation, parsed, tool_calls
from .views import MODEL_TYPES, SpanView, TraceView

LEAST_CHARS = 8
"""A shorter quote stands in any trace; it counts only where it is all that a span was given or gave."""

_BREAKS = re.compile(r"\\+[nrt]")
_UNICODE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_ESCAPED = re.compile(r"\\+([\"'/\\])")
_ELLIPSIS = re.compile(r"\s*(?:\[…[\d,]+ characters left out, ask for s\d+…\]|\[as in s\d+\],?|…|\.\.\.|\[\.\.\.\]|\[…\])\s*")
"""What stands for something left out: an ellipsis, or a mark of the digest that the quote is from."""
_SAME = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "\u00a0": " "})
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0e-\x1f\x7f]")


class Citation(NamedTuple):
    """What was looked up: where the quote stands, or why it was refused."""

    span_id: str = ""
    """The span that holds the quote, or the span that was named where nothing was quoted."""
    quote: str = ""
    refused: str = ""
    """Why it isn't taken; empty where it is."""


def look_up(trace: TraceView, *, span_id: str = "", quote: str = "") -> Citation:
    """Looks a span and a quote up in a trace.

    A quote that stands in another span than the one named is taken, with the span that holds it. A span that the trace hasn't is
    refused whatever the quote.
    """
    spans = {span.span_id: span for span in trace.spans}
    if span_id and span_id not in spans:
        return Citation(refused=f"the trace has no span {span_id[:80]!r}")
    if not quote.strip():
        return Citation(span_id=span_id)
    wanted = [normalised(part) for part in _ELLIPSIS.split(quote) if part.strip()]
    ordered = sorted(trace.spans, key=lambda span: span.span_id != span_id)
    tried: set[str] = set()
    for span in ordered:
        if _holds(span, wanted, tried):
            return Citation(span_id=span.span_id, quote=quote)
    if _within(wanted, (trace.request, trace.response)):
        return Citation(span_id=span_id, quote=quote)
    short = f", and with fewer than {LEAST_CHARS} characters it proves nothing" if _too_short(wanted) else ""
    return Citation(refused=f"the quote {quote[:80]!r} doesn't stand in the trace{short}")


def normalised(text: str) -> str:
    """The text without what writing it down again may change."""
    text = _BREAKS.sub(" ", text)
    text = _UNICODE.sub(lambda found: chr(int(found[1], 16)), text)
    text = _ESCAPED.sub(r"\1", text)
    return " ".join(_INVISIBLE.sub("", text).translate(_SAME).casefold().split()).strip("\"'` ")


def _holds(span: SpanView, wanted: list[str], tried: set[str]) -> bool:
    recorded = (span.inputs or "", span.outputs or "", span.status_message, span.name)
    return _within(wanted, recorded) or _within(wanted, _in_short(span, tried))


def _in_short(span: SpanView, tried: set[str]) -> Iterator[str]:
    """Its JSON as readers are shown it (see `compact`), but for what was tried: calls mostly repeat all that was said before."""
    for payload in filter(None, (span.inputs, span.outputs)):
        value = parsed(payload)
        texts = [value if isinstance(value, str) else "", span.status_message]
        texts += [text for _, text in (*conversation(value), *tool_calls(value))]
        # Of what a model is given each message is shown by itself.
        texts += [payload] if payload is span.outputs or span.span_type not in MODEL_TYPES else []
        for text in texts:
            if text not in tried and (short := compact(text.strip())) != text:
                yield short
            tried.add(text)


def _within(wanted: list[str], texts: Iterable[str]) -> bool:
    """Whether the parts stand in one of the texts, in their order."""
    for text in map(normalised, texts):
        if wanted == [text] and text:
            return True
        if wanted and not _too_short(wanted) and _in_order(wanted, text):
            return True
    return False


def _too_short(wanted: list[str]) -> bool:
    return sum(map(len, wanted)) < LEAST_CHARS


def _in_order(wanted: list[str], text: str) -> bool:
    place = 0
    for part in wanted:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True
