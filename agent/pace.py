"""How fast something goes and how long it will take, from what is done of it and when."""

import time
from collections.abc import Callable


class Pace:
    """What one task has done between the times that it is asked."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._last: tuple[float, int] | None = None

    def step(self, done: int, total: int) -> str:
        """The rate since the last step and what is left at it, in words; empty where none can be told yet."""
        now, last = self._clock(), self._last
        self._last = (now, done)
        if last is None or now <= last[0] or done <= last[1]:
            return ""
        rate = (done - last[1]) / (now - last[0])
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
