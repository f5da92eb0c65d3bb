"""What can be planted: faults and look-alikes, and the stories that show them."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from .steps import Turn
from .traffic import Slot
from .truth import Way


@dataclass
class Feedback:
    """What a user thought of an answer."""

    up: bool
    rationale: str | None
    after_ms: int


@dataclass
class Story:
    """One turn as it happened, with what is planted in it."""

    slot: Slot
    turn: Turn
    faults: list[str] = field(default_factory=list[str])
    look_alikes: list[str] = field(default_factory=list[str])
    related: list[str] = field(default_factory=list[str])
    """Faults that it doesn't show, though an issue about them may name it too."""
    possible: list[str] = field(default_factory=list[str])
    """Faults that it could have shown, where the turn no longer tells."""
    feedback: Feedback | None = None
    tags: dict[str, str] = field(default_factory=dict[str, str])


Test = Callable[[Story], bool]


@dataclass(frozen=True)
class Finding:
    """How a fault can be found, and from where on it is one."""

    way: Way
    entry: str = ""
    """The playbook entry that is about it, where there is one."""
    threshold: float = 0.0
    """A share; of a count how many traces, of a shift how many times as long, of segments how many times as often."""
    of_all: bool = True
    """Whether the share is one of all traces, or only of those in which the fault is possible."""
    tool: str = ""
    """The tool whose calls are counted, where the share is one of calls."""
    outcome: Literal["error", "feedback"] = "error"
    """Of segments: what concentrates there, traces that end in ERROR or negative feedback."""


READ = Finding("read")
"""Only who reads can find it."""


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
    finding: Finding
    shows_in: Literal["steps", "answer", "trace"] = "trace"
    """Where the truth points: at the marked steps, at the last call of the model, or at the whole trace."""
    segment: tuple[tuple[str, str], ...] = ()
    """The only segment in which it occurs, where there is one: attribute and value."""
    support_title: str = ""
    """What the supporting turns are, where it needs any."""
    mechanism: str = ""
    """What the failing spans say, where they say why."""
    claims_done: bool = False
    """Whether its answers claim an action that didn't succeed, which is a countable pattern of its own."""
    rate: float | None = None
    """The probability with which it is drawn where it is possible; None where exact numbers are cast."""


@dataclass(frozen=True)
class Likeness:
    """Something that looks like a fault to a careless reader, and is none."""

    key: str
    title: str
    why: str
    """Why it is no fault."""
    resembles: str
    """The fault it may be taken for."""
