"""The standard streams of a session: stdout carries the result, stderr the progress, and what libraries print becomes notes."""

import io
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO, cast


class ForgivingStream(io.TextIOBase):
    """A stream whose reader may go away (a closed pipe, a lost terminal): from then on it swallows what is written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str, /) -> int:
        """Writes, or pretends to."""
        if not self._gone:
            try:
                return self._stream.write(text)
            except (OSError, ValueError):
                self._gone = True
        return len(text)

    def flush(self) -> None:
        """Flushes, if anybody reads."""
        if not self._gone:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._gone = True

    def isatty(self) -> bool:
        """As the stream itself."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """As the stream itself."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - typeshed has a plain attribute
        """As the stream itself."""
        return self._stream.encoding


class LineStream(io.TextIOBase):
    """Hands on each line that is written to it."""

    def __init__(self, take: Callable[[str], object]) -> None:
        self._take = take
        self._rest = ""
        self._lock = threading.Lock()

    def write(self, text: str, /) -> int:
        """Hands on the lines that are complete; a carriage return, as progress bars write it, ends one too."""
        with self._lock:
            *lines, self._rest = (self._rest + text).replace("\r", "\n").split("\n")
        for line in filter(str.strip, lines):
            self._take(line)
        return len(text)


def forgiving(stream: TextIO) -> TextIO:
    """The stream, forgiving; see `ForgivingStream`."""
    return cast(TextIO, ForgivingStream(stream))


@contextmanager
def strays_to(take: Callable[[str], object]) -> Generator[None]:
    """What anybody prints meanwhile goes to `take`, line by line, so that it can't break into the result or the progress."""
    with redirect_stdout(LineStream(take)), redirect_stderr(LineStream(take)):
        yield
