"""A trace as a text that can be read from beginning to end: who said what, which tool was called with what, what it gave.

Each line names its span, so that a reader can cite it. What was shown before isn't shown again: a call to a model repeats the
whole conversation, and the rules of the agent stand in every trace. A long trace is shortened in its middle, and in what tools
gave before what was said; what is left out is marked with how much it is.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .reader import SpanView, TraceView

MODEL_TYPES = {"CHAT_MODEL", "LLM"}
LAST = 6
"""Lines at the end of a trace that are shortened last."""
LIMITS = (6000, 3000, 2000, 1400, 1000, 700, 500, 350, 250, 170, 120, 80, 40)
"""To how many characters a line is cut, one after the other, until the trace fits."""
SAID = 3
"""Times as much room for what was said, and for what failed, as for what else tools were given and gave."""
MARK = "…[{:,} characters left out]…"


@dataclass(frozen=True)
class _Line:
    """One thing that happened."""

    span_id: str
    head: str
    text: str
    said: bool = False
    failed: bool = False

    def shown(self, chars: int) -> str:
        return f"[{self.span_id}] {self.head}: {_cut(self.text, chars)}"


def transcript(trace: TraceView, *, chars: int, known: str = "") -> str:
    """The trace as text.

    Args:
        trace: The trace.
        chars: How long it may be, in characters.
        known: What the reader knows already, such as the agent's rules: where a message says just that, it is left out.
    """
    lines = list(_lines(trace, known))
    head = f"trace {trace.trace_id}, {trace.state}, {len(trace.spans)} spans"
    if not lines:
        return f"{head}\nasked: {_cut(trace.request, chars // 2)}\nanswered: {_cut(trace.response, chars // 2)}"
    text = ""
    for limit in LIMITS:
        text = "\n".join([head, *(line.shown(_room(line, place, len(lines), limit)) for place, line in enumerate(lines))])
        if len(text) <= chars:
            break
    return _cut(text, chars)


def _room(line: _Line, place: int, lines: int, limit: int) -> int:
    """Characters of a line: what was said, what failed and how it ended keep more."""
    if place == 0 or place >= lines - LAST or line.failed:
        return max(SAID * limit, 400)
    return limit * SAID if line.said else limit


def _lines(trace: TraceView, known: str) -> Iterator[_Line]:
    said: set[str] = {_plain(known)}
    inner = [span for span in trace.spans if span.parent_span_id is not None] or list(trace.spans)
    for span in inner:
        if span.span_type in MODEL_TYPES:
            yield from _of_model(span, said)
        else:
            yield _of_step(span)


def _of_model(span: SpanView, said: set[str]) -> Iterator[_Line]:
    """What is new in a call to a model: messages of users and of the system, and what the model said."""
    for role, text in _messages(span.inputs):
        if role not in {"assistant", "tool", "function"} and _plain(text) not in said:
            said.add(_plain(text))
            yield _Line(span.span_id, role, text, said=True)
    failed = span.status_code == "ERROR"
    answered = "\n".join(text for _, text in _messages(span.outputs) if text)
    if failed or answered:
        yield _Line(
            span.span_id, "agent", f"{'ERROR ' + span.status_message if failed else ''}{answered}", said=True, failed=failed
        )


def _of_step(span: SpanView) -> _Line:
    failed = span.status_code == "ERROR"
    gave = f"ERROR {span.status_message}" if failed else span.outputs or "(nothing)"
    return _Line(span.span_id, f"{span.span_type or 'STEP'} {span.name}", f"{span.inputs or ''} -> {gave}", failed=failed)


def _messages(payload: str | None) -> list[tuple[str, str]]:
    """Role and text of each message in a payload; a payload of another form is one text of the user's."""
    try:
        found = json.loads(payload) if payload else None
    except ValueError:
        found = payload
    return list(_walk(found))


def _walk(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if "content" in node and ("role" in node or "type" in node):
            yield str(node.get("role") or node.get("type")), _text(node["content"])
            return
        nested = [node[key] for key in ("messages", "choices", "message", "generations", "output", "input") if key in node]
        if nested:
            for each in nested:
                yield from _walk(each)
        elif node:
            yield "user", json.dumps(node, ensure_ascii=False)
    elif isinstance(node, list):
        for each in node:
            yield from _walk(each)
    elif node is not None:
        yield "user", str(node)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", part)) if isinstance(part, dict) else str(part) for part in content)
    return "" if content is None else str(content)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, chars: int) -> str:
    """The text with its middle left out, where it is longer."""
    if len(text) <= chars:
        return text
    mark = MARK.format(len(text) - chars)
    return f"{text[: chars * 2 // 3]}{mark}{text[len(text) - chars // 3 :] if chars >= 3 else ''}"


def readable_spans(trace: TraceView, span_ids: Sequence[str], *, chars: int) -> str:
    """Spans whole, as far as they fit."""
    wanted = [span for span in trace.spans if span.span_id in set(span_ids)]
    each = chars // max(1, len(wanted))
    return "\n".join(_of_step(span).shown(each) for span in wanted)
