"""Which counted facts become issues, with what wording, severity and traces; and what only looks like one."""

from datetime import timedelta
from pathlib import Path
from statistics import NormalDist

import pytest
from pydantic import ValidationError

from analyze_experiment.tests.tools.census.counting import counted
from analyze_experiment.tests.tools.census.small_catalog import Span, Trace
from analyze_experiment.tools.census.operational import CompletedIssue
from analyze_experiment.tools.census.thresholds import OperationalThresholds
from analyze_experiment.tools.insights.affected import AffectedTrace

FINE = Trace(spans=(Span("book", ms=120.0), Span("chat", kind="LLM", model="large", provider="acme", ms=900.0)))
DOWN = Span("book", error="Gateway timed out after 30 s", ms=140.0)
SILENT = Span("book", silent="Error: flight HAT110 has not enough seats", ms=150.0)


def found(folder: Path, traces: list[Trace], **thresholds: float) -> dict[str, CompletedIssue]:
    """The issues by title; each must list exactly the traces that it counts, and cite some of them."""
    with counted(folder, traces) as census:
        issues = census.issues(**thresholds)
    for draft, affected in issues:
        ids = [trace.trace_id for trace in affected]
        assert ids == sorted(set(ids))
        assert len(ids) == draft.affected <= draft.population
        assert len(draft.evidence) == min(10, draft.affected)
        assert {each.trace_id for each in draft.evidence} <= set(ids)
        assert 5 <= len(draft.title.split()) <= 8
        assert (draft.kind, draft.source, draft.estimand, draft.interval) == ("operational", "census", "snapshot", None)
    assert len({draft.fingerprint.model_dump_json() for draft, _ in issues}) == len(issues)
    return {draft.title: CompletedIssue(draft, affected) for draft, affected in issues}


def test_what_only_looks_like_an_issue_is_none(tmp_path: Path) -> None:
    rare = [Trace(spans=(DOWN,))] * 4 + [Trace("ERROR")] * 4
    proxies = [Trace(response="Sorry, not sure."), Trace(response=""), Trace(request="?", response="x" * 5000)] * 20
    unfinished = [Trace("IN_PROGRESS", None, response=None)] * 20

    assert not found(tmp_path, [FINE] * 60 + rare + proxies + unfinished)


def test_error_rate_is_an_issue_with_the_failing_span_of_each_trace(tmp_path: Path) -> None:
    failed = Trace("ERROR", root_error="loop", spans=(Span("plan", kind="CHAIN"), Span("book", error="seat map missing")))
    issues = found(tmp_path, [FINE] * 36 + [failed] * 4 + [Trace("IN_PROGRESS", None)] * 10, min_traces=4)

    draft, traces = issues["10.0% of finished traces end in ERROR"]
    assert (draft.affected, draft.population, draft.population_title, draft.severity) == (4, 40, "finished traces", "HIGH")
    assert "4 of 40 (10.0%)" in draft.description
    assert "Affected: 4 of 50 (8.0%) of all traces" in draft.description
    assert {(trace.span_id, trace.note) for trace in traces} == {(f"tr-{n:03}-2", "seat map missing") for n in range(36, 40)}
    assert draft.evidence[0].span_id is not None
    assert "4 of 4 (100.0%) ERROR traces hold a failed `book` span" in draft.cause.text


def test_a_tool_under_the_configured_share_is_no_issue(tmp_path: Path) -> None:
    traces = [FINE] * 95 + [Trace(spans=(DOWN,))] * 5

    assert not found(tmp_path, traces, tool_failure_rate=0.051, hidden_failure_rate=0.051)


def test_a_failing_tool_is_an_issue_even_where_the_agent_recovers(tmp_path: Path) -> None:
    issues = found(tmp_path, [FINE] * 34 + [Trace(spans=(DOWN, Span("book")))] * 6 + [Trace()] * 60)

    ((title, (draft, traces)),) = issues.items()
    assert title == "book tool fails in 13.0% of its calls"
    assert (draft.affected, draft.population, draft.population_title) == (6, 40, "traces that call `book`")
    assert draft.severity == "MEDIUM"
    assert "6 of 6 (100.0%) of the affected traces still end OK with a response" in draft.severity_because
    assert draft.cause.standing == "confirmed"
    assert "“Gateway timed out after # s” in 6" in draft.cause.text
    assert "timeout" in draft.recommendation
    assert {trace.note for trace in traces} == {"Gateway timed out after 30 s"}
    assert draft.fingerprint.segment == "book"


def test_severity_is_not_lowered_where_the_agent_does_not_recover(tmp_path: Path) -> None:
    unanswered = Trace(spans=(DOWN,), response="")
    issues = found(tmp_path, [FINE] * 34 + [unanswered] * 6 + [Trace()] * 60)

    (issue,) = issues.values()
    assert issue.draft.severity == "HIGH"
    assert "lower" not in issue.draft.severity_because


def test_recovered_failures_are_never_above_medium(tmp_path: Path) -> None:
    issues = found(tmp_path, [Trace(spans=(DOWN,))] * 20)

    assert {issue.draft.severity for issue in issues.values()} == {"MEDIUM"}


def test_a_rare_recovered_failure_is_low(tmp_path: Path) -> None:
    issues = found(tmp_path, [FINE] * 80 + [Trace(spans=(DOWN,))] * 5 + [Trace()] * 115)

    (issue,) = issues.values()
    assert issue.draft.affected == 5
    assert issue.draft.severity == "LOW"


def test_silent_failures_of_one_tool_are_one_issue(tmp_path: Path) -> None:
    issues = found(tmp_path, [FINE] * 30 + [Trace(spans=(SILENT,))] * 10)

    ((title, (draft, traces)),) = issues.items()
    assert title == "book tool returns errors in 25.0% of calls"
    assert "10 of 40 (25.0%) calls of `book` return an error although their span's status isn't ERROR." in draft.description
    assert "all of them still end OK with a response" in draft.description
    assert "status ERROR where a tool returns an error" in draft.recommendation
    assert all("HAT110" in trace.note for trace in traces)


def test_silent_failures_spread_over_tools_are_an_issue_of_their_own(tmp_path: Path) -> None:
    spread = [Trace(spans=(Span(name, silent="Error: no such id"),)) for name in ("find", "cancel", "change")] * 3
    issues = found(tmp_path, [FINE] * 51 + spread)

    ((title, (draft, traces)),) = issues.items()
    assert title == "Tool errors unflagged in 15.0% of OK traces"
    assert (draft.affected, draft.population) == (9, 60)
    assert draft.severity == "MEDIUM"
    assert {trace.note for trace in traces} == {f"{name}: Error: no such id" for name in ("find", "cancel", "change")}


def test_failed_spans_hidden_in_ok_traces_are_named_where_they_spread(tmp_path: Path) -> None:
    spread = [Trace(spans=(Span(name, kind="RETRIEVER", error="index is stale"),)) for name in ("a", "b", "c")] * 3
    issues = found(tmp_path, [FINE] * 51 + spread)

    assert list(issues) == ["15.0% of OK traces contain failed spans"]


def test_a_span_is_blamed_where_the_failure_began_and_nowhere_above(tmp_path: Path) -> None:
    chain = (Span("graph", kind="CHAIN", error="x y z"), Span("retrieve", kind="RETRIEVER", error="x y z", parent="graph"))
    issues = found(tmp_path, [FINE] * 30 + [Trace(spans=chain)] * 8)

    assert list(issues) == ["retrieve spans fail in 100.0% of their traces"]


def test_spans_around_and_inside_a_failing_tool_are_its_issue(tmp_path: Path) -> None:
    spans = (
        Span("tools", kind="CHAIN", error="seat map missing"),
        Span("book", error="seat map missing", parent="tools"),
        Span("http", kind="UNKNOWN", error="seat map missing", parent="book"),
    )
    issues = found(tmp_path, [FINE] * 30 + [Trace(spans=spans)] * 8)

    assert list(issues) == ["book tool fails in 21.1% of its calls"]


def test_a_failing_model_is_blamed_not_its_span_nor_its_provider(tmp_path: Path) -> None:
    bad = Span("chat", kind="LLM", model="small", provider="acme", error="429 rate limit reached", ms=901.0)
    issues = found(tmp_path, [FINE] * 40 + [Trace(spans=(bad,))] * 8)

    ((title, (draft, _)),) = issues.items()
    assert title == "100.0% of calls to small fail"
    assert "back-off" in draft.recommendation


def test_a_provider_is_blamed_where_none_of_its_models_stands_out(tmp_path: Path) -> None:
    bad = [
        Trace(spans=(Span("chat", kind="LLM", model=f"m{number}", provider="acme", error="503 unavailable", ms=700.0 + number),))
        for number in range(8)
    ]
    issues = found(tmp_path, [FINE] * 40 + bad)

    assert list(issues) == ["16.7% of calls to provider acme fail"]


@pytest.mark.parametrize(
    ("messages", "standing"),
    [
        pytest.param(["no seats left on flight 17171"] * 20, "confirmed", id="one mechanism"),
        pytest.param(["no seats left"] * 10 + ["card declined"] * 10, "suspected", id="two mechanisms"),
        pytest.param(["Internal server error"] * 20, "suspected", id="says nothing"),
        pytest.param([""] * 20, "suspected", id="no message"),
    ],
)
def test_cause_is_confirmed_by_one_mechanism_only(tmp_path: Path, messages: list[str], standing: str) -> None:
    failing = [Trace(spans=(Span("book", error=message, ms=110.0),)) for message in messages]
    issues = found(tmp_path, [FINE] * 40 + failing)

    assert issues["book tool fails in 33.3% of its calls"].draft.cause.standing == standing


def test_cause_is_not_confirmed_by_a_message_that_others_have_too(tmp_path: Path) -> None:
    message = "connection reset by peer"
    failing = [Trace(spans=(Span("book", error=message, ms=110.0),))] * 20
    others = [Trace(spans=(Span("cancel", error=message, ms=110.0),))] * 4
    issues = found(tmp_path, [FINE] * 40 + failing + others)

    cause = issues["book tool fails in 33.3% of its calls"].draft.cause
    assert cause.standing == "suspected"
    assert "“connection reset by peer” in 20 (and in 4 other traces)" in cause.text


def test_a_tools_timeout_is_part_of_its_cause(tmp_path: Path) -> None:
    slow = [Trace("ERROR", 31_000 + number, (Span("book", error="aborted", ms=30_000.0 + number),)) for number in range(8)]
    quick = [Trace("OK", 1000 + number, (Span("book", ms=float(100 + number)),)) for number in range(30)]
    issues = found(tmp_path, quick + slow)

    assert set(issues) == {"21.1% of finished traces end in ERROR", "book tool fails in 21.1% of its calls"}
    assert "8 of 8 (100.0%) failing calls end after 30 s, to the second: a timeout" in (
        issues["book tool fails in 21.1% of its calls"].draft.cause.text
    )


def test_error_traces_that_pile_up_at_one_duration_ran_into_a_timeout(tmp_path: Path) -> None:
    stopped = [Trace("ERROR", 59_900 + 20 * number, (Span("book", ms=float(number)),)) for number in range(10)]
    other = [Trace("ERROR", 1000 * number, (Span("book", ms=10.5 + number),)) for number in range(1, 11)]
    quick = [Trace("OK", 1000 + number, (Span("book", ms=float(100 + number)),)) for number in range(30)]
    issues = found(tmp_path, quick + stopped + other)

    draft, traces = issues["50.0% of ERROR traces stop at 60 s"]
    assert (draft.affected, draft.population) == (10, 20)
    assert {trace.trace_id for trace in traces} == {f"tr-{number:03}" for number in range(30, 40)}


def test_errors_that_last_as_long_as_successes_are_no_timeout(tmp_path: Path) -> None:
    errors = [Trace("ERROR", 59_900 + 20 * number, (Span("book", ms=float(number)),)) for number in range(10)]
    alike = [Trace("OK", 59_900 + 20 * number, (Span("book", ms=100.0 + number),)) for number in range(10)]
    issues = found(tmp_path, errors + alike)

    assert list(issues) == ["50.0% of finished traces end in ERROR"]


def test_errors_whose_durations_spread_as_work_does_are_no_timeout(tmp_path: Path) -> None:
    usual = NormalDist(5_300, 800)
    failed = [
        Trace("ERROR", round(usual.inv_cdf((number + 0.5) / 60)), (Span("book", ms=float(number)),)) for number in range(60)
    ]
    longer = [Trace("OK", 9_000 + number, (Span("book", ms=float(100 + number)),)) for number in range(30)]

    assert list(found(tmp_path, failed + longer)) == ["66.7% of finished traces end in ERROR"]


def test_a_timeout_between_two_seconds_is_one(tmp_path: Path) -> None:
    stopped = [Trace("ERROR", 59_400 + 20 * number, (Span("book", ms=float(number)),)) for number in range(10)]
    quick = [Trace("OK", 1000 + number, (Span("book", ms=float(100 + number)),)) for number in range(30)]

    assert "50.0% of ERROR traces stop at 59 s" in found(tmp_path, quick + stopped)


def test_extreme_latency_is_an_issue(tmp_path: Path) -> None:
    quick = [Trace("OK", 2000, (Span("book", ms=float(100 + number)),)) for number in range(60)]
    spans = (Span("plan", kind="CHAIN", ms=311_000.0), *(Span("book", ms=97_000.0, parent="plan"),) * 3)
    slow = Trace("OK", 312_000, (*spans, Span("find", ms=98_000.0)))
    issues = found(tmp_path, [*quick, slow])

    ((title, (draft, traces)),) = issues.items()
    assert title == "Latency reaches 5.2 min, 156 times the median"
    assert (draft.affected, draft.population, draft.severity) == (1, 61, "MEDIUM")
    assert traces == (AffectedTrace("tr-060", "tr-060-1", "took 312 s"),)
    assert draft.cause.text == "Of 1 slow traces, most of the time goes to `book` spans in 1."


def test_no_latency_is_judged_where_durations_were_not_measured(tmp_path: Path) -> None:
    calls = (Span("chat", kind="LLM", ms=1000.0), Span("book", ms=100.0))
    traces = [Trace("OK", 2000, calls)] * 60 + [Trace("OK", 312_000, calls * 300)]

    assert not found(tmp_path, traces)


def test_a_burst_of_errors_is_an_issue_about_its_hours(tmp_path: Path) -> None:
    hours = [timedelta(hours=number % 20, minutes=number // 20) for number in range(400)]
    steady = [Trace("ERROR" if number % 50 == 7 else "OK", at=at) for number, at in enumerate(hours)]
    burst = [Trace("ERROR", at=timedelta(hours=5, minutes=30, seconds=number)) for number in range(12)]
    issues = found(tmp_path, steady + burst)

    draft, traces = issues["Error rate reaches 37.5% on 2026-03-02 14:00"]
    assert (draft.affected, draft.population) == (12, 412)
    assert {trace.trace_id for trace in traces} == {f"tr-{number:03}" for number in range(400, 412)}
    assert "14:00 UTC: 12 of 32 (37.5%)" in draft.description


def test_steady_errors_are_no_burst(tmp_path: Path) -> None:
    hours = [timedelta(hours=number % 20, minutes=number // 20) for number in range(400)]
    steady = [Trace("ERROR" if number % 3 == 0 else "OK", at=at) for number, at in enumerate(hours)]

    assert list(found(tmp_path, steady)) == ["33.5% of finished traces end in ERROR"]


def test_issue_about_a_tool_with_a_hostile_name_lists_its_own_traces(tmp_path: Path) -> None:
    name = "it's\\'OR'1'='1\n"
    issues = found(tmp_path, [FINE] * 30 + [Trace(spans=(Span(name, error="seat map missing"),))] * 8)

    (issue,) = issues.values()
    assert {trace.trace_id for trace in issue.traces} == {f"tr-{number:03}" for number in range(30, 38)}
    assert "\n" not in issue.draft.title
    assert issue.draft.fingerprint.segment == name


def test_most_severe_issues_come_first(tmp_path: Path) -> None:
    failed = Trace("ERROR", spans=(DOWN,), response=None)
    issues = found(tmp_path, [FINE] * 30 + [failed] * 15 + [Trace(spans=(Span("find", silent="Error: no such id"),))] * 6)

    ranks = [issue.draft.severity.rank for issue in issues.values()]
    assert len(ranks) >= 3
    assert ranks == sorted(ranks, reverse=True)


def test_unknown_and_impossible_thresholds_are_refused() -> None:
    with pytest.raises(ValidationError):
        OperationalThresholds.model_validate({"tool_failure_rte": 0.1})
    with pytest.raises(ValidationError):
        OperationalThresholds(trace_error_rate=0)
