"""Attends to a session: signals, display and whoever answers are set up around it, its outcome is printed."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from typing import NamedTuple, TextIO

from ..graph.ports import Event
from ..tools.errors import AnalysisLocked, AnalyzeError, NotificationFailed, Stopped
from .display import OpenDisplay, make_display
from .environment import NOTIFY_SECRET
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
    output = settings.output or fitting(stderr)
    with (
        signals_ask(stop),
        open_terminal(sys.stdin, stderr, output, stop) as terminal,
        make_display(output, stderr) as display,
        strays_shown(display),
    ):
        stop.on_request(lambda _: display.show(Event("note", "Stopping; what is found is kept. Once more to quit at once.")))
        human = _human(settings, terminal, display)
        ended = list(ended_sessions(settings, display=display, human=human, stop=stop))
    for each in ended:
        print_outcome(each.outcome, stdout, as_json=output == "json", code=each.code)
    return worst([each.code for each in ended])


class Ended(NamedTuple):
    """How one session ended, and the exit code that says so."""

    outcome: Outcome
    code: int


def ended_sessions(settings: Settings, *, display: OpenDisplay, human: Human, stop: StopSignal) -> Iterator[Ended]:
    """Runs what the settings ask for, after what an earlier run of their scope left, and tells whoever is to be notified.

    Raises:
        AnalyzeError: it can't be done, or a signal stopped it before there was an outcome.
    """
    try:
        if settings.unattended and settings.resume is None and not settings.demo:
            yield from _earlier(settings, display=display, human=human, stop=stop)
        if not stop.requested:
            yield _session(settings, display=display, human=human, stop=stop)
    except AnalyzeError as error:
        _tell(settings, Ended(Outcome("", "", settings.experiment or "", "failed"), error.exit_code), display)
        raise


def _earlier(settings: Settings, *, display: OpenDisplay, human: Human, stop: StopSignal) -> Iterator[Ended]:
    """Finishes what an earlier run of the same scope left, or gives it up; an error ends the run while tries are left."""
    from .unfinished import find_unfinished  # late, as below

    left = find_unfinished(settings)
    if left is None:
        return
    if (given_up := left.take_up()) is None:
        display.show(Event("note", f"Analysis {left.run_id} was interrupted; it is finished first."))
        try:
            ended = _session(left.settings(settings), display=display, human=human, stop=stop)
        except (AnalysisLocked, Stopped):
            left.stopped()
            raise
        except Exception as error:  # whatever it died of counts: after the third it is given up, else it is raised again
            if (given_up := left.failed(error)) is None:
                raise
        else:
            if ended.outcome.status == "stopped":
                left.stopped()
            yield ended
            return
    display.show(Event("note", given_up.notes[0]))
    ended = Ended(given_up, 1)
    _tell(settings, ended, display)
    yield ended


def _session(settings: Settings, *, display: OpenDisplay, human: Human, stop: StopSignal) -> Ended:
    outcome = _run(settings, display=display, human=human, stop=stop)
    stopped = stop.reason if outcome.status == "stopped" else None
    ended = Ended(outcome, stop_code(stopped) if stopped else exit_code(outcome, settings.fail_on))
    _tell(settings, ended, display)
    return ended


def _tell(settings: Settings, ended: Ended, display: OpenDisplay) -> None:
    """Notifies; that it failed is noted, and changes nothing else."""
    if settings.notify is None:
        return
    from .notification import Target, notify

    secret = os.environ.get(NOTIFY_SECRET, "")
    target = Target(settings.notify, settings.notify_format, settings.notify_details, secret)
    try:
        notify(target, ended.outcome, code=ended.code, scope=settings.scope or "", now=datetime.now(UTC))
    except NotificationFailed as error:
        note = f"Nobody was notified: {error}."
        display.show(Event("note", note))
        if ended.outcome.run_id and settings.tracking_uri:
            from .session import note_on

            with suppress(AnalyzeError):  # the store may be what is gone
                note_on(settings.tracking_uri, ended.outcome.run_id, note)


def attend_list(settings: Settings, stdout: TextIO) -> int:
    """Prints what `--list` asks for on `stdout`.

    Returns:
        The exit code.

    Raises:
        AnalyzeError: the store can't be read, or has no such experiment.
    """
    output = settings.output or "plain"
    with make_display(output, sys.stderr) as display, strays_shown(display):
        print_list(settings, stdout, as_json=output == "json")
    return 0


def strays_shown(display: OpenDisplay) -> AbstractContextManager[None]:
    """Shows as notes what libraries write to the streams meanwhile."""
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


def fitting(stream: TextIO) -> Output:
    """How progress is best shown on a stream."""
    return "rich" if stream.isatty() and os.environ.get("TERM") != "dumb" else "plain"


def _human(settings: Settings, terminal: Terminal | None, display: OpenDisplay) -> Human:
    if settings.unattended:
        return PolicyHuman()
    if terminal is None:
        display.show(Event("note", "There is no terminal to ask at: going on as with --unattended."))
        return PolicyHuman()
    return PersonHuman(terminal, display.paused)
