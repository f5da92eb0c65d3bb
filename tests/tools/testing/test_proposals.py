"""What counting proposes: by what the traces hold, and by what the user asks for."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from analyze_experiment.tests.tools.testing.tiny_catalog import TinySpan, TinyTrace, open_service, write_catalog
from analyze_experiment.tools.census.census import take_census
from analyze_experiment.tools.insights.models import Census, HypothesisDraft, SnapshotRecord
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.matching import matching_entries
from analyze_experiment.tools.testing.plan import Slices
from analyze_experiment.tools.testing.playbooks import load_playbook
from analyze_experiment.tools.testing.proposals import Proposed, propose_counting

PLAYBOOK = load_playbook()
SNAPSHOT = SnapshotRecord(
    instant=datetime(2026, 4, 1, tzinfo=UTC),
    traces=0,
    spans=0,
    assessments=0,
    excluded=0,
    unreadable=0,
    first_trace=None,
    last_trace=None,
    digest="tiny",
    partitions={},
)


def rich(number: int) -> TinyTrace:
    """A trace with all that a plan may ask for; every third tool call fails, and such answers hedge."""
    fails = number % 3 == 0
    tools = TinySpan("search", inputs={"q": number}, error="broken" if fails else "", duration_ms=100 + number)
    return TinyTrace(
        f"t{number:03}",
        f"Where is order {number // 2}, please?",
        "I'm not sure." if fails else "It is on its way, and arrives on Friday, as far as the carrier says today.",
        session=f"s{number // 2}",
        user=f"u{number // 2}",
        version="v2" if number > 30 else "v1",
        at_minute=number * 7,
        duration_ms=900 + number * 3,
        spans=(tools, TinySpan("chat", "CHAT_MODEL", model="m1", duration_ms=300 + number)),
        feedback={"helpful": not fails},
        tags={"locale": "de" if number % 2 else "fr", "mlflow.user": f"x{number % 3}", "build": "7"},
    )


RICH = tuple(rich(number) for number in range(60))
POOR = tuple(TinyTrace(f"p{number}", f"Question {number}", duration_ms=1000, at_minute=number) for number in range(30))


def counted(sql: SqlService) -> Census:
    return take_census(sql, SNAPSHOT, now=datetime(2026, 4, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def rich_sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlService]:
    with open_service(write_catalog(tmp_path_factory.mktemp("rich"), RICH)) as sql:
        yield sql


@pytest.fixture(scope="module")
def census(rich_sql: SqlService) -> Census:
    return counted(rich_sql)


@pytest.fixture(scope="module")
def proposed(rich_sql: SqlService, census: Census) -> Proposed:
    return propose_counting(rich_sql, census, PLAYBOOK)


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proposed]:
    with open_service(write_catalog(tmp_path_factory.mktemp("poor"), POOR)) as sql:
        yield propose_counting(sql, counted(sql), PLAYBOOK)


def names(drafts: tuple[HypothesisDraft, ...]) -> list[str]:
    return [draft.playbook for draft in drafts if draft.playbook]


def test_traces_that_hold_everything_get_the_whole_playbook(proposed: Proposed) -> None:
    assert sorted(names(proposed.drafts)) == sorted(PLAYBOOK)
    assert proposed.left_out == ()


def test_entries_whose_data_are_missing_are_left_out_with_the_reason(poor: Proposed) -> None:
    left = {name for name, entry in PLAYBOOK.items() if {"tools", "versions", "feedback"} & set(entry.requires)}

    assert not left & set(names(poor.drafts))
    assert "swallowed_tool_errors: no trace calls a tool." in poor.left_out
    assert "negative_feedback_after_failed_tools: no trace has feedback; no trace calls a tool." in poor.left_out
    assert "same request, different outcome: no request is asked twice." in poor.left_out
    assert "empty_answers" in names(poor.drafts)


def test_figures_of_the_census_start_hypotheses_of_their_own(proposed: Proposed) -> None:
    anchored = {draft.anchor.name: draft for draft in proposed.drafts if draft.source == "census" and draft.anchor}

    assert {"tool_failing_traces", "hedging"} <= set(anchored)
    tool = anchored["tool_failing_traces"].anchor
    assert tool is not None
    assert (tool.segment, tool.numerator, tool.denominator) == ("search", 20, 60)
    assert "rushed_processing" not in anchored, "five traces are needed to start from a figure"


def test_playbook_entries_carry_the_figure_that_they_start_from(proposed: Proposed, census: Census) -> None:
    (draft,) = [draft for draft in proposed.drafts if draft.playbook == "few_failed_traces"]

    assert draft.anchor is not None
    assert draft.anchor.denominator == census.find("trace_error_rate")[0].denominator


def test_strengths_come_last(proposed: Proposed) -> None:
    polarities = [draft.polarity for draft in proposed.drafts]

    assert polarities == sorted(polarities)
    assert "strength" in polarities


def test_slice_searches_take_what_the_traces_have(proposed: Proposed) -> None:
    results, workings = [draft.plan.decision for draft in proposed.drafts if draft.source == "slice" and draft.plan]
    assert isinstance(results, Slices)
    assert isinstance(workings, Slices)

    circumstances = ["hour", "weekday", "version", "model", "locale"]
    assert [attribute.name for attribute in results.attributes] == [*circumstances, "request_length", "turn"]
    assert [outcome.name for outcome in results.outcomes] == ["trace_error", "negative_feedback", "empty_answer"]
    assert [outcome.name for outcome in workings.outcomes] == ["failed_tool", "repeated_calls", "slow"]
    assert [attribute.name for attribute in workings.attributes] == circumstances, "more work takes longer, which is no fault"


def test_every_proposed_plan_can_be_carried_out(rich_sql: SqlService, proposed: Proposed) -> None:
    executor = PlanExecutor(rich_sql, cluster_key="session", seed=0)
    for draft in proposed.drafts:
        assert draft.plan is not None
        result = executor.run(draft.plan, owner="", on_step=lambda title, sql, traces: None).result
        assert result.population or not result.eligible, draft.statement


def test_contrast_of_a_failing_tool_looks_at_how_its_traces_end(rich_sql: SqlService, proposed: Proposed) -> None:
    plan = next(draft.plan for draft in proposed.drafts if draft.anchor and draft.anchor.name == "tool_failing_traces")
    assert plan is not None

    result = (
        PlanExecutor(rich_sql, cluster_key="trace", seed=0).run(plan, owner="", on_step=lambda title, sql, traces: None).result
    )

    assert [(arm.affected, arm.traces) for arm in result.arms] == [(20, 20), (0, 40)], "the feedback is bad where the tool fails"


def test_focus_that_an_entry_knows_comes_first_as_the_users_own(rich_sql: SqlService, census: Census) -> None:
    drafts = propose_counting(rich_sql, census, PLAYBOOK, ["Do tool failures stay hidden?"]).drafts

    assert (drafts[0].playbook, drafts[0].source) == ("swallowed_tool_errors", "user")
    assert names(drafts).count("swallowed_tool_errors") == 1


@pytest.mark.parametrize(
    ("focus", "entry"),
    [
        ("Does the agent repeat tool calls?", "repeated_tool_calls"),
        ("The agent hallucinates actions.", "claimed_but_never_done"),
        ("Latency got worse with the new version.", "slower_since_latest_version"),
        ("Are tool errors handled?", "swallowed_tool_errors"),
        ("failing tools are retried with the same arguments", "repeats_failing_arguments"),
        ("The agent forgets what was said earlier.", "asks_for_what_was_said"),
        ("The agent never verifies its code.", "edits_never_verified"),
        ("hit by rate limits", "rate_limit_bursts"),
        ("Users repeating themselves", "users_repeat_themselves"),
        ("The agent keeps refusing", "refuses_as_an_ai"),
    ],
)
def test_words_in_any_inflection_find_the_entry_that_is_about_them(focus: str, entry: str) -> None:
    assert matching_entries(focus, PLAYBOOK)[0].name == entry


def test_words_that_every_entry_knows_ask_for_none() -> None:
    assert matching_entries("The agent quotes a price twice.", PLAYBOOK) == []
    assert matching_entries("What do users of this agent get?", PLAYBOOK) == []


def test_focus_that_no_entry_knows_is_blocked_and_says_what_to_do(rich_sql: SqlService, census: Census) -> None:
    drafts = propose_counting(rich_sql, census, PLAYBOOK, ["Is the tone friendly?"]).drafts

    assert (drafts[0].statement, drafts[0].source, drafts[0].plan) == ("Is the tone friendly?", "user", None)
    assert "docs/playbook.md" in drafts[0].blocked


def test_tools_that_some_traces_call_are_attributes_only_up_to_the_first_failure(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    first, second, third = TinySpan("first", error="broken"), TinySpan("second"), TinySpan("third")
    traces = [replace(trace, spans=(second, first, third) if number % 2 else (second,)) for number, trace in enumerate(POOR)]
    with open_service(write_catalog(tmp_path_factory.mktemp("tools"), traces)) as sql:
        plan = next(draft.plan for draft in propose_counting(sql, counted(sql), PLAYBOOK).drafts if draft.source == "slice")
        assert plan is not None
        assert isinstance(plan.decision, Slices)
        used = {attribute.name: attribute.sql for attribute in plan.decision.attributes if attribute.name.startswith("uses_")}
        values = {
            name: {row["value"] for row in sql.query(text, title="who calls it").table.to_pylist()} for name, text in used.items()
        }

    assert values == {"uses_first": {"yes", None}, "uses_third": {None}}, "a tool that every trace calls divides nothing"
