"""What goes on at this moment, followed from the events: the step, how far it is, and how long the rest may take.

Time left is the rest at the pace so far. Of a reading it is the most that it may take, since it ends as soon as it is sure; of a
query nobody knows it, so the time since it began is shown instead.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..graph.ports import Event
from .pace import duration
from .printable import one_line

Clock = Callable[[], float]
QUIET_S = 3
"""A step that takes no longer than this isn't worth a word."""


class TimeLeft:
    """How long a count takes to its end at the pace since it began; falls between the times that it is told of."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._began, self._first, self._done, self._total = clock(), 0, -1, 0

    def mark(self, done: int, total: int) -> None:
        """Notes how far it is; a count that falls begins anew."""
        if done < self._done or self._done < 0:
            self._began, self._first = self._clock(), done
        self._done, self._total = done, total

    @property
    def seconds(self) -> float | None:
        """How long the rest takes at the pace so far; None where nothing was done yet."""
        if self._done <= self._first:
            return None
        return (self._clock() - self._began) / (self._done - self._first) * (self._total - self._done)


@dataclass
class UnderTest:
    """One hypothesis under test."""

    statement: str
    since: float
    """When its step began."""
    reading: TimeLeft | None = None
    read: str = ""


class Progress:
    """Follows the events of an analysis. Told by any thread, read by the one that draws."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._step, self._bar, self._pace = "", "", TimeLeft(clock)
        self._done, self._total = 0, 0
        self._tests: dict[str, UnderTest] = {}

    def follow(self, event: Event) -> None:
        """Takes an event into account."""
        with self._lock:
            if event.kind == "step":
                self._step, self._bar = one_line(event.text), ""
                self._tests = {}
            elif event.kind == "progress":
                self._move(event)
            elif event.kind == "hypothesis" and event.step == "test":
                self._tests[event.subject] = UnderTest(one_line(event.text), self._clock())
            elif event.kind == "query" and event.subject in self._tests:
                self._tests[event.subject].since = self._clock()
            elif event.kind in {"result", "verdict"}:
                self._tests.pop(event.subject, None)

    def forget_tests(self) -> None:
        """Nothing is under test any more: it was paused, or has failed."""
        with self._lock:
            self._tests, self._bar = {}, ""

    def line(self) -> str:
        """One line: how far it is, or where nothing is counted the step."""
        with self._lock:
            if not self._bar:
                return self._step or "starting"
            left = self._pace.seconds
            about = "" if left is None else f", about {duration(left)} left"
            return f"{self._bar}: {self._done:,} of {self._total:,}{about}"

    def tests(self) -> list[tuple[str, str, str]]:
        """Per hypothesis under test its id, how far it is, and its statement."""
        with self._lock:
            return [(subject, self._how_far(each), each.statement) for subject, each in self._tests.items()]

    def _how_far(self, test: UnderTest) -> str:
        if test.reading is not None:
            left = test.reading.seconds
            return test.read if left is None else f"{test.read}, at most {duration(left)} left"
        taken = self._clock() - test.since
        return duration(taken) if taken > QUIET_S else ""

    def _move(self, event: Event) -> None:
        done, total = event.done or 0, event.total or 0
        if event.subject in self._tests:
            test = self._tests[event.subject]
            test.reading = test.reading or TimeLeft(self._clock)
            test.reading.mark(done, total)
            test.read = f"{done:,} of {total:,} read" + (f", {event.detail}" if event.detail else "")
        elif total:
            if self._bar != event.text:
                self._pace = TimeLeft(self._clock)
            self._pace.mark(done, total)
            self._done, self._total = done, total
            self._bar = one_line(event.text) if done < total else ""
