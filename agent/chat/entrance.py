"""Lets a person in: the terminal is there, the memory opened, the analysis begun, resumed, or only talked about."""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from typing import TextIO, cast

from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import StdoutProxy

from ...graph.ports import Analyst, Event
from ...tools.errors import UserError
from ...tools.insights.models import Analysis
from ...tools.insights.store import InsightStore
from ...tools.tracking import connect
from ..analysts.language import LanguageAnalyst
from ..demo import prepare_demo
from ..failure import explain
from ..outcome import exit_code
from ..progress import Progress
from ..session import is_over, open_context
from ..settings import Settings
from ..stop import stop_code
from ..streams import strays_to
from .engine import Engine
from .handles import Handles
from .room import Room
from .screen import ChatDisplay

WRITES_S = 0.05
"""Seconds in which lines are gathered before the prompt is drawn anew below them."""


def require_terminal() -> None:
    """Passes where a person sits at a terminal.

    Raises:
        UserError: input or output goes elsewhere.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise UserError(
            "The chat needs a terminal for its input and its output: start it in one, or use `run-analysis`, "
            "with --unattended where nobody answers."
        )


def attend_chat(settings: Settings) -> int:
    """Talks with the person at this terminal about one analysis.

    Returns:
        The exit code.

    Raises:
        AnalyzeError: it can't be begun.
    """
    # Opened in the session that is there, and before anything is redirected: what writes above the prompt comes from threads,
    # and a thread sees no other.
    with StdoutProxy(sleep_between_writes=WRITES_S, raw=True) as above:
        return asyncio.run(converse(settings, cast(TextIO, above)))


async def converse(settings: Settings, above: TextIO, *, analyst: Analyst | None = None) -> int:
    """One conversation at prompt_toolkit's current input and output.

    Args:
        settings: What was asked for.
        above: Takes what is said, above the prompt.
        analyst: Who thinks; by the settings where nobody is given.

    Returns:
        The exit code.

    Raises:
        AnalyzeError: it can't be begun.
    """
    engine, progress, handles = Engine(), Progress(), Handles()
    with (
        ChatDisplay(above, handles, progress) as display,
        strays_to(lambda line: display.show(Event("note", line, step="log"))),
    ):
        display.say("Opening the store.")
        settings, store, begun = await asyncio.to_thread(_open, settings, display)
        handles.store = store
        with open_context(
            settings,
            store,
            begun,
            display=display,
            check_stop=engine.check_stop,
            on_lost=partial(asyncio.get_running_loop().call_soon_threadsafe, engine.pause),
            analyst=analyst,
        ) as context:
            engine.open(context, begun.run_id if begun else "")
            model = context.analyst.model.beside() if isinstance(context.analyst, LanguageAnalyst) else None
            room = Room(engine, handles, display, progress, history=_history(), model=model)
            over = begun is not None and await asyncio.to_thread(is_over, store, begun)
            await room.converse(begun, start=not over)
    return _code(settings, engine, room)


def _open(settings: Settings, display: ChatDisplay) -> tuple[Settings, InsightStore, Analysis | None]:
    if settings.demo:
        settings = prepare_demo(settings, display=display)
    store = InsightStore(connect(settings.tracking_uri or ""))
    return settings, store, store.get_analysis(settings.resume) if settings.resume else None


def _code(settings: Settings, engine: Engine, room: Room) -> int:
    """What the shell is told: leaving on purpose is no failure."""
    if room.signal is not None:
        return stop_code("SIGINT" if room.signal.name == "SIGINT" else "SIGTERM")
    if engine.state == "failed" and engine.error is not None:
        return explain(engine.error)[1]
    if engine.state == "done" and engine.outcome is not None:
        return exit_code(engine.outcome, settings.fail_on)
    return 0


def _history() -> History:
    """What was typed before, in a file of the person's own (0600); in memory where none can be kept."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "analyze-experiment"
    path = folder / "chat_history"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
