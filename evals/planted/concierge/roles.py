"""What a turn of the concierge can be cast for: a planted fault, or a look-alike that is none."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from ..faults import Fault, Likeness
from ..traffic import Slot
from .situation import Situation, Turn

Builder = Callable[[Situation], Turn]


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
    """A look-alike that is cast."""

    title: str
    why: str
    """Why it is no fault."""
    resembles: str
    """The fault it may be taken for."""

    @property
    def likeness(self) -> Likeness:
        """What the truth says about it."""
        return Likeness(self.key, self.title, self.why, self.resembles)


@dataclass(frozen=True)
class CastFault(Fault):
    """A fault that is cast."""

    role: Role
