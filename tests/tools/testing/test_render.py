"""A plan in words: what a person reads before it runs."""

import pytest

from analyze_experiment.tools.testing.plan import (
    Contrast,
    Count,
    Decision,
    Plan,
    QueryStep,
    Rate,
    Shift,
    SliceAttribute,
    SliceOutcome,
    Slices,
)
from analyze_experiment.tools.testing.render import decision_in_words, render_plan

AFFECTED = QueryStep(role="affected", title="a tool fails", sql="SELECT trace_id\nFROM spans")
EXPOSED = QueryStep(role="exposed", title="traces of version v2", sql="SELECT trace_id FROM traces")
MEASURE = QueryStep(role="measure", title="duration", sql="SELECT trace_id, 1 AS value FROM traces")
OUTCOME = SliceOutcome(name="error", title="errors", sql="SELECT trace_id FROM traces")
ATTRIBUTES = (
    SliceAttribute(name="version", title="version", sql="SELECT trace_id, version AS value FROM traces"),
    SliceAttribute(name="hour", title="time of day", sql="SELECT trace_id, 1 AS value FROM traces"),
)


def plan_of(decision: Decision, *steps: QueryStep, **changes: object) -> Plan:
    estimand = "snapshot" if isinstance(decision, Count) else "process"
    return Plan.model_validate({"estimand": estimand, "steps": steps, "decision": decision.model_dump(), **changes})


RATE = plan_of(Rate(threshold=0.025, threshold_source="playbook"), AFFECTED, population_title="traces that call a tool")

WORDS = {
    "count": (plan_of(Count(at_least=3, threshold_source="user"), AFFECTED), ["VALIDATE if there are at least 3", "REJECT if"]),
    "rate": (RATE, ["VALIDATE if it is above 2.5%", "REJECT if it is surely not above 5%", "Otherwise INCONCLUSIVE", "20 such"]),
    "strength": (
        plan_of(Rate(threshold=0.05, direction="below", threshold_source="playbook"), AFFECTED),
        ["VALIDATE if it is below 5%", "REJECT if it is surely not below 5%"],
    ),
    "snapshot rate": (
        plan_of(Rate(threshold=0.05, threshold_source="playbook"), AFFECTED, estimand="snapshot"),
        ["VALIDATE if they are more than 5% of these traces", "REJECT if they aren't"],
    ),
    "single traces": (RATE.model_copy(update={"cluster": "trace"}), ["from the single traces"]),
    "contrast": (
        plan_of(Contrast(ratio=1.5, threshold_source="playbook"), EXPOSED, AFFECTED),
        ["VALIDATE if it is at least 1.5 times as high", "REJECT if it is surely less than 1.5 times"],
    ),
    "shift": (
        plan_of(Shift(quantile="p95", ratio=2, threshold_source="playbook"), EXPOSED, MEASURE),
        ["Compare their 95th percentile", "at least 2 times as high"],
    ),
    "slices": (
        plan_of(Slices(outcomes=(OUTCOME,), attributes=ATTRIBUTES, threshold_source="playbook")),
        ["every pair of groups", "at least 2 times as often", "Otherwise INCONCLUSIVE"],
    ),
    "own words": (RATE.model_copy(update={"rejected_if": "it stays rare."}), ["That is, rejected if it stays rare."]),
}


@pytest.mark.parametrize("case", sorted(WORDS))
def test_decision_says_what_validates_and_what_rejects(case: str) -> None:
    plan, parts = WORDS[case]
    words = decision_in_words(plan)

    assert [part for part in parts if part not in words] == []


def test_slice_search_never_rejects() -> None:
    assert "REJECT" not in decision_in_words(WORDS["slices"][0])


def test_plan_reads_as_numbered_steps() -> None:
    assert render_plan(RATE) == (
        "Step 1: Take traces that call a tool.\n"
        "Step 2: Find the affected traces: a tool fails.\n"
        "Step 3: Estimate their share from the independent groups of traces (session, user, same request). "
        "VALIDATE if it is above 2.5%, beyond chance. REJECT if it is surely not above 5%. Otherwise INCONCLUSIVE. "
        "Fewer than 20 such groups decide nothing."
    )


def test_sql_stands_below_its_step_where_asked_for() -> None:
    text = render_plan(RATE, with_sql=True)

    assert "Step 2: Find the affected traces: a tool fails.\n    SELECT trace_id\n    FROM spans\nStep 3:" in text


def test_slice_search_names_its_outcomes_and_attributes() -> None:
    text = render_plan(WORDS["slices"][0])

    assert "Step 2: Mark each trace's outcomes: errors.\nStep 3: Group the traces by version; time of day.\nStep 4:" in text


def test_half_that_was_not_shown_is_named() -> None:
    assert "that suggested nothing" in render_plan(RATE.model_copy(update={"half": "confirmation"}))
