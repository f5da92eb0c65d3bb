"""What became of an issue from one analysis to the next: one point a look."""

from datetime import datetime
from typing import Literal

from .base import Interval, Part

Standing = Literal["new", "still", "worse", "better", "quiet", "gone", "back", "rejected"]
"""How an issue stands after a look.

new: found for the first time. still: there, no change that chance doesn't explain, or too few traces to tell. worse, better: its
share has changed since its level was last settled. quiet: not seen in one window that was large enough to show it. gone: not in
two. back: it was gone, or resolved by a person, and is there again. rejected: a person rejected it, and it hasn't risen since.
"""


class TrendPoint(Part):
    """One look at an issue, over traces that no earlier look has counted."""

    run_id: str
    """The analysis that looked."""
    at: datetime
    """When: the instant of its snapshot."""
    since: datetime | None = None
    """The traces that were counted began after this; None: from the beginning."""
    until: datetime
    """When the last of the traces began that the analysis knew."""
    affected: int
    population: int
    effective: float
    """How many independent traces would tell as much, given how they cluster."""
    interval: Interval | None = None
    """Of the affected share."""
    standing: Standing
    p_adjusted: float | None = None
    """Of the difference to the level before, adjusted over all known issues of the analysis."""

    @property
    def share(self) -> float:
        """The affected share."""
        return self.affected / self.population if self.population else 0.0
