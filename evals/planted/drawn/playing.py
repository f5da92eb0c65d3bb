"""Plays a script: who comes when, what happens when all is well, and what is drawn to go wrong.

In each turn at most one kind is drawn, besides those that belong to a segment. A kind has one rate in a store: the probability in
every turn in which it is possible. The turns of one conversation, or of one repeated task, share a probability of their own that
varies around it as a beta distribution with the store's intraclass correlation.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..conditions import Conditions
from ..faults import Story
from ..steps import Thought
from ..traffic import Slot, make_slots
from .scene import Act, Harmless, Kind, Scene, Script

CARRIED = 8
"""Kinds of faults in one store, besides those that belong to a segment."""
LARGE = 0.15
"""At most one kind has a rate above this, so that all together stay below 1."""
ASKED_BY = 6
"""Conversations that begin with the same repeated task, on average."""

Plant = Kind | Harmless


def kinds_of(script: Script, conditions: Conditions) -> tuple[Kind, ...]:
    """The kinds of faults of a store, each with its rate; at the boundary the rate follows once the traces are known."""
    rng = random.Random(f"kinds/{script.profile.name}/{conditions.seed}")
    match conditions.variant:
        case "clean":
            return ()
        case "boundary":
            return tuple(kind for kind in script.kinds if kind.finding.way == "rate")
        case "shuffled":
            return tuple(_with_rate(kind, rng) for kind in script.kinds if kind.beside)
        case "faulty":
            return tuple(_choose(script.kinds, rng))


def _choose(kinds: Sequence[Kind], rng: random.Random) -> Iterator[Kind]:
    others = [kind for kind in kinds if not kind.beside]
    chosen = {kind.key for kind in rng.sample(others, min(CARRIED, len(others)))}
    large = 0
    for kind in kinds:
        if kind.beside:
            yield _with_rate(kind, rng)
        elif kind.key in chosen:
            carried = _with_rate(kind, rng)
            large += (carried.rate or 0) > LARGE
            yield carried if large <= 1 or (carried.rate or 0) <= LARGE else replace(carried, rate=LARGE)


def _with_rate(kind: Kind, rng: random.Random) -> Kind:
    low, high = kind.rates
    return replace(kind, rate=round(math.exp(rng.uniform(math.log(low), math.log(high))), 4))


class Player:
    """Plays the conversations of one store, in the same way each time."""

    def __init__(self, script: Script, conditions: Conditions) -> None:
        self._script, self._conditions = script, conditions
        self._name = f"{script.profile.name}/{conditions.variant}/{conditions.seed}"
        self._kinds = kinds_of(script, conditions)
        self._shares: dict[tuple[str, str], float] = {}

    def stories(self) -> Iterator[list[Story]]:
        """One conversation at a time, in order of their beginning."""
        seed = self._conditions.seed
        sessions = make_slots(self._conditions.traces, seed, conversations=self._script.conversations)
        played = [self._conversation(slots) for slots in sessions]
        for story in (story for stories in played for story in stories):
            story.possible = [kind.key for kind in self._kinds if kind.where(_act(story), story)]
        if self._conditions.variant == "boundary":
            self._kinds = tuple(self._at_threshold(kind, played) for kind in self._kinds)
        for stories in played:
            for place, story in enumerate(stories):
                self._plant(story, stories[place - 1] if place else None)
        if self._conditions.variant == "shuffled":
            self._shuffle(played)
        yield from played

    def _conversation(self, slots: Sequence[Slot]) -> list[Story]:
        script, session = self._script, slots[0].session
        rng = self._rng("conversation", session)
        tags = {"version": _version_of(script, slots[0]), **script.labels(rng)}
        task = ""
        if rng.random() < script.repeated:
            task = f"task-{rng.randrange(max(3, round(self._conditions.traces * script.repeated / ASKED_BY)))}"
        stories: list[Story] = []
        for slot in slots:
            slot.version, slot.task = tags["version"], task
            scene = self._scene(slot)
            act = script.ordinary(scene)
            stories.append(Story(slot, act, tags=dict(tags)))
        return stories

    def _scene(self, slot: Slot, purpose: str = "turn") -> Scene:
        """A repeated task is asked in the same words in the first turn of all its conversations."""
        asking = self._rng("asking", slot.index)
        if slot.task and slot.position == 0:
            asking = random.Random(f"asking/{self._name}/{slot.task}")
        return Scene(self._rng(purpose, slot.index), asking, slot)

    def _rng(self, purpose: str, number: int) -> random.Random:
        return random.Random(f"{purpose}/{self._name}/{number}")

    def _at_threshold(self, kind: Kind, played: Sequence[Sequence[Story]]) -> Kind:
        """With the rate at which the share that is tested is expected to be the threshold."""
        finding = kind.finding
        possible = sum(kind.key in story.possible for stories in played for story in stories)
        traces = sum(map(len, played)) if finding.of_all else possible
        return replace(kind, rate=min(1.0, finding.threshold * traces / possible) if possible else 0.0)

    def _plant(self, story: Story, before: Story | None) -> None:
        act = _act(story)
        scene = self._scene(story.slot, "plant")
        story.possible = [key for key in story.possible if not self._needs_the_turn_before(key) or _is_ordinary(before)]
        possible = [kind for kind in self._kinds if kind.key in story.possible]
        for kind in possible:
            if kind.beside and scene.rng.random() < self._probability(kind, story):
                self._do(kind, scene, act, before, story)
        apart = [kind for kind in possible if not kind.beside]
        alike = [item for item in self._script.harmless if item.where(act, story)]
        story.look_alikes += [item.key for item in alike if item.rate == 1.0]
        cast: list[Plant] = [*apart, *(item for item in alike if item.rate < 1.0)]
        chances = [self._probability(each, story) for each in cast]
        point = scene.rng.random() * max(1.0, sum(chances))
        for each, chance in zip(cast, chances, strict=True):
            point -= chance
            if point < 0:
                self._do(each, scene, act, before, story)
                break
        if not self._script.profile.speaks_last and act.answer is not None:
            _last_thought(act).text = act.answer
        story.feedback = act.feedback

    def _needs_the_turn_before(self, key: str) -> bool:
        return any(kind.key == key and kind.support_title for kind in self._kinds)

    def _probability(self, plant: Plant, story: Story) -> float:
        rate, icc = plant.rate or 0.0, self._conditions.icc
        if icc == 0 or isinstance(plant, Harmless) or not 0 < rate < 1:
            return rate
        cluster = story.slot.task or str(story.slot.session)
        if (plant.key, cluster) not in self._shares:
            spread = (1 - icc) / icc
            rng = random.Random(f"share/{self._name}/{plant.key}/{cluster}")
            self._shares[plant.key, cluster] = rng.betavariate(rate * spread, (1 - rate) * spread)
        return self._shares[plant.key, cluster]

    def _do(self, plant: Plant, scene: Scene, act: Act, before: Story | None, story: Story) -> None:
        plant.change(scene, act, before)
        (story.look_alikes if isinstance(plant, Harmless) else story.faults).append(plant.key)

    def _shuffle(self, played: Sequence[Sequence[Story]]) -> None:
        """Deals the tags of whole conversations out anew, so that nothing that happens depends on them any more."""
        tags = [stories[0].tags for stories in played]
        self._rng("shuffle", 0).shuffle(tags)
        for stories, dealt in zip(played, tags, strict=True):
            for story in stories:
                story.tags = dict(dealt)
                story.faults = []


def _act(story: Story) -> Act:
    assert isinstance(story.turn, Act)
    return story.turn


def _is_ordinary(story: Story | None) -> bool:
    return (
        story is not None
        and not story.faults
        and not any(key not in ALWAYS for key in story.look_alikes)
        and bool(story.turn.answer)
    )


ALWAYS = frozenset({"weekend", "rush", "mixed_segment"})
"""Look-alikes that are circumstances, and leave the turn as it is."""


def _last_thought(act: Act) -> Thought:
    return next((step for step in reversed(act.steps) if isinstance(step, Thought)), Thought(""))


def _version_of(script: Script, slot: Slot) -> str:
    return script.profile.versions[int(slot.version.split(".")[1]) - 1]
