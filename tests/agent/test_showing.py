"""Spans in full on request: only of what is shortened, twice at most, then the answer must come."""

import asyncio
import json
from dataclasses import dataclass, field

from analyze_experiment.agent.analysts.showing import ask_with_spans
from analyze_experiment.agent.model import GivenUp
from analyze_experiment.tests.tools.traces.views import AT, view_of
from analyze_experiment.tools.reading.digest import digest, is_shortened
from analyze_experiment.tools.traces.views import SpanView, TraceView


@dataclass
class Answer:
    """What a model says: spans that it wants, or its answer."""

    show: list[str] = field(default_factory=lambda: list[str]())
    says: str = ""


@dataclass
class Reader:
    """Gives scripted answers, and keeps what it was told."""

    answers: list[Answer | GivenUp]
    told: list[tuple[str, str]] = field(default_factory=lambda: list[tuple[str, str]]())

    async def ask(self, spans: str, may: str) -> Answer | GivenUp:
        self.told.append((spans, may))
        return self.answers.pop(0)


def trace_of(chars: int) -> TraceView:
    """A call of a model, and twelve of a tool that gives so much."""
    gave = [json.dumps(f"{place} has " + "pages " * (chars // 6)) for place in range(12)]
    tools = [SpanView(f"{place:016x}", "r", "search", "TOOL", "OK", "", AT, 5.0, "{}", text) for place, text in enumerate(gave)]
    return view_of([SpanView("f" * 16, None, "agent", "AGENT", "OK", "", AT, 5.0, '"Find it."', '"Here."'), *tools])


def asked(trace: TraceView, *answers: Answer | GivenUp, settled: bool = False) -> tuple[Answer | GivenUp, Reader]:
    """What comes back for a digest of 600 tokens, and what the reader was told."""
    reader = Reader(list(answers))
    text = digest(trace, tokens=600)
    return asyncio.run(ask_with_spans(trace, text, reader.ask, settled=lambda _: settled)), reader


def test_spans_that_are_asked_for_are_shown_together_and_the_third_answer_is_the_last() -> None:
    answer, reader = asked(trace_of(3_000), Answer(["s3"]), Answer(["s3", "s5"]), Answer(["s7"], "found"))
    assert answer == Answer(["s7"], "found")
    assert [may for _, may in reader.told] == [
        "You may ask 2 more times.",
        "You may ask 1 more time.",
        "You can't ask any more: answer now.",
    ]
    assert reader.told[0][0] == "(none yet)"
    assert "[s3 TOOL search 0.0 s]" in reader.told[1][0] and "[s5" not in reader.told[1][0]
    assert "[s3 TOOL search 0.0 s]" in reader.told[2][0] and "[s5 TOOL search 0.0 s]" in reader.told[2][0]


def test_an_answer_and_spans_that_are_not_there_or_were_shown_end_it() -> None:
    for show in ([], ["s99"], ["nonsense"]):
        answer, reader = asked(trace_of(3_000), Answer(show, "found"))
        assert answer == Answer(show, "found") and len(reader.told) == 1
    answer, reader = asked(trace_of(3_000), Answer(["s3"]), Answer(["s3"], "found"))
    assert len(reader.told) == 2
    answer, reader = asked(trace_of(3_000), Answer(["s3"], "found"), settled=True)
    assert len(reader.told) == 1


def test_of_a_trace_that_is_shown_whole_nothing_can_be_asked_for() -> None:
    whole = trace_of(6)
    assert not is_shortened(digest(whole, tokens=600))
    answer, reader = asked(whole, Answer(["s3"], "found"))
    assert answer == Answer(["s3"], "found")
    assert [may for _, may in reader.told] == ["Of this trace nothing is left out: leave `show` empty."]


def test_a_trace_whose_middle_is_left_out_as_a_whole_is_shortened() -> None:
    assert "left out:" in digest(trace_of(3_000), tokens=300)
    assert is_shortened(digest(trace_of(3_000), tokens=300))


def test_where_nobody_answers_that_is_said() -> None:
    answer, _ = asked(trace_of(3_000), GivenUp("no answer"))
    assert answer == GivenUp("no answer")
