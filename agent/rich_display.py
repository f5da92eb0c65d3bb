"""Progress on a terminal: what has happened above, what is going on now in a few live lines below."""

import re
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TextIO

from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.spinner import Spinner
from rich.text import Text

from ..graph.ports import Event
from .console import STYLES, plain_console
from .pace import spoken
from .printable import one_line, printable
from .progress import Progress as Following

SHOWN_LINES = 12
"""Lines of a plan or a query that are shown; the whole is in the memory."""


class RateColumn(ProgressColumn):
    """How much is done a second; nothing until that is known."""

    def render(self, task: Task) -> Text:
        """The rate of the last half minute."""
        return Text(f"{spoken(task.speed)}/s" if task.speed else "", style="progress.data.speed")


class RichDisplay:
    """The live display; use it as a context manager, so that the terminal is given back as it was."""

    def __init__(self, stream: TextIO) -> None:
        self._console = plain_console(stream)
        # Held while printing, and printing takes the lock of the live lines; so what the live lines call must never wait for it.
        self._lock = threading.Lock()
        self._progress = Progress(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._step = Spinner("line", Text("Starting"), style="cyan")
        self._following = Following()
        self._live: Live | None = None

    def show(self, event: Event) -> None:
        """Prints the event above the live lines, or moves the bar."""
        with self._lock:
            self._following.follow(event)
            if event.kind == "progress":
                self._move(event)
                return
            self._follow(event)
            for renderable in render(event):
                self._console.print(renderable)
            if self._live:
                self._live.refresh()

    @contextmanager
    def paused(self) -> Generator[None]:
        """Takes the live lines away while a question is asked."""
        with self._lock:
            was_live = self._live is not None
            self._stop()
        try:
            yield
        finally:
            if was_live:
                with self._lock:
                    self._start()

    def __enter__(self) -> Self:
        with self._lock:
            self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._stop()

    def _start(self) -> None:
        if self._live is None:
            # Streams are not redirected here: what libraries print reaches us as notes already.
            self._live = Live(
                get_renderable=self._now,
                console=self._console,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._live.start()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _now(self) -> RenderableType:
        testing = [
            Text.assemble(
                ("  > ", "cyan"),
                (f"{one_line(subject)} ", "bold"),
                (f"{far}  " if far else "", "cyan"),
                statement,
                no_wrap=True,
                overflow="ellipsis",
            )
            for subject, far, statement in self._following.tests()
        ]
        return Group(self._step, *testing, *([self._progress] if self._progress.task_ids else []))

    def _follow(self, event: Event) -> None:
        """Keeps the live lines true: a step ends the bars of the one before."""
        if event.kind == "step":
            self._step.update(text=Text(one_line(event.text), no_wrap=True, overflow="ellipsis"))
            for task in self._tasks.values():
                self._progress.remove_task(task)
            self._tasks.clear()

    def _move(self, event: Event) -> None:
        if event.subject and event.step == "test":  # it stands beside the hypothesis
            return
        title = one_line(event.text)
        if title not in self._tasks:
            self._tasks[title] = self._progress.add_task(title, total=event.total)
        self._progress.update(self._tasks[title], completed=event.done or 0, total=event.total)
        if event.total is not None and (event.done or 0) >= event.total:
            self._progress.remove_task(self._tasks.pop(title))


def render(event: Event) -> Iterator[RenderableType]:
    """What is printed of an event, for any terminal: long texts wrap, a query is cut to its line."""
    yield from _SHOWN[event.kind](event)


def _step(event: Event) -> Iterator[RenderableType]:
    yield Text.assemble("\n", (one_line(event.text), "bold cyan"))
    yield from _below(event.detail, indent=2)


def _plain(event: Event) -> Iterator[RenderableType]:
    yield _indented(Text(printable(event.text)), 2)
    yield from _below(event.detail, indent=4)


def _hypothesis(event: Event) -> Iterator[RenderableType]:
    yield _indented(Text.assemble((f"{one_line(event.subject)} ", "bold"), one_line(event.text)), 2)
    yield from _below(event.detail, indent=4)


def _query(event: Event) -> Iterator[RenderableType]:
    """A step and the filter it used, the latter on one line: the whole is kept in the memory under its query."""
    yield _indented(Text.assemble((f"{one_line(event.subject)} ", "dim"), one_line(event.text)), 4)
    if event.detail:
        yield _indented(Text(one_line(event.detail), style="dim", no_wrap=True, overflow="ellipsis"), 6)


def _under_test(event: Event) -> Iterator[RenderableType]:
    yield _indented(Text.assemble((f"{one_line(event.subject)} ", "dim"), one_line(event.text)), 4)
    yield from _below(event.detail, indent=6)


def _judged(event: Event) -> Iterator[RenderableType]:
    text = one_line(event.text)
    word = re.match(r"[A-Z]+", text)
    style = STYLES.get(word[0], "") if word else ""
    end = word.end() if word and style else 0
    yield _indented(Text.assemble((text[:end], style), text[end:], (f"  {one_line(event.subject)}", "dim")), 2)
    yield from _below(event.detail, indent=4)


def _report(event: Event) -> Iterator[RenderableType]:
    yield _indented(Text.assemble("Report: ", (one_line(event.text), "bold")), 2)


def _below(detail: str, *, indent: int) -> Iterator[RenderableType]:
    lines = printable(detail).strip().splitlines()
    if len(lines) > SHOWN_LINES:
        lines = [*lines[: SHOWN_LINES - 1], f"... {len(lines) - SHOWN_LINES + 1} more lines"]
    if lines:
        yield _indented(Text("\n".join(lines), style="dim"), indent)


def _indented(text: Text, indent: int) -> RenderableType:
    return Padding(text, (0, 0, 0, indent), expand=False)


_SHOWN: dict[str, Callable[[Event], Iterator[RenderableType]]] = {
    "step": _step,
    "note": _plain,
    "census": _plain,
    "hypothesis": _hypothesis,
    "query": _query,
    "result": _under_test,
    "verdict": _judged,
    "issue": _judged,
    "report": _report,
}
