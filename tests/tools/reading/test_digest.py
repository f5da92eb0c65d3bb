"""A trace as text: each message once, within a limit, what matters most cut last."""

import json

import pytest

from analyze_experiment.tests.tools.traces.views import AT, view_of
from analyze_experiment.tools.reading.digest import CHARS_PER_TOKEN, digest, spans_in_full
from analyze_experiment.tools.reading.transcript import blocks_of, span_called
from analyze_experiment.tools.traces.views import SpanView, TraceView

POLICY = "You lend boats. " * 30
Message = tuple[str, str]


def span(kind: str, name: str, inputs: object, outputs: object, *, error: str = "", root: bool = False) -> SpanView:
    given, gave = json.dumps(inputs), json.dumps(outputs)
    status = "ERROR" if error else "OK"
    return SpanView(
        f"{abs(hash((name, given, gave))):016x}"[:16], None if root else "r", name, kind, status, error, AT, 5.0, given, gave
    )


def chat(*messages: Message, says: str = "", calls: str = "") -> SpanView:
    asked = {"messages": [{"role": role, "content": text} for role, text in messages]}
    call = [{"function": {"name": calls, "arguments": "{}"}}] if calls else None
    return span(
        "CHAT_MODEL", "chat", asked, {"choices": [{"message": {"role": "assistant", "content": says, "tool_calls": call}}]}
    )


def trace_of(*spans: SpanView) -> TraceView:
    return view_of(spans)


FIRST, SECOND = ("user", "Is boat 7 free on Sunday, please?"), ("user", "Then I take it.")
BOAT = {"boat": 7, "free": True, "price": 40.5}
CUMULATIVE = trace_of(
    span("AGENT", "lender", {"messages": [{"role": "user", "content": FIRST[1]}]}, "Boat 7 is yours now.", root=True),
    chat(("system", POLICY), FIRST, calls="look_up"),
    span("TOOL", "look_up", {"boat": 7}, BOAT),
    chat(("system", POLICY), FIRST, ("assistant", ""), ("tool", json.dumps(BOAT)), says="It is free, for 40.50."),
    chat(
        ("system", POLICY), FIRST, ("assistant", ""), ("tool", json.dumps(BOAT)), ("assistant", "It is free, for 40.50."), SECOND,
        says="Boat 7 is yours now.",
    ),
)  # fmt: skip
NEW_ONLY = trace_of(
    CUMULATIVE.spans[0],
    chat(("system", POLICY), FIRST, calls="look_up"),
    span("TOOL", "look_up", {"boat": 7}, BOAT),
    chat(("tool", json.dumps(BOAT)), says="It is free, for 40.50."),
    chat(SECOND, says="Boat 7 is yours now."),
)


@pytest.mark.parametrize("trace", [CUMULATIVE, NEW_ONLY], ids=["each call repeats all", "each call has what is new"])
def test_each_message_is_shown_once(trace: TraceView) -> None:
    text = digest(trace, tokens=4_000)
    for once in (FIRST[1], SECOND[1], "It is free, for 40.50.", "Boat 7 is yours now.", '"price": 40.5', POLICY.strip()):
        assert text.count(once) == 1, once
    assert text.index(FIRST[1]) < text.index("40.5") < text.index(SECOND[1]) < text.index("is yours now")


def test_a_user_who_says_the_same_again_is_heard_again() -> None:
    trace = trace_of(chat(("user", "Yes."), says="Really?"), chat(("user", "Yes."), says="Done."))
    assert digest(trace, tokens=1_000).count("user: Yes.") == 2


def test_what_the_reader_knows_already_is_named() -> None:
    text = digest(CUMULATIVE, tokens=4_000, known={POLICY: "the rules above"})
    assert "system: [the rules above]" in text
    assert "You lend boats." not in text


def long_trace(turns: int) -> TraceView:
    spans = [chat(("system", POLICY), ("user", f"Question {n} " + "because " * 20), calls="look_up") for n in range(turns)]
    tools = [
        span("TOOL", "look_up", {"n": n}, f"row {n} " + "x" * 900, error="Timeout in the harbour" if n == turns // 2 else "")
        for n in range(turns)
    ]
    woven = [each for pair in zip(spans, tools, strict=True) for each in pair]
    return trace_of(*woven, chat(("user", "And last?"), says="The very last answer."))


@pytest.mark.parametrize(("turns", "tokens"), [(6, 1_200), (20, 2_500), (60, 2_000), (400, 3_000)])
def test_a_long_trace_fits_and_keeps_its_failure_and_its_end(turns: int, tokens: int) -> None:
    text = digest(long_trace(turns), tokens=tokens)
    assert len(text) <= tokens * CHARS_PER_TOKEN * 1.1
    assert "Timeout in the harbour" in text
    assert "And last?" in text
    assert text.rstrip().endswith("The very last answer.")
    assert "left out" in text


def test_what_tools_gave_is_cut_before_what_people_said() -> None:
    text = digest(long_trace(6), tokens=1_200)
    assert all(f"Question {n} " in text for n in range(6))
    assert "characters left out, ask for s2" in text


def test_spans_are_shown_whole_on_request_and_unknown_ones_are_named() -> None:
    trace = long_trace(6)
    text = spans_in_full(trace, ["s2", " S99", trace.spans[3].span_id], tokens=2_000)
    assert "x" * 900 in text
    assert "row 1 " in text
    assert "S99: the trace has no such span" in text


@pytest.mark.parametrize("handle", ["s0", "s14", "s", "2", "s2; DROP", "s" * 50])
def test_only_spans_of_the_trace_have_a_name(handle: str) -> None:
    assert span_called(long_trace(6), handle) is None


def test_a_trace_in_no_known_shape_is_shown_as_it_is() -> None:
    odd = trace_of(
        span("", "step", {"a": [[[[1]]]]}, None, root=True),
        span("LLM", "complete", "Say hello", {"weird": {"x": 1}}, error="Broken"),
    )
    text = digest(odd, tokens=500)
    assert "user: Say hello" in text
    assert '"weird"' in text
    assert "Broken" in text


def test_nested_without_end_and_larger_than_anything_is_still_text() -> None:
    deep = "[" * 50_000 + "]" * 50_000
    trace = trace_of(
        SpanView("a" * 16, None, "agent", "AGENT", "OK", "", AT, 1.0, deep, "y" * 2_000_000),
        SpanView("b" * 16, "a" * 16, "chat", "CHAT_MODEL", "OK", "", AT, 1.0, deep, deep),
    )
    assert len(digest(trace, tokens=1_000)) <= 3_300
    assert blocks_of(trace)
