"""The pool of tests: takes every hypothesis that the memory says is waiting, a few at a time, until none is."""

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import Literal

from langgraph.runtime import Runtime

from ..tools.errors import MemoryRefused, QueryError
from ..tools.insights.models import Hypothesis, HypothesisStatus, TestResult
from ..tools.memory import give_back
from ..tools.testing.execute import Execution
from ..tools.testing.plan import Plan
from ..tools.testing.queries import OnStep
from ..tools.workbench import Workbench
from .context import Context, in_thread
from .open_reading import OpenReading
from .planning import plan_stated
from .ports import Event
from .reading import carry_out, is_read
from .reading_on import to_read_on
from .reading_room import ReadingRoom
from .routes import is_open, wants_plan

HEED_S = 0.2
"""How long a stop may go unheeded, in seconds."""
LOOK_S = 1.0
"""How often the memory is looked at while tests run, in seconds: what others write there is heeded within twice that."""
WIDTH = 2
"""Hypotheses tested side by side, one per SQL worker. A third saved a million traces no time, and took half the memory again."""


@dataclass
class TestPool:
    """Carries out the plans of one analysis. What it learns is in the memory when `run` returns; it gives no verdict.

    It heeds the memory, whoever writes there: what is added meanwhile is tested, and work on what is dropped or decided stops.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    runtime: Runtime[Context]
    bench: Workbench
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=lambda: dict[str, asyncio.Task[None]]())
    reading: set[str] = field(default_factory=lambda: set[str]())
    """Those under test that are read: they wait for a judge, not for a SQL worker."""
    planning: set[str] = field(default_factory=lambda: set[str]())
    """Those whose plan is being written: they wait for a language model too."""
    room: ReadingRoom | None = None
    """Where they are read; None where the analyst has no judge."""
    tested: int = 0
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Tells this pool's queries from an earlier one's: those of an owner that was cancelled are refused for ever."""

    async def run(self) -> bool:
        """Tests until nothing waits; False where it was asked to stop before that."""
        context = self.runtime.context
        context.pool = self
        if context.analyst.judge is not None:
            most = context.options.read_on
            self.room = ReadingRoom(self.bench, context.analyst.judge, self._show_read, read_on=most)
            self.room.going_along.extend(await to_read_on(self.bench, most=most))
        try:
            while not self._stopping():
                waiting = await self._look()
                self._take_up([each for each in waiting if each.hypothesis_id not in context.tombstones])
                if self.tasks:
                    await self._one_done()
                elif waiting:
                    await self._drop_again(waiting)
                else:
                    await self._settle()
                    return True
            return False
        finally:
            context.pool = None
            await self._cancel_all()

    def abandon(self, hypothesis_id: str) -> None:
        """Stops the work on a hypothesis at once. Its tombstone is set before, and what became of it is committed after."""
        self.bench.sql.cancel(self._owner(hypothesis_id))
        if task := self.tasks.get(hypothesis_id):
            task.cancel()
        if self.room is not None:
            self.room.leave(hypothesis_id)

    def _owner(self, hypothesis_id: str) -> str:
        return f"{hypothesis_id} {self.attempt}"

    def _stopping(self) -> bool:
        control = self.runtime.control
        return control is not None and control.drain_requested

    async def _look(self) -> list[Hypothesis]:
        """What waits, for its test or its plan, and isn't at work; the work on what is no longer to be tested is stopped."""
        listed = await in_thread(lambda: self.runtime.context.store.list_hypotheses(self.bench.run_id))
        for hypothesis in listed:
            if hypothesis.hypothesis_id in self.tasks and hypothesis.status is not HypothesisStatus.TESTING:
                self._heed(hypothesis)
        return [each for each in listed if is_open(each) and each.hypothesis_id not in self.tasks]

    def _heed(self, hypothesis: Hypothesis) -> None:
        subject, tombstones = hypothesis.hypothesis_id, self.runtime.context.tombstones
        if subject not in tombstones:
            tombstones[subject] = "dropped elsewhere"
            word = "dropped" if hypothesis.dropped else f"decided ({hypothesis.status})"
            self._show("result", f"{word} elsewhere: the work on it stops", subject)
        self.abandon(subject)

    def _take_up(self, waiting: list[Hypothesis]) -> None:
        total = self.tested + len(self.tasks) + len(waiting)
        self.runtime.context.display.show(Event("progress", "hypotheses tested", step="test", done=self.tested, total=total))
        free = WIDTH - len(self.tasks.keys() - self.reading - self.planning)
        for hypothesis in waiting:
            if wants_plan(hypothesis):
                self.planning.add(hypothesis.hypothesis_id)
                self.tasks[hypothesis.hypothesis_id] = asyncio.create_task(self._plan(hypothesis))
                continue
            if is_read(hypothesis) and self.room is not None:  # all at once: they share the traces
                self.reading.add(hypothesis.hypothesis_id)
            elif free <= 0:
                continue
            else:
                free -= 1
            self.tasks[hypothesis.hypothesis_id] = asyncio.create_task(self._test(hypothesis))

    async def _drop_again(self, waiting: list[Hypothesis]) -> None:
        """Commits what was given up without its commit having succeeded: otherwise it would wait for ever."""
        context, run_id = self.runtime.context, self.bench.run_id
        for subject in [each.hypothesis_id for each in waiting]:
            why = context.tombstones[subject]
            await in_thread(lambda subject=subject, why=why: context.store.drop_hypothesis(run_id, subject, why=why))

    async def _one_done(self) -> None:
        """Waits until a test is done, or it is time to look again, or to stop."""
        until = time.monotonic() + LOOK_S
        done: set[asyncio.Task[None]] = set()
        while not done and not self._stopping() and time.monotonic() < until:
            done, _ = await asyncio.wait(self.tasks.values(), timeout=HEED_S, return_when=asyncio.FIRST_COMPLETED)
        for hypothesis_id in [each for each, task in self.tasks.items() if task in done]:
            task = self.tasks.pop(hypothesis_id)
            planned = hypothesis_id in self.planning
            self.planning.discard(hypothesis_id)
            if not task.cancelled():
                task.result()
                self.tested += not planned
        if done:
            await in_thread(give_back)

    async def _settle(self) -> None:
        """Waits for what a judge is asked just now: it is paid for, and would be asked again to name all affected traces."""
        while self.room is not None and self.room.errands and not self._stopping():
            await asyncio.wait(self.room.errands, timeout=HEED_S)

    async def _cancel_all(self) -> None:
        for hypothesis_id in self.tasks:
            self.abandon(hypothesis_id)
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        if self.room is not None:
            await self.room.close()

    async def _plan(self, hypothesis: Hypothesis) -> None:
        await plan_stated(self.runtime.context, self.bench, hypothesis, owner=self._owner(hypothesis.hypothesis_id))

    async def _test(self, hypothesis: Hypothesis) -> None:
        """Carries out one plan. A plan that can't be carried out is recorded as blocked; a dead store is an error."""
        store, run_id = self.runtime.context.store, self.bench.run_id
        subject, plan = hypothesis.hypothesis_id, hypothesis.plan
        assert plan is not None, "only hypotheses with a plan wait"
        self._show("hypothesis", f"Testing: {hypothesis.statement}", subject, detail=hypothesis.testing_plan)

        def on_step(title: str, sql: str, rows: int) -> None:
            self._show("query", f"{title}: {rows:,}", subject, detail=sql)

        try:
            execution = await self._execute(hypothesis, plan, on_step)
            await in_thread(lambda: store.record_result(run_id, subject, execution.result, execution.evidence))
        except MemoryRefused:
            if (await in_thread(lambda: store.get_hypothesis(run_id, subject))).status is HypothesisStatus.TESTING:
                raise
            return  # dropped or decided while its last query ran
        except QueryError as error:
            if self._stopping() or subject in self.runtime.context.tombstones:
                return  # its worker was killed because nobody wants the answer any more
            reason = f"Its plan can't be carried out: {error}"
            await in_thread(lambda: store.block_hypothesis(run_id, subject, why=reason))
            self._show("result", reason, subject)
            return
        self._show("result", describe_result(execution.result), subject)

    async def _execute(self, hypothesis: Hypothesis, plan: Plan, on_step: OnStep) -> Execution:
        owner = self._owner(hypothesis.hypothesis_id)
        if self.room is None or not is_read(hypothesis):
            return await in_thread(lambda: self.bench.executor.run(plan, owner=owner, on_step=on_step))
        goes_on = hypothesis.source != "prior"
        return await carry_out(self.room, hypothesis.hypothesis_id, plan, owner=owner, on_step=on_step, goes_on=goes_on)

    def _show_read(self, reading: OpenReading) -> None:
        counted, cap = reading.rule.counted, reading.rule.cap
        subject, flagged = reading.hypothesis_id, f"{counted.affected:,} flagged"
        self.runtime.context.display.show(
            Event("progress", "traces read", step="test", subject=subject, detail=flagged, done=counted.read, total=cap)
        )

    def _show(self, kind: Literal["hypothesis", "query", "result"], text: str, subject: str, *, detail: str = "") -> None:
        self.runtime.context.display.show(Event(kind, text, step="test", subject=subject, detail=detail))


def describe_result(result: TestResult) -> str:
    """What a test found, in one line; the verdict comes when the family is closed."""
    if not result.eligible:
        return f"not enough data: {result.ineligible_because}"
    if result.decision == "slices":
        return f"{result.cells_tested} cells tested, {len(result.cells)} stand out before the error control"
    if result.reads is not None:
        unasked = f", {result.reads.unasked:,} could not be asked about" if result.reads.unasked else ""
        unclear = f", {result.unreadable - result.reads.unasked:,} unclear{unasked}" if result.unreadable else ""
        return f"{result.affected:,} of {result.reads.read:,} traces read are flagged{unclear} ({result.reads.stopped})"
    counts = "" if result.affected is None else f"{result.affected:,} of {result.population:,}"
    p = "" if result.p_value is None else f"p {result.p_value:.2g}"
    ratio = f"ratio {result.value:.2f}" if result.decision in {"contrast", "shift"} and result.value is not None else ""
    return ", ".join(part for part in (counts, ratio, p) if part)
