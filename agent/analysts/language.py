"""The language analyst: on top of what counting finds, what only reading can find. It adds hypotheses and removes none."""

import asyncio
from collections.abc import Sequence

from ...graph.endings import is_harmless
from ...graph.ports import Display, Estimate, Event, Explanation, Judge, Planned, Planner, Proposal
from ...tools.insights.affected import AffectedTrace
from ...tools.insights.models import Analysis, Cell, Census, Hypothesis, Issue, Noticed
from ...tools.testing.endings import endings_draft
from ...tools.traces.sample import spread_sample
from ...tools.workbench import Workbench
from ..model import GivenUp, LanguageModel
from .brief import agent_brief, agent_facts, glimpses, known_texts
from .estimating import estimate_spending
from .explaining import explain
from .fitting import ask_fitted, flexible
from .forms import Purpose
from .inquiry import Inquiry
from .judging import LanguageJudge
from .planning import plan_candidate
from .proposing import asked_because, asked_for, is_unplanned_focus, propose_reading
from .remarks import propose_from_remarks
from .statistical import StatisticalAnalyst

PURPOSE_SAMPLE = 20
"""Traces that the purpose is read from, as the workflow has it."""


NO_READING = "This analysis was begun without a model, so nothing in it is decided by reading: begin a new one for that."


class LanguageAnalyst:
    """Asks a language model; what can be counted is left to the statistical analyst, and so is all once the budget is spent."""

    name = "language"

    def __init__(
        self, counting: StatisticalAnalyst, model: LanguageModel, display: Display, *, sample: int, read_on: int = 300
    ) -> None:
        """`sample` traces are read before anything is proposed, `read_on` at most after a verdict."""
        self.judge: Judge | None = LanguageJudge(model, width=model.width)
        self.planner: Planner | None = self
        self._counting = counting
        self.model = model
        self._display = display
        self._sample = sample
        self._read_on = read_on

    async def estimate(self, bench: Workbench, analysis: Analysis) -> Estimate | None:
        """About what the whole analysis will ask."""
        del analysis
        return await asyncio.to_thread(estimate_spending, bench, self.model, sample=self._sample, read_on=self._read_on)

    async def describe(self, bench: Workbench) -> str:
        """One paragraph from what was counted and from some twenty traces of every kind; counted alone where nobody answers."""
        if not await self._may_ask(bench):
            return await self._counting.describe(bench)

        def look() -> tuple[str, str]:
            sample = spread_sample(bench.sql, size=PURPOSE_SAMPLE, seed=bench.seed)
            return agent_facts(bench), glimpses(bench, sample)

        facts, traces = await asyncio.to_thread(look)
        values = {"facts": flexible(facts), "traces": flexible(traces)}
        answer = await ask_fitted(self.model, "purpose", Purpose, purpose="purpose", values=values)
        if isinstance(answer, GivenUp):
            self._note(f"The model could not say what the agent is for ({answer.why}); it is described by counting.")
            return await self._counting.describe(bench)
        return " ".join(answer.description.split())

    async def propose(self, bench: Workbench, analysis: Analysis, census: Census, earlier: Sequence[Issue]) -> Proposal:
        """What counting suggests, and on top of it how traces end, and what reading and exploring suggest."""
        counted = await self._counting.propose(bench, analysis, census, earlier)
        if not await self._may_ask(bench):
            return counted
        inquiry = await self._inquiry(bench, analysis, step="hypotheses")
        read = await propose_reading(inquiry, census, counted.drafts, earlier, sample=self._sample)
        # What a user asked for and counting could not test has a plan now, where one could be written.
        planned = {draft.rationale for draft in read.drafts}
        kept = [
            draft for draft in counted.drafts if not (is_unplanned_focus(draft) and asked_because(draft.statement) in planned)
        ]
        return Proposal((*kept, endings_draft(), *read.drafts), (*counted.left_out, *read.left_out))

    async def follow_up(
        self,
        bench: Workbench,
        analysis: Analysis,
        noticed: Sequence[Noticed],
        tested: Sequence[Hypothesis],
        earlier: Sequence[Issue],
    ) -> Proposal:
        """At most five hypotheses of what was noted while judging, tested on traces that nobody has read yet."""
        if not await self._may_ask(bench):
            return Proposal(())
        inquiry = await self._inquiry(bench, analysis, step="test")
        readings = await asyncio.to_thread(bench.store.list_readings, bench.run_id)
        inquiry.seen.update(reading.trace_id for reading in readings)
        inquiry.seen.update(trace_id for each in tested if each.plan for trace_id in each.plan.leave_out)
        return await propose_from_remarks(inquiry, noticed, tested, earlier)

    async def explain(
        self, bench: Workbench, hypothesis: Hypothesis, affected: Sequence[AffectedTrace], cell: Cell | None = None
    ) -> Explanation:
        """The cause from affected and unaffected traces, weighed by code.

        What the playbook knows is left to counting, and so is that which does little harm: a cause takes three long questions.
        """
        counted = await self._counting.explain(bench, hypothesis, affected, cell)
        if hypothesis.playbook or not await self._may_ask(bench) or await asyncio.to_thread(is_harmless, bench, affected):
            return counted
        analysis = await asyncio.to_thread(bench.store.get_analysis, bench.run_id)
        inquiry = await self._inquiry(bench, analysis, step="issues")
        return await explain(inquiry, hypothesis, affected, counted.cause)

    async def plan(self, bench: Workbench, hypothesis: Hypothesis, *, may_read: bool, owner: str) -> Planned:
        """A plan for what a person stated while the analysis runs."""
        if not await self._may_ask(bench):
            return Planned(None, "A person has left the language model out of this analysis, and counting has no plan for it.")
        analysis = await asyncio.to_thread(bench.store.get_analysis, bench.run_id)
        inquiry, suggested = await self._inquiry(bench, analysis, step="test"), asked_for(hypothesis.statement)
        planned = await plan_candidate(inquiry, suggested, may_read=may_read, owner=owner)
        plan = planned.draft.plan if planned.draft is not None else None
        refused = planned.refused.removeprefix(suggested.candidate.statement).strip()
        return Planned(plan, refused if plan is not None or analysis.with_model else f"{refused} {NO_READING}")

    async def close(self) -> None:
        """Ends the connections to the model."""
        await self.model.close()

    async def _inquiry(self, bench: Workbench, analysis: Analysis, *, step: str) -> Inquiry:
        brief = await asyncio.to_thread(agent_brief, bench, analysis)
        known = await asyncio.to_thread(known_texts, bench)
        return Inquiry(bench, analysis, self.model, self._display.show, brief, known, step=step)

    async def _may_ask(self, bench: Workbench) -> bool:
        """Attaches the model to the analysis; False where a person has said no."""
        await self.model.attach(bench.store, bench.run_id)
        return not self.model.declined

    def _note(self, text: str) -> None:
        self._display.show(Event("note", text))
