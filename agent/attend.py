"""Attends to a session: signals, display and whoever answers are set up around it, its outcome is printed."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TextIO

from ..graph.ports import Event
from ..tools.errors import Stopped
from .display import OpenDisplay, make_display
from .human import Human, PersonHuman, PolicyHuman
from .listing import print_list
from .outcome import Outcome, exit_code, worst
from .result import print_outcome
from .settings import Output, Settings
from .stop import StopSignal, signals_ask, stop_code
from .streams import strays_to
from .terminal import Terminal, open_terminal


def attend(settings: Settings, stdout: TextIO) -> int:
    """Runs the session that the settings ask for, and prints its outcome on `stdout`.

    Returns:
        The exit code.

    Raises:
        AnalyzeError: it can't be done, or a signal stopped it before there was an outcome.
    """
    stop, stderr = StopSignal(), sys.stderr
    output = settings.output or _fitting(stderr)
    with (
        signals_ask(stop),
        open_terminal(sys.stdin, stderr, output, stop) as terminal,
        make_display(output, stderr) as display,
        _strays_shown(display),
    ):
        stop.on_request(lambda _: display.show(Event("note", "Stopping; what is found is kept. Once more to quit at once.")))
        human = _human(settings, terminal, display)
        outcomes = [_run(each, display=display, human=human, stop=stop) for each in _in_turn(settings, display, stop)]
    codes: list[int] = []
    for outcome in outcomes:
        stopped = outcome.status == "stopped" and stop.reason
        codes.append(stop_code(stop.reason) if stopped and stop.reason else exit_code(outcome, settings.fail_on))
        print_outcome(outcome, stdout, as_json=output == "json", code=codes[-1])
    return worst(codes)


def _in_turn(settings: Settings, display: OpenDisplay, stop: StopSignal) -> Iterator[Settings]:
    """What is to be run: where nobody watches, first what an earlier run of the same scope left unfinished."""
    if settings.unattended and settings.resume is None and not settings.demo:
        from .session import find_unfinished  # late, as below

        unfinished = find_unfinished(settings)
        if unfinished is not None:
            display.show(Event("note", f"Analysis {unfinished} was interrupted; it is finished first."))
            fixed = {"since": None, "last": None, "until": None, "filter": None, "scope": None}
            yield settings.model_copy(update={**fixed, "resume": unfinished})
    if not stop.requested:
        yield settings


def attend_list(settings: Settings, stdout: TextIO) -> int:
    """Prints what `--list` asks for on `stdout`.

    Returns:
        The exit code.

    Raises:
        AnalyzeError: the store can't be read, or has no such experiment.
    """
    output = settings.output or "plain"
    with make_display(output, sys.stderr) as display, _strays_shown(display):
        print_list(settings, stdout, as_json=output == "json")
    return 0


def _strays_shown(display: OpenDisplay) -> AbstractContextManager[None]:
    return strays_to(lambda line: display.show(Event("note", line, step="log")))


def _run(settings: Settings, *, display: OpenDisplay, human: Human, stop: StopSignal) -> Outcome:
    from .session import run_session  # late: what it imports takes seconds, and the display is up by now

    try:
        if settings.demo:
            from .demo import prepare_demo

            settings = prepare_demo(settings, display=display)
        stop.check()
        return run_session(settings, display=display, human=human, stop=stop)
    except Stopped as stopped:
        if stop.reason:
            stopped.exit_code = stop_code(stop.reason)
        raise


def _fitting(stream: TextIO) -> Output:
    return "rich" if stream.isatty() and os.environ.get("TERM") != "dumb" else "plain"


def _human(settings: Settings, terminal: Terminal | None, display: OpenDisplay) -> Human:
    if settings.unattended:
        return PolicyHuman()
    if terminal is None:
        display.show(Event("note", "There is no terminal to ask at: going on as with --unattended."))
        return PolicyHuman()
    return PersonHuman(terminal, display.paused)
