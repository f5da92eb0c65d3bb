"""Overviews: what they show of the simple traces, whose half they are of, and that what is shown was linked before."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.reading.overviews import overview_names, show_overviews
from analyze_experiment.tools.reading.related import find_related
from analyze_experiment.tools.reading.side_by_side import Group, side_by_side
from analyze_experiment.tools.reading.turns import turns_around
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2027, 1, 1, tzinfo=UTC)
SAMPLES = [
    *(SampleTrace("Please cancel order 17 today.", "Your order has been cancelled.", tool="cancel_order") for _ in range(3)),
    SampleTrace("Please cancel order 17 today.", "Your order has been cancelled.", tool="look_up_order"),
    SampleTrace(
        "Refund order 20.",
        "Sorry, I can't refund it.",
        tool="refund_order",
        tool_error="limit 50 exceeded for order A1707",
        session="talk",
    ),
    SampleTrace(
        "Refund order 21.",
        "Sorry, I can't refund it.",
        tool="refund_order",
        tool_error="limit 70 exceeded for order B1808",
        duration_ms=4000,
        session="talk",
    ),
    SampleTrace("What does it cost?", "It costs $71.25 in all.", session="talk"),
]


@pytest.fixture(scope="module")
def bench(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("overviews")
    uri = copy_store(store_template, folder / "store")
    log_traces(uri, "orders", SAMPLES)
    store = InsightStore(connect(uri), now=lambda: INSTANT)
    made = store.create_analysis("1", key="k", name="n", run_name="r", analyst="x")
    snapshot = take_snapshot(uri, "1", instant=INSTANT, since=None, until=None, cache=folder / "c", progress=lambda *_: None)
    with Workbench.open(store, made.run_id, snapshot, seed=0) as opened:
        yield opened


SHOWN = {
    "siblings": [
        "1 requests in 4 of 7 traces",
        "In 1 of them",
        "changed: nothing",
        'cancel_order{"text": "Please cancel order 17',
    ],
    "same_subject": ["0 subjects"],
    "tool_sequences": ["3x cancel_order", "2x refund_order!", "1x no tools"],
    "writes": ["user: Refund order 20.", 'refund_order {"text": "Refund order 20."} → FAILED', "→ ok"],
    "action_claims": ["nothing was changed: 1 of 7 traces", "look_up_order", "says: Your order has been cancelled."],
    "last_turns": ["agent: It costs $71.25 in all."],
    "argument_shapes": ["cancel_order: 3 calls", "text: text: Please cancel order 17 today. 3"],
    "failure_templates": ["2x refund_order: limit # exceeded for order <id>"],
    "refusal_templates": ["2x Sorry, I can't refund it."],
    "unsupported_numbers": ["in 1 of 1 traces", "71.25 in: It costs $71.25 in all."],
    "durations": ["refund_order (TOOL): 2 in 2 traces"],
}


def test_every_overview_has_its_case() -> None:
    assert SHOWN.keys() == overview_names().keys()


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_an_overview_shows_what_is_there(bench: Workbench, name: str) -> None:
    (overview,) = show_overviews(bench, [name], half="all")
    for expected in SHOWN[name]:
        assert expected in overview.text


def test_what_is_shown_was_linked_and_is_of_the_discovery_half(bench: Workbench) -> None:
    sql = "SELECT trace_id FROM clusters WHERE half = 'discovery'"
    half = set(bench.query(sql, title="half")["trace_id"].to_pylist())
    shown = show_overviews(bench, sorted(SHOWN))
    named = {trace_id for overview in shown for trace_id in overview.trace_ids}
    assert 0 < len(half) < len(SAMPLES)
    assert named <= half
    assert named <= set(bench.store.reader.linked(bench.run_id, experiment_id="1"))
    everything = set(bench.query("SELECT trace_id FROM traces", title="all")["trace_id"].to_pylist())
    assert not any(trace_id in overview.text for overview in shown for trace_id in everything - half)


def test_an_overview_is_cut_between_entries_and_shows_only_what_it_links(bench: Workbench) -> None:
    (overview,) = show_overviews(bench, ["last_turns"], half="all", chars=400)
    assert overview.text.endswith("more)")
    assert len(overview.trace_ids) < len(SAMPLES)


def test_beside_a_trace_stand_those_with_the_same_request_what_differs_first(bench: Workbench) -> None:
    rows = bench.query("SELECT trace_id, request_text FROM traces ORDER BY request_time", title="all").to_pylist()
    ids = [str(row["trace_id"]) for row in rows]
    related = find_related(bench, ids, half="all")
    assert set(related) == set(ids[:4]), "the others are alone with their request"
    beside = related[ids[0]]
    assert beside.trace_ids[0] == ids[3], "it asked the same and changed nothing"
    assert sorted(beside.trace_ids) == sorted(ids[1:4])
    own, _, others = beside.text.partition("\n\n")
    assert own.startswith("this trace:") and ids[0] in own
    assert "the same input; asked: Please cancel order 17 today." in others
    assert "changed: nothing" in others
    assert find_related(bench, ids, half="all", among=[ids[1]])[ids[0]].trace_ids == (ids[1],)


def test_two_groups_are_told_apart_by_what_is_more_frequent_in_one(bench: Workbench) -> None:
    failing = "SELECT trace_id FROM spans WHERE name = 'refund_order'"
    one = sorted(bench.query(failing, title="one")["trace_id"].to_pylist())
    other = sorted(set(bench.query("SELECT trace_id FROM traces", title="all")["trace_id"].to_pylist()) - set(one))
    text, named = side_by_side(bench, Group("affected", one), Group("others", other)).cut(5_000)
    assert "# affected: 2 traces; medians: calls 1, changes 1" in text
    assert "# others: 5 traces" in text
    assert "refund_order fails: limit # exceeded for order <id>: 2 of 2 against 0 of 5" in text
    assert "calls cancel_order: 0 of 2 against 3 of 5" in text
    assert set(named) <= {*one, *other}


def test_a_group_without_traces_is_compared_with_nothing(bench: Workbench) -> None:
    text, named = side_by_side(bench, Group("affected", []), Group("others", [])).cut(5_000)
    assert "there is nothing to compare" in text
    assert named == []


def test_an_overview_that_nobody_knows_is_refused(bench: Workbench) -> None:
    with pytest.raises(ValueError, match="no overview"):
        show_overviews(bench, ["everything"])


def test_a_turn_of_a_conversation_is_told_with_the_turns_around_it(bench: Workbench) -> None:
    rows = bench.query("SELECT trace_id FROM traces WHERE session_id = 'talk' ORDER BY request_time", title="turns").to_pylist()
    first, second, last = (str(row["trace_id"]) for row in rows)
    everything = [str(each) for each in bench.query("SELECT trace_id FROM traces", title="all")["trace_id"].to_pylist()]
    around = turns_around(bench, everything)
    assert set(around) == {first, second, last}, "the others are no turns of anything"
    assert around[second].trace_ids == (first, last)
    head, told, tools, agent, own, after, _ = around[second].text.split("\n")
    assert head.startswith("This trace is turn 2 of 3 of a conversation.")
    assert told == f"turn 1 {first}: user: Refund order 20." and tools == "  tools: refund_order"
    assert agent == "  agent: Sorry, I can't refund it." and own == "turn 2: this trace"
    assert after == f"turn 3 {last}: user: What does it cost?"
    assert turns_around(bench, []) == {}
