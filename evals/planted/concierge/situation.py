"""What a turn of the concierge is about: a customer, a trip, and the words for both."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import date, timedelta
from typing import NamedTuple, TypeVar

from ..people import User
from ..steps import Turn as BaseTurn
from .world import Item, Shop, Topic

T = TypeVar("T")

RATES = {"CHF": 0.95, "GBP": 0.86, "EUR": 1.0}
CURRENCIES = {"de-CH": "CHF", "en-GB": "GBP"}
"""What the customers of a locale pay in; the others pay in euros."""


class Trip(NamedTuple):
    """What a customer is after, where and when."""

    items: tuple[Item, ...]
    """Different ones; the first is what it is about."""
    shop: Shop
    topic: Topic
    start: date
    days: int
    pieces: int
    booking: str
    other_booking: str
    """One that was made, or returned, before."""


@dataclass
class Turn(BaseTurn):
    """One turn of the concierge."""

    _: KW_ONLY
    trip: Trip | None = None
    """What it is about, for the turn after it."""
    helpful: "Turn | None" = None
    """What the agent should have done, where it was of no help."""


@dataclass
class Situation:
    """What a turn is about: who writes, what they want to rent, where and when. All texts take their words from here."""

    rng: random.Random
    user: User
    trip: Trip
    currency: str
    model: str
    phrases: Mapping[str, Sequence[str]]
    before: Turn | None = None
    """The turn before in the same conversation."""
    wording: int = 0
    """Which wording all members of a group use."""
    slots: dict[str, object] = field(default_factory=dict[str, object])

    def __post_init__(self) -> None:
        """Fills in the words that the phrases ask for."""
        trip, (item, other, third, *_) = self.trip, self.trip.items
        self.slots = {
            **{"first": self.user.first, "last": self.user.last, "email": self.user.email, "currency": self.currency},
            **{"item": item.name, "sku": item.sku, "category": item.category, "other": other.name, "third": third.name},
            **{"shop": trip.shop.name, "region": trip.shop.region, "opens": trip.shop.opens, "closes": trip.shop.closes},
            **{"sunday": trip.shop.sunday, "start": spoken(trip.start), "end": spoken(self.end), "days": trip.days},
            **{
                "count": trip.pieces,
                "booking": trip.booking,
                "old": trip.other_booking,
                "daily": self.daily,
                "total": self.total,
            },
            **{"deposit": self.deposit, "title": trip.topic.title.lower(), "rule": trip.topic.rule, "detail": trip.topic.detail},
            **{"question": trip.topic.question, "asked": capital(trip.topic.question), "model": self.model},
            **{"other_daily": self.price(other), "third_daily": self.price(third)},
        }

    @property
    def item(self) -> Item:
        """What the turn is about."""
        return self.trip.items[0]

    @property
    def end(self) -> date:
        """The day of return."""
        return self.trip.start + timedelta(days=self.trip.days - 1)

    @property
    def daily(self) -> int:
        """A day's price of the item, in the currency of the turn."""
        return self.price(self.item)

    @property
    def total(self) -> int:
        """What the rental costs."""
        return self.daily * self.trip.days * self.trip.pieces

    @property
    def deposit(self) -> int:
        """What is reserved on the card."""
        return self.daily * 6 * self.trip.pieces

    def price(self, item: Item) -> int:
        """A day's price of an item, in the currency of the turn."""
        return max(1, round(item.price * RATES[self.currency]))

    def pick(self, choices: Sequence[T]) -> T:
        """One of them, by the turn's own generator."""
        return choices[int(self.rng.random() * len(choices))]

    def say(self, *keys: str, **more: object) -> str:
        """Chooses a phrase for each key, fills it in, and joins them."""
        return " ".join(self.pick(self.phrases[key]).format_map({**self.slots, **more}) for key in keys)

    def number(self, low: int, high: int) -> int:
        """A whole number between these two, both included."""
        return low + int(self.rng.random() * (high - low + 1))


def spoken(day: date) -> str:
    """A day as people write it: `14 March`."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def capital(text: str) -> str:
    """The text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
