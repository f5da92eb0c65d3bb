"""A session: opens the memory, builds the context, drives the graph, answers its questions, and says how it ended."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, Interrupt

from ..graph.asking_on import ask_on, is_left_to_ask
from ..graph.build import RECURSION_LIMIT, build_graph
from ..graph.context import Context, Options
from ..graph.ports import Analyst, Display, Event
from ..graph.routes import is_open
from ..graph.state import State
from ..tools.errors import NothingNew, Stopped, UserError
from ..tools.insights.artifacts import Boundary, no_boundary
from ..tools.insights.lease import ExperimentClaim
from ..tools.insights.models import Analysis, AnalysisStatus, Scope
from ..tools.insights.store import InsightStore
from ..tools.instants import utc_now
from ..tools.testing.playbooks import Entry, load_playbook
from ..tools.tracking import Tracking, connect, find_experiment
from .analysts.language import LanguageAnalyst
from .analysts.statistical import StatisticalAnalyst
from .engines import chosen_engine
from .human import Human, Payload, Reply
from .model.configured import configured_model, may_spend_more
from .outcome import Outcome
from .settings import Settings
from .stop import StopSignal
from .summary import summarise


def run_session(
    settings: Settings,
    *,
    display: Display,
    human: Human,
    stop: StopSignal,
    now: Callable[[], datetime] = utc_now,
    analyst: Analyst | None = None,
    boundary: Boundary = no_boundary,
) -> Outcome:
    """Runs one analysis from where it stands to its report, or to a clean stop.

    Args:
        settings: What was asked for.
        display: Shows the work.
        human: Answers the questions.
        stop: Asks for a clean stop.
        now: The clock.
        analyst: Who thinks; by the settings where nobody is given.
        boundary: Called before and after each write to MLflow; for tests of crashes.

    Raises:
        AnalyzeError: it can't be done; the message says what to change.
    """
    store = InsightStore(connect(settings.tracking_uri or ""), now=now, boundary=boundary)
    begun = _resumed(store, settings)
    goes_on = begun is not None and is_left_to_ask(begun) and may_spend_more(settings, begun.spend)
    if begun is not None and not goes_on and is_over(store, begun):
        store.finish_step(begun.run_id, "report")  # changes nothing, and mends an index that a kill left behind
        display.show(Event("note", f"Analysis {begun.run_id} is {begun.status}: nothing is left to do."))
        return summarise(store, begun.run_id, status="done", ui_url=settings.ui_url)
    with open_context(
        settings,
        store,
        begun,
        display=display,
        check_stop=stop.check,
        on_lost=lambda: stop.request("SIGTERM"),
        now=now,
        analyst=analyst,
    ) as context:
        if begun is not None and goes_on:
            context.claim(begun.experiment_id)
            display.show(Event("note", f"Going on with what was left out: {begun.spend.skipped_text}."))
            begun = ask_on(store, begun.run_id)
        try:
            return asyncio.run(_drive(context, human, stop, begun))
        except NothingNew as nothing:
            return _nothing_new(context, str(nothing))


@contextmanager
def open_context(
    settings: Settings,
    store: InsightStore,
    begun: Analysis | None,
    *,
    display: Display,
    check_stop: Callable[[], None],
    on_lost: Callable[[], object],
    now: Callable[[], datetime] = utc_now,
    analyst: Analyst | None = None,
) -> Generator[Context]:
    """What an analysis works with, while it lasts; the claim on its experiment is given back at the end.

    `on_lost` is called, from a thread of its own, where another host has taken the experiment over.
    """
    playbook = load_playbook(settings.playbook)
    claim = ExperimentClaim(store, now=now, on_lost=on_lost)
    context = Context(
        tracking=store.tracking,
        store=store,
        analyst=analyst or choose_analyst(settings, playbook, display, begun, check_stop=check_stop, tracking=store.tracking),
        display=display,
        options=_options(settings, begun),
        now=now,
        claim=claim.take,
        release=claim.release,
        check_stop=check_stop,
        playbook=playbook,
    )
    try:
        yield context
    finally:
        context.close()
        claim.release()


async def _drive(context: Context, human: Human, stop: StopSignal, begun: Analysis | None) -> Outcome:
    control, loop = RunControl(), asyncio.get_running_loop()
    stop.on_request(lambda reason: loop.call_soon_threadsafe(control.request_drain, reason))

    async def answer(payload: Payload) -> Reply:
        reply = human.answer(payload)
        stop.check()
        return reply

    return await Drive(context, answer, control).run(begun)


def is_over(store: InsightStore, begun: Analysis) -> bool:
    """Whether nothing is left to do; a completed analysis with a hypothesis that waits is opened again by testing it."""
    settled = begun.status in {AnalysisStatus.COMPLETED, AnalysisStatus.ARCHIVED}
    return settled and not any(is_open(each) for each in store.list_hypotheses(begun.run_id))


def scope_of(settings: Settings) -> Scope:
    """The scope that the settings name."""
    return Scope(name=settings.scope or "", filter=settings.filter or "")


def note_on(tracking_uri: str, run_id: str, note: str) -> None:
    """Keeps a note on an analysis, once."""
    InsightStore(connect(tracking_uri)).update_analysis(
        run_id, op=f"note:{note}", change=lambda current: current.model_copy(update={"notes": (*current.notes, note)})
    )


def _nothing_new(context: Context, why: str) -> Outcome:
    named = context.options.experiment
    found = find_experiment(context.tracking, named) if named else None
    return Outcome("", found.experiment_id if found else "", found.name if found else "", "empty", notes=[why])


def _resumed(store: InsightStore, settings: Settings) -> Analysis | None:
    return None if settings.resume is None else store.get_analysis(settings.resume)


def choose_analyst(
    settings: Settings,
    playbook: dict[str, Entry],
    display: Display,
    begun: Analysis | None,
    *,
    check_stop: Callable[[], None],
    tracking: Tracking,
) -> Analyst:
    """Who thinks: the language analyst where a model is named, and it says so.

    Raises:
        UserError: a model can't be had as it is asked for, or the analysis that is gone on with was begun with one.
    """
    counting = StatisticalAnalyst(playbook)
    model = configured_model(settings, os.environ, check_stop=check_stop, tracking=tracking)
    if model is None:
        if begun is not None and begun.analyst == LanguageAnalyst.name and settings.analyst != "statistical":
            named = f" (it was {begun.model.model!r})" if begun.model else ""
            raise UserError(
                f"This analysis was begun with a language model: name it with --model{named}, or go on without one with "
                "--analyst statistical."
            )
        return counting
    sent = "; secrets and personal data are masked" if settings.redact else ""
    display.show(Event("note", f"A language model reads traces: {settings.model} at {model.endpoint.address}{sent}."))
    return LanguageAnalyst(counting, model, display, sample=settings.read_sample, read_on=settings.read_on)


def _options(settings: Settings, begun: Analysis | None) -> Options:
    return Options(
        cache=settings.cache,
        key=uuid.uuid4().hex,
        experiment=settings.experiment,
        focus=settings.focus,
        since=begun.since if begun else settings.begins,
        until=begun.until if begun else settings.until,
        scope=begun.scope if begun else scope_of(settings),
        only_new=begun is None and settings.since == "last",
        follows=begun.follows if begun else None,
        began=begun.created_at if begun else None,
        unattended=settings.unattended,
        report=settings.report,
        review=settings.review,
        seed=settings.seed,
        ui_url=settings.ui_url,
        read_on=settings.read_on,
        mirror=not settings.no_mirror,
        engine=chosen_engine(settings),
    )


@dataclass
class Drive:
    """Drives the graph from question to question until it ends."""

    context: Context
    answer: Callable[[Payload], Awaitable[Reply]]
    """Answers a question of the graph; may raise `Stopped`."""
    control: RunControl
    """Asked to drain, it has the graph end at the next safe point."""
    on_run: Callable[[str], None] = lambda _: None
    """Told the analysis run as soon as it is there."""
    run_id: str = ""

    async def run(self, begun: Analysis | None) -> Outcome:
        """Starts the graph anew: where it goes on is read from the memory, never from a checkpoint."""
        graph = build_graph().compile(checkpointer=InMemorySaver())
        given: Any = {}
        if begun is not None:
            self.context.claim(begun.experiment_id)
            self.run_id = begun.run_id
            given = {"experiment_id": begun.experiment_id, "run_id": begun.run_id}
        self.context.entered.clear()  # whoever paused may enter the same step again, and nothing need be written in between
        try:
            while interrupts := await self._advance(graph, given):
                reply = await self.answer(interrupts[0].value)
                given = Command(resume={interrupts[0].id: {"decisions": reply.decisions, "answered_by": reply.answered_by}})
        except (GraphDrained, Stopped):
            if not self.run_id:
                raise Stopped("Stopped as asked, before anything was written.") from None
            return self._summarise("stopped")
        finally:
            await self.context.analyst.close()
        return self._summarise("done")

    async def _advance(self, graph: CompiledStateGraph[State, Context, State, State], given: Any) -> tuple[Interrupt, ...]:
        """Runs to the next question or to the end; gives the questions."""
        interrupts: tuple[Interrupt, ...] = ()
        stream = graph.astream(
            given,
            {"configurable": {"thread_id": self.context.options.key}, "recursion_limit": RECURSION_LIMIT},
            context=self.context,
            stream_mode="updates",
            durability="sync",
            control=self.control,
            version="v2",
        )
        async for part in stream:
            updates: dict[str, Any] = part["data"]  # pyright: ignore[reportAssignmentType] - the type of mode "updates"
            interrupts = updates.get("__interrupt__", interrupts)
            run_id = next((each["run_id"] for each in updates.values() if "run_id" in (each or ())), self.run_id)
            if run_id != self.run_id:
                self.run_id = run_id
                self.on_run(run_id)
        return interrupts

    def _summarise(self, status: Literal["done", "stopped"]) -> Outcome:
        return summarise(self.context.store, self.run_id, status=status, ui_url=self.context.options.ui_url)
