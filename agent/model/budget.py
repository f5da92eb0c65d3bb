"""What may be spent on a language model: reserved before each call, settled after it, never exceeded by a call that was begun.

A call reserves what it could cost at most: its prompt as estimated, and the whole output it is allowed. What doesn't fit waits
until a call in flight has settled for less; what doesn't fit when none is in flight is refused, and from then on everything is.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ...tools.insights.models import Spend, Usage

BYTES_PER_TOKEN = 3
"""For an estimate that is seldom too low: English has 4 and more, JSON about 3, other scripts 3 bytes a character and token."""


class BudgetSpent(Exception):
    """A call doesn't fit into what is left; `str` says which limit."""


@dataclass(frozen=True)
class Price:
    """What a model costs, in USD for a million tokens."""

    prompt: float
    completion: float
    cached: float | None = None
    """For prompt tokens that the provider had cached; the full price where it is None."""

    def usd(self, usage: Usage) -> float:
        """What this usage costs."""
        cached = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt_tokens - usage.cached_tokens
        return (fresh * self.prompt + usage.cached_tokens * cached + usage.completion_tokens * self.completion) / 1e6


@dataclass(frozen=True)
class Limits:
    """The most that an analysis may spend, over all its sessions; None: no limit."""

    tokens: int | None = None
    usd: float | None = None
    minutes: float | None = None

    def leave_room(self, spent: Spend, price: "Price | None") -> bool:
        """Whether more may be spent than an analysis has spent so far."""
        usd = price.usd(spent.usage) if price is not None else 0.0
        return (
            (self.tokens is None or self.tokens > spent.usage.tokens)
            and (self.usd is None or self.usd > usd)
            and (self.minutes is None or self.minutes * 60 > spent.seconds)
        )


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, rather more than fewer."""
    return len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN + 1


@dataclass
class Budget:
    """Counts what is spent, and holds what is left. Used from one event loop."""

    limits: Limits = Limits()
    price: Price | None = None
    clock: Callable[[], float] = time.monotonic
    """Seconds."""
    spent_up: str = ""
    """Which limit was reached; empty while there is something left."""
    _spend: Spend = Spend()
    _of: str = ""
    """The analysis that is counted for."""
    _held: dict[int, Usage] = field(default_factory=lambda: dict[int, Usage]())
    _settled: asyncio.Condition = field(default_factory=asyncio.Condition)
    _numbers: int = 0
    _started: float | None = None

    def go_on_from(self, run_id: str, earlier: Spend) -> None:
        """Counts on from what an analysis has spent in earlier sessions; what they left out may be asked now.

        Where it counts for that analysis already it knows better than the memory, which hears of a call after it.
        """
        if run_id != self._of:
            self._spend, self._of = earlier.model_copy(update={"skipped": {}, "unanswered": {}}), run_id

    @property
    def spend(self) -> Spend:
        """What is spent in all, as far as it is settled."""
        usd = None if self.price is None else round(self.price.usd(self._spend.usage), 6)
        why = self.in_words() if self.spent_up else ""
        return self._spend.model_copy(update={"usd": usd, "seconds": round(self._seconds(), 1), "stopped_because": why})

    @property
    def seconds_left(self) -> float | None:
        """Until the time is over; None where it isn't limited."""
        return None if self.limits.minutes is None else self.limits.minutes * 60 - self._seconds()

    def affords(self, most: Usage) -> bool:
        """Whether a call that costs at most this would be begun now; asking ends nothing."""
        return not self._exceeded_by(most)

    async def reserve(self, most: Usage) -> int:
        """Holds what a call can cost at most; returns the reservation's number.

        Raises:
            BudgetSpent: it doesn't fit, and no call in flight could give something back.
        """
        self._started = self.clock() if self._started is None else self._started
        async with self._settled:
            while limit := self._exceeded_by(most):
                if self.spent_up or not self._held or limit == "time":
                    self.spent_up = self.spent_up or limit
                    raise BudgetSpent(self.in_words())
                await self._settled.wait()
            self._numbers += 1
            self._held[self._numbers] = most
            return self._numbers

    async def settle(self, number: int, usage: Usage, *, billed: bool) -> None:
        """Books what a call has cost, and gives the rest of its reservation back."""
        async with self._settled:
            self._held.pop(number)
            calls = self._spend.calls + billed
            self._spend = self._spend.model_copy(update={"usage": self._spend.usage.plus(usage), "calls": calls})
            self._settled.notify_all()

    def give_up(self) -> None:
        """Counts a question that got no usable answer."""
        self._spend = self._spend.model_copy(update={"given_up": self._spend.given_up + 1})

    def leave_unanswered(self, purpose: str) -> None:
        """Counts a question that the endpoint failed to answer, and may answer another time."""
        unanswered = {**self._spend.unanswered, purpose: self._spend.unanswered.get(purpose, 0) + 1}
        self._spend = self._spend.model_copy(update={"unanswered": unanswered})

    def skip(self, purpose: str) -> None:
        """Counts a question that wasn't asked."""
        skipped = {**self._spend.skipped, purpose: self._spend.skipped.get(purpose, 0) + 1}
        self._spend = self._spend.model_copy(update={"skipped": skipped})

    def in_words(self) -> str:
        """Why nothing is asked any more."""
        tokens, more = self._spend.usage.tokens, "and the next question could need more than is left"
        match self.spent_up:
            case "time":
                return f"the time allowed for the model, {self.limits.minutes:g} minutes, is over"
            case "tokens":
                return f"{tokens:,} of the {self.limits.tokens:,} tokens allowed are spent, {more}"
            case _:
                usd = 0.0 if self.price is None else self.price.usd(self._spend.usage)
                return f"{usd:.2f} of the {self.limits.usd:.2f} USD allowed are spent, {more}"

    def _seconds(self) -> float:
        return self._spend.seconds + (0 if self._started is None else self.clock() - self._started)

    def _exceeded_by(self, most: Usage) -> str:
        if self.spent_up:
            return self.spent_up
        together = most
        for held in (*self._held.values(), self._spend.usage):
            together = together.plus(held)
        if self.limits.minutes is not None and self._seconds() >= self.limits.minutes * 60:
            return "time"
        if self.limits.tokens is not None and together.tokens > self.limits.tokens:
            return "tokens"
        if self.limits.usd is not None and self.price is not None and self.price.usd(together) > self.limits.usd:
            return "usd"
        return ""
