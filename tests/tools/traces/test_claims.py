"""Claims about a trace are looked up: what may be written differently, and what is refused."""

import pytest

from analyze_experiment.tests.tools.traces.views import AT, view_of
from analyze_experiment.tools.traces.claims import look_up
from analyze_experiment.tools.traces.views import SpanView


def span(span_id: str, *, inputs: str | None = None, outputs: str | None = None, message: str = "") -> SpanView:
    return SpanView(span_id, None, "look_up", "TOOL", "OK", message, AT, 1.0, inputs, outputs)


TRACE = view_of(
    (
        span(
            "aa",
            inputs='{"order": "17"}',
            outputs='{"note": "Lost in transit.\\nCall \\"Ann\\" at 5", "\\u00fcber": "caf\\u00e9"}',
        ),
        span("bb", outputs="[]", message="Timeout after 30 s"),
    ),
    request='{"question": "Where is order 17?"}',
    response='"It ships today."',
)


@pytest.mark.parametrize(
    ("quote", "span_id", "found_in"),
    [
        ("Lost in transit.", "aa", "aa"),
        ("lost  in\ntransit", "", "aa"),
        ('Lost in transit. Call "Ann" at 5', "aa", "aa"),
        ('Lost in transit.\\nCall \\"Ann\\" at 5', "aa", "aa"),
        ('Lost in transit.\\\\nCall \\\\"Ann\\\\" at 5', "aa", "aa"),
        ("Lost in transit. Call “Ann” at 5", "aa", "aa"),
        ("Lost in … at 5", "aa", "aa"),
        ("Lost in\u200b transit", "aa", "aa"),
        ("über", "aa", None),
        ('"über": "café"', "aa", "aa"),
        ("Timeout after 30 s", "aa", "bb"),
        ("[]", "bb", "bb"),
        ("It ships today.", "bb", "bb"),
        ("Found in transit", "aa", None),
        ("at 5 … Lost in", "aa", None),
        ("17", "aa", None),
    ],
)
def test_a_quote_stands_in_the_trace_or_is_refused(quote: str, span_id: str, found_in: str | None) -> None:
    found = look_up(TRACE, span_id=span_id, quote=quote)
    assert (found.refused == "") is (found_in is not None)
    assert found.span_id == (found_in or "")


def test_a_span_that_the_trace_has_not_is_refused_though_the_quote_is_right() -> None:
    assert look_up(TRACE, span_id="cc", quote="Lost in transit.").refused == "the trace has no span 'cc'"


def test_nothing_quoted_is_nothing_refused() -> None:
    assert look_up(TRACE, span_id="aa") == ("aa", "", "")
    assert look_up(TRACE, quote=" ") == ("", "", "")


def test_a_short_quote_says_why_it_proves_nothing() -> None:
    assert "fewer than 8 characters" in look_up(TRACE, quote="17").refused
