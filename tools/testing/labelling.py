"""Traces drawn for a person to label, and what the labels say: how many are affected, and whether a verdict holds.

Drawn by flag, so many of the flagged and so many of the others, few labels tell most (Tenenbein 1970); drawn from all together
they give the judge's errors themselves. Only such draws correct anything: what people said of traces by themselves does not.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..insights.models import Correction, Drawing, DrawnTrace, HypothesisStatus, Interval, LabelSet, TestResult, Verdict
from ..shares import percent
from .families import READ_SLOTS
from .judge_error import (
    Estimate,
    Hits,
    Known,
    corrected_by_flag,
    corrected_by_random_labels,
    corrected_by_truth,
    moved_material,
    moved_threshold,
)
from .sequential import AGAINST, Answer, Counted, ReadBound


def draw_traces(
    judged: Mapping[str, Answer], *, hypothesis_id: str, question: str, drawing: Drawing, sizes: tuple[int, int], seed: int
) -> LabelSet:
    """Draws traces in an order that the seed fixes and that says nothing of what the judge thinks of them.

    Args:
        judged: What the judge said, by trace; unclear traces aren't drawn.
        hypothesis_id: Whose question it is.
        question: What is asked.
        drawing: By flag, or at random from all.
        sizes: How many of the flagged and of the others; at random, their sum is drawn.
        seed: Fixes the draw.
    """
    frame = {trace_id: answer == "affected" for trace_id, answer in judged.items() if answer != "unclear"}

    def place(trace_id: str) -> str:
        return hashlib.sha256(f"{seed}:{hypothesis_id}:label:{trace_id}".encode()).hexdigest()

    ordered = sorted(frame, key=place)
    strata = [[each for each in ordered if frame[each]], [each for each in ordered if not frame[each]]]
    if drawing == "at random":
        chosen = ordered[: sum(sizes)]
    else:
        chosen = [each for stratum, size in zip(strata, sizes, strict=True) for each in stratum[:size]]
    return LabelSet(
        hypothesis_id=hypothesis_id,
        question=question,
        drawing=drawing,
        seed=seed,
        frame=len(frame),
        frame_flagged=len(strata[0]),
        drawn=tuple(DrawnTrace(trace_id=each, flagged=frame[each]) for each in sorted(chosen, key=place)),
    )


def correct(labels: LabelSet, result: TestResult, verdict: Verdict | None) -> Correction | None:
    """What the labels given so far say; None while there are none on a side that was drawn from."""
    pairs = [(each.flagged, labels.answers[each.trace_id]) for each in labels.drawn if each.trace_id in labels.answers]
    definite = [(flagged, answer == "affected") for flagged, answer in pairs if answer != "unclear"]
    right = Hits(sum(flag and truth for flag, truth in definite), sum(flag for flag, _ in definite))
    missed = Hits(sum(truth and not flag for flag, truth in definite), sum(not flag for flag, _ in definite))
    sides = ((right.of, labels.frame_flagged), (missed.of, labels.frame - labels.frame_flagged))
    if not definite or (labels.drawing == "by flag" and any(traces and not of for of, traces in sides)):
        return None
    errors = _errors(labels, right, missed)
    estimate, threshold = _estimate(labels, definite, right, missed), result.threshold
    moved, material = moved_threshold(threshold, *errors), result.material or min(2 * threshold, 1.0)
    return Correction(
        drawing=labels.drawing,
        frame=labels.frame,
        frame_flagged=labels.frame_flagged,
        flagged_affected=right.hits,
        flagged_labelled=right.of,
        unflagged_affected=missed.hits,
        unflagged_labelled=missed.of,
        unclear=len(pairs) - len(definite),
        share=estimate.share if estimate else None,
        interval=Interval(low=estimate.low, high=estimate.high) if estimate else None,
        threshold=threshold,
        moved_threshold=moved,
        material=material,
        moved_material=moved_material(material, *errors),
        holds=_holds(result, verdict, moved),
    )


def correction_in_words(found: Correction) -> str:
    """One paragraph for a report."""
    labelled, of = found.labelled, f"the {found.frame:,} traces that were judged"
    drawn = f"{found.flagged_labelled:,} flagged and {found.unflagged_labelled:,} not"
    unclear = f" ({found.unclear:,} more were unclear)" if found.unclear else ""
    said = (
        f"A person labelled {labelled:,} of {of}, drawn {found.drawing}, {drawn}{unclear}: the judge is right in "
        f"{found.flagged_affected:,} of {found.flagged_labelled:,} that it flags and misses {found.unflagged_affected:,} of "
        f"{found.unflagged_labelled:,} that it doesn't. "
    )
    flags = percent(found.frame_flagged / max(found.frame, 1))
    if found.share is None or found.interval is None:
        said += f"It is too near to guessing to correct the {flags} that it flags."
    else:
        interval = f"95% interval {percent(found.interval.low)} to {percent(found.interval.high)}"
        said += f"So about {percent(found.share)} of them are affected ({interval}), where it flags {flags}."
    if found.holds is None:
        return said
    holds = "holds against that" if found.holds else "doesn't hold against that: more labels, or a better question, may show it"
    moved = f"its errors alone could have {percent(found.moved_threshold)} flagged where {percent(found.threshold)} are affected"
    return f"{said} Allowing for how few the labels are, {moved}; the verdict {holds}."


class _Share(NamedTuple):
    share: float
    variance: float


def _errors(labels: LabelSet, right: Hits, missed: Hits) -> tuple[Known, Known]:
    """Sensitivity and specificity; of labels drawn by flag by way of Bayes, since each side was drawn at its own rate."""
    if labels.drawing == "at random":
        return _by_truth(right, missed)
    rate = labels.frame_flagged / labels.frame
    hit, slip = rate * right.share, (1 - rate) * missed.share
    clear, false = (1 - rate) * (1 - missed.share), rate * (1 - right.share)
    seen, spared = hit / (hit + slip), clear / (clear + false)
    relative = right.variance / right.share**2 + missed.variance / missed.share**2
    other = right.variance / (1 - right.share) ** 2 + missed.variance / (1 - missed.share) ** 2
    return (
        _Share(seen, (seen * (1 - seen)) ** 2 * relative),
        _Share(spared, (spared * (1 - spared)) ** 2 * other),
    )


def _estimate(labels: LabelSet, definite: Sequence[tuple[bool, bool]], right: Hits, missed: Hits) -> Estimate | None:
    flagged = Hits(labels.frame_flagged, labels.frame)
    if labels.drawing == "by flag":
        return corrected_by_flag(flagged, right, missed)
    rest_flagged, rest = flagged.hits - right.of, flagged.of - len(definite)
    others = [1.0] * rest_flagged + [0.0] * (rest - rest_flagged)
    flags, truth = [float(flag) for flag, _ in definite], [float(each) for _, each in definite]
    return corrected_by_random_labels(flags, truth, others) or corrected_by_truth(flagged, *_by_truth(right, missed))


def _by_truth(right: Hits, missed: Hits) -> tuple[Hits, Hits]:
    """Of the affected those that are flagged, and of the others those that aren't."""
    spared = missed.of - missed.hits
    return Hits(right.hits, right.hits + missed.hits), Hits(spared, right.of - right.hits + spared)


def _holds(result: TestResult, verdict: Verdict | None, moved: float) -> bool | None:
    """Whether what was validated would have been with the moved threshold."""
    if verdict is None or verdict.status is not HypothesisStatus.VALIDATED or result.reads is None or not verdict.level:
        return None
    return against(result, moved, 1.0, level=verdict.level).shown


class Shown(NamedTuple):
    """What a reading says of two shares of flagged traces."""

    shown: bool
    """More are flagged than the one."""
    ruled_out: bool
    """Fewer are flagged than the other."""


def against(result: TestResult, threshold: float, material: float, *, level: float) -> Shown:
    """Holds what was read against two shares: by count where all was read, else by its evidence, of what was read on too.

    A reading stops as soon as it has shown its own threshold, so against a higher one only what was read on can show more.

    Args:
        result: What was read.
        threshold: At most this share is flagged, unless that is refuted.
        material: At least this share is flagged, unless that is refuted.
        level: What all readings together may spend.
    """
    reads = result.reads
    assert reads is not None, "asked of what was read"
    if (on := reads.on) is not None and on.complete:
        return Shown(on.affected > threshold * on.population, on.affected + on.unclear < material * on.population)
    bound = ReadBound(result.population, threshold=threshold, material=material)
    counted = Counted(reads.read, result.affected or 0, result.unreadable)
    if on is not None and on.in_order is not None:
        counted = Counted(on.in_order.read, on.in_order.affected, on.in_order.unclear)
    return Shown(bound.log_for(counted) >= math.log(READ_SLOTS / level), bound.log_against(counted) >= AGAINST)
