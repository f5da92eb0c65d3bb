"""Decides which turns show a fault or a look-alike, in exact numbers."""

import random
from collections.abc import Iterator, Sequence
from itertools import chain, product

from ..traffic import Group, Slot
from .faults import CAST_FAULTS
from .lookalikes import LOOK_ALIKES
from .requests import REQUESTS
from .roles import Role, anywhere
from .world import ITEMS, SHOPS

FEWEST = 1
"""So many turns show each role, even in a small store."""
SHOWING = (2, 3)
"""How many members of a group show a fault; as many more, and at least two, don't."""
AGREEING = 5
"""Members of a group that shows a look-alike, all of them."""
PHRASES = {"same_question": "chip", "same_request_fails": "sibling", "same_request_other_answer": "sibling"}
"""The wordings of each role that comes in groups."""


def roles_of(variant: str) -> list[Role]:
    """What the variant casts: look-alikes always, faults only where it has any."""
    faults = [fault.role for fault in CAST_FAULTS] if variant == "faulty" else []
    return [*faults, *LOOK_ALIKES]


def cast(sessions: Sequence[Sequence[Slot]], variant: str, seed: int) -> None:
    """Gives roles to slots: first those that only few slots can take, so that each gets the number it asks for."""
    slots = list(chain.from_iterable(sessions))
    questions = _questions(seed)
    for role in sorted(roles_of(variant), key=_freedom):
        rng = random.Random(f"cast/{seed}/{role.key}")
        wanted = max(FEWEST, round(role.rate * len(slots)))
        free = [slot for slot in slots if not slot.role and role.where(slot)]
        rng.shuffle(free)
        if role.shape == "single":
            for slot in free[:wanted]:
                slot.role = role.key
        elif role.shape == "pair":
            _cast_pairs(role, free, slots, wanted)
        else:
            _cast_groups(role, free, wanted, questions[PHRASES[role.key]])


def _freedom(role: Role) -> int:
    """How choosy a role is: 0 for those that need special slots, 3 for those that take any."""
    if role.where is not anywhere:
        return 0
    return {"pair": 1, "group": 2, "single": 3}[role.shape]


def _cast_pairs(role: Role, free: list[Slot], slots: Sequence[Slot], wanted: int) -> None:
    for slot in free:
        if wanted == 0:
            return
        before = slots[slot.index - 1]
        if slot.position == 0 or slot.role or before.role:
            continue
        slot.role = before.role = role.key
        before.support = True
        wanted -= 1


def _cast_groups(role: Role, free: list[Slot], wanted: int, questions: Iterator[Group]) -> None:
    waiting = iter(free)
    while wanted > 0:
        showing = min(wanted, SHOWING[wanted % 2]) if role.lead else max(2, min(wanted, AGREEING))
        size = showing + max(2, showing) if role.lead else showing
        members = _strangers(waiting, size)
        if len(members) < size:
            return
        group = next(questions)
        for place, slot in enumerate(members):
            slot.role, slot.group, slot.support = role.key, group, place >= showing
        wanted -= showing


def _strangers(waiting: Iterator[Slot], size: int) -> list[Slot]:
    """The next slots of as many different users."""
    members: dict[str, Slot] = {}
    for slot in waiting:
        members.setdefault(slot.user.user_id, slot)
        if len(members) == size:
            break
    return list(members.values())


def _questions(seed: int) -> dict[str, Iterator[Group]]:
    """Per set of wordings all questions that can be made of them, each once."""
    first_of_category = {item.category: number for number, item in reversed(list(enumerate(ITEMS)))}
    subjects = {"chip": sorted(first_of_category.values()), "sibling": list(range(len(ITEMS)))}
    questions: dict[str, Iterator[Group]] = {}
    for key, items in subjects.items():
        groups = [Group(*words) for words in product(range(len(REQUESTS[key])), items, range(len(SHOPS)))]
        random.Random(f"questions/{seed}/{key}").shuffle(groups)
        questions[key] = iter(groups)
    return questions
