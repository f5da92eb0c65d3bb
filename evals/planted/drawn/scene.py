"""What a scripted turn is made from, and what a script is."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TypeVar

from ..faults import Fault, Feedback, Likeness, Story
from ..profile import Profile
from ..steps import Call, Turn
from ..traffic import Slot

T = TypeVar("T")


@dataclass
class Scene:
    """One turn to be: when, by whom, about what."""

    rng: random.Random
    """Of the turn."""
    asking: random.Random
    """Of the request: the same for all who ask a repeated task."""
    slot: Slot

    def pick(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[int(self.rng.random() * len(choices))]

    def number(self, low: int, high: int) -> int:
        """A whole number between these two, both included."""
        return low + int(self.rng.random() * (high - low + 1))

    def ask(self, choices: Sequence[T]) -> T:
        """One of them, for the request."""
        return choices[int(self.asking.random() * len(choices))]

    def compose(self, templates: Sequence[str], words: Mapping[str, object]) -> str:
        """One of the templates, filled in."""
        return self.pick(templates).format_map(words)


@dataclass
class Act(Turn):
    """A scripted turn, with what a reader would hold against its answer."""

    _: KW_ONLY
    figure: str = ""
    """The part of the answer that the tools or documents returned."""
    condition: str = ""
    """A condition of the request that the answer names; empty: it has none."""
    source: str = ""
    """The document that the answer cites."""
    feedback: Feedback | None = None
    """What the user thinks of it."""


Change = Callable[[Scene, Act, Story | None], None]
"""Plants something in an ordinary turn; the story is the one before in the conversation."""


def drawn(key: str) -> Callable[[Story], bool]:
    """Turns in which a fault of this key was possible before any was planted."""
    return lambda story: key in story.possible


@dataclass(frozen=True)
class Kind(Fault):
    """A kind of fault: where it is possible, how often, and what it changes."""

    where: Callable[[Act, Story], bool]
    """Whether an ordinary turn, whose story is told but for the fault, can show it."""
    rates: tuple[float, float]
    """Between these the rate of a store is drawn."""
    change: Change
    beside: bool = False
    """It is a property of the segment that other faults may come on top of."""


@dataclass(frozen=True)
class Harmless(Likeness):
    """A kind of look-alike: where it is possible, how often it comes, and what it changes."""

    where: Callable[[Act, Story], bool]
    rate: float
    change: Change


@dataclass(frozen=True)
class Script:
    """What an agent does when all is well, what may go wrong, and what only looks so."""

    profile: Profile
    ordinary: Callable[[Scene], Act]
    labels: Callable[[random.Random], dict[str, str]]
    """Draws the tags of a conversation."""
    kinds: tuple[Kind, ...]
    harmless: tuple[Harmless, ...]
    repeated: float = 0.0
    """Share of conversations that begin with a task that others begin with too."""
    conversations: bool = True
    """Whether a conversation has several turns."""


def everywhere(turn: Act, story: Story) -> bool:
    """All turns."""
    return True


def answers(turn: Act, story: Story) -> bool:
    """Turns with an answer in words."""
    return bool(turn.answer)


def uses(*tools: str) -> Callable[[Act, Story], bool]:
    """Turns that call one of these tools."""
    return lambda turn, story: any(call.tool in tools for call in turn.calls())


def first_call(turn: Act, tool: str) -> Call:
    """The turn's first call of a tool."""
    return turn.calls(tool)[0]
