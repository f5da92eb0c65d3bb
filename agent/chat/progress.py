"""What goes on at this moment, for the line under the prompt: the step, how far it is, and how long it may take."""

import threading
import time
from collections.abc import Callable

from ...graph.ports import Event
from ..printable import one_line
from .engine import State

WAITING = {
    "new": "starting",
    "asking": "waiting for your answer",
    "pausing": "pausing",
    "paused": "paused: /resume goes on",
    "done": "done: ask about it, /add, /report or /quit",
    "failed": "stopped by an error: /resume tries again",
}


class Progress:
    """Follows the events of an analysis. Told by any thread, read by the one that draws."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._step = ""
        self._bar: tuple[str, int, int] | None = None
        self._since: tuple[float, int] = (0.0, 0)
        """When the bar was begun, and at how much."""

    def follow(self, event: Event) -> None:
        """Takes an event into account."""
        with self._lock:
            if event.kind == "step":
                self._step, self._bar = one_line(event.text), None
            elif event.kind == "progress" and event.done is not None and event.total:
                if self._bar is None or self._bar[0] != event.text or event.done < self._bar[1]:
                    self._since = (self._clock(), event.done)
                self._bar = (event.text, event.done, event.total) if event.done < event.total else None

    def line(self, state: State) -> str:
        """One line: what goes on."""
        with self._lock:
            if state != "running":
                return WAITING[state]
            bar = f"  {one_line(self._bar[0])} {self._bar[1]:,} of {self._bar[2]:,}{self._left()}" if self._bar else ""
            return f"{self._step or 'starting'}{bar}"

    def _left(self) -> str:
        """How long the rest takes at the pace so far."""
        assert self._bar is not None
        _, done, total = self._bar
        began, first = self._since
        if done <= first:
            return ""
        seconds = (self._clock() - began) / (done - first) * (total - done)
        return f", {seconds:.0f} s left" if seconds < 90 else f", {seconds / 60:.0f} min left"
