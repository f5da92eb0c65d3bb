"""How far a cause is known: confirmed by what the spans say, supported by a comparison of traces that are alike, or suspected."""

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.testing.small_plans import ERRORS, NEW, plan_of, run, step
from analyze_experiment.tests.tools.testing.tiny_catalog import TinySpan, TinyTrace, open_service, write_catalog
from analyze_experiment.tools.insights.affected import AffectedTrace
from analyze_experiment.tools.insights.models import Cause, Hypothesis
from analyze_experiment.tools.sql.service import SqlService
from analyze_experiment.tools.testing.causes import CauseFinder
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.plan import Contrast, Plan, Rate, SliceAttribute, SliceOutcome, Slices

DAY = 24 * 60
INSTANT = datetime(2026, 3, 3, tzinfo=UTC)
FAILS = plan_of(Rate(threshold=0.05, threshold_source="playbook"), step("affected", ERRORS))
NEWER = plan_of(Contrast(threshold_source="playbook"), step("exposed", NEW, "traces of v2"), step("affected", ERRORS))
EASY, HARD = TinySpan("look_up"), TinySpan("book")


@contextmanager
def finder_over(folder: Path, make: Callable[[int], TinyTrace], traces: int = 400) -> Generator[tuple[SqlService, PlanExecutor]]:
    with open_service(write_catalog(folder, [make(number) for number in range(traces)])) as sql:
        yield sql, PlanExecutor(sql, cluster_key="trace", seed=0)


def cause_of(over: tuple[SqlService, PlanExecutor], plan: Plan) -> Cause:
    sql, executor = over
    cell = next(iter(run(executor, plan).result.cells), None)
    hypothesis = Hypothesis(
        hypothesis_id="h",
        statement="It fails.",
        testing_plan="Count.",
        plan=plan,
        source="playbook",
        kind="quality",
        created_at=INSTANT,
        updated_at=INSTANT,
    )
    return CauseFinder(sql, executor).find(hypothesis, [AffectedTrace("t000")], suspected="A guess.", cell=cell)


def of_a_version(number: int) -> TinyTrace:
    """Every second trace is of v2, of which a quarter fails whatever is asked; of v1 a fortieth fails."""
    new = number % 2 == 0
    fails = number % 8 == 0 if new else number % 40 == 1
    return TinyTrace(
        f"t{number:03}",
        state="ERROR" if fails else "OK",
        version="v2" if new else "v1",
        spans=(HARD if number % 3 else EASY,),
        at_minute=number * 10,
    )


def of_a_mix(number: int) -> TinyTrace:
    """Bookings fail in four of ten traces, look-ups in one of forty, whatever the version; v2 gets most of the bookings."""
    rng, new = random.Random(number), number % 2 == 0
    hard = rng.random() < (0.85 if new else 0.15)
    fails = rng.random() < (0.4 if hard else 0.025)
    return TinyTrace(
        f"t{number:03}",
        state="ERROR" if fails else "OK",
        version="v2" if new else "v1",
        spans=(HARD if hard else EASY,),
        at_minute=number * 10,
    )


def in_sequence(number: int) -> TinyTrace:
    """Of v2, which takes over from v1 in the middle of a day, a quarter fails, of v1 a fortieth."""
    new = number >= 200
    fails = number % 4 == 0 if new else number % 40 == 1
    return TinyTrace(
        f"t{number:03}", state="ERROR" if fails else "OK", version="v2" if new else "v1", at_minute=number * DAY / 100
    )


def with_message(share: int, says: str = "timed out after {} s") -> Callable[[int], TinyTrace]:
    """Traces that fail with the same message in their look-up, but for every `share`th, which fails without a word."""

    def make(number: int) -> TinyTrace:
        fails, silent = number % 5 == 0, number % (5 * share) == 0
        return TinyTrace(
            f"t{number:03}",
            state="ERROR" if fails else "OK",
            spans=(TinySpan("look_up", error=says.format(number) if fails and not silent else ""),),
            at_minute=number * 10,
        )

    return make


def test_a_message_that_only_says_that_something_failed_is_not_confirmed_as_the_cause(tmp_path: Path) -> None:
    with finder_over(tmp_path, with_message(40, says="an internal error occurred, code {}")) as over:
        cause = cause_of(over, FAILS)

    assert cause.standing == "supported", "it goes along with the failures, and says nothing of why"
    assert "an internal error occurred" in cause.text


def test_a_message_of_nearly_all_affected_traces_confirms(tmp_path: Path) -> None:
    with finder_over(tmp_path, with_message(40)) as over:
        cause = cause_of(over, FAILS)

    assert cause.standing == "confirmed"
    assert "78 of 80 affected traces, and in 0 of 320 others" in cause.text


def test_a_message_of_most_affected_traces_supports_where_it_is_no_part_of_what_is_counted(tmp_path: Path) -> None:
    by_errors = plan_of(
        Rate(threshold=0.05, threshold_source="playbook"),
        step("affected", f"{ERRORS} UNION SELECT trace_id FROM spans WHERE status_code = 'ERROR'"),
    )
    with finder_over(tmp_path, with_message(4)) as over:
        found, told_by_itself = cause_of(over, FAILS), cause_of(over, by_errors)

    assert found.standing == "supported"
    assert "span `look_up` saying “timed out after # s”: it is in 60 of 79 affected traces" in found.text
    assert told_by_itself.standing == "suspected"


def test_a_version_in_which_it_happens_more_often_among_traces_that_are_alike_supports(tmp_path: Path) -> None:
    with finder_over(tmp_path, of_a_version) as over:
        share, comparison = cause_of(over, FAILS), cause_of(over, NEWER)

    assert share.standing == comparison.standing == "supported"
    assert "It goes with version v2: it is in 49 of 59 affected traces that can be compared" in share.text
    assert "among traces of the same first tool and days 4.7 times as often as others" in share.text
    assert "an association still" in comparison.text


@pytest.mark.parametrize("make", [of_a_mix, in_sequence], ids=["the mix of requests", "the time"])
def test_a_version_that_looks_worse_by_something_else_does_not(tmp_path: Path, make: Callable[[int], TinyTrace]) -> None:
    slices = Slices(
        outcomes=(SliceOutcome(name="error", title="Errors", sql=ERRORS),),
        attributes=(SliceAttribute(name="version", title="version", sql="SELECT trace_id, version AS value FROM traces"),),
        ratio=1.5,
        threshold_source="playbook",
    )
    with finder_over(tmp_path, make) as over:
        assert (run(over[1], NEWER).result.p_value or 1) < 0.001, "without strata it looks worse"
        assert len(run(over[1], plan_of(slices)).result.cells) == 1
        causes = [cause_of(over, plan) for plan in (FAILS, NEWER, plan_of(slices))]

    assert [cause.standing for cause in causes] == ["suspected"] * 3
    assert causes[0].text == "A guess."


def test_a_counted_fact_is_supported_by_what_goes_with_it_and_keeps_its_own_words(tmp_path: Path) -> None:
    counted = Cause(text="Of 60 affected traces: nothing is said.", standing="suspected")
    with finder_over(tmp_path, of_a_version) as (sql, executor):
        cause = CauseFinder(sql, executor).with_circumstance(counted, FAILS, owner="census")

    assert cause.standing == "supported"
    assert cause.text.startswith(f"{counted.text} It goes with version v2: ")


def test_a_circumstance_that_accounts_for_little_is_not_named(tmp_path: Path) -> None:
    def make(number: int) -> TinyTrace:
        fails = number % 3 == 0 or number % 10 == 0
        return TinyTrace(f"t{number:03}", state="ERROR" if fails else "OK", version="v2" if number % 10 == 0 else "v1")

    with finder_over(tmp_path, make) as over:
        assert run(over[1], NEWER).result.value == pytest.approx(3, rel=0.1)
        assert cause_of(over, FAILS).standing == "suspected"
