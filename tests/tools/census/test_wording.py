"""Numbers and names as titles and sentences show them."""

import pytest

from analyze_experiment.tools.census.advice import advise, names_mechanism
from analyze_experiment.tools.census.wording import duration, share
from analyze_experiment.tools.clipping import NAME_CHARS, clip


def test_a_share_shows_its_numerator_and_denominator() -> None:
    assert share(1_234, 56_789) == "1,234 of 56,789 (2.2%)"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1 s"),
        (30_040, "30 s"),
        (90_500, "90.5 s"),
        (312_000, "5.2 min"),
        (10_800_000, "3 h"),
    ],
)
def test_durations_read_as_a_person_says_them(milliseconds: float, text: str) -> None:
    assert duration(milliseconds) == text


def test_clipped_names_are_one_short_line() -> None:
    assert clip("a\nb\x1b[31m  c") == "a b [31m c"
    assert clip("x" * 60, NAME_CHARS) == "x" * 47 + "…"


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("Read timed out", "timeout"),
        ("HTTP 429 Too Many Requests", "back-off"),
        ("401 Unauthorized", "credentials"),
        ("2 validation errors for Payment", "arguments"),
        ("Error: user not found", "look up"),
        ("maximum context length is 8192 tokens", "Shorten"),
        ("connection refused", "fallback"),
        ("booking is locked by another operation (BK-409)", "pause"),
        ("segfault", "handle what it raises"),
    ],
)
def test_advice_fits_what_the_message_says(message: str, word: str) -> None:
    assert word in advise(["oops", message], "`book`")


def test_a_message_that_only_says_that_something_failed_names_no_mechanism() -> None:
    assert not any(map(names_mechanism, ["Error", "(no message)", "Internal server error", "Unknown error 500", ""]))
    assert names_mechanism("Error: user not found")
