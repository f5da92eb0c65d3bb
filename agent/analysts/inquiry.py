"""What every question of one analysis shares: the model, the traces, what is known of the agent, and which traces were shown."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from ...graph.ports import Event
from ...prompts import load_prompt
from ...tools.errors import TraceReadError
from ...tools.insights.models import Analysis
from ...tools.traces.views import TraceView
from ...tools.workbench import Workbench
from ..model import GivenUp, LanguageModel
from .fitting import RELATIONS, Value, ask_fitted, brief_for

T = TypeVar("T", bound=BaseModel)


@dataclass
class Inquiry:
    """One analysis's questions to a model."""

    bench: Workbench
    analysis: Analysis
    model: LanguageModel
    show: Callable[[Event], object]
    brief: str
    """The agent: description, tools, rules. It stands first in each prompt, so that providers cache it."""
    known: Mapping[str, str]
    """Long texts of the traces that stand in every prompt already, and what they are called there."""
    step: str = "hypotheses"
    seen: set[str] = field(default_factory=lambda: set[str]())
    """Traces that the model was shown while it proposed: what they suggest isn't tested on them."""

    async def ask(self, prompt: str, form: type[T], *, purpose: str, **values: Value) -> T | GivenUp:
        """The model's answer to a packaged prompt; what is flexible is shortened where its context is small."""
        given: dict[str, Value] = dict(values)
        inputs = load_prompt(prompt).front.inputs
        if "agent" in inputs:
            given["agent"] = brief_for(self.model, self.brief)
        if "relations" in inputs:
            given["relations"] = RELATIONS
        return await ask_fitted(self.model, prompt, form, purpose=purpose, values=given)

    def fitting(self, tokens: int) -> int:
        """So many tokens, or a third of what the model can take, whichever is less."""
        context = self.model.context_tokens
        return tokens if context is None else min(tokens, context // 3)

    async def read(self, trace_id: str) -> TraceView | None:
        """A trace, linked; None where it can't be read."""
        self.seen.add(trace_id)
        reader, bench = self.bench.store.reader, self.bench
        try:
            return await asyncio.to_thread(reader.get, trace_id, run_id=bench.run_id, experiment_id=bench.experiment_id)
        except TraceReadError:
            return None

    async def look_at(self, trace_ids: Sequence[str]) -> None:
        """Links traces that are about to be shown."""
        self.seen.update(trace_ids)
        await asyncio.to_thread(self.bench.look_at, list(trace_ids))

    def note(self, text: str, *, detail: str = "") -> None:
        """Says something to whoever watches."""
        self.show(Event("note", text, step=self.step, detail=detail))

    def progress(self, text: str, done: int, total: int) -> None:
        """Says how far it is."""
        self.show(Event("progress", text, step=self.step, done=done, total=total))
