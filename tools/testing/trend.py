"""How a known issue stands after one more look: still there, worse, better, gone or back.

The share of the new traces is compared with the level of the issue: all looks since it was found or last changed, pooled. Looks
are small on quiet days, so those that are too few to show anything are joined with the next ones into one window.

The look that an issue was found by, or came back by, is high by selection: it was found because it was high, by luck too. Nothing
is called better than that; the first window after it that is large enough, and not quiet, becomes the level instead. That
something is worse than it is called all the more surely.

- worse, better: Fisher's exact test, two-sided, of affected and unaffected traces, each count divided by the design effect of its
  clusters (Rao and Scott 1992); adjusted by Benjamini and Hochberg over all known issues of the analysis, at 5%. A share that has
  fallen below the issue's own threshold is not called better, but on its way to be gone.
- quiet: the window is large enough that a fault at its level would have shown in it with probability 95% (`(1 - level)^n <= .05`,
  n effective traces: about 3 / level); no more are affected than it would have had with probability 5%; and the share is at
  most the threshold.
- gone: two such windows in a row. A fault that is still at its level is called gone in .05 * .05 of cases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from ..insights.models import IssueStatus, Standing, TrendPoint

LEVEL = 0.05
"""Expected share of false ones among the changes that an analysis reports."""
MISSED = 0.05
"""How probable it may be that a window of this size shows nothing of a fault that is still at its level."""
QUIET_WINDOWS = 2


class Tally(NamedTuple):
    """Affected and all traces, as independent ones would tell as much."""

    affected: float = 0.0
    traces: float = 0.0

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(self.affected + other.affected, self.traces + other.traces)

    @property
    def share(self) -> float:
        """The affected share."""
        return self.affected / self.traces if self.traces else 0.0


@dataclass(frozen=True)
class Course:
    """What the looks so far say: the level, what was seen since the last complete window, and the quiet windows in a row."""

    level: Tally
    pending: Tally
    quiet: int
    selected: bool = False
    """Whether the level is that of the look by which the issue was found, which is high by selection."""


@dataclass(frozen=True)
class Known:
    """A known issue with its latest look, which isn't judged yet."""

    status: IssueStatus
    trend: Sequence[TrendPoint]
    """The earlier looks."""
    point: TrendPoint
    threshold: float
    seen: bool
    """Whether this analysis found it again, by a test or a count over newer traces only."""


def judge(known: Mapping[str, Known]) -> dict[str, TrendPoint]:
    """Each latest look with how the issue stands after it, given that all of them were taken together."""
    courses = {name: course_of(each.trend, each.threshold) for name, each in known.items()}
    windows = {name: courses[name].pending.plus(tally(each.point)) for name, each in known.items()}
    compared = [name for name, each in known.items() if each.status is not IssueStatus.RESOLVED and tally(each.point).traces > 0]
    p_values = [_p_value(courses[name], windows[name]) for name in compared]
    adjusted = stats.false_discovery_control(np.array(p_values), method="bh") if p_values else np.zeros(0)
    p_adjusted = dict(zip(compared, map(float, adjusted), strict=True))
    return {
        name: each.point.model_copy(
            update={"standing": _standing(each, courses[name], p_adjusted.get(name)), "p_adjusted": p_adjusted.get(name)}
        )
        for name, each in known.items()
    }


def tally(point: TrendPoint) -> Tally:
    """A look in independent traces."""
    return Tally(point.share * point.effective, point.effective)


def course_of(trend: Sequence[TrendPoint], threshold: float) -> Course:
    """The course of the looks, oldest first; a change of level begins it anew."""
    course = Course(Tally(), Tally(), 0)
    for point in trend:
        window = course.pending.plus(tally(point))
        if point.standing in {"new", "back"}:
            course = Course(tally(point), Tally(), 0, selected=True)
        elif point.standing in {"worse", "better"}:
            course = Course(window, Tally(), 0)
        else:
            course = _with_window(course, window, threshold)
    return course


def change_p_value(level: Tally, window: Tally) -> float:
    """Two-sided p-value that both have the same share."""
    table = [[round(each.affected), max(round(each.traces) - round(each.affected), 0)] for each in (level, window)]
    if not all(map(sum, table)):
        return 1.0
    p_value: float = stats.fisher_exact(table)[1]  # pyright: ignore[reportAssignmentType] - scipy's stubs know a tuple only
    return float(p_value)


def _p_value(course: Course, window: Tally) -> float:
    """Of a change; none is looked for below a level that is high by selection."""
    return 1.0 if course.selected and window.share <= course.level.share else change_p_value(course.level, window)


def is_large_enough(level: Tally, window: Tally) -> bool:
    """Whether a fault at this level would have shown in the window with probability 95%."""
    return 0 < level.share < 1 and window.traces * np.log1p(-level.share) <= np.log(MISSED) or level.share == 1 <= window.traces


def is_quiet(level: Tally, window: Tally, threshold: float) -> bool:
    """Whether a window that is large enough shows that the fault isn't at its level any more, nor beyond its threshold."""
    fewer = special.betaincc(window.affected + 1, window.traces - window.affected, level.share) if level.share < 1 else 0.0
    return window.share <= threshold and bool(window.affected < window.traces and fewer <= MISSED)


def _with_window(course: Course, window: Tally, threshold: float) -> Course:
    if not is_large_enough(course.level, window):
        return replace(course, pending=window)
    if is_quiet(course.level, window, threshold):
        return replace(course, pending=Tally(), quiet=course.quiet + 1)
    return Course(window if course.selected else course.level.plus(window), Tally(), 0)


def _standing(known: Known, course: Course, p_adjusted: float | None) -> Standing:
    window = course.pending.plus(tally(known.point))
    risen = p_adjusted is not None and p_adjusted <= LEVEL and window.share > course.level.share
    if known.status is IssueStatus.RESOLVED:
        return "back" if known.seen else "gone"
    if risen:
        return "worse"
    if known.status is IssueStatus.REJECTED:
        return "rejected"
    if p_adjusted is not None and p_adjusted <= LEVEL and window.share > known.threshold:
        return "better"
    after = _with_window(course, window, known.threshold)
    if after.quiet >= QUIET_WINDOWS:
        return "gone"
    return "quiet" if after.quiet else "still"
