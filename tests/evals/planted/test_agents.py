"""The drawn agents: what is planted comes at the rates that the truth names, and rules that know nothing of planting find it."""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest

from analyze_experiment.evals.planted.agents import AGENTS
from analyze_experiment.evals.planted.build import tell
from analyze_experiment.evals.planted.conditions import Conditions
from analyze_experiment.evals.planted.ledger import Ledger
from analyze_experiment.evals.planted.rows import Row, TraceRows
from analyze_experiment.evals.planted.truth import Truth, Variant

DRAWN = ("librarian", "coder", "planner", "extractor")
SEEDS = (0, 1)


class Told(NamedTuple):
    """A store as rows, and its truth."""

    rows: list[TraceRows]
    truth: Truth


@cache
def told(agent: str, variant: Variant = "faulty", seed: int = 0, traces: int = 240, icc: float = 0.0) -> Told:
    ledger = Ledger(AGENTS[agent], Conditions(variant, traces, seed, icc))
    return Told(list(tell(ledger, "file:///a/1")), ledger.close())


def trace_id(rows: TraceRows) -> str:
    return str(rows.trace_info[0]["request_id"])


def attributes(span: Row) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in json.loads(str(span["content"]))["attributes"].items()}


def answer(rows: TraceRows) -> str | None:
    root = next((span for span in rows.spans if span["parent_span_id"] is None), None)
    output = attributes(root).get("mlflow.spanOutputs") if root else None
    return output["content"] if output else None


def fails(tool: str, kind: str) -> Callable[[TraceRows], bool]:
    def shows(rows: TraceRows) -> bool:
        events = [event for span in rows.spans if span["name"] == tool for event in json.loads(str(span["content"]))["events"]]
        return any(event["attributes"]["exception.type"] == kind for event in events)

    return shows


def says(pattern: str) -> Callable[[TraceRows], bool]:
    return lambda rows: bool(re.search(pattern, answer(rows) or ""))


def calls_alike(tool: str, least: int) -> Callable[[TraceRows], bool]:
    def shows(rows: TraceRows) -> bool:
        calls = [attributes(span) for span in rows.spans if span["name"] == tool]
        same = Counter((json.dumps(call["mlflow.spanInputs"]), json.dumps(call.get("mlflow.spanOutputs"))) for call in calls)
        return max(same.values(), default=0) >= least

    return shows


RULES: dict[str, Callable[[TraceRows], bool]] = {
    "search_index_fails": fails("search_index", "IndexUnavailable"),
    "rank_passages_times_out": fails("rank_passages", "TimeoutError"),
    "read_file_fails": fails("read_file", "FileNotFoundError"),
    "run_tests_times_out": fails("run_tests", "TimeoutError"),
    "quote_menu_fails": fails("quote_menu", "MenuServiceDown"),
    "find_trains_times_out": fails("find_trains", "TimeoutError"),
    "validate_record_fails": fails("validate_record", "SchemaError"),
    "run_tests_fails_in_segment": fails("run_tests", "OSError"),
    "reserve_room_fails_in_segment": fails("reserve_room", "CalendarGone"),
    "run_tests_refuses_arguments": fails("run_tests", "ValidationError"),
    "unknown_tool": fails("apply_patch", "ToolError"),
    "search_code_repeated": calls_alike("search_code", 4),
    "find_rooms_repeated": calls_alike("find_rooms", 4),
    "edit_file_retried_in_vain": calls_alike("edit_file", 4),
    "never_ends": lambda rows: rows.trace_info[0]["status"] == "IN_PROGRESS",
    "empty_answer": lambda rows: rows.trace_info[0]["status"] == "OK" and answer(rows) == "",
    "exposed_error": says(r"^(Traceback|TypeError|Internal error)"),
    "other_language": says(r"\b(wir|Sie|Ihnen|Frist)\b"),
    "overlong_answer": lambda rows: len(answer(rows) or "") > 2000 and "detailed report" not in request(rows),
    "model_refuses": fails("chat_completion", "RateLimitError"),
    "says_the_opposite": says("after I removed"),
    "edit_file_never_called": lambda rows: (
        rows.trace_info[0]["status"] == "OK"
        and says(r"tests pass\.$")(rows)
        and "edit_file" not in {span["name"] for span in rows.spans}
    ),
}


def request(rows: TraceRows) -> str:
    return json.dumps(attributes(rows.spans[0])["mlflow.spanInputs"])


@pytest.mark.parametrize("agent", DRAWN)
def test_rules_that_know_only_the_rows_find_exactly_the_planted_traces(agent: str) -> None:
    checked = 0
    for seed in SEEDS:
        rows, truth = told(agent, seed=seed)
        for fault in truth.faults:
            if fault.fault_id in RULES:
                assert {trace_id(each) for each in rows if RULES[fault.fault_id](each)} == set(fault.trace_ids), fault.fault_id
                checked += 1
    assert checked >= 6


def test_all_agents_together_have_twenty_kinds_of_faults_and_twelve_of_look_alikes() -> None:
    stores = [told(agent, seed=seed).truth for agent in DRAWN for seed in SEEDS] + [told("concierge").truth]
    kinds = {(fault.category, fault.kind, fault.way == "read") for truth in stores for fault in truth.faults}
    assert len(kinds) >= 20
    assert len({seen for *_, seen in kinds}) == 2
    assert len({item.title for truth in stores for item in truth.look_alikes if item.trace_ids}) >= 20


@pytest.mark.parametrize("agent", DRAWN)
def test_faults_come_at_the_rate_of_the_process_where_they_are_possible(agent: str) -> None:
    for seed in SEEDS:
        for fault in told(agent, seed=seed).truth.faults:
            rate, size = fault.process_rate or 0.0, fault.population
            assert abs(fault.n - rate * size) <= 4.5 * math.sqrt(max(1.0, size * rate * (1 - rate))), fault.fault_id
            assert set(fault.trace_ids) <= set(fault.possible_ids)


def test_conversations_share_what_goes_wrong_as_far_as_they_are_told_to() -> None:
    assert _alikeness(told("planner", traces=1200, seed=3).truth) < 0.05
    assert 0.15 < _alikeness(told("planner", traces=1200, seed=3, icc=0.3).truth) < 0.45


def _alikeness(truth: Truth) -> float:
    """The intraclass correlation over pairs of traces of one conversation, the mean of the common faults that are drawn."""
    found: list[float] = []
    for fault in truth.faults:
        rate = fault.n / fault.population
        if not 0.03 < rate < 0.5 or fault.related_title:
            continue
        by_cluster: dict[int, list[bool]] = defaultdict(list)
        for each in fault.possible_ids:
            by_cluster[truth.clusters[each]].append(each in fault.trace_ids)
        pairs = sum(len(group) * (len(group) - 1) for group in by_cluster.values())
        both = sum(sum(group) * (sum(group) - 1) for group in by_cluster.values())
        found.append((both / pairs - rate**2) / (rate * (1 - rate)))
    return sum(found) / len(found)


@pytest.mark.parametrize("agent", DRAWN)
def test_clean_stores_have_look_alikes_and_nothing_that_ends_badly(agent: str) -> None:
    rows, truth = told(agent, "clean")
    assert (truth.faults, truth.facts) == ((), ())
    assert {str(each.trace_info[0]["status"]) for each in rows} == {"OK"}
    assert all(answer(each) for each in rows)
    assert sum(bool(item.trace_ids) for item in truth.look_alikes) >= 5


@pytest.mark.parametrize("agent", DRAWN)
def test_at_the_boundary_every_rate_is_expected_at_its_threshold(agent: str) -> None:
    sizes: dict[str, int] = defaultdict(int)
    affected: dict[str, int] = defaultdict(int)
    thresholds: dict[str, float] = {}
    for seed in SEEDS:
        truth = told(agent, "boundary", seed).truth
        for fault in truth.faults:
            assert fault.way == "rate"
            thresholds[fault.fault_id] = fault.threshold
            sizes[fault.fault_id] += truth.traces if fault.of_all else fault.population
            affected[fault.fault_id] += fault.n
    for key, threshold in thresholds.items():
        assert abs(affected[key] - threshold * sizes[key]) <= 4 * math.sqrt(threshold * sizes[key]), key
    assert thresholds


def test_shuffled_stores_keep_what_happens_and_lose_where() -> None:
    def shares(variant: Variant) -> tuple[float, float]:
        rows = told("librarian", variant, traces=900, seed=4).rows
        down = {trace_id(each): each.assessments[0]["value"] == "false" for each in rows if each.assessments}
        contract = {
            trace_id(each): next(str(tag["value"]) for tag in each.trace_tags if tag["key"] == "contract") for each in rows
        }
        sides = [[down[key] for key in down if (contract[key] == "business") is side] for side in (True, False)]
        return sum(sides[0]) / len(sides[0]), sum(sides[1]) / len(sides[1])

    there, elsewhere = shares("faulty")
    assert there > 3 * elsewhere
    there, elsewhere = shares("shuffled")
    assert 0.6 < there / elsewhere < 1.6
    assert told("librarian", "shuffled", traces=900, seed=4).truth.faults == ()


def test_facts_are_those_that_the_rows_show() -> None:
    seen: set[str] = set()
    for agent in DRAWN:
        for seed in SEEDS:
            rows, truth = told(agent, seed=seed)
            for fact in truth.facts:
                subject = fact.fact_id.partition("fails: ")[2]
                if fact.fact_id == "trace_errors":
                    held = {trace_id(each) for each in rows if each.trace_info[0]["status"] == "ERROR"}
                elif subject and not subject.startswith("model"):
                    held = {
                        trace_id(each)
                        for each in rows
                        if any(_call_fails(span) for span in each.spans if span["name"] == subject)
                    }
                    held -= {trace_id(each) for each in rows if each.trace_info[0]["status"] == "IN_PROGRESS"}
                else:
                    continue
                seen.add(fact.fact_id)
                assert held == set(fact.trace_ids), fact.fact_id
    assert len(seen) >= 5 and "trace_errors" in seen


def _call_fails(span: Row) -> bool:
    output = attributes(span).get("mlflow.spanOutputs")
    return span["status"] == "ERROR" or (isinstance(output, dict) and bool(output.get("error")))


def test_answers_that_claim_what_failed_are_a_pattern_besides() -> None:
    truth = told("concierge").truth
    (claims,) = [fact for fact in truth.facts if fact.fact_id == "claims_done"]
    claiming = {*truth.fault("swallowed_tool_error").trace_ids, *truth.fault("action_never_called").trace_ids}
    assert set(claims.trace_ids) == claiming


def test_a_slower_version_has_a_slower_tail_too() -> None:
    facts = {fact.fact_id: fact for fact in told("planner", traces=1200, seed=3).truth.facts}
    (slow,) = [fault for fault in told("planner", traces=1200, seed=3).truth.faults if fault.fault_id == "slow_version"]
    assert set(facts["slow_tail"].trace_ids) < set(slow.trace_ids)
    assert "slow_tail" not in {fact.fact_id for fact in told("planner", "clean").truth.facts}


@pytest.mark.parametrize("agent", DRAWN)
def test_spans_of_the_truth_are_spans_of_its_traces_and_lie_within_them(agent: str) -> None:
    rows, truth = told(agent)
    spans_of = {trace_id(each): {str(span["span_id"]) for span in each.spans} for each in rows}
    for fault in truth.faults:
        if fault.span_ids:
            pointed = set(fault.span_ids)
            assert all(spans_of[each] & pointed for each in fault.trace_ids)
            assert pointed <= set().union(*(spans_of[each] for each in fault.trace_ids))
    for each in rows:
        parents = {str(span["span_id"]): span for span in each.spans}
        for span in each.spans:
            parent = parents.get(str(span["parent_span_id"]))
            if parent is not None:
                assert int(parent["start_time_unix_nano"] or 0) <= int(span["start_time_unix_nano"] or 0)
                assert int(parent["end_time_unix_nano"] or 0) >= int(span["end_time_unix_nano"] or 0)


def test_agents_differ_in_what_their_traces_hold() -> None:
    kinds = {agent: {str(span["type"]) for each in told(agent).rows for span in each.spans} for agent in DRAWN}
    assert "TOOL" not in kinds["librarian"] and {"RETRIEVER", "RERANKER"} <= kinds["librarian"]
    assert "PARSER" in kinds["extractor"]
    assert any(span["type"] == "AGENT" and span["parent_span_id"] for each in told("planner").rows for span in each.spans)
    assert {each.trace_info[0]["session_id"] for each in told("coder").rows} == {None}
    repeated = Counter(request(each) for each in told("coder").rows)
    assert max(repeated.values()) >= 3
