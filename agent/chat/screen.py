"""The terminal of the chat: lines above, one open prompt below, and under it what goes on."""

import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style
from rich.console import RenderableType

from ...graph.ports import Event
from ..asking import Asking
from ..console import as_lines, plain_console
from ..outcome import Outcome
from ..progress import Progress
from ..result import print_outcome
from ..rich_display import render
from .engine import Engine, State
from .handles import Handles
from .review import Reviewing

LEFT_ROWS = 8
"""Rows of the terminal that a question leaves to what is typed and to what came before."""
REFRESH_S = 0.5
WAITING: dict[State, str] = {
    "new": "starting",
    "asking": "waiting for your answer",
    "pausing": "pausing",
    "paused": "paused: /resume goes on",
    "done": "done: ask about it, /add, /report or /quit",
    "failed": "stopped by an error: /resume tries again",
}
STYLE = Style.from_dict({"question": "bold", "hint": "italic", "bottom-toolbar": "reverse"})


class ChatDisplay:
    """Shows the events of the analysis above the prompt; remembers the steps that it saw, and the traces.

    A thread of its own renders, because a handle may have to be looked up in the memory, and whoever shows mustn't wait for that.
    """

    def __init__(self, stream: TextIO, handles: Handles, progress: Progress) -> None:
        self._stream, self._handles, self._progress = stream, handles, progress
        self._lines: queue.SimpleQueue[Event | Outcome | tuple[RenderableType, ...] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._print_all, name="chat display", daemon=True)
        self.steps: dict[str, dict[str, str]] = {}
        """Per hypothesis the steps that ran: title with its count, SQL."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Prints what is left, and ends."""
        self._lines.put(None)
        self._thread.join()

    def show(self, event: Event) -> None:
        """Shows an event of the analysis."""
        self._progress.follow(event)
        if event.kind == "query":
            self.steps.setdefault(event.subject, {})[event.text] = event.detail
        if event.kind != "progress":
            self._lines.put(event)

    def say(self, *said: RenderableType | Outcome) -> None:
        """Prints what the conversation says, in order with the events."""
        for each in said:
            self._lines.put(each if isinstance(each, Outcome) else (each,))

    def _print_all(self) -> None:
        console = plain_console(self._stream)
        while (line := self._lines.get()) is not None:
            if isinstance(line, Outcome):
                print_outcome(line, self._stream, as_json=False, code=0)
                continue
            if isinstance(line, Event):
                line = tuple(render(replace(line, subject=self._handles.of(line.subject))))
            for renderable in line:
                console.print(renderable)


class Prompt:
    """The open prompt. What it asks changes with the analysis, while the person types."""

    def __init__(self, engine: Engine, handles: Handles, progress: Progress, *, completer: Completer, history: History) -> None:
        self._engine, self._handles, self._progress = engine, handles, progress
        self._session: PromptSession[str] = PromptSession(
            message=self._message,
            bottom_toolbar=self._toolbar,
            completer=completer,
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            history=history,
            style=STYLE,
            refresh_interval=REFRESH_S,
            reserve_space_for_menu=0,
        )
        self._offered = ""
        self.note: Callable[[], str] = lambda: ""
        """What is said in the line at the bottom besides the progress."""
        self._begun_before: Asking | None = None
        """The question that came up while a line was being typed: that line is no answer to it."""

    def changed(self) -> None:
        """Draws anew what is asked."""
        if self._engine.pending is not None and self._session.default_buffer.text:
            self._begun_before = self._engine.pending
        self._session.app.invalidate()

    def offer(self, line: str) -> bool:
        """Puts a line at the prompt, for the person to enter; False where something is being typed, or a question waits."""
        asking = self._engine.pending
        typing = self._session.app.is_running
        if (typing and self._session.default_buffer.text) or not (asking is None or isinstance(asking, Reviewing)):
            return False
        if typing:
            self._session.default_buffer.insert_text(line)
        else:
            self._offered = line
        return True

    async def read(self) -> tuple[str, bool]:
        """A line, and whether it may answer the pending question.

        Raises:
            KeyboardInterrupt: Ctrl-C.
            EOFError: Ctrl-D on an empty line.
        """
        offered, self._offered = self._offered, ""
        text = await self._session.prompt_async(default=offered)
        meant = self._engine.pending is not None and self._engine.pending is not self._begun_before
        self._begun_before = None
        return text.strip(), meant

    def _message(self) -> StyleAndTextTuples:
        asking = self._engine.pending
        asked: StyleAndTextTuples = []
        if asking is not None:
            asked = [
                ("class:question", f"{asking.question}\n"),
                ("", "".join(f"{line}\n" for line in self._body(asking))),
                ("class:hint", f"{asking.hint}\n"),
            ]
        return [*asked, ("class:question", "> ")]

    def _body(self, asking: Asking) -> list[str]:
        """The text of the question, wrapped, where it leaves room for an answer; else it is printed above, whole."""
        return as_lines(asking.body(), width=self._session.app.output.get_size().columns) if self.holds(asking) else []

    def holds(self, asking: Asking) -> bool:
        """Whether the prompt has room for the whole question."""
        size = self._session.app.output.get_size()
        return len(as_lines(asking.body(), width=size.columns)) <= size.rows - LEFT_ROWS

    def _toolbar(self) -> str:
        """The step with its time left; what else goes on; each hypothesis under test with how far it is. Cut to the line."""
        width = self._session.app.output.get_size().columns
        running = self._engine.state == "running"
        parts = [self._progress.line() if running else WAITING[self._engine.state], self.note()]
        pool = self._engine.context.pool
        if running and pool is not None:  # what was dropped is at work no longer
            at_work = [each for each in self._progress.tests() if each[0] in pool.tasks]
            parts += [f"{self._handles.known_as(subject)} {far}".strip() for subject, far, _ in at_work]
        line = f" {' | '.join(part for part in parts if part)}"
        return line if len(line) < width else f"{line[: width - 4]}..."
