"""Drives the graph beside the conversation: starts, pauses and goes on; its questions wait here for the person's answer."""

import asyncio
from collections.abc import Callable
from typing import Literal

from langgraph.runtime import RunControl

from ...graph.context import Context
from ...tools.errors import AnalyzeError, Stopped
from ..asking import Asking, Payload
from ..human import Reply
from ..outcome import Outcome
from ..session import Drive
from ..stop import StopSignal
from .review import asking_for

State = Literal["new", "running", "asking", "pausing", "paused", "done", "failed"]
PATIENCE_S = 5
"""How long a step may take to come to its safe point when the person leaves; then it is cancelled, and done again next time."""


class Engine:
    """One analysis, from the conversation's side. All methods but `check_stop` belong to the event loop's thread."""

    def __init__(self) -> None:
        self.state: State = "new"
        self.pending: Asking | None = None
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        """What ended the last run, where something did."""
        self.run_id = ""
        self.on_change: Callable[[], None] = lambda: None
        """Called when the state, the pending question or the run has changed."""
        self._context: Context | None = None
        self._stop = StopSignal()
        self._control = RunControl()
        self._task: asyncio.Task[None] | None = None
        self._answered: asyncio.Future[Asking] | None = None

    @property
    def context(self) -> Context:
        """What the analysis works with."""
        assert self._context is not None, "the engine is opened first"
        return self._context

    def open(self, context: Context, run_id: str) -> None:
        """Takes over the context, and the analysis to go on with where there is one."""
        self._context, self.run_id = context, run_id

    def check_stop(self) -> None:
        """Raises `Stopped` where a pause was asked for; for tools, in any thread."""
        self._stop.check()

    def start(self) -> None:
        """Begins, or goes on from what the memory says; does nothing while it runs."""
        if self._task is None or self._task.done():
            self._stop, self._control = StopSignal(), RunControl()
            self._turn("running")
            self._task = asyncio.create_task(self._drive())

    def rest(self) -> None:
        """Runs nothing: the analysis is done already, and is talked about."""
        self._turn("done")

    def pause(self) -> None:
        """Asks for a pause at the next safe point; queries that run are cancelled, and run again later."""
        if self.state == "running":
            self._turn("pausing")
            self._stop.request("SIGINT")
            self._control.request_drain("pause")

    async def close(self) -> None:
        """Comes to a safe point and ends; what was written stands."""
        self.pause()
        if self._task is None:
            return
        if self.state != "asking":
            await asyncio.wait({self._task}, timeout=PATIENCE_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def answered(self) -> None:
        """Hands the answer of the pending question to the graph, once every request of it has one."""
        if self.pending is not None and self.pending.done and self._answered is not None:
            self._answered.set_result(self.pending)
            self.pending = None

    async def _drive(self) -> None:
        try:
            begun = None
            if self.run_id:
                begun = await asyncio.to_thread(lambda: self.context.store.get_analysis(self.run_id))
            outcome = await Drive(self.context, self._ask, self._control, on_run=self._begun).run(begun)
        except Stopped:
            self._turn("paused")
        except AnalyzeError as error:
            self.error = error
            self._turn("failed")
        except Exception as error:  # the boundary: what nobody expected is told, and the conversation goes on
            self.error = error
            self._turn("failed")
        else:
            self.outcome = outcome
            if outcome.status != "stopped":
                self.context.release()
            self._turn("paused" if outcome.status == "stopped" else "done")

    async def _ask(self, payload: Payload) -> Reply:
        self.pending = asking_for(payload)
        self._answered = asyncio.get_running_loop().create_future()
        self._turn("asking")
        try:
            answered = await self._answered
        finally:
            self.pending = None
            self._turn("running")
        return Reply(answered.decisions, "person")

    def _begun(self, run_id: str) -> None:
        self.run_id = run_id
        self.on_change()

    def _turn(self, state: State) -> None:
        self.state = state
        self.on_change()
