"""What a turn can be cast for: a planted fault, or a look-alike that is none."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from .traffic import Slot
from .turn import Situation, Turn

Builder = Callable[[Situation], Turn]


@dataclass
class Feedback:
    """What a customer thought of an answer."""

    up: bool
    rationale: str | None
    after_ms: int


@dataclass
class Story:
    """One turn as it happened, with what is planted in it."""

    slot: Slot
    turn: Turn
    faults: list[str] = field(default_factory=list[str])
    feedback: Feedback | None = None


Test = Callable[[Story], bool]


def anywhere(slot: Slot) -> bool:
    """Every turn will do."""
    return True


@dataclass(frozen=True)
class Role:
    """How some turns are cast."""

    key: str
    rate: float
    """Share of all turns that show it."""
    build: Builder
    _: KW_ONLY
    where: Callable[[Slot], bool] = anywhere
    shape: Literal["single", "pair", "group"] = "single"
    """A pair needs the turn before it, a group the same question by several users."""
    lead: Builder | None = None
    """What the supporting turns do; None for a group of which every member shows it."""


@dataclass(frozen=True)
class LookAlikeRole(Role):
    """Something that looks like a fault to a careless reader, and is none."""

    title: str
    why: str
    """Why it is no fault."""
    resembles: str
    """The fault it may be taken for."""


@dataclass(frozen=True)
class Fault:
    """A planted fault: what an analysis should say about it."""

    key: str
    title: str
    _: KW_ONLY
    kind: Literal["operational", "quality"]
    category: str
    cause: str
    population: Test
    """Which turns it could have happened in."""
    population_title: str
    shows_in: Literal["steps", "answer", "trace"] = "trace"
    """Where the truth points: at the marked steps, at the last call of the model, or at the whole trace."""
    segment: tuple[tuple[str, str], ...] = ()
    """The only segment in which it occurs, where there is one: attribute and value."""
    support_title: str = ""
    """What the supporting turns are, where it needs any."""
    role: Role | None = None
    """How it is cast; None where it isn't cast but follows from the segment."""
