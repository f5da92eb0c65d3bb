"""Shares of traces that meet a condition: hidden failures, outliers, quality proxies, and what only looks like them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.census.counting import Counted, counted
from analyze_experiment.tests.tools.census.small_catalog import Span, Trace

FINE = "Your order has been shipped and arrives on Friday; you can follow it on the site."


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    traces = (
        Trace(spans=(Span("pay", error="declined"),)),
        Trace(spans=(Span("pay", error="declined"),), response=""),
        Trace(spans=(Span("pay", silent="Error: declined"),)),
        Trace(spans=(Span("pay", silent="Error: declined"),), response=None),
        Trace(spans=(Span("pay"),)),
        Trace("OK", root_error="the root alone has failed"),
        Trace("ERROR", root_error="x", spans=(Span("pay", error="declined"), Span("pay", silent="Error: declined"))),
        Trace("IN_PROGRESS", None, (Span("pay", error="declined"),), response=None),
    )
    with counted(tmp_path_factory.mktemp("failing"), traces) as census:
        yield census


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ok_with_failed_spans", (2, 6)),
        ("ok_with_failed_spans_answered", (1, 2)),
        ("ok_with_silent_errors", (2, 6)),
        ("ok_with_silent_errors_answered", (1, 2)),
    ],
)
def test_failures_hidden_in_ok_traces_are_those_below_the_root(failing: Counted, name: str, counts: tuple[int, int]) -> None:
    assert failing.of(name) == counts


@pytest.mark.parametrize(
    ("durations", "outliers"),
    [
        pytest.param([1000] * 9 + [31_000], 1, id="over 30 s and over ten times the median"),
        pytest.param([1000] * 9 + [29_000], 0, id="many times the median, but bearable"),
        pytest.param([10_000] * 9 + [95_000], 0, id="long, but not ten times the median"),
        pytest.param([10_000] * 9 + [100_000], 0, id="exactly ten times the median"),
    ],
)
def test_outliers_are_far_from_the_median_and_long(tmp_path: Path, durations: list[int], outliers: int) -> None:
    with counted(tmp_path, [Trace("OK", each) for each in durations] + [Trace("ERROR", 900_000)]) as census:
        assert census.of("latency_outliers") == (outliers, 10)


HEDGING = (
    "I'm not sure when it arrives, but it should be Friday at the latest.",
    "I cannot confirm that the refund has been made, please ask your bank.",
    "It is PROBABLY lost; I have opened a case with the carrier for you.",
)
APOLOGIES = (
    "I am sorry, the order can't be cancelled any more since it has shipped.",
    "We apologise for the delay, and have refunded the shipping costs today.",
    "Apologies! The item that you asked for has been out of stock since May.",
)
LOOK_ALIKES = (
    "Would you like anything else? I have changed the address as you asked.",
    "Your assurance number is 17; the unsureness index of the fund is high.",
    "The sorrel soup is vegan, and the kitchen is certain that it's nut free.",
)


def test_hedging_and_apology_are_words_not_letters_and_no_question_marks(tmp_path: Path) -> None:
    traces = [Trace(response=each) for each in (*HEDGING, *APOLOGIES, *LOOK_ALIKES, None)]

    with counted(tmp_path, [*traces, Trace("ERROR", response="sorry, not sure")]) as census:
        hedging, apology = census.bucket("hedging"), census.bucket("apology")

    assert (hedging.numerator, hedging.denominator) == (apology.numerator, apology.denominator) == (3, 9)
    assert sorted(hedging.sample_trace_ids) == ["tr-000", "tr-001", "tr-002"]
    assert sorted(apology.sample_trace_ids) == ["tr-003", "tr-004", "tr-005"]


def test_minimal_and_empty_responses_are_told_apart_from_missing_ones(tmp_path: Path) -> None:
    responses = [FINE, "x" * 49, "x" * 50, "", "  \n", None]

    with counted(tmp_path, [Trace(response=each) for each in responses]) as census:
        assert census.of("minimal_responses") == (2, 4)
        assert census.of("empty_responses") == (2, 5)
        assert census.of("without_response", dimension="coverage") == (1, 6)


def test_verbosity_is_a_long_answer_to_a_short_request(tmp_path: Path) -> None:
    # Of 20 requests five have at most P25 = 14.75 characters; one response of 900 characters is above P90 = 90.
    traces = [Trace(request="q" * (10 + place), response="r" * 90) for place in range(20)]
    traces[2] = Trace(request="q" * 12, response="r" * 900)
    with counted(tmp_path, traces) as census:
        assert census.of("verbosity") == (1, 5)
        assert census.bucket("verbosity").sample_trace_ids == ("tr-002",)
        assert census.bucket("verbosity").kind == "quality"


def test_long_answers_to_long_requests_are_not_verbose(tmp_path: Path) -> None:
    traces = [Trace(request="q" * (10 + place), response="r" * (900 if place > 17 else 90)) for place in range(20)]
    with counted(tmp_path, traces) as census:
        assert census.of("verbosity") == (0, 5)


def test_rushed_processing_is_a_long_request_done_very_fast(tmp_path: Path) -> None:
    # P75 of the requests is 24.25 characters, P10 of the durations 1190 ms: five long requests, one of them done in 50 ms.
    traces = [Trace("OK", 1000 + 100 * place, request="q" * (10 + place)) for place in range(20)]
    traces[17] = Trace("OK", 50, request="q" * 27)
    with counted(tmp_path, traces) as census:
        assert census.of("rushed_processing") == (1, 5)


def test_nothing_is_called_rushed_where_durations_were_not_measured(tmp_path: Path) -> None:
    calls = (Span("chat", kind="LLM", ms=1000.0), Span("pay", ms=100.0))
    traces = [Trace("OK", 1000 + 100 * place, calls, request="q" * (10 + place)) for place in range(20)]
    with counted(tmp_path, traces) as census:
        assert census.of("timing_nominal") == (40, 40)
        assert census.bucket("rushed_processing").value is None
        assert census.of("rushed_processing") == (None, 5)
