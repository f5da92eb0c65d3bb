"""The graph for `langgraph dev`: the same steps and questions, with live objects opened here, because none comes with a request.

The server keeps the graph's state, which holds ids, and nothing else survives: not a restart, not even the wait for an answer.
So the context of a thread is opened when a step begins, from the settings and the memory, and closed before a question is
asked and at the end.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from ..graph.build import build_graph
from ..graph.context import Context
from ..graph.ports import Event
from ..graph.state import State
from ..tools.insights.store import InsightStore
from ..tools.tracking import connect
from .display import event_fields
from .launch import require_store
from .session import open_context
from .settings import Settings, load_settings
from .stop import StopSignal

Step = Callable[[State, Runtime[Any]], Awaitable[Any]]


@dataclass
class StreamDisplay:
    """Sends events to whoever streams the run, as `custom` parts."""

    write: Callable[[Any], None] = field(default=lambda _: None)

    def show(self, event: Event) -> None:
        """Sends one event."""
        self.write(event_fields(event))


@dataclass
class Opened:
    """What is open for one thread of the server."""

    context: Context
    display: StreamDisplay
    stack: ExitStack


class OpenThreads:
    """The contexts of the threads that are at work, opened when a step needs one."""

    def __init__(self) -> None:
        self._opened: dict[str, Opened] = {}

    def serve(self, step: Step) -> Step:
        """The step with its context; an error, a question and the end close it."""

        async def served(state: State, runtime: Runtime[Any]) -> Any:
            thread = runtime.execution_info.thread_id if runtime.execution_info else ""
            opened = await self._open(str(thread), state)
            opened.display.write = runtime.stream_writer
            try:
                given = await step(state, runtime.override(context=opened.context))
            except BaseException:  # a question is an exception too
                await self._close(str(thread))
                raise
            if given == "__end__":
                await self._close(str(thread))
            return given

        served.__name__ = getattr(step, "__name__", "step")
        return served

    async def _open(self, thread: str, state: State) -> Opened:
        if thread not in self._opened:
            self._opened[thread] = await asyncio.to_thread(_open, state)
        return self._opened[thread]

    async def _close(self, thread: str) -> None:
        opened = self._opened.pop(thread, None)
        if opened is not None:
            await asyncio.to_thread(opened.stack.close)


def _open(state: State) -> Opened:
    """Opens what one thread works with: by the settings of the server's environment, and by the analysis where there is one.

    Raises:
        AnalyzeError: no store is set, it can't be opened, or another run holds the experiment.
    """
    settings, stack, display = _settings(state), ExitStack(), StreamDisplay()
    stop = StopSignal()  # the server cancels a run by itself; another host that takes over can't
    store = InsightStore(connect(settings.tracking_uri or ""))
    run_id = state.get("run_id")
    begun = store.get_analysis(run_id) if run_id else None
    with stack:
        context = stack.enter_context(
            open_context(
                settings,
                store,
                begun,
                display=display,
                check_stop=stop.check,
                on_lost=lambda: stop.request("SIGTERM"),
            )
        )
        if begun is not None:
            context.claim(begun.experiment_id)
        return Opened(context, display, stack.pop_all())


def _settings(state: State) -> Settings:
    resolved = load_settings({}, os.environ, Path.cwd())
    for key, value in resolved.passed_on.items():
        os.environ.setdefault(key, value)
    settings = require_store(resolved.settings)
    experiment = state.get("experiment_id") or settings.experiment
    return settings.model_copy(update={"experiment": experiment})


def served_graph() -> "CompiledStateGraph[State, Any, State, State]":
    """The graph without a checkpointer: the server brings its own."""
    return build_graph(serve=OpenThreads().serve).compile()


graph = served_graph()
