"""Tools, failing spans, models, messages, repetitions, feedback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.census.counting import Counted, counted, opened
from analyze_experiment.tests.tools.census.small_catalog import Span, Trace
from analyze_experiment.tools.census.figures import Row
from analyze_experiment.tools.census.timing import TIMING_SQL, has_nominal_timing, is_nominal, read_timing

CALL = Span("pay", ms=100.0, inputs='{"id": 1}')
OTHER_CALL = Span("pay", ms=300.0, inputs='{"id": 2}')
SILENT = Span("pay", ms=200.0, silent="Error: order 17171 declined")
FAILED = Span("pay", ms=30_000.0, error="gateway is down")
PAYMENTS = (
    Trace(spans=(CALL, CALL, CALL, OTHER_CALL)),
    Trace(spans=(CALL, OTHER_CALL)),
    Trace(spans=(SILENT,)),
    Trace(spans=(SILENT, SILENT, CALL), response=None),
    Trace("ERROR", spans=(FAILED, SILENT), response=None),
    Trace(spans=(Span("look_up", inputs="{}"),) * 4),
    Trace(),
)


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    with counted(tmp_path_factory.mktemp("payments"), PAYMENTS) as census:
        yield census


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("tool_traces", (5, 7)),
        ("tool_error_rate", (1, 12)),
        ("tool_silent_error_rate", (4, 12)),
        ("tool_failure_rate", (5, 12)),
        ("tool_failing_traces", (3, 5)),
        ("tool_ended_ok", (2, 3)),
        ("tool_recovered", (1, 3)),
        ("repeated_calls", (1, 3)),
        ("failure_pile", (1, 5)),
        ("ok_pile", (0, 7)),
    ],
)
def test_tool_figures_have_their_own_denominators(payments: Counted, name: str, counts: tuple[int, int]) -> None:
    assert payments.of(name, "pay", "tool") == counts


def test_tool_latencies_are_of_all_its_calls(payments: Counted) -> None:
    assert payments.bucket("tool_latency_p50", "pay", "tool").value == 200
    assert payments.bucket("tool_latency_max", "pay", "tool").value == 30_000
    assert payments.bucket("tool_latency_max", "pay", "tool").denominator == 12


def test_a_rarely_called_tool_has_calls_but_no_rates(payments: Counted) -> None:
    assert payments.bucket("tool_calls", "look_up", "tool").value == 4
    assert payments.of("tool_traces", "look_up", "tool") == (1, 7)
    assert not payments.census.find("tool_failure_rate", segment="look_up")


def test_repetitions_are_identical_calls_in_one_trace(payments: Counted) -> None:
    assert payments.of("repeated_calls") == (2, 4)
    assert payments.bucket("identical_calls_max").value == 4
    assert payments.bucket("repeated_calls", "pay", "tool").sample_trace_ids == ("tr-000",)


def test_messages_say_what_a_tool_fails_with_and_where_else_it_is_said(payments: Counted) -> None:
    messages = payments.census.find("error_message", dimension="error of tool pay")

    assert [(bucket.segment, bucket.numerator, bucket.denominator) for bucket in messages] == [
        ("Error: order # declined", 3, 3),
        ("gateway is down", 1, 3),
    ]
    assert payments.of("error_message_elsewhere", "gateway is down", "error of tool pay") == (0, 4)
    assert payments.of("error_message_elsewhere", "Error: order # declined", "error of trace") == (2, 6)


def test_failure_that_travels_up_is_counted_where_it_began(tmp_path: Path) -> None:
    traces = [
        Trace(
            "ERROR",
            root_error="x",
            spans=(
                Span("graph", kind="CHAIN", error="x"),
                Span("retrieve", kind="RETRIEVER", error="x", parent="graph"),
                Span("pay", error="y", parent="graph"),
                Span("http", kind="UNKNOWN", error="y", parent="pay"),
            ),
        ),
        Trace(spans=(Span("graph", kind="CHAIN"), Span("retrieve", kind="RETRIEVER", parent="graph"))),
    ]
    with counted(tmp_path, traces) as census:
        began = {bucket.segment: (bucket.numerator, bucket.denominator) for bucket in census.census.find("span_origin_rate")}
        assert began == {"retrieve": (1, 2), "graph": (0, 2), "pay": (0, 1), "http": (0, 1)}
        assert census.of("span_error_rate", "graph", "span") == (1, 2)
        assert census.of("span_error_share", "pay", "span") == (1, 1)
        assert not census.census.find("span_error_rate", segment="agent")


def test_models_and_providers_have_calls_tokens_and_failures(tmp_path: Path) -> None:
    good = Span("chat", kind="CHAT_MODEL", model="large", provider="acme", tokens=10, ms=200.0)
    bad = Span("chat", kind="CHAT_MODEL", model="small", provider="acme", error="429 rate limit")
    with counted(tmp_path, [Trace(spans=(good, good)), Trace(spans=(good, bad)), Trace(spans=(Span("t", model="x"),))]) as census:
        assert census.bucket("model_calls", "large", "model").value == 3
        assert census.bucket("model_tokens", "large", "model").value == 30
        assert census.bucket("model_tokens", "small", "model").value is None
        assert census.of("model_error_rate", "small", "model") == (1, 1)
        assert census.of("model_error_rate", "acme", "provider") == (1, 4)
        assert census.of("model_failing_traces", "acme", "provider") == (1, 2)
        assert census.of("model_recovered", "small", "model") == (1, 1)
        assert [bucket.segment for bucket in census.census.find("model_calls", dimension="model")] == ["large", "small"]


@pytest.mark.parametrize(
    ("durations", "nominal"),
    [
        pytest.param([100.0] * 20, True, id="one value for all"),
        pytest.param([100.0] * 19 + [101.0], True, id="95% of one value"),
        pytest.param([100.0] * 18 + [101.0, 102.0], False, id="90% of one value"),
        pytest.param([float(each) for each in range(20)], False, id="measured"),
        pytest.param([100.0] * 10, False, id="too few to say"),
        pytest.param([None] * 30, False, id="none recorded"),
    ],
)
def test_timing_is_nominal_where_durations_were_set(tmp_path: Path, durations: list[float | None], nominal: bool) -> None:
    with opened(tmp_path, [Trace(spans=tuple(Span("pay", ms=each) for each in durations))]) as sql:
        assert is_nominal(read_timing([Row(row) for row in sql.rows(TIMING_SQL)], "Q")) is nominal


def test_fast_tools_that_all_take_0_ms_do_not_make_timing_nominal(tmp_path: Path) -> None:
    calls = tuple(Span("pay", ms=0.0) for _ in range(20))
    chats = tuple(Span("chat", kind="LLM", ms=900.0 + each) for each in range(20))
    with counted(tmp_path, [Trace(spans=calls + chats)]) as census:
        assert census.of("timing_nominal") == (21, 40)
        assert not has_nominal_timing(census.census)


def test_feedback_has_a_sign_where_its_scale_is_known(tmp_path: Path) -> None:
    ratings = [("rating", str(stars), float(stars)) for stars in (1, 5, 3)]
    thumbs = [("thumb", "👍", None), ("thumb", "thumbs_down", None), ("thumb", "meh", None)]
    correct = [("correct", "true", 1.0), ("correct", "false", 0.0), ("correct", "false", 0.0)]
    scores = [("score", "0.9", 0.9), ("score", "0.2", 0.2), ("score", "0.5", 0.5)]
    votes = [("vote", "-1", -1.0), ("vote", "1", 1.0), ("vote", "0", 0.0)]
    stars = [("stars", "1", 1.0), ("stars", "1", 1.0), ("stars", "1", 1.0)]
    traces = [Trace(feedback=given) for given in zip(ratings, thumbs, correct, scores, votes, stars, strict=True)]
    with counted(tmp_path, [*traces, Trace(feedback=(("correct", "no", None),), expectations=("truth",)), Trace()]) as census:
        assert census.of("feedback_coverage", "correct", "feedback") == (4, 5)
        assert census.of("feedback_negative", "correct", "feedback") == (3, 4)
        assert census.of("feedback_positive", "correct", "feedback") == (1, 4)
        assert census.of("feedback_negative", "thumb", "feedback") == (1, 2)
        assert census.of("feedback_negative", "score", "feedback") == (1, 3)
        assert census.of("feedback_negative", "vote", "feedback") == (1, 2)
        assert census.bucket("feedback_mean", "rating", "feedback").value == 3
        assert not census.census.find("feedback_negative", segment="rating")
        assert not census.census.find("feedback_negative", segment="stars")
        assert not census.census.find("feedback_coverage", segment="truth")
        assert census.of("with_feedback", dimension="coverage") == (4, 5)
