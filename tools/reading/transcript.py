"""A trace as a sequence of what was said and done: each message once, though every call to a model repeats all before it.

JSON is shown in short (`tools/traces/compact.py`); who quotes that is looked up in the same short text.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..traces.compact import compact, members_of
from ..traces.texts import answered, asked, conversation, parsed, tool_calls
from ..traces.views import MODEL_TYPES, SpanView, TraceView

TOOL_TYPES = frozenset({"TOOL", "FUNCTION", "RETRIEVER"})
SAYS_ERROR = re.compile(
    r'^\W*(error|exception|traceback|fail(ed|ure))\b|"(error|exception)"\s*:\s*(?!null|""|false)', re.IGNORECASE
)
LONG, LONG_RESULT = 40, 200
"""Characters from which a text, or what a tool gave, is referred to where it was shown before."""
LONGEST_SAID = 4_000
"""Characters beyond which a message isn't what somebody said, but material that was put into it."""

Kind = Literal["material", "instructions", "agent", "user"]
"""What tools gave, what instructs the agent, what it said and did, what its users said."""
KINDS: Mapping[str, Kind] = {
    "system": "instructions",
    "developer": "instructions",
    "user": "user",
    "human": "user",
    "asked": "user",
    "assistant": "agent",
    "ai": "agent",
    "model": "agent",
    "→ assistant": "agent",
    "→ answers": "agent",
    "→ calls": "agent",
    "given": "agent",
}
"""By what stands before a text; all others are material."""


@dataclass(frozen=True)
class Part:
    """One text of a block: who says it, and what."""

    label: str
    text: str

    @property
    def kind(self) -> Kind:
        """What it is; that decides what is cut first."""
        return "material" if len(self.text) > LONGEST_SAID else KINDS.get(self.label, "material")


@dataclass(frozen=True)
class Block:
    """One span: what is new in it."""

    handle: str
    """`s1`, `s2`, ... by the order of the spans: what a reader calls it by."""
    title: str
    name: str
    """The span's, which the title leaves out where all calls of models have the same."""
    parts: tuple[Part, ...]
    failed: bool

    @property
    def size(self) -> int:
        """Characters of its texts."""
        return sum(len(part.text) + len(part.label) for part in self.parts)


def handle_of(place: int) -> str:
    """What the span at this place, from 0, is called."""
    return f"s{place + 1}"


def models_called(trace: TraceView) -> str:
    """What all calls of models are named where they are of one name and type; else nothing."""
    names = {(span.span_type, span.name) for span in trace.spans if span.span_type in MODEL_TYPES}
    return next(iter(names))[1] if len(names) == 1 else ""


def span_called(trace: TraceView, handle: str) -> SpanView | None:
    """The span that a reader calls so, or whose id this is."""
    found = re.fullmatch(r"\s*s(\d{1,6})\s*", handle)
    if found and 0 < int(found[1]) <= len(trace.spans):
        return trace.spans[int(found[1]) - 1]
    return next((span for span in trace.spans if span.span_id == handle.strip()), None)


def blocks_of(trace: TraceView, *, known: Mapping[str, str] | None = None, whole: Collection[str] = frozenset()) -> list[Block]:
    """The spans of a trace that say something new, in their order.

    Args:
        trace: The trace.
        known: Long texts that the reader has before them already, such as a system prompt: what each is called.
        whole: Handles of spans that are shown even where they say nothing new, without references to others.
    """
    teller = _Teller(trace, dict(known or {}), whole)
    blocks = [teller.block(place, span) for place, span in enumerate(trace.spans)]
    return [block for block in blocks if block.parts or block.failed or block.handle == "s1" or block.handle in whole]


@dataclass
class _Teller:
    """Goes through the spans, and remembers what was said."""

    trace: TraceView
    known: dict[str, str]
    whole: Collection[str]
    shown: dict[str, str] = field(default_factory=lambda: dict[str, str]())
    """Canonical text -> handle of the block that shows it."""
    members: dict[str, str] = field(default_factory=lambda: dict[str, str]())
    """Long member of an object -> where a tool gave it."""
    conversations: list[list[tuple[str, str]]] = field(default_factory=lambda: list[list[tuple[str, str]]]())

    def __post_init__(self) -> None:
        self.models = models_called(self.trace)
        self.known = {canonical(text): name for text, name in self.known.items()}

    def block(self, place: int, span: SpanView) -> Block:
        handle = handle_of(place)
        if span.span_type in MODEL_TYPES:
            parts = self._model_parts(place, span)
        elif span.span_type in TOOL_TYPES:
            parts = self._tool_parts(handle, span)
        else:
            parts = self._other_parts(handle, span)
        if status := span.status_message.strip():
            self.shown.setdefault(canonical(status), handle)
            parts = [*parts, Part("status", status)]
        name = "" if self.models == span.name and span.span_type in MODEL_TYPES else span.name
        return Block(handle, _title(handle, span, name), span.name, tuple(parts), _failed(span))

    def _model_parts(self, place: int, span: SpanView) -> list[Part]:
        handle = handle_of(place)
        said = conversation(parsed(span.inputs)) if span.inputs else []
        new = [part for role, text in self._new_messages(said) if (part := self._heard(handle, role, text))]
        output = parsed(span.outputs) if span.outputs else None
        answer, calls = answered(output) or "", tool_calls(output)
        self.conversations[-1].append(("assistant", answer))
        parts = [*new, *([self._once(handle, "→ assistant", answer)] if answer.strip() else [])]
        follow = Counter[str]() if handle in self.whole else self._tools_after(place)
        for name, arguments in calls:
            if not follow[name]:
                parts.append(Part("→ calls", f"{name} {compact(arguments)}"))
            follow[name] -= 1
        if not answer.strip() and not calls and span.outputs:
            parts.append(self._once(handle, "→", span.outputs))
        return parts

    def _tools_after(self, place: int) -> Counter[str]:
        """The tools that are called before a model is again: their spans show the calls."""
        found = Counter[str]()
        for span in self.trace.spans[place + 1 :]:
            if span.span_type in MODEL_TYPES:
                break
            found[span.name] += span.span_type in TOOL_TYPES
        return found

    def _new_messages(self, said: list[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        """The messages that no earlier call had in this place: calls mostly repeat all that was said before."""
        repeated = max((_common(before, said) for before in self.conversations), default=0)
        whole = [before for before in self.conversations if _common(before, said) == repeated == len(before)]
        self.conversations.append(list(said))
        return said[repeated:] if whole or repeated > 1 else said

    def _heard(self, handle: str, role: str, text: str) -> Part | None:
        """A message that a model is given; what a span has shown already, or the model itself has said, is left out."""
        if not text.strip() or (canonical(text) in self.shown and role not in {"user", "human", "system"}):
            return None
        return self._once(handle, role, text)

    def _tool_parts(self, handle: str, span: SpanView) -> list[Part]:
        given = [Part("given", compact(span.inputs))] if span.inputs and span.inputs not in {"{}", "null"} else []
        if not span.outputs:
            return given
        self.shown.setdefault(canonical(span.outputs), handle)
        output = parsed(span.outputs)
        text = output if isinstance(output, str) else span.outputs
        given.append(self._once(handle, "→", text, LONG_RESULT, {} if handle in self.whole else self.members))
        for member in members_of(text):
            self.members.setdefault(member, f"[as in {handle}]")
        return given

    def _other_parts(self, handle: str, span: SpanView) -> list[Part]:
        """A chain or an agent: what it takes and gives is mostly what the models within say; each text is shown once."""
        request = (asked(parsed(span.inputs)) or span.inputs) if span.inputs else ""
        response = (answered(parsed(span.outputs)) or span.outputs) if span.outputs else ""
        parts = [
            self._once(handle, label, text)
            for label, text in (("asked", request), ("→ answers", response))
            if text.strip() and not self._said_within(span, text)
        ]
        return parts

    def _said_within(self, span: SpanView, text: str) -> bool:
        """Whether a model or tool span says this too, and will show it."""
        wanted = canonical(text)
        return len(self.trace.spans) > 1 and any(
            wanted == canonical(said)
            for other in self.trace.spans
            if other is not span and other.span_type in MODEL_TYPES | TOOL_TYPES
            for said in _texts_of(other)
        )

    def _once(self, handle: str, label: str, text: str, long: int = LONG, members: Mapping[str, str] | None = None) -> Part:
        key = canonical(text)
        if key in self.known:
            return Part(label, f"[{self.known[key]}]")
        if len(text) >= long and handle not in self.whole and self.shown.get(key, handle) != handle:
            return Part(label, f"[as in {self.shown[key]}]")
        self.shown.setdefault(key, handle)
        return Part(label, compact(text.strip(), members))


def canonical(text: str) -> str:
    """A text without differences of layout: JSON with its keys in order, other texts with single spaces."""
    value = parsed(text)
    if isinstance(value, str):
        return " ".join(value.split())
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _texts_of(span: SpanView) -> list[str]:
    texts = [text for _, text in conversation(parsed(span.inputs))] if span.inputs and span.span_type in MODEL_TYPES else []
    if span.outputs:
        texts.append(answered(parsed(span.outputs)) or span.outputs)
    return texts


def _common(before: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]) -> int:
    """How many messages both begin with."""
    return next(
        (place for place, pair in enumerate(zip(before, now, strict=False)) if pair[0] != pair[1]), min(len(before), len(now))
    )


def _title(handle: str, span: SpanView, name: str) -> str:
    duration = "" if span.duration_ms is None else f"{span.duration_ms / 1000:.1f} s"
    state = "" if span.status_code != "ERROR" else "ERROR"
    return " ".join(filter(None, (handle, span.span_type or "SPAN", name, duration, state)))


def _failed(span: SpanView) -> bool:
    if span.status_code == "ERROR":
        return True
    return span.span_type in TOOL_TYPES and SAYS_ERROR.search((span.outputs or "")[:300]) is not None
