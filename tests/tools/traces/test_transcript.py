"""A trace as text: what was said and done in order, each thing once, shortened in what tools gave before what was said."""

import json
from datetime import UTC, datetime

from analyze_experiment.tools.traces.reader import SpanView, TraceView
from analyze_experiment.tools.traces.transcript import readable_spans, transcript

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RULES = "Never sell a boat."


def span(
    span_id: str, kind: str, name: str, inputs: object, outputs: object, *, failed: str = "", parent: str | None = "r"
) -> SpanView:
    status = "ERROR" if failed else "OK"
    texts = [None if each is None else json.dumps(each) for each in (inputs, outputs)]
    return SpanView(span_id, parent, name, kind, status, failed, BEGAN, 1.0, texts[0], texts[1])


def trace(*spans: SpanView) -> TraceView:
    return TraceView("tr-1", "OK", BEGAN, 5, "asked", "answered", spans)


def said(*messages: tuple[str, str]) -> dict[str, object]:
    return {"messages": [{"role": role, "content": content} for role, content in messages]}


def answer(text: str | None) -> dict[str, object]:
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}


TALK = (
    span("r", "AGENT", "boats", {}, {}, parent=None),
    span("a1", "CHAT_MODEL", "llm", said(("system", RULES), ("user", "Sell me a boat.")), answer(None)),
    span("b2", "TOOL", "find_boat", {"kind": "ketch"}, {"boats": ["Ketch " * 400]}),
    span(
        "c3",
        "CHAT_MODEL",
        "llm",
        said(("system", RULES), ("user", "Sell me a boat."), ("assistant", ""), ("tool", "Ketch")),
        answer("I don't sell boats."),
    ),
    span("d4", "TOOL", "close", {}, None, failed="no such desk"),
)


def test_each_thing_stands_once_in_order_with_its_span() -> None:
    lines = transcript(trace(*TALK), chars=20_000, known=RULES).split("\n")
    assert lines[0] == "trace tr-1, OK, 5 spans"
    assert lines[1] == "[a1] user: Sell me a boat."
    assert lines[2].startswith('[b2] TOOL find_boat: {"kind": "ketch"} -> {"boats": ["Ketch Ketch')
    assert lines[3:] == ["[c3] agent: I don't sell boats.", "[d4] TOOL close: {} -> ERROR no such desk"]


def test_rules_that_the_reader_doesnt_know_are_shown() -> None:
    assert f"[a1] system: {RULES}" in transcript(trace(*TALK), chars=20_000)


def test_a_long_trace_is_shortened_in_what_tools_gave_and_says_by_how_much() -> None:
    talk = [
        span(f"u{place}", "CHAT_MODEL", "llm", said(("user", f"Question {place}?")), answer(f"Answer {place}."))
        for place in range(20)
    ]
    tools = [span(f"t{place}", "TOOL", "find", {}, "x" * 5_000) for place in range(20)]
    mixed = [each for pair in zip(talk, tools, strict=True) for each in pair]
    text = transcript(trace(TALK[0], *mixed), chars=9_000)
    assert len(text) <= 9_000
    assert all(f"Answer {place}." in text for place in range(20))
    assert "characters left out" in text


def test_a_trace_whose_spans_cant_be_read_shows_what_was_asked_and_answered() -> None:
    assert transcript(trace(), chars=100).split("\n")[1:] == ["asked: asked", "answered: answered"]


def test_however_little_room_there_is_it_is_kept() -> None:
    assert len(transcript(trace(*TALK), chars=300)) <= 400


def test_spans_that_are_asked_for_are_shown_and_others_not() -> None:
    assert readable_spans(trace(*TALK), ["d4", "nowhere"], chars=500) == "[d4] TOOL close: {} -> ERROR no such desk"
