"""The set-up at the terminal of this process."""

import os
import sys
from pathlib import Path

from rich.text import Text

from ..printable import printable
from ..stop import StopSignal, signals_ask
from ..terminal import Terminal, open_terminal
from .conversation import SetUp, set_up


class AtTerminal:
    """Asks at a terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """A line; a secret isn't shown while it is typed."""
        return self._terminal.ask(prompt, secret=secret)

    def say(self, *lines: str) -> None:
        """Prints lines, control characters escaped."""
        self._terminal.say(*(Text(printable(line)) for line in lines))


def set_up_at_terminal(wanted: str | None) -> SetUp | None:
    """Sets MLflow up with the person at the terminal; None where nobody is at one.

    Raises:
        PersonNeeded: the input ended.
        Stopped: it was interrupted.
    """
    stop = StopSignal()
    with signals_ask(stop), open_terminal(sys.stdin, sys.stderr, "plain", stop) as terminal:
        if terminal is None or not sys.stderr.isatty():
            return None
        return set_up(AtTerminal(terminal), Path.cwd(), os.environ, wanted=wanted)
