"""What every command of the chat reaches: the analysis, its memory, the short names, and the screen."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ...graph.context import Context
from ...tools.errors import UserError
from ...tools.insights.store import InsightStore
from .engine import Engine
from .handles import Handles

T = TypeVar("T")


@dataclass
class Reach:
    """Shared by all that carry something out for the person."""

    engine: Engine
    handles: Handles
    say: Callable[..., None]
    """Prints above the prompt."""
    steps: Mapping[str, dict[str, str]]
    """The steps that were seen to run, by hypothesis: title and count, SQL."""
    seen: set[str] = field(default_factory=lambda: set[str]())
    """The ids of traces that were shown."""

    @property
    def context(self) -> Context:
        """What the analysis works with."""
        return self.engine.context

    @property
    def store(self) -> InsightStore:
        """The memory."""
        return self.engine.context.store

    @property
    def run_id(self) -> str:
        """The analysis.

        Raises:
            UserError: it has no run yet.
        """
        if not self.engine.run_id:
            raise UserError("The analysis hasn't begun: its experiment is to be chosen, or its traces are being copied.")
        return self.engine.run_id

    @property
    def testing(self) -> list[str]:
        """The hypotheses under test."""
        pool = self.engine.context.pool
        return list(pool.tasks) if pool is not None else []

    async def call(self, call: Callable[[], T]) -> T:
        """Runs a blocking call beside the prompt."""
        return await asyncio.to_thread(call)

    async def find(self, handle: str, kind: str) -> str:
        """The id that a handle means.

        Raises:
            UserError: it means nothing here, or several.
        """
        return await self.call(lambda: self.handles.find(handle, kind))

    async def look_at(self, trace_ids: list[str]) -> None:
        """Links traces before any of their text is shown."""
        run_id = self.run_id
        self.seen.update(trace_ids)
        analysis = await self.call(lambda: self.store.get_analysis(run_id))
        await self.call(lambda: self.store.reader.link(run_id, trace_ids, experiment_id=analysis.experiment_id))
