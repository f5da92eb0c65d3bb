"""What a person says of traces that were drawn at random, and what that says of a judge."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from .base import Interval, Part

Drawing = Literal["by flag", "at random"]


class DrawnTrace(Part):
    """A trace that a person is asked about."""

    trace_id: str
    flagged: bool
    """Whether the judge flags it; nobody is told before the answer."""


class HumanLabel(Part):
    """A person's answer to the question of a hypothesis about one trace."""

    trace_id: str
    answer: Literal["affected", "not", "unclear"]
    at: datetime


class LabelSet(Part):
    """The labels of one hypothesis: what was drawn, before anybody was asked, and what was answered."""

    hypothesis_id: str
    question: str
    drawing: Drawing
    """By flag: so many of the flagged and so many of the others; at random: of all together."""
    seed: int
    frame: int
    """Traces that were drawn from: those that the judge called affected or not."""
    frame_flagged: int
    drawn: tuple[DrawnTrace, ...]
    """In the order in which they are asked about."""
    labels: tuple[HumanLabel, ...] = Field(default=())

    @property
    def answers(self) -> dict[str, str]:
        """What was answered, by trace."""
        return {label.trace_id: label.answer for label in self.labels}

    @property
    def pending(self) -> tuple[DrawnTrace, ...]:
        """What is still to be asked about."""
        return tuple(each for each in self.drawn if each.trace_id not in self.answers)


class Correction(Part):
    """What labels say of the share that a judge flags, and of a verdict on it."""

    drawing: Drawing
    frame: int
    frame_flagged: int
    flagged_affected: int
    flagged_labelled: int
    """Flagged traces with a label, and those of them that are affected."""
    unflagged_affected: int
    unflagged_labelled: int
    unclear: int
    """Labels that decide nothing."""
    share: float | None
    """Of the traces drawn from, as they are; None where the labels can't tell."""
    interval: Interval | None
    threshold: float
    moved_threshold: float
    """The flagged share that no more than `threshold` affected traces would reach by the judge's errors."""
    material: float
    moved_material: float
    """The flagged share that `material` affected traces or more would not fall short of by the judge's errors."""
    holds: bool | None
    """Whether what was validated is so against that; None where nothing was."""

    @property
    def labelled(self) -> int:
        """Traces whose label says that they are affected, or that they aren't."""
        return self.flagged_labelled + self.unflagged_labelled
