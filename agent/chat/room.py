"""The conversation: one loop in which the analysis goes on, the prompt stays open, and what is typed is carried out."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager

from prompt_toolkit.history import History
from rich.text import Text

from ...tools.errors import AnalysisLocked, UserError
from ...tools.insights.models import Analysis
from ..failure import explain
from ..model import LanguageModel
from ..progress import Progress
from .commands import COMMANDS, Command, parse
from .completion import ChatCompleter
from .desk import Desk
from .engine import Engine
from .handles import Handles
from .hearing import Hearing
from .interpreter import Interpreter
from .reach import Reach
from .review import Reviewing
from .screen import ChatDisplay, Prompt

WELCOME = "The analysis {stands}; type at any time. /help lists the commands, Ctrl-C pauses, Ctrl-D leaves."
CONTROL = {"stop": "pause", "pause": "pause", "quit": "quit", "exit": "quit", "help": "help"}
"""Single words that are commands even while a question waits for a free text."""


class Room:
    """One conversation about one analysis."""

    def __init__(
        self,
        engine: Engine,
        handles: Handles,
        display: ChatDisplay,
        progress: Progress,
        *,
        history: History,
        model: LanguageModel | None = None,
    ) -> None:
        """`model` reads what is said in plain words; without one only rules do."""
        self._engine, self._handles, self._display, self._progress = engine, handles, display, progress
        reach = Reach(engine, handles, display.say, display.steps)
        self._desk = Desk(reach)
        self._prompt = Prompt(engine, handles, progress, completer=ChatCompleter(handles, reach.seen), history=history)
        interpreter = Interpreter(model, reach) if model is not None else None
        self._hearing = Hearing(reach, interpreter, self._carry_out, self._prompt.offer)
        self._prompt.note = lambda: "reading what you said" if self._hearing.reading else ""
        self._asked: object = None
        self._slow: set[asyncio.Task[None]] = set()
        self._told: object = None
        self._interrupts = 0
        self._left = asyncio.Event()
        self.signal: signal.Signals | None = None
        """What ended the conversation, where a signal did."""

    async def converse(self, begun: Analysis | None, *, start: bool) -> None:
        """Talks until the person leaves, or nothing can be said any more.

        Args:
            begun: The analysis that is gone on with, where there is one.
            start: Whether the analysis is to run at once; one that is done is only talked about.
        """
        self._engine.on_change = self._changed
        stands = "is done" if not start else "begins" if begun is None else "goes on"
        self._display.say(Text(WELCOME.format(stands=stands), style="dim"))
        if begun is not None:
            self._begin(begun.experiment_id)
        if start:
            self._engine.start()
        else:
            self._engine.rest()
        with _signals(
            {signal.SIGINT: self._interrupt, signal.SIGTERM: self._terminate, signal.SIGHUP: self._terminate},
        ):
            reading = asyncio.create_task(self._read())
            leaving = asyncio.create_task(self._left.wait())
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reading, leaving, *self._slow):
                task.cancel()
            ended = await asyncio.gather(reading, leaving, return_exceptions=True)
            await asyncio.gather(*self._slow, return_exceptions=True)
        self._display.say("Leaving; what was written stands.")
        await self._hearing.close()
        await self._engine.close()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _read(self) -> None:
        while not self._left.is_set():
            try:
                text, meant = await self._prompt.read()
            except KeyboardInterrupt:
                self._interrupt()
            except EOFError:
                self._left.set()
            else:
                self._interrupts = 0
                await self._take(text, answers=meant)

    async def _take(self, text: str, *, answers: bool) -> None:
        """A line: a command, the answer of the pending question, or a sentence."""
        try:
            command = self._command(text, pending=answers and self._engine.pending is not None)
        except UserError as error:
            self._display.say(Text(str(error), style="yellow"))
            return
        if command is not None:
            await self._carry_out(command)
        elif answers and self._is_answer(text):
            self._answer(text)
        elif text:
            self._beside(self._hearing.hear(text))

    async def _carry_out(self, command: Command) -> None:
        pending = self._engine.pending
        if command.name == "quit":
            self._left.set()
        elif command.name == "resume" and isinstance(pending, Reviewing):
            self._answer("")
        elif COMMANDS[command.name].slow:
            self._beside(self._desk.carry_out(command))
        else:
            await self._desk.carry_out(command)

    def _beside(self, work: Coroutine[None, None, None]) -> None:
        """Has something done while the prompt stays open."""
        task = asyncio.create_task(work)
        self._slow.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Says what went wrong beside the prompt: nobody waits for it who would hear."""
        self._slow.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._display.say(Text(explain(error)[0], style="red"))

    def _is_answer(self, text: str) -> bool:
        """Whether plain words go to the pending question; at the review all but a yes is for the model, where one reads."""
        pending = self._engine.pending
        if pending is None or not isinstance(pending, Reviewing) or self._hearing.interpreter is None:
            return pending is not None
        return pending.accepts(text)

    def _command(self, text: str, *, pending: bool) -> Command | None:
        """The command that a line is. While a question waits, plain words are its answer, but for a few that can't be one.

        Raises:
            UserError: it begins with a slash, and there is no such command.
        """
        if text.startswith("/"):
            return parse(text)
        if not text:
            return None
        if pending and not isinstance(self._engine.pending, Reviewing):
            name = CONTROL.get(text.lower().strip(" .!"))
            return Command(name) if name else None
        return self._hearing.by_rule(text)

    def _answer(self, text: str) -> None:
        pending = self._engine.pending
        assert pending is not None, "only a pending question is answered"
        before = len(pending.decisions)
        said = pending.take(text)
        if said is not None:
            self._display.say(said)
        self._engine.answered()
        if not pending.done and len(pending.decisions) != before:
            self._ask()

    def _interrupt(self) -> None:
        """Ctrl-C: pauses, and the second time in a row leaves."""
        self._interrupts += 1
        if self._interrupts > 1:
            self.signal = signal.SIGINT
            self._left.set()
            return
        running = self._engine.state == "running"
        self._engine.pause()
        self._display.say(Text(f"{'Pausing at the next safe point; ' if running else ''}Ctrl-C again leaves.", style="dim"))

    def _terminate(self) -> None:
        self.signal = signal.SIGTERM
        self._left.set()

    def _changed(self) -> None:
        """The engine has turned: a question is asked, the run has begun, it is paused, done, or failed."""
        self._prompt.changed()
        engine = self._engine
        if engine.state in {"paused", "failed", "done"}:
            self._progress.forget_tests()
        if engine.pending is not None and engine.pending is not self._asked:
            self._asked = engine.pending
            self._ask()
        if engine.run_id and not self._handles.run_id:
            self._beside(self._look_up())
        if engine.state == "paused":
            self._display.say(Text("Paused. /resume goes on, /quit leaves.", style="bold"))
        elif engine.state == "done" and engine.outcome is not None and engine.outcome is not self._told:
            self._told = engine.outcome
            self._display.say(engine.outcome)
        elif engine.state == "failed" and engine.error is not None:
            self._fail(engine.error)

    def _fail(self, error: BaseException) -> None:
        """What can't be mended from here ends the conversation; else the person may try again."""
        self._display.say(Text(explain(error)[0], style="red"))
        if isinstance(error, AnalysisLocked) or not self._engine.run_id:
            self._left.set()

    def _ask(self) -> None:
        """Prints what must be read to answer, where the prompt has no room for it."""
        pending = self._engine.pending
        if pending is not None and not pending.done and not self._prompt.holds(pending):
            self._display.say("", *pending.body())

    async def _look_up(self) -> None:
        """Once the analysis has a run: what handles are short for, and what was held back until then."""
        analysis = await asyncio.to_thread(lambda: self._engine.context.store.get_analysis(self._engine.run_id))
        self._begin(analysis.experiment_id)
        await self._desk.commit_held()

    def _begin(self, experiment_id: str) -> None:
        self._handles.run_id, self._handles.experiment_id = self._engine.run_id, experiment_id


@contextmanager
def _signals(handlers: Mapping[signal.Signals, Callable[[], None]]) -> Generator[None]:
    """Signals that arrive while the prompt isn't open; an open one takes Ctrl-C as a key."""
    loop = asyncio.get_running_loop()
    for number in handlers:
        loop.add_signal_handler(number, handlers[number])
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
