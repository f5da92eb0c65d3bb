"""Who talks to the agent, and when: two weeks of sessions with nights, weekends, releases and one busy afternoon."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import TypeVar

from .people import CHANNELS, FIRST_NAMES, LAST_NAMES, LOCALES, User
from .profile import MODELS, Model

K = TypeVar("K")

FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
DAYS = 14
DAY_WEIGHTS = (1.1, 1.0, 0.95, 1.0, 1.05, 0.55, 0.45)
HOUR_WEIGHTS = (
    0.2,
    0.12,
    0.08,
    0.06,
    0.1,
    0.3,
    0.8,
    1.5,
    2.4,
    3.0,
    3.2,
    3.0,
    2.4,
    2.6,
    2.8,
    2.7,
    2.6,
    2.8,
    3.0,
    2.9,
    2.2,
    1.5,
    0.9,
    0.4,
)

SESSION_SIZES = {1: 0.2, 2: 0.26, 3: 0.24, 4: 0.15, 5: 0.09, 6: 0.06}
VERSIONS = ("3.1.0", "3.2.0", "3.3.0")
RELEASES = ((4, 6), (9, 11))
"""Between these days two versions run side by side, half of the sessions each; after them only the newer one."""

RUSH_START = FIRST_DAY + timedelta(days=8, hours=14)
RUSH_HOURS = 2
"""The two hours after a newsletter."""
RUSH_SHARE = 0.052
"""How many of all turns it brings on top."""

MIN_TRACES, MAX_TRACES = 60, 20_000


@dataclass(frozen=True)
class Group:
    """The same question, asked by several users: which wording, about which article, in which shop."""

    wording: int
    item: int
    shop: int


@dataclass
class Slot:
    """One turn to be: when it comes, in which conversation, and what it is cast for."""

    index: int
    session: int
    position: int
    last: bool
    user: User
    version: str
    model: Model
    channel: str
    start_ms: int
    rush: bool
    role: str = ""
    """The fault or look-alike that is planted here; empty: an ordinary turn."""
    support: bool = False
    """It doesn't show the role, but makes it possible: the turn before, or another member of the group."""
    group: Group | None = None
    task: str = ""
    """The repeated task that its conversation is about, where it is one."""
    day: date = field(init=False)

    def __post_init__(self) -> None:
        """Knows its day."""
        self.day = datetime.fromtimestamp(self.start_ms / 1000, tz=UTC).date()

    @property
    def weekend(self) -> bool:
        """Whether it comes on a Saturday or Sunday."""
        return self.day.weekday() >= 5


def draw(rng: random.Random, weights: Mapping[K, float]) -> K:
    """One key, by its weight."""
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def make_users(count: int, seed: int) -> list[User]:
    """Customers with the names of several languages."""
    rng = random.Random(f"users/{seed}")
    return [
        User(
            f"cust-{(number * 7919 + 10_007) % 1_000_003:06d}",
            rng.choice(FIRST_NAMES),
            rng.choice(LAST_NAMES),
            draw(rng, LOCALES),
        )
        for number in range(count)
    ]


def make_slots(traces: int, seed: int, *, conversations: bool = True) -> list[list[Slot]]:
    """The sessions in order of their start, each with its turns; `traces` turns in all, one a session without conversations."""
    rng = random.Random(f"traffic/{seed}")
    sizes = _session_sizes(traces, rng) if conversations else [1] * traces
    users = make_users(max(8, round(len(sizes) * 1.5)), seed)
    starts = _session_starts(sizes, traces, rng)
    sessions: list[list[Slot]] = []
    index = 0
    for number, (start, size, rush) in enumerate(starts):
        sessions.append(_session(rng, number, index, (start, size, rush), rng.choice(users)))
        index += size
    return sessions


def _session_sizes(traces: int, rng: random.Random) -> list[int]:
    sizes: list[int] = []
    left = traces
    while left:
        sizes.append(min(left, draw(rng, SESSION_SIZES)))
        left -= sizes[-1]
    return sizes


def _session_starts(sizes: list[int], traces: int, rng: random.Random) -> list[tuple[datetime, int, bool]]:
    hours = [(day, hour) for day in range(DAYS) for hour in range(24)]
    weights = list(accumulate(DAY_WEIGHTS[day % 7] * HOUR_WEIGHTS[hour] for day, hour in hours))
    wanted = math.ceil(traces * RUSH_SHARE)
    starts: list[tuple[datetime, int, bool]] = []
    for size in sizes:
        rush = wanted > 0
        wanted -= size
        if rush:
            start = RUSH_START + timedelta(seconds=rng.uniform(60, RUSH_HOURS * 3600 - 1800))
        else:
            day, hour = rng.choices(hours, cum_weights=weights)[0]
            start = FIRST_DAY + timedelta(days=day, hours=hour, seconds=rng.uniform(0, 3600))
        starts.append((start, size, rush))
    return sorted(starts)


def _session(rng: random.Random, number: int, index: int, plan: tuple[datetime, int, bool], user: User) -> list[Slot]:
    start, size, rush = plan
    version = _version((start - FIRST_DAY).days, rng)
    model = MODELS[0] if rng.random() < 0.7 else MODELS[1]
    channel = draw(rng, CHANNELS)
    slots: list[Slot] = []
    moment = start.timestamp()
    for position in range(size):
        last = position == size - 1
        slots.append(Slot(index + position, number, position, last, user, version, model, channel, int(moment * 1000), rush))
        moment += min(240.0, max(45.0, rng.lognormvariate(math.log(95), 0.5)))
    return slots


def _version(day: int, rng: random.Random) -> str:
    newest = 0
    for release, (first, only) in enumerate(RELEASES, start=1):
        if day >= only or (day >= first and rng.random() < 0.5):
            newest = release
    return VERSIONS[newest]
