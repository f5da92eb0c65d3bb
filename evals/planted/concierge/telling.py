"""Tells the stories: makes each cast slot into the turn that happens there, conversation by conversation."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from ..conditions import Conditions
from ..faults import Feedback, Story
from ..traffic import Slot, make_slots
from .answers import ANSWERS
from .casting import cast, roles_of
from .failing import WIDGET_TOKENS
from .faults import DISLIKED, DISLIKED_LOCALE, FAULTS, SLOW, SLOW_VERSION, SLOWDOWN, in_segment
from .intents import ORDINARY, choose
from .lookalikes import CAST, shown_by_traffic
from .requests import REQUESTS
from .roles import Builder, Role
from .situation import CURRENCIES, Situation, Trip, Turn
from .world import ITEMS, SHOPS, TOPICS, Item

PHRASES: Mapping[str, Sequence[str]] = {**REQUESTS, **ANSWERS}
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"

STAYS = 0.6
"""How often an ordinary turn stays with the article and the dates of its session."""
FEEDBACK_SHARE = 0.7
DOWN_SHARE, DOWN_SHARE_DISLIKED = 0.08, 0.5
"""How many of the thumbs go down, and how many of them in the disliked segment of the faulty variant.

Thumbs don't react to the other faults, so that their one planted cause stays the only one.
"""
UP_WORDS = (None, None, None, None, "super", "quick and helpful", "merci!", "tutto chiaro")
DOWN_WORDS = (None, "took a while", "not quite what I meant", "I'd rather talk to somebody", "meh")
DISLIKED_WORDS = (
    "Preise bitte in Franken, nicht in Euro",
    "why euros? I pay in CHF",
    "falsche Währung",
    None,
    "EUR statt CHF",
    "wrong currency",
)

REPEATABLE = {"same_question", "same_request_fails", "same_request_other_answer", "short_right_answer", "thanks"}
"""Roles whose requests may be those of others, word for word."""
ATTEMPTS = 7
"""How often other words are looked for; the last attempt adds a number that is the turn's own."""
MAX_FAULTS = 2
"""A trace carries no more."""


class Teller:
    """Tells all stories of a store, in the same words each time."""

    def __init__(self, conditions: Conditions) -> None:
        variant, seed = conditions.variant, conditions.seed
        self._faulty = variant == "faulty"
        self._seed = f"{variant}/{seed}"
        self._sessions = make_slots(conditions.traces, seed)
        cast(self._sessions, variant, seed)
        self._roles: dict[str, Role] = {role.key: role for role in roles_of(variant)}
        self._fault_keys = {fault.key for fault in FAULTS}
        self._heard: set[str] = set()

    def stories(self) -> Iterator[list[Story]]:
        """One conversation at a time, in order of their beginning."""
        for slots in self._sessions:
            told: list[Story] = []
            before: Turn | None = None
            session_trip = plan_trip(self._rng("session", slots[0].session), slots[0].day)
            used: set[str] = set()
            for slot in slots:
                before = self._turn(slot, session_trip, before, used)
                told.append(self._finish(Story(slot, before)))
            yield told

    def _rng(self, purpose: str, number: int, attempt: int = 0) -> random.Random:
        return random.Random(f"{purpose}/{self._seed}/{number}/{attempt}")

    def _turn(self, slot: Slot, session_trip: Trip, before: Turn | None, used: set[str]) -> Turn:
        """Tells a turn, in other words where somebody has said the same before."""
        repeats = slot.role in REPEATABLE or (slot.role == "unhelpful_repeat" and not slot.support)
        for attempt in range(ATTEMPTS):
            situation = self._situation(slot, self._rng("turn", slot.index, attempt), session_trip, before)
            builder = self._builder(slot, situation, used)
            turn = builder(situation)
            turn.trip = situation.trip
            if attempt == ATTEMPTS - 1:
                turn.request = f"{turn.request} ({situation.trip.booking})"
            if repeats or self._is_new(turn.request):
                used.add(builder.__name__)
                return turn
        raise RuntimeError(f"turn {slot.index} found no words of its own")

    def _is_new(self, request: str) -> bool:
        heard = "".join(letter for letter in request.lower() if letter.isalpha())
        if heard in self._heard:
            return False
        self._heard.add(heard)
        return True

    def _builder(self, slot: Slot, situation: Situation, used: set[str]) -> Builder:
        if not slot.role:
            return choose(situation, ORDINARY, used)
        role = self._roles[slot.role]
        return role.lead if slot.support and role.lead else role.build

    def _situation(self, slot: Slot, rng: random.Random, session_trip: Trip, before: Turn | None) -> Situation:
        wrong_currency = self._faulty and slot.user.locale == DISLIKED_LOCALE
        return Situation(
            rng=rng,
            user=slot.user,
            trip=_choose_trip(slot, rng, session_trip, before),
            currency="EUR" if wrong_currency else CURRENCIES.get(slot.user.locale, "EUR"),
            model=slot.model.name,
            phrases=PHRASES,
            before=before,
            wording=slot.group.wording if slot.group else 0,
        )

    def _finish(self, story: Story) -> Story:
        """Adds what doesn't depend on the role: the slow version, and what the customer thought."""
        self._say_what_it_shows(story)
        slot = story.slot
        rng = self._rng("feedback", slot.index)
        if story.turn.answer is None or slot.role == "thanks" or rng.random() >= FEEDBACK_SHARE:
            return story
        disliked = self._faulty and in_segment(story) and len(story.faults) < MAX_FAULTS
        up = rng.random() >= (DOWN_SHARE_DISLIKED if disliked else DOWN_SHARE)
        words = UP_WORDS if up else DISLIKED_WORDS if disliked else DOWN_WORDS
        story.feedback = Feedback(up, rng.choice(words), rng.randint(4_000, 150_000))
        if disliked and not up:
            story.faults.append(DISLIKED.key)
            story.related.remove(DISLIKED.key)
        return story

    def _say_what_it_shows(self, story: Story) -> None:
        slot = story.slot
        story.tags = {"version": slot.version, "locale": slot.user.locale, "channel": slot.channel}
        shown = story.faults if slot.role in self._fault_keys else story.look_alikes if slot.role in CAST else None
        if slot.support and slot.role in self._fault_keys:
            story.related.append(slot.role)
        elif shown is not None and not slot.support:
            shown.append(slot.role)
        story.look_alikes += shown_by_traffic(story)
        if not self._faulty:
            return
        if slot.version == SLOW_VERSION:
            story.faults.append(SLOW.key)
            story.turn.pace = SLOWDOWN
        if slot.channel == "widget":
            story.turn.max_tokens = WIDGET_TOKENS
        if in_segment(story):
            story.related.append(DISLIKED.key)


def _choose_trip(slot: Slot, rng: random.Random, session_trip: Trip, before: Turn | None) -> Trip:
    """Ordinary turns often stay with what the session is about; cast ones mostly have a trip of their own."""
    fresh = plan_trip(rng, slot.day)
    if slot.group:
        item, shop = ITEMS[slot.group.item], SHOPS[slot.group.shop]
        return fresh._replace(items=_with_others(item, rng), shop=shop)
    if slot.role == "similar_follow_up" and before and before.trip:
        return before.trip._replace(items=before.trip.items[1:] + before.trip.items[:1])
    if not slot.role and rng.random() < STAYS:
        return session_trip._replace(other_booking=fresh.other_booking, topic=fresh.topic)
    return fresh._replace(shop=session_trip.shop)


def plan_trip(rng: random.Random, today: date) -> Trip:
    """Something to rent, in some weeks, somewhere."""
    return Trip(
        items=_with_others(rng.choice(ITEMS), rng),
        shop=rng.choice(SHOPS),
        topic=rng.choice(TOPICS),
        start=today + timedelta(days=rng.randint(5, 70)),
        days=rng.randint(2, 10),
        pieces=rng.choice((1, 1, 2, 2, 3, 4)),
        booking=_booking_number(rng),
        other_booking=_booking_number(rng),
    )


def _with_others(item: Item, rng: random.Random) -> tuple[Item, ...]:
    """The item, and three others: those of its category first."""
    others = rng.sample([other for other in ITEMS if other != item], len(ITEMS) - 1)
    return (item, *sorted(others, key=lambda other: other.category != item.category)[:3])


def _booking_number(rng: random.Random) -> str:
    return "TF-" + "".join(rng.choices(LETTERS, k=6))
