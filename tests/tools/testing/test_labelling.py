"""Labels by a person: which traces are drawn, and what the labels say of a share and of a verdict."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from analyze_experiment.tools.insights.models import (
    Drawing,
    HumanLabel,
    Hypothesis,
    HypothesisStatus,
    InOrder,
    Interval,
    LabelSet,
    ReadOn,
    TestResult,
    Verdict,
)
from analyze_experiment.tools.testing.deciding_again import decide_again
from analyze_experiment.tools.testing.families import family_levels, read_stop
from analyze_experiment.tools.testing.labelling import correct, correction_in_words, draw_traces
from analyze_experiment.tools.testing.plan import Read
from analyze_experiment.tools.testing.results import result_of_reading
from analyze_experiment.tools.testing.sequential import Answer, ReadBound, SequentialRead

AT = datetime(2027, 1, 1, tzinfo=UTC)
LEVEL = family_levels(1, with_model=True).reads
VALIDATED = Verdict(status=HypothesisStatus.VALIDATED, reason="So it is.", level=LEVEL)


def judged(flagged: int, others: int, unclear: int = 0) -> dict[str, Answer]:
    return {
        **{f"f{place}": "affected" for place in range(flagged)},
        **{f"n{place}": "not" for place in range(others)},
        **{f"u{place}": "unclear" for place in range(unclear)},
    }


def drawn(
    answers: Mapping[str, Answer], *, drawing: Drawing = "by flag", sizes: tuple[int, int] = (30, 30), seed: int = 0
) -> LabelSet:
    return draw_traces(answers, hypothesis_id="H1", question="Is it?", drawing=drawing, sizes=sizes, seed=seed)


def labelled(labels: LabelSet, *, wrong_flags: int = 0, missed: int = 0, unclear: int = 0) -> LabelSet:
    """A person agrees with the judge except on so many flagged and so many other traces, and can't tell of so many more."""
    given: list[HumanLabel] = []
    for flagged, errors in ((True, wrong_flags), (False, missed)):
        side = [each for each in labels.drawn if each.flagged is flagged]
        for place, each in enumerate(side):
            truth = flagged if place >= errors else not flagged
            answer = "unclear" if place >= len(side) - unclear else "affected" if truth else "not"
            given.append(HumanLabel(trace_id=each.trace_id, answer=answer, at=AT))
    return labels.model_copy(update={"labels": tuple(given)})


def result(flagged: int, others: int, *, of: int, complete: bool = False) -> TestResult:
    """What was read: the flagged spread evenly, all that was read counted."""
    decision = Read(threshold=0.05, threshold_source="configuration")
    reading = SequentialRead(ReadBound(of, threshold=0.05, material=0.1), stop_for=read_stop(LEVEL), cap=of, least=of)
    for place in range(flagged + others):
        reading.take("affected" if place < flagged else "not")
    found = result_of_reading(decision, reading, stopped="validated")
    assert found.reads is not None
    share = flagged / of
    on = ReadOn(
        population=of,
        read=of,
        affected=flagged,
        unclear=0,
        interval=Interval(low=share, high=share),
        stopped="all read",
    )
    return found.model_copy(update={"reads": found.reads.model_copy(update={"on": on})}) if complete else found


def test_a_draw_takes_so_many_of_each_kind_and_none_that_is_unclear() -> None:
    labels = drawn(judged(50, 200, unclear=20), sizes=(30, 20))
    assert (labels.frame, labels.frame_flagged) == (250, 50)
    assert sum(each.flagged for each in labels.drawn) == 30
    assert len(labels.drawn) == 50
    assert not any(each.trace_id.startswith("u") for each in labels.drawn)


def test_the_order_tells_nothing_of_what_the_judge_thinks_and_depends_on_the_seed_alone() -> None:
    labels = drawn(judged(50, 200))
    first = [each.flagged for each in labels.drawn[:20]]
    assert 3 < sum(first) < 17
    assert drawn(dict(reversed(judged(50, 200).items()))) == labels
    assert drawn(judged(50, 200), seed=1) != labels


def test_at_random_draws_from_all_together() -> None:
    labels = drawn(judged(20, 380), drawing="at random", sizes=(100, 0))
    assert len(labels.drawn) == 100
    assert sum(each.flagged for each in labels.drawn) < 20


def test_labels_that_agree_leave_the_share_and_the_verdict() -> None:
    labels = labelled(drawn(judged(30, 72)))
    found = correct(labels, result(30, 72, of=102, complete=True), VALIDATED)
    assert found is not None and found.share is not None and found.interval is not None
    assert found.interval.low < 30 / 102 < found.interval.high
    assert found.holds
    words = correction_in_words(found)
    assert "A person labelled 60 of the 102 traces" in words
    assert "is right in 30 of 30 that it flags and misses 0 of 30" in words
    assert "the verdict holds against that" in words


def test_a_judge_that_flags_what_is_fine_takes_its_verdict_along() -> None:
    labels = labelled(drawn(judged(12, 90)), wrong_flags=11)
    found = correct(labels, result(12, 90, of=102, complete=True), VALIDATED)
    assert found is not None and found.share is not None
    assert found.share < 0.06
    assert found.holds is False
    assert "doesn't hold against that" in correction_in_words(found)


def test_what_the_judge_misses_raises_the_share() -> None:
    labels = labelled(drawn(judged(10, 92)), missed=9)
    found = correct(labels, result(10, 92, of=102), None)
    assert found is not None and found.share is not None
    assert found.share > 0.25
    assert found.holds is None, "nothing was validated"


def test_labels_that_decide_nothing_are_told_and_left_out() -> None:
    found = correct(labelled(drawn(judged(40, 60)), unclear=5), result(40, 60, of=100), VALIDATED)
    assert found is not None
    assert (found.unclear, found.flagged_labelled, found.unflagged_labelled) == (10, 25, 25)
    assert "(10 more were unclear)" in correction_in_words(found)


@pytest.mark.parametrize("side", [True, False])
def test_labels_of_one_kind_alone_say_nothing_yet(side: bool) -> None:
    full = labelled(drawn(judged(40, 60)))
    kept = tuple(each for each in full.labels if each.trace_id.startswith("f") is side)
    assert correct(full.model_copy(update={"labels": kept}), result(40, 60, of=100), VALIDATED) is None


def test_a_hundred_labels_at_random_correct_by_what_they_say_themselves() -> None:
    labels = labelled(drawn(judged(120, 280), drawing="at random", sizes=(150, 0)), missed=10)
    found = correct(labels, result(120, 280, of=400), VALIDATED)
    assert found is not None and found.share is not None and found.interval is not None
    assert found.share > 0.3
    assert found.interval.high - found.interval.low < 0.15


def test_a_judge_that_guesses_is_not_corrected() -> None:
    labels = drawn(judged(40, 40), drawing="at random", sizes=(60, 0))
    half = labelled(labels, wrong_flags=15, missed=15)
    found = correct(half, result(40, 40, of=80), VALIDATED)
    assert found is not None and found.share is None
    assert "too near to guessing" in correction_in_words(found)


def decided(labels: LabelSet, found: TestResult) -> Verdict:
    """The verdict that the labels give what was validated, and that they give it again."""
    fields = {"statement": "It is so.", "testing_plan": "Read.", "source": "sample", "kind": "quality", "hypothesis_id": "H1"}
    dated = {"created_at": AT, "updated_at": AT}
    hypothesis = Hypothesis.model_validate({**fields, **dated, "result": found, "verdict": VALIDATED, "status": VALIDATED.status})
    correction = correct(labels, found, VALIDATED)
    assert correction is not None
    verdict = decide_again(correction, hypothesis)
    assert decide_again(correction, hypothesis.model_copy(update={"verdict": verdict, "status": verdict.status})) == verdict
    return verdict


ALL = judged(120, 880)
RARE = judged(12, 988)


@pytest.mark.parametrize(
    ("labels", "found", "status", "because"),
    [
        (labelled(drawn(ALL)), result(120, 880, of=1000, complete=True), "VALIDATED", "surely more is flagged"),
        (labelled(drawn(ALL)), result(16, 84, of=1000), "VALIDATED", "too few were read to show more; the corrected interval"),
        (labelled(drawn(ALL), wrong_flags=25), result(120, 880, of=1000, complete=True), "INCONCLUSIVE", "neither shows"),
        (
            labelled(drawn(RARE, drawing="at random", sizes=(1000, 0))),
            result(12, 988, of=1000, complete=True),
            "REJECTED",
            "surely less is flagged than that",
        ),
        (
            labelled(drawn(judged(40, 40), drawing="at random", sizes=(60, 0)), wrong_flags=15, missed=15),
            result(40, 40, of=80, complete=True),
            "INCONCLUSIVE",
            "too near to guessing",
        ),
    ],
    ids=["all read", "stopped at once", "wrong flags", "rare", "guessing"],
)
def test_the_labels_give_the_verdict_again(labels: LabelSet, found: TestResult, status: str, because: str) -> None:
    verdict = decided(labels, found)
    assert (verdict.status, verdict.by) == (status, "labels")
    assert because in verdict.reason and f"By {len(labels.labels):,} labels of a person, drawn {labels.drawing}" in verdict.reason


def test_what_was_read_on_in_the_order_of_the_draw_counts_against_the_moved_threshold() -> None:
    stopped, labels = result(16, 84, of=1000), labelled(drawn(ALL))
    assert stopped.reads is not None
    on = ReadOn(
        population=1000,
        read=500,
        affected=120,
        unclear=0,
        in_order=InOrder(read=400, affected=100, unclear=0),
        interval=Interval(low=0.2, high=0.3),
        stopped="limit",
    )
    read_on = stopped.model_copy(update={"reads": stopped.reads.model_copy(update={"on": on})})
    assert "too few were read" in decided(labels, stopped).reason
    assert "surely more is flagged" in decided(labels, read_on).reason
