"""Progress for who watches: live on a terminal, plain lines in a log, JSON lines for a program, or nothing."""

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from types import TracebackType
from typing import Literal, Protocol, Self, TextIO

from ..graph.ports import Display, Event
from .pace import Pace
from .printable import one_line
from .rich_display import RichDisplay
from .streams import forgiving


class OpenDisplay(Display, Protocol):
    """A display that holds its stream from `with` to the end of it."""

    def paused(self) -> AbstractContextManager[None]:
        """Leaves the terminal to a question while it lasts."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def make_display(output: Literal["rich", "plain", "json", "none"], stream: TextIO) -> OpenDisplay:
    """The display of this name, on this stream; that its reader went away doesn't end an analysis."""
    match output:
        case "rich":
            return RichDisplay(forgiving(stream))
        case "plain":
            return PlainDisplay(forgiving(stream))
        case "json":
            return JsonDisplay(forgiving(stream))
        case "none":
            return SilentDisplay()


class SilentDisplay:
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Does nothing."""

    @contextmanager
    def paused(self) -> Generator[None]:
        """Nothing is to be paused."""
        yield

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is to be closed."""


class _Lines(SilentDisplay, ABC):
    """Writes one line an event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def show(self, event: Event) -> None:
        """Writes the event's line, if it has one."""
        with self._lock:
            line = self._line(event)
            if line is not None:
                self._stream.write(line + "\n")
                self._stream.flush()

    @abstractmethod
    def _line(self, event: Event) -> str | None:
        """The event's line; None where it has none."""


class JsonDisplay(_Lines):
    """One JSON object a line, always with the same keys: event, step, text, subject, detail, done, total."""

    def _line(self, event: Event) -> str | None:
        waiting = event.kind == "progress" and not event.total  # a sign of life: there is nothing to count
        return None if waiting else json_line(event)


def json_line(event: Event) -> str:
    """The event as one line of JSON, in ASCII."""
    return json.dumps(event_fields(event))


def event_fields(event: Event) -> dict[str, object]:
    """The event as JSON values, always under the same keys."""
    fields = asdict(event)
    return {"event": fields.pop("kind"), **fields}


class PlainDisplay(_Lines):
    """One line an event, `[step] kind subject: text | detail`; of progress every tenth of it, with rate and time left."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._tenths: dict[tuple[str, str, str], int] = {}
        self._paces: dict[tuple[str, str, str], Pace] = {}

    def _line(self, event: Event) -> str | None:
        step = event.step or "run"
        if event.kind == "progress":
            return self._progress_line(event, step)
        kind = "" if event.kind in {"step", "note", step} else event.kind
        head = " ".join(filter(None, (f"[{step}]", kind, one_line(event.subject))))
        colon = ":" if kind or event.subject else ""
        detail = f" | {one_line(event.detail)}" if event.detail else ""
        return f"{head}{colon} {one_line(event.text)}{detail}"

    def _progress_line(self, event: Event, step: str) -> str | None:
        key = (event.step, event.text, event.subject)
        if key not in self._paces:
            self._paces[key] = Pace(clock=self._clock)
            self._paces[key].step(event.done or 0, event.total or 0)
        if not self._passed_a_tenth(event):
            return None
        pace = self._paces[key].step(event.done or 0, event.total or 0)
        subject = f"{one_line(event.subject)}: " if event.subject else ""
        return f"[{step}] {subject}{event.text}: {event.done} of {event.total}{f' ({pace})' if pace else ''}"

    def _passed_a_tenth(self, event: Event) -> bool:
        if event.done is None or not event.total:
            return False
        key, tenth = (event.step, event.text, event.subject), event.done * 10 // event.total
        passed = tenth > self._tenths.get(key, 0)
        self._tenths[key] = tenth
        return passed
