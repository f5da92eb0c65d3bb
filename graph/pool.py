"""The pool of tests: takes every hypothesis that the memory says is waiting, a few at a time, until none is."""

import asyncio
from dataclasses import dataclass, field

from langgraph.runtime import Runtime

from ..tools.errors import MemoryRefused, QueryError
from ..tools.insights.models import Hypothesis, TestResult
from ..tools.workbench import Workbench
from .context import Context, in_thread
from .ports import Event
from .routes import waits

HEED_S = 0.2
"""How long a stop may go unheeded, in seconds."""
WIDTH = 2
"""Hypotheses tested side by side: one per SQL worker."""


@dataclass
class TestPool:
    """Carries out the plans of one analysis. What it learns is in the memory when `run` returns; it gives no verdict."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    runtime: Runtime[Context]
    bench: Workbench
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=lambda: dict[str, asyncio.Task[None]]())
    tombstones: set[str] = field(default_factory=lambda: set[str]())
    """Hypotheses that were given up: set before their task is cancelled, so that none is taken up again."""

    async def run(self) -> bool:
        """Tests until nothing waits; False where it was asked to stop before that."""
        try:
            while True:
                waiting = [] if self._stopping() else await self._waiting()
                for hypothesis in waiting[: WIDTH - len(self.tasks)]:
                    self.tasks[hypothesis.hypothesis_id] = asyncio.create_task(self._test(hypothesis))
                if self._stopping():
                    return False
                if not self.tasks:
                    return True
                await self._one_done()
        finally:
            await self._cancel_all()

    async def drop(self, hypothesis_id: str, *, why: str) -> Hypothesis:
        """Gives a hypothesis up at once: tombstone, cancel, commit; it is acknowledged by returning."""
        self.tombstones.add(hypothesis_id)
        self.bench.sql.cancel(hypothesis_id)
        if task := self.tasks.get(hypothesis_id):
            task.cancel()
        return await in_thread(lambda: self.runtime.context.store.drop_hypothesis(self.bench.run_id, hypothesis_id, why=why))

    def _stopping(self) -> bool:
        control = self.runtime.control
        return control is not None and control.drain_requested

    async def _waiting(self) -> list[Hypothesis]:
        listed = await in_thread(lambda: self.runtime.context.store.list_hypotheses(self.bench.run_id))
        return [each for each in listed if waits(each) and each.hypothesis_id not in self.tasks.keys() | self.tombstones]

    async def _one_done(self) -> None:
        """Waits until a test is done, or briefly, so that a stop is seen while a long query runs."""
        done, _ = await asyncio.wait(self.tasks.values(), timeout=HEED_S, return_when=asyncio.FIRST_COMPLETED)
        for hypothesis_id in [each for each, task in self.tasks.items() if task in done]:
            task = self.tasks.pop(hypothesis_id)
            if not task.cancelled():
                task.result()

    async def _cancel_all(self) -> None:
        for hypothesis_id, task in self.tasks.items():
            self.bench.sql.cancel(hypothesis_id)
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    async def _test(self, hypothesis: Hypothesis) -> None:
        """Carries out one plan. A plan that can't be carried out is recorded as blocked; a dead store is an error."""
        show, store, run_id = self.runtime.context.display.show, self.runtime.context.store, self.bench.run_id
        subject, plan = hypothesis.hypothesis_id, hypothesis.plan
        assert plan is not None, "only hypotheses with a plan wait"
        show(
            Event("hypothesis", f"Testing: {hypothesis.statement}", step="test", subject=subject, detail=hypothesis.testing_plan)
        )

        def on_step(title: str, sql: str, rows: int) -> None:
            show(Event("query", f"{title}: {rows:,}", step="test", subject=subject, detail=sql))

        try:
            execution = await in_thread(lambda: self.bench.executor.run(plan, owner=subject, on_step=on_step))
            await in_thread(lambda: store.record_result(run_id, subject, execution.result, execution.evidence))
        except MemoryRefused:
            if not (await in_thread(lambda: store.get_hypothesis(run_id, subject))).dropped:
                raise
            return
        except QueryError as error:
            if self._stopping() or subject in self.tombstones:
                return  # its worker was killed because nobody wants the answer any more
            reason = f"Its plan can't be carried out: {error}"
            await in_thread(lambda: store.block_hypothesis(run_id, subject, why=reason))
            show(Event("result", reason, step="test", subject=subject))
            return
        show(Event("result", describe_result(execution.result), step="test", subject=subject))


def describe_result(result: TestResult) -> str:
    """What a test found, in one line; the verdict comes when the family is closed."""
    if not result.eligible:
        return f"not enough data: {result.ineligible_because}"
    if result.decision == "slices":
        return f"{result.cells_tested} cells tested, {len(result.cells)} stand out before the error control"
    counts = "" if result.affected is None else f"{result.affected:,} of {result.population:,}"
    p = "" if result.p_value is None else f"p {result.p_value:.2g}"
    ratio = f"ratio {result.value:.2f}" if result.decision in {"contrast", "shift"} and result.value is not None else ""
    return ", ".join(part for part in (counts, ratio, p) if part)
