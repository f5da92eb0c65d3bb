"""An issue is known again by what it is about, not by how it is worded."""

import pytest

from analyze_experiment.tests.tools.testing.small_plans import CONTRAST, ERRORS, RATE, SLICES, plan_of, step
from analyze_experiment.tools.insights.models import Cell, HypothesisDraft, Interval
from analyze_experiment.tools.testing.fingerprints import canonical, entry_of, fingerprint_of
from analyze_experiment.tools.testing.plan import Plan, Rate


def stated(plan: Plan, statement: str = "It fails.", playbook: str = "") -> HypothesisDraft:
    return HypothesisDraft(
        statement=statement, testing_plan="count", plan=plan, source="sample", kind="quality", playbook=playbook
    )


SAME = {
    "layout and case": (
        "SELECT trace_id FROM traces WHERE state = 'ERROR'",
        "select  TRACE_ID\nfrom Traces where State = 'ERROR'",
    ),
    "a comment": (ERRORS, f"{ERRORS} -- those that broke"),
    "the order of conditions": (
        "SELECT trace_id FROM traces WHERE state = 'OK' AND span_count > 2 AND cost > 1",
        "SELECT trace_id FROM traces WHERE cost > 1 AND span_count > 2 AND state = 'OK'",
    ),
    "a note": (ERRORS, "SELECT trace_id, concat('ended in ', state) AS note FROM traces WHERE state = 'ERROR'"),
    "a function's case": (
        "SELECT trace_id FROM traces WHERE LENGTH(name) = 1",
        "SELECT trace_id FROM traces WHERE length(name) = 1",
    ),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_selects_that_differ_in_wording_only_are_one(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    "other",
    [
        "SELECT trace_id FROM traces WHERE state = 'error'",
        "SELECT trace_id FROM traces WHERE state <> 'ERROR'",
        "SELECT trace_id FROM spans WHERE state = 'ERROR'",
        "SELECT trace_id FROM traces WHERE state = 'ERROR' OR cost > 1",
    ],
)
def test_selects_that_mean_something_else_are_not(other: str) -> None:
    assert canonical(ERRORS) != canonical(other)


def test_mixed_conditions_keep_their_meaning() -> None:
    one = "SELECT trace_id FROM traces WHERE a = 1 AND (b = 2 OR c = 3)"
    assert canonical(one) == canonical("SELECT trace_id FROM traces WHERE (c = 3 OR b = 2) AND a = 1")
    assert canonical(one) != canonical("SELECT trace_id FROM traces WHERE (a = 1 AND b = 2) OR c = 3")


def test_statement_title_and_threshold_are_wording() -> None:
    stricter = plan_of(Rate(threshold=0.3, threshold_source="user"), step("affected", ERRORS, "errors, worded anew"))
    assert fingerprint_of(stated(RATE)) == fingerprint_of(stated(stricter, "Requests end badly."))
    assert fingerprint_of(stated(RATE)) != fingerprint_of(stated(CONTRAST))


def test_entry_of_the_playbook_is_known_by_its_name_whatever_its_plan_becomes() -> None:
    before, after = stated(RATE, playbook="empty_answers"), stated(CONTRAST, playbook="empty_answers")
    assert fingerprint_of(before) == fingerprint_of(after)
    assert (entry_of(fingerprint_of(before)), entry_of(fingerprint_of(stated(RATE)))) == ("empty_answers", "")


def test_cell_of_a_slice_search_is_its_outcome_where_it_is() -> None:
    cell = Cell(
        outcome="error",
        outcome_title="Errors",
        segment={"version": "v2", "day": "3"},
        traces=9,
        affected=3,
        rest_traces=9,
        rest_affected=1,
        clusters=9,
        ratio=3,
        interval=Interval(low=1, high=9),
        p_adjusted=0.01,
    )
    found = fingerprint_of(stated(SLICES), cell)
    assert (found.measure, found.segment) == ("error", "day = 3 and version = v2")
    reworded = cell.model_copy(update={"outcome_title": "Broken traces", "segment": {"day": "3", "version": "v2"}, "ratio": 4.0})
    assert fingerprint_of(stated(SLICES), reworded) == found
