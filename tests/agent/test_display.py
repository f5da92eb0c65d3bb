"""Progress as it is seen: on a terminal, in a log, by a program; and what may never reach any of them."""

import io
import json
import re
import threading
from collections.abc import Iterator

import pytest

from analyze_experiment.agent.console import plain_console
from analyze_experiment.agent.display import JsonDisplay, PlainDisplay, make_display
from analyze_experiment.agent.pace import duration
from analyze_experiment.agent.printable import one_line, printable
from analyze_experiment.agent.streams import forgiving, strays_to
from analyze_experiment.graph.ports import Event

HOSTILE = "\x1b[31mred\x07 [bold]x[/] \u202etxt\nsecond"
EVENTS = [
    Event("step", "Counting every trace", step="census"),
    *(Event("progress", "counting", step="census", done=done, total=40) for done in range(41)),
    Event("issue", "HIGH Refunds fail: 412 of 1,200 traces", step="census", subject="I-3-77", detail="412 failed."),
    Event("step", "Testing the hypotheses", step="test"),
    Event("hypothesis", f"Testing: {HOSTILE}", step="test", subject="H-ab", detail="1. Take all\n2. Compare"),
    Event("query", "population: 412", step="test", subject="H-ab", detail="SELECT trace_id\nFROM traces"),
    Event("result", "34.3% of 412", step="test", subject="H-ab"),
    Event("verdict", "REJECTED: it isn't so", step="test", subject="H-ab", detail="ratio 1.1 below 1.5"),
    Event("report", "/tmp/report.md", step="report"),
]


STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Screen(io.StringIO):
    """A terminal of 80 columns that keeps what is written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield Screen()


def show(output: str, stream: io.StringIO) -> str:
    with make_display(output, stream) as display:  # pyright: ignore[reportArgumentType] - the names are the cases
        for event in EVENTS:
            display.show(event)
    return stream.getvalue()


def test_plain_writes_one_line_an_event_and_every_tenth_of_a_progress() -> None:
    lines = show("plain", io.StringIO()).splitlines()
    assert lines[0] == "[census] Counting every trace"
    assert [line.partition(" (")[0] for line in lines[1:11]] == [f"[census] counting: {done} of 40" for done in range(4, 41, 4)]
    assert lines[11:] == [
        "[census] issue I-3-77: HIGH Refunds fail: 412 of 1,200 traces | 412 failed.",
        "[test] Testing the hypotheses",
        "[test] hypothesis H-ab: Testing: \\x1b[31mred\\x07 [bold]x[/] \\u202etxt second | 1. Take all 2. Compare",
        "[test] query H-ab: population: 412 | SELECT trace_id FROM traces",
        "[test] result H-ab: 34.3% of 412",
        "[test] verdict H-ab: REJECTED: it isn't so | ratio 1.1 below 1.5",
        "[report] /tmp/report.md",
    ]


def test_plain_tells_the_rate_so_far_and_the_time_left() -> None:
    seconds = iter([0.0, 10.0, 20.0, 4020.0])
    stream = io.StringIO()
    display = PlainDisplay(stream, clock=lambda: next(seconds))
    for done in (0, 2_000, 6_000, 10_000):
        display.show(Event("progress", "copying traces", step="traces", done=done, total=10_000))
    assert stream.getvalue().splitlines() == [
        "[traces] copying traces: 2000 of 10000 (200/s, 40 s left)",
        "[traces] copying traces: 6000 of 10000 (300/s, 13 s left)",
        "[traces] copying traces: 10000 of 10000 (2.5/s)",
    ]
    assert [duration(185), duration(3720)] == ["3:05 min", "1:02 h"]


def test_json_has_no_line_for_a_sign_of_life_that_counts_nothing() -> None:
    stream = io.StringIO()
    JsonDisplay(stream).show(Event("progress", "copying traces", step="traces", done=0, total=0))
    assert stream.getvalue() == ""


def test_json_writes_every_event_with_the_same_keys() -> None:
    events = [json.loads(line) for line in show("json", io.StringIO()).splitlines()]
    assert len(events) == len(EVENTS)
    assert {tuple(sorted(event)) for event in events} == {("detail", "done", "event", "step", "subject", "text", "total")}
    assert events[1] == {
        "event": "progress",
        "step": "census",
        "text": "counting",
        "subject": "",
        "detail": "",
        "done": 0,
        "total": 40,
    }
    assert HOSTILE in events[44]["text"]


def test_silent_writes_nothing() -> None:
    assert show("none", io.StringIO()) == ""


def test_rich_colours_verdicts_and_severities_and_gives_the_cursor_back(terminal: Screen) -> None:
    shown = show("rich", terminal)
    assert "\x1b[1;31mHIGH\x1b[0m" in shown
    assert "\x1b[31mREJECTED\x1b[0m" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_rich_without_colour_says_everything_in_words(terminal: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = show("rich", terminal)
    assert not re.search(r"\x1b\[[0-9;]*(3|4)[0-9]m", shown)
    shown = STYLE.sub("", shown)
    for said in (
        "Counting every trace",
        "HIGH Refunds fail",
        "2. Compare",
        "FROM traces",
        "REJECTED: it isn't so",
        "Report: /tmp/report.md",
    ):
        assert said in shown


@pytest.mark.parametrize("output", ["rich", "plain"])
def test_no_control_character_of_a_text_reaches_the_terminal(output: str, terminal: Screen) -> None:
    shown = show(output, terminal)
    assert "\\x1b[31mred\\x07 [bold]x[/] \\u202etxt" in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown


def test_rich_shows_what_goes_on_now_within_a_narrow_terminal(terminal: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    with make_display("rich", terminal) as display:
        display.show(Event("step", "Testing the hypotheses", step="test"))
        display.show(Event("progress", "testing", step="test", done=1, total=3))
        display.show(Event("hypothesis", "a statement that is much longer than thirty columns", step="test", subject="H-ab"))
    shown = STYLE.sub("", terminal.getvalue())
    assert "> H-ab a statement" in shown
    assert "1/3" in shown


def test_rich_takes_its_live_lines_away_for_a_question(terminal: Screen) -> None:
    with make_display("rich", terminal) as display:
        display.show(Event("step", "Testing the hypotheses", step="test"))
        with display.paused():
            before = terminal.getvalue()
            assert before.rindex("\x1b[?25h") > before.rindex("\x1b[?25l"), "the cursor is given back"
            display.show(Event("note", "said meanwhile", step="test"))
            assert "\x1b[?25l" not in terminal.getvalue()[len(before) :]
        assert "\x1b[?25l" in terminal.getvalue()[len(before) :]


@pytest.mark.parametrize("output", ["rich", "plain", "json"])
def test_threads_show_without_tearing_lines(output: str, terminal: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with make_display(output, terminal) as display:  # pyright: ignore[reportArgumentType] - the names are the cases

        def work(name: str) -> None:
            for number in range(50):
                display.show(Event("note", f"<{name} {number} {name * 20}>", step="test"))

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    shown = terminal.getvalue()
    assert all(f"<{name} {number} {name * 20}>" in shown for name in "abcd" for number in range(50))


@pytest.mark.parametrize("output", ["rich", "plain", "json"])
def test_a_reader_that_goes_away_does_not_end_the_analysis(output: str) -> None:
    class Gone(Screen):
        def write(self, text: str, /) -> int:
            raise BrokenPipeError

    show(output, Gone())


def test_a_stream_stays_gone_once_it_is_gone() -> None:
    class Flaky(io.StringIO):
        failed = False

        def write(self, text: str, /) -> int:
            if not self.failed:
                self.failed = True
                raise BrokenPipeError
            return super().write(text)

    inner = Flaky()
    stream = forgiving(inner)
    stream.write("lost")
    stream.write("swallowed, for half of an answer misleads")
    assert inner.getvalue() == ""


def test_what_libraries_print_arrives_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    lines: list[str] = []
    with strays_to(lines.append):
        sys.stdout.write("one\ntw")
        sys.stdout.write("o\n\n50%\r100%\n")
        sys.stderr.write("warning\n")
    assert lines == ["one", "two", "50%", "100%", "warning"]
    assert capsys.readouterr() == ("", "")


TEXTS = {
    "plain": ("caf\u00e9 \u65e5\u672c \U0001f600", "caf\u00e9 \u65e5\u672c \U0001f600"),
    "escape": ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
    "c1": ("\x9b31m", "\\x9b31m"),
    "direction": ("a\u202eb\u2066", "a\\u202eb\\u2066"),
    "hidden tags": ("a\U000e0041", "a\\U000e0041"),
    "lone surrogate": ("a\udcff", "a\\udcff"),
    "joined emoji": ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
    "lines": ("a\r\nb\tc", "a\nb    c"),
    "overwriting return": ("safe\revil", "safe\\revil"),
}


@pytest.mark.parametrize(("text", "shown"), TEXTS.values(), ids=TEXTS.keys())
def test_text_is_printable(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


def test_one_line_is_one_line() -> None:
    assert one_line(" a\n\n b\u2028c\x1b ") == "a b c\\x1b"


def test_the_console_takes_markup_as_text() -> None:
    stream = io.StringIO()
    plain_console(stream).print("[red]:smile:[/]")
    assert stream.getvalue() == "[red]:smile:[/]\n"
