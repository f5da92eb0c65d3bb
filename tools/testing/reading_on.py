"""What is known of a population when reading went on after the verdict: exactly, where all was read, else between two bounds.

The verdict rests on traces drawn at random and stays. Afterwards other traces are read as well: those that suggested the
statement, from which nothing was drawn, and such as were read for other questions anyway. They are no random sample, so they
count as themselves alone: what was flagged is flagged, what was not is not. The draw, as far as it was read without a gap, says
the rest; its interval holds at any moment, so also at this one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ..insights.models import InOrder, Interval, ReadOn, TestResult
from .sequential import Answer, Counted, ReadBound


def result_of_reading_on(
    result: TestResult,
    answers: Mapping[str, Answer],
    *,
    order: Sequence[str],
    aside: frozenset[str],
    whole: int,
    level: float,
    unasked: int,
    stopped: Literal["all read", "limit", "budget"],
) -> ReadOn:
    """The share of the whole population that a judge flags.

    Args:
        result: What the verdict was given on.
        answers: All that was judged, by trace.
        order: The traces of the draw in their order, as many as were judged, or more.
        aside: Traces that weren't drawn from, because they suggested the statement.
        whole: Traces of the population, with those put aside.
        level: Of the interval.
        unasked: Traces that the judge could not be asked about.
        stopped: Why no more is read.
    """
    counted, in_order = _count(answers.values()), _in_order(answers, order)
    return ReadOn(
        population=whole,
        read=counted.read,
        affected=counted.affected,
        unclear=counted.unclear,
        unasked=unasked,
        in_order=InOrder(**in_order._asdict()),
        interval=share_of_whole(result, answers, order=order, aside=aside, whole=whole, level=level),
        stopped=stopped,
    )


def share_of_whole(
    result: TestResult,
    answers: Mapping[str, Answer],
    *,
    order: Sequence[str],
    aside: frozenset[str],
    whole: int,
    level: float = 0.95,
) -> Interval:
    """The interval of the share of the whole population for which the answer is so; arguments as for `result_of_reading_on`.

    It holds at any stop, whatever made the reading stop, so also for a part of what is flagged.
    """
    assert result.material is not None, "what is decided by reading has a share that matters"
    bound = ReadBound(result.population, threshold=result.threshold, material=result.material)
    low, high = bound.interval(_in_order(answers, order), level=level)
    drawn = _count(answer for trace_id, answer in answers.items() if trace_id not in aside)
    beside = _count(answer for trace_id, answer in answers.items() if trace_id in aside)
    least = max(round(low * bound.population), drawn.affected) + beside.affected
    most = min(round(high * bound.population), bound.population - _not(drawn)) + (whole - bound.population) - _not(beside)
    return Interval(low=least / max(whole, 1), high=most / max(whole, 1), level=level)


def _in_order(answers: Mapping[str, Answer], order: Sequence[str]) -> Counted:
    """The draw up to its first trace without an answer: what lies beyond was read because others asked for it."""
    counted = Counted()
    for trace_id in order:
        if trace_id not in answers:
            break
        counted = counted.plus(answers[trace_id])
    return counted


def _count(answers: Iterable[Answer]) -> Counted:
    counted = Counted()
    for answer in answers:
        counted = counted.plus(answer)
    return counted


def _not(counted: Counted) -> int:
    return counted.read - counted.affected - counted.unclear
