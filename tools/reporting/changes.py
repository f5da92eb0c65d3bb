"""What changed since the analysis before: which issues are new, back, worse, better, still there or gone."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..insights.models import Issue, Standing, TrendPoint

ORDER: tuple[Standing, ...] = ("new", "back", "worse", "still", "better", "quiet", "gone", "rejected")
"""As a reader wants to see them."""

MEANING: dict[Standing, str] = {
    "new": "new",
    "back": "back",
    "worse": "worse",
    "still": "still there",
    "better": "better",
    "quiet": "not seen this time",
    "gone": "gone",
    "rejected": "rejected by a person, not risen since",
}


@dataclass(frozen=True)
class Change:
    """One issue, and how it stands after the look of the analysis."""

    issue: Issue
    point: TrendPoint
    before: TrendPoint | None
    """The look before, where there was one."""

    @property
    def standing(self) -> Standing:
        """How it stands."""
        return self.point.standing

    @property
    def is_news(self) -> bool:
        """Whether a reader should see it first: it stands otherwise than before, or is about to."""
        return self.standing not in {"still", "rejected"}

    @property
    def in_words(self) -> str:
        """How it stands, for a reader."""
        if self.standing == "still" and not self.point.affected:
            return "not seen, in too few traces to tell"
        return MEANING[self.standing]


def changes_of(issues: Iterable[Issue], run_id: str) -> tuple[Change, ...]:
    """The changes that one analysis saw, most telling first; without issues that it didn't look at, and those long gone."""
    found: list[Change] = []
    for issue in issues:
        place = next((index for index, point in enumerate(issue.trend) if point.run_id == run_id), None)
        if place is None:
            continue
        before = issue.trend[place - 1] if place else None
        if not (before is not None and before.standing == issue.trend[place].standing == "gone"):
            found.append(Change(issue, issue.trend[place], before))
    return tuple(sorted(found, key=lambda each: (ORDER.index(each.standing), -each.issue.severity.rank, each.issue.issue_id)))


def is_first(changes: Iterable[Change]) -> bool:
    """Whether no issue was known before: then nothing has changed, and everything is new."""
    return all(change.before is None for change in changes)
