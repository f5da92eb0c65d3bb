"""The truth is exact: rules that know nothing of how faults are planted find the same traces."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import pytest

from analyze_experiment.evals.planted.agents import AGENTS
from analyze_experiment.evals.planted.build import tell
from analyze_experiment.evals.planted.conditions import Conditions
from analyze_experiment.evals.planted.ledger import Ledger
from analyze_experiment.evals.planted.rows import Row, TraceRows
from analyze_experiment.evals.planted.truth import Truth, Variant


class Seen:
    """One trace as a reader of the rows sees it."""

    def __init__(self, rows: TraceRows) -> None:
        self.rows = rows
        self.info = rows.trace_info[0]
        self.trace_id = str(self.info["request_id"])
        self.spans = rows.spans
        self.tags = {str(row["key"]): str(row["value"]) for row in rows.trace_tags}
        root = self.payload(rows.spans[0])
        self.request: str = root["mlflow.spanInputs"]["messages"][-1]["content"]
        self.answer: str | None = root["mlflow.spanOutputs"]["content"] if "mlflow.spanOutputs" in root else None

    @staticmethod
    def payload(span: Row) -> dict[str, Any]:
        """The attributes of a span, decoded."""
        return {key: json.loads(value) for key, value in json.loads(str(span["content"]))["attributes"].items()}

    @property
    def tools(self) -> list[Row]:
        """The spans of tools, in order."""
        return [span for span in self.spans if span["type"] in {"TOOL", "RETRIEVER"}]

    def called(self, tool: str) -> bool:
        """Whether a tool was called."""
        return any(span["name"] == tool for span in self.tools)

    def failures(self) -> list[tuple[str, str]]:
        """Type and message of every exception, the root's left out."""
        events = [event for span in self.spans[1:] for event in json.loads(str(span["content"]))["events"]]
        return [(event["attributes"]["exception.type"], event["attributes"]["exception.message"]) for event in events]


@dataclass(frozen=True)
class Store:
    """All traces of a store, and its truth."""

    truth: Truth
    traces: list[Seen]


@cache
def store_of(variant: Variant, traces: int = 600, seed: int = 0) -> Store:
    ledger = Ledger(AGENTS["concierge"], Conditions(variant, traces, seed))
    seen = [Seen(rows) for rows in tell(ledger, "file:///artifacts/1")]
    return Store(ledger.close(), seen)


def swallows_an_error(trace: Seen) -> bool:
    for span in trace.tools:
        output = trace.payload(span).get("mlflow.spanOutputs")
        if span["status"] == "OK" and (
            (isinstance(output, str) and output.startswith("Error:")) or (isinstance(output, dict) and output.get("error"))
        ):
            return True
    return False


def repeats_a_call(trace: Seen) -> bool:
    calls = [
        (span["name"], *(json.dumps(trace.payload(span).get(f"mlflow.span{part}")) for part in ("Inputs", "Outputs")))
        for span in trace.tools
    ]
    return any(len(list(run)) >= 4 for _, run in groupby(calls))


def was_cut_off(trace: Seen) -> bool:
    outputs = [trace.payload(span).get("mlflow.spanOutputs") for span in trace.spans if span["type"] == "CHAT_MODEL"]
    return any(output["choices"][0]["finish_reason"] == "length" for output in outputs if output)


CLAIMS = {
    "cancel_booking": r"I've cancelled|has been cancelled free|is cancelled now",
    "update_booking": r"I've moved|has been changed to|that worked, TF",
    "issue_refund": r"I've refunded|has been paid back",
    "send_email": r"I've sent|has been sent to|I've mailed|on its way to|it all in your mail",
    "create_booking": r"I've booked|is confirmed, \d|is in place",
}


def claims_what_nobody_did(trace: Seen) -> bool:
    return any(re.search(claim, trace.answer or "", re.IGNORECASE) and not trace.called(tool) for tool, claim in CLAIMS.items())


def is_verbose(trace: Seen) -> bool:
    return len(trace.request) <= 80 and len(trace.answer or "") >= 1500


PROVIDER = r"exceeded your current quota|overloaded|Rate limit reached|maximum context length"

RULES: dict[str, Callable[[Seen], bool]] = {
    "swallowed_tool_error": swallows_an_error,
    "tool_timeouts": lambda trace: any(kind == "TimeoutError" for kind, _ in trace.failures()),
    "identical_tool_calls": repeats_a_call,
    "rate_limit_burst": lambda trace: any("429" in text for _, text in trace.failures()),
    "provider_message_as_answer": lambda trace: bool(re.search(PROVIDER, trace.answer or "")),
    "empty_answer": lambda trace: trace.answer is not None and not trace.answer.strip(),
    "cut_off_answer": was_cut_off,
    "invalid_tool_arguments": lambda trace: any(kind == "ValidationError" for kind, _ in trace.failures()),
    "action_never_called": claims_what_nobody_did,
    "same_request_fails": lambda trace: any(kind == "IndexUnavailable" for kind, _ in trace.failures()),
    "same_request_other_answer": lambda trace: (trace.answer or "").startswith("No"),
    "exposed_error": lambda trace: bool(re.search(r"\w+Error: ", trace.answer or "")),
    "verbose_answer": is_verbose,
    "slow_version": lambda trace: trace.tags["version"] == "3.3.0",
}


@pytest.mark.parametrize("fault_id", RULES)
def test_a_rule_that_knows_only_the_rows_finds_exactly_the_planted_traces(fault_id: str) -> None:
    for seed in (0, 1):
        store = store_of("faulty", seed=seed)
        found = {trace.trace_id for trace in store.traces if RULES[fault_id](trace)}
        assert found == set(store.truth.fault(fault_id).trace_ids)


def test_the_clean_variant_shows_none_of_the_faults() -> None:
    store = store_of("clean")
    assert store.truth.faults == ()
    for fault_id in RULES.keys() - {"slow_version"}:
        assert [trace.request for trace in store.traces if RULES[fault_id](trace)] == []
    assert {trace.info["status"] for trace in store.traces} == {"OK"}


def test_repeated_requests_follow_an_answer_without_help_in_the_same_session() -> None:
    store = store_of("faulty")
    fault = store.truth.fault("unhelpful_repeat")
    for before, trace in zip(store.traces, store.traces[1:], strict=False):
        same_session = before.info["session_id"] == trace.info["session_id"]
        repeats = same_session and before.request in trace.request
        assert repeats == (trace.trace_id in fault.trace_ids)
        if repeats:
            assert before.trace_id in fault.related_trace_ids
            assert before.tools == []


def test_thumbs_go_down_where_swiss_customers_read_euros() -> None:
    store = store_of("faulty")
    fault = store.truth.fault("disliked_segment")
    down = {str(row["trace_id"]) for trace in store.traces for row in trace.rows.assessments if row["value"] == "false"}
    segment = {
        trace.trace_id
        for trace in store.traces
        if trace.tags["locale"] == "de-CH" and trace.called("quote_price") and trace.answer is not None
    }
    rated = {trace.trace_id for trace in store.traces if trace.rows.assessments}
    assert set(fault.trace_ids) <= down & segment
    assert set(fault.trace_ids) | set(fault.related_trace_ids) == segment
    assert fault.population == len(segment & rated)
    rest = rated - segment
    assert len(down & segment) / len(rated & segment) > 3 * len(down & rest) / len(rest)
    quoted = {
        trace.trace_id for trace in store_of("clean").traces if trace.tags["locale"] == "de-CH" and " EUR" in (trace.answer or "")
    }
    assert quoted == set()


def test_model_calls_of_the_slow_version_take_longer_and_its_tools_do_not() -> None:
    medians: dict[tuple[str, bool], float] = {}
    values: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for trace in store_of("faulty", 2000).traces:
        for span in trace.spans:
            if span["status"] == "OK" and span["name"] in {"chat_completion", "quote_price"}:
                duration = int(span["end_time_unix_nano"] or 0) - int(span["start_time_unix_nano"] or 0)
                values[str(span["name"]), trace.tags["version"] == "3.3.0"].append(duration)
    for key, durations in values.items():
        medians[key] = sorted(durations)[len(durations) // 2]
    assert medians["chat_completion", True] / medians["chat_completion", False] == pytest.approx(1.8, rel=0.12)
    assert medians["quote_price", True] / medians["quote_price", False] == pytest.approx(1.0, rel=0.1)


def test_the_same_words_from_several_users_end_differently_only_where_that_is_planted() -> None:
    store = store_of("faulty")
    by_request: dict[str, list[Seen]] = defaultdict(list)
    for trace in store.traces:
        by_request[trace.request].append(trace)
    groups = [group for group in by_request.values() if len({trace.info["status"] for trace in group}) > 1]
    failed = {trace.trace_id for group in groups for trace in group if trace.info["status"] == "ERROR"}
    assert failed == set(store.truth.fault("same_request_fails").trace_ids)
    assert len(groups) >= 5


@pytest.mark.parametrize("traces", [60, 600, 2000])
def test_a_trace_carries_two_faults_at_most_and_no_look_alike_of_its_own_fault(traces: int) -> None:
    truth = store_of("faulty", traces).truth
    carried: dict[str, int] = defaultdict(int)
    for fault in truth.faults:
        assert 0 < fault.n <= fault.population
        for trace_id in fault.trace_ids:
            carried[trace_id] += 1
    assert max(carried.values()) == 2
    for look_alike in truth.look_alikes:
        if look_alike.resembles in {fault.fault_id for fault in truth.faults} - {"slow_version"}:
            assert not set(look_alike.trace_ids) & set(truth.fault(look_alike.resembles).trace_ids)


def test_planted_faults_come_at_their_rates() -> None:
    truth = store_of("faulty").truth
    assert {fault.fault_id: fault.n for fault in truth.faults if fault.fault_id in {"swallowed_tool_error", "tool_timeouts"}} == {
        "swallowed_tool_error": 30,
        "tool_timeouts": 30,
    }
    assert all(0.02 <= fault.n / truth.traces <= 0.3 for fault in truth.faults)


@pytest.mark.parametrize("variant", ["faulty", "clean"])
def test_every_look_alike_occurs_in_both_variants(variant: Variant) -> None:
    look_alikes = store_of(variant).truth.look_alikes
    assert len(look_alikes) == 17
    assert min(len(look_alike.trace_ids) for look_alike in look_alikes) >= 5


def test_spans_that_the_truth_points_at_are_spans_of_its_traces() -> None:
    store = store_of("faulty")
    spans_of = {trace.trace_id: {str(span["span_id"]) for span in trace.spans} for trace in store.traces}
    for fault in store.truth.faults:
        if fault.span_ids:
            pointed = set(fault.span_ids)
            assert all(spans_of[trace_id] & pointed for trace_id in fault.trace_ids)
            assert pointed <= set().union(*(spans_of[trace_id] for trace_id in fault.trace_ids))


@pytest.mark.parametrize("variant", ["faulty", "clean"])
def test_spans_lie_within_their_trace_one_after_the_other(variant: Variant) -> None:
    for trace in store_of(variant).traces:
        times = [(int(span["start_time_unix_nano"] or 0), int(span["end_time_unix_nano"] or 0)) for span in trace.spans]
        ends = [times[0][0], *(end for _, end in times[1:])]
        assert all(begin >= before for (begin, _), before in zip(times[1:], ends, strict=False))
        assert times[0][1] >= ends[-1]


def test_sessions_and_days_look_like_those_of_people() -> None:
    store = store_of("clean", 2000)
    sessions: dict[str, int] = defaultdict(int)
    hours: dict[int, int] = defaultdict(int)
    for trace in store.traces:
        sessions[str(trace.info["session_id"])] += 1
        hours[int(trace.info["timestamp_ms"] or 0) // 3_600_000 % 24] += 1
    assert 0.15 < list(sessions.values()).count(1) / len(sessions) < 0.25
    assert max(sessions.values()) == 6
    assert sum(hours[hour] for hour in range(6)) < sum(hours[hour] for hour in range(8, 14)) / 5
    assert len(store.truth.look_alike("weekend").trace_ids) / 2000 < 2 / 7 * 0.8


def test_ordinary_answers_fit_into_the_widget() -> None:
    store = store_of("faulty")
    cut = set(store.truth.fault("cut_off_answer").trace_ids)
    widget = [trace for trace in store.traces if trace.tags["channel"] == "widget" and trace.trace_id not in cut]
    assert max(len(trace.answer or "") for trace in widget) < 720
