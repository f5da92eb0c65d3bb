"""Plans that are decided by reading: what they may be, the order of the traces, and the verdict."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from analyze_experiment.tests.tools.testing.small_plans import TRACES, step, trace
from analyze_experiment.tests.tools.testing.tiny_catalog import open_service, write_catalog
from analyze_experiment.tools.errors import QueryError
from analyze_experiment.tools.insights.models import HypothesisStatus, ReadOn, Verdict
from analyze_experiment.tools.testing.execute import PlanExecutor
from analyze_experiment.tools.testing.families import READ_SLOTS, Entry, close_families, family_levels, read_stop
from analyze_experiment.tools.testing.plan import Plan, Read, ReadStep
from analyze_experiment.tools.testing.reading_on import result_of_reading_on
from analyze_experiment.tools.testing.render import render_plan
from analyze_experiment.tools.testing.results import result_of_reading
from analyze_experiment.tools.testing.sequential import Answer, ReadBound, SequentialRead

ALL = "SELECT trace_id FROM traces"
SAID: dict[str, Answer] = {"+": "affected", "-": "not", "?": "unclear"}
LEVEL = family_levels(1, with_model=True).reads
DECISION = Read(threshold=0.05, threshold_source="configuration")
QUESTION = ReadStep(title="promises broken", question="Does the agent promise something and not do it? Affected if so.")
PLAN = Plan(estimand="snapshot", steps=(QUESTION,), decision=DECISION)


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlanExecutor]:
    catalog = write_catalog(tmp_path_factory.mktemp("readings"), [trace(number) for number in range(TRACES)])
    with open_service(catalog) as sql:
        yield PlanExecutor(sql, cluster_key="session", seed=7)


def order(executor: PlanExecutor, plan: Plan) -> tuple[str, ...]:
    everything = plan.model_copy(update={"decision": DECISION.model_copy(update={"cap": TRACES})})
    drawn = executor.draw(everything, level=LEVEL, owner="h", on_step=lambda *_: None)
    return tuple(place.trace_id for place in drawn.places)


def read(answers: str, *, population: int = 400, cap: int = 300, level: float = LEVEL, name: str = "h") -> Entry:
    bound = ReadBound(population, threshold=0.05, material=0.10)
    reading = SequentialRead(bound, stop_for=read_stop(level), cap=cap, least=20)
    for answer in answers:
        if reading.stopped is None:
            reading.take(SAID[answer])
    return Entry(name, PLAN, result_of_reading(DECISION, reading, stopped=reading.stopped or "budget"))


def verdict_of(entry: Entry, *others: Entry, with_model: bool = True, batch: int = 1) -> Verdict:
    return close_families([entry, *others], batch=batch, with_model=with_model)[entry.hypothesis_id]


def test_all_readings_share_one_order_whatever_their_population(executor: PlanExecutor) -> None:
    everything, old = (
        order(executor, PLAN),
        order(executor, PLAN.model_copy(update={"population": ALL + " WHERE version = 'v1'"})),
    )
    assert sorted(everything) == sorted(trace(number).trace_id for number in range(TRACES))
    assert list(everything) != sorted(everything)
    assert 0 < len(old) < len(everything)
    assert list(old) == [each for each in everything if each in set(old)]


def test_queries_alone_decide_no_reading(executor: PlanExecutor) -> None:
    with pytest.raises(QueryError, match="language model"):
        executor.run(PLAN, owner="h", on_step=lambda *_: None)


def test_traces_that_suggested_a_statement_are_not_read_for_it(executor: PlanExecutor) -> None:
    everything = order(executor, PLAN)
    without = order(executor, PLAN.model_copy(update={"leave_out": everything[:5]}))
    assert without == everything[5:]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": ()}, "needs a step with role"),
        ({"steps": (step("affected", ALL),)}, "has one step, of kind read"),
        ({"steps": (QUESTION, step("exposed", ALL))}, "no use for a step"),
        ({"estimand": "process"}, "is about the snapshot"),
        ({"decision": {"kind": "rate", "threshold": 0.1, "threshold_source": "user"}}, "steps of kind query"),
        ({"decision": {"kind": "read", "threshold": 0.1, "material": 0.1, "threshold_source": "user"}}, "must be more than"),
    ],
)
def test_a_reading_has_one_question_about_the_snapshot(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Plan.model_validate(PLAN.model_dump() | changes)


def test_a_plan_to_read_says_its_question_and_when_it_stops() -> None:
    words = render_plan(PLAN.model_copy(update={"leave_out": ("tr-1", "tr-2")}))
    assert "Take all traces, without the 2 that suggested it." in words
    assert QUESTION.question in words
    assert "VALIDATE if surely more than 5% are affected. REJECT if surely fewer than 10% are." in words


def test_what_is_flagged_often_enough_is_validated_with_an_interval_for_the_selection() -> None:
    entry = read("+-" * 150)
    verdict = verdict_of(entry)
    assert verdict.status is HypothesisStatus.VALIDATED
    assert "20 traces of 400 read in random order: 10 flagged (50.0%, 95% CI at any stop" in verdict.reason
    assert verdict.level == pytest.approx(0.02)
    assert verdict.p_adjusted is not None
    assert verdict.p_adjusted <= 0.02
    assert verdict.interval is not None
    assert 0.05 < verdict.interval.low < 0.5 < verdict.interval.high < 1


def test_what_is_never_flagged_is_refuted_and_what_the_budget_cut_short_is_open() -> None:
    refuted, cut_short = verdict_of(read("-" * 300)), verdict_of(read("-" * 10))
    assert refuted.status is HypothesisStatus.REJECTED
    assert "Surely fewer than 10% of them would be flagged." in refuted.reason
    assert cut_short.status is HypothesisStatus.INCONCLUSIVE
    assert "The budget was spent" in cut_short.reason


def test_where_all_is_read_certainty_decides_and_needs_no_level() -> None:
    none, few, many = (verdict_of(read("+" * flagged + "-" * (40 - flagged), population=40)) for flagged in (0, 3, 4))
    assert [each.status for each in (none, few)] == [HypothesisStatus.REJECTED, HypothesisStatus.VALIDATED]
    assert many.status is HypothesisStatus.VALIDATED


def test_answers_that_say_nothing_decide_nothing() -> None:
    verdict = verdict_of(read("?" * 300, cap=60))
    assert verdict.status is HypothesisStatus.INCONCLUSIVE
    assert "0 flagged, 60 unclear" in verdict.reason
    assert "As many were read as the plan allows" in verdict.reason


def test_each_reading_pays_for_all_reserved_slots_and_for_more_where_there_are_more() -> None:
    entry = read("++-" * 100)
    others = [read("-" * 300, name=f"other {number}") for number in range(3 * READ_SLOTS)]
    alone, crowded = verdict_of(entry), verdict_of(entry, *others)
    assert alone.p_adjusted is not None
    assert crowded.p_adjusted == pytest.approx(alone.p_adjusted * (1 + len(others)) / READ_SLOTS)


def test_an_analysis_begun_without_a_model_has_nothing_set_aside_for_readings() -> None:
    assert verdict_of(read("+" * 300), with_model=False).status is HypothesisStatus.INCONCLUSIVE


def test_a_later_batch_takes_stronger_evidence() -> None:
    later = family_levels(2, with_model=True).reads
    assert read_stop(later) > read_stop(LEVEL)
    assert verdict_of(read("+" * 300, level=later), batch=2).status is HypothesisStatus.VALIDATED


def test_a_population_without_traces_decides_nothing() -> None:
    verdict = verdict_of(read("", population=0))
    assert verdict.status is HypothesisStatus.INCONCLUSIVE
    assert "no trace" in verdict.reason


def read_on(answers: str, *, of: int, aside: str = "", whole: int | None = None, missing: int | None = None) -> ReadOn:
    """A validated reading that is read on: the draw's answers in order, one of them `missing`, and those that were put aside."""
    said: dict[str, Answer] = {f"t{place}": SAID[each] for place, each in enumerate(answers) if place != missing}
    beside: dict[str, Answer] = {f"a{place}": SAID[each] for place, each in enumerate(aside)}
    return result_of_reading_on(
        read(answers, population=of).result,
        said | beside,
        order=[f"t{place}" for place in range(of)],
        aside=frozenset(beside),
        whole=of + len(aside) if whole is None else whole,
        level=0.95,
        unasked=0,
        stopped="all read",
    )


def test_where_all_is_read_after_the_verdict_the_share_is_a_count() -> None:
    everything = read_on("+-" * 20, of=40, aside="+++-")
    assert everything.complete
    assert (everything.affected, everything.population) == (23, 44)
    assert everything.interval.low == everything.interval.high == pytest.approx(23 / 44)


def test_what_is_unclear_leaves_a_count_open_by_as_many() -> None:
    unclear = read_on("+-" * 18 + "????", of=40, aside="?")
    assert (unclear.interval.low, unclear.interval.high) == (pytest.approx(18 / 41), pytest.approx(23 / 41))


def test_what_was_put_aside_counts_as_itself_and_says_nothing_of_the_rest() -> None:
    without, beside = read_on("+-" * 20, of=80), read_on("+-" * 20, of=80, aside="+" * 20)
    assert round(beside.interval.low * 100) == round(without.interval.low * 80) + 20
    assert round(beside.interval.high * 100) == round(without.interval.high * 80) + 20


def test_a_gap_in_the_draw_ends_what_is_random_and_what_lies_beyond_still_counts_as_itself() -> None:
    gap = read_on("-" * 20 + "+" * 20, of=60, missing=0)
    assert (gap.read, gap.affected) == (39, 20)
    assert gap.interval.low == pytest.approx(20 / 60), "twenty are flagged for certain"
    assert gap.interval.high == pytest.approx((60 - 19) / 60), "nineteen are not"
