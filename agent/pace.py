"""How fast something goes and how long it will take, from what is done of it and when."""

import time
from collections.abc import Callable


class Pace:
    """How fast one task has gone since it began; what several workers do comes in bursts, which say nothing of the rest."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._done = 0

    def step(self, done: int, total: int) -> str:
        """The rate so far and what is left at it, in words; empty where none can be told yet. A count that falls begins anew."""
        now = self._clock()
        if self._began is None or done < self._done:
            self._began = (now, done)
        self._done = done
        began, first = self._began
        if now <= began or done <= first:
            return ""
        rate = (done - first) / (now - began)
        return f"{spoken(rate)}/s" + (f", {duration((total - done) / rate)} left" if done < total else "")


def spoken(rate: float) -> str:
    """A rate with as many digits as tell something."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def duration(seconds: float) -> str:
    """A length of time: 8 s, 3:05 min, 1:02 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    big, small, unit = (whole // 60, whole % 60, "min") if whole < 3600 else (whole // 3600, whole % 3600 // 60, "h")
    return f"{big}:{small:02} {unit}"
