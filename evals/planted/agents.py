"""The invented agents: what each is made of, what can be planted in it, and who tells what happens."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .concierge.agent import PROFILE as CONCIERGE
from .concierge.faults import FAULTS as CONCIERGE_FAULTS
from .concierge.lookalikes import LIKENESSES
from .concierge.telling import Teller
from .conditions import Conditions
from .drawn import coder, extractor, librarian, planner
from .drawn.playing import Player, kinds_of
from .drawn.scene import Script
from .faults import Fault, Likeness, Story
from .profile import Profile


@dataclass(frozen=True)
class Agent:
    """An invented agent: its world and tools (`profile`), what may go wrong, what only looks so, and its conversations."""

    profile: Profile
    faults: Callable[[Conditions], tuple[Fault, ...]]
    """The faults of a store, in the order of the truth."""
    look_alikes: tuple[Likeness, ...]
    tell: Callable[[Conditions], Iterator[list[Story]]]
    """All conversations, in order of their beginning; what each shows is in its stories."""


def _cast_faults(conditions: Conditions) -> tuple[Fault, ...]:
    return CONCIERGE_FAULTS if conditions.variant == "faulty" else ()


def _scripted(script: Script) -> Agent:
    return Agent(
        script.profile,
        lambda conditions: kinds_of(script, conditions),
        script.harmless,
        lambda conditions: Player(script, conditions).stories(),
    )


_ALL = (
    Agent(CONCIERGE, _cast_faults, LIKENESSES, lambda conditions: Teller(conditions).stories()),
    *(_scripted(each.SCRIPT) for each in (librarian, coder, planner, extractor)),
)

AGENTS: Mapping[str, Agent] = {agent.profile.name: agent for agent in _ALL}
"""By name. The concierge has exact numbers of each fault, and the variants faulty and clean; the others draw, and have all."""
