"""The wish to stop, from a signal to everyone who can end cleanly."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Literal, NoReturn

from ..tools.errors import Stopped

Reason = Literal["SIGINT", "SIGTERM"]


def stop_code(reason: Reason) -> int:
    """The exit code after a clean stop: 128 and the number of the signal."""
    return 130 if reason == "SIGINT" else 143


class StopSignal:
    """Whether a stop is requested, and why. The first request counts; it can't be taken back.

    Callbacks run in a thread of their own: a signal handler interrupts the main thread anywhere, and would wait for ever for a
    lock that the main thread itself holds.
    """

    def __init__(self) -> None:
        # Reentrant, because a signal may arrive while the main thread is inside one of these methods.
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[Reason], object]] = []
        self._reason: Reason | None = None

    def request(self, reason: Reason) -> None:
        """Asks everyone to stop; callable from a signal handler."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            callbacks = tuple(self._callbacks)
        _run(callbacks, reason)

    @property
    def requested(self) -> bool:
        """Whether a stop is requested."""
        return self._reason is not None

    @property
    def reason(self) -> Reason | None:
        """The signal that asked first, if one did."""
        return self._reason

    def on_request(self, callback: Callable[[Reason], object]) -> None:
        """Has `callback` called once with the reason: at the request, or now if that was before."""
        with self._lock:
            self._callbacks.append(callback)
            late = self._reason
        if late is not None:
            _run((callback,), late)

    def check(self) -> None:
        """Goes on unless a stop is requested.

        Raises:
            Stopped: a stop is requested.
        """
        if self._reason is not None:
            raise Stopped("Stopped as asked; what was written stands.")


def _run(callbacks: tuple[Callable[[Reason], object], ...], reason: Reason) -> None:
    for callback in callbacks:
        threading.Thread(target=callback, args=(reason,), name="stop", daemon=True).start()


@contextmanager
def signals_ask(stop: StopSignal) -> Generator[None]:
    """SIGINT and SIGTERM ask to stop; a second SIGINT quits at once."""

    def ask(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and stop.requested:
            _quit()
        stop.request("SIGINT" if number == signal.SIGINT else "SIGTERM")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _quit() -> NoReturn:
    """Leaves without any clean-up, but with the cursor that the live display had hidden."""
    if os.isatty(2):
        os.write(2, b"\x1b[?25h\n")
    os._exit(stop_code("SIGINT"))
