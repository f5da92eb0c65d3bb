"""The person's terminal: questions out, lines of text in, and a way to be interrupted while waiting."""

import os
import select
import termios
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Literal, TextIO

from rich.console import RenderableType

from ..tools.errors import PersonNeeded
from .console import plain_console
from .stop import StopSignal


class Terminal:
    """Asks and listens. It reads the descriptor itself, because `input` in a thread can't be interrupted by a stop."""

    def __init__(self, descriptor: int, out: TextIO, stop: StopSignal) -> None:
        self._descriptor = descriptor
        self._console = plain_console(out)
        self._stop = stop

    def say(self, *renderables: RenderableType) -> None:
        """Prints each on lines of its own."""
        for renderable in renderables:
            self._console.print(renderable)

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Asks for a line; a paste of several lines is one answer, and a secret isn't shown while it is typed.

        Raises:
            PersonNeeded: the input has ended.
            Stopped: a stop was requested meanwhile.
        """
        with self._unseen() if secret else nullcontext():  # before it is asked: who answers at once isn't seen either
            # What was typed before the question was shown is no answer to it.
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
            self._console.print(prompt, style="bold", end=" ", soft_wrap=True)
            answer = self._line()
        if secret:
            self._console.print()
        return answer

    def _line(self) -> str:
        while not self._readable(wait_s=0.2):
            self._leave_if_stopped()
        parts = [self._read()]
        while parts[-1] and self._readable(wait_s=0):
            parts.append(self._read())
        self._leave_if_stopped()
        if not parts[0]:
            raise PersonNeeded("The input ended before the question was answered: answer it, or run with --unattended.")
        return b"".join(parts).decode("utf-8", "replace").strip()

    @contextmanager
    def _unseen(self) -> Generator[None]:
        """The terminal shows nothing of what is typed."""
        before = termios.tcgetattr(self._descriptor)
        unseen = [*before]
        unseen[3] = int(before[3]) & ~termios.ECHO
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, unseen)
        try:
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)

    def _leave_if_stopped(self) -> None:
        if self._stop.requested:
            self._console.print()
        self._stop.check()

    def _readable(self, *, wait_s: float) -> bool:
        return bool(select.select([self._descriptor], [], [], wait_s)[0])

    def _read(self) -> bytes:
        """What is there; a terminal that was hung up says EIO, which is an end of input too."""
        try:
            return os.read(self._descriptor, 65536)
        except OSError:
            return b""


@contextmanager
def open_terminal(
    stdin: TextIO, stderr: TextIO, output: Literal["rich", "plain", "json", "none"], stop: StopSignal
) -> Generator[Terminal | None]:
    """The terminal of the person who started this, or None if nobody can be asked.

    Questions go to stderr where that is a terminal; where it goes to a file, or must hold JSON only, to the terminal itself.
    """
    if not stdin.isatty():
        yield None
        return
    with ExitStack() as stack:
        try:
            own = stderr.isatty() and output != "json"
            out = stderr if own else stack.enter_context(Path("/dev/tty").open("w", encoding="utf-8", errors="backslashreplace"))
        except OSError:
            yield None
            return
        yield Terminal(stdin.fileno(), out, stop)
