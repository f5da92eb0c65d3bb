"""From a candidate to a hypothesis: the model writes a typed plan, code tries it, sends errors back, refuses what proves nothing.

The model chooses what is selected and what is asked; thresholds are ours. What a dry run finds stays with the code: the model
learns only whether a query can be run, and whether the plan could come out either way.
"""

import asyncio
import math
from dataclasses import dataclass

from pydantic import ValidationError

from ...tools.errors import QueryError
from ...tools.insights.models import HypothesisDraft, HypothesisSource
from ...tools.testing.compose import member_count, step_count
from ...tools.testing.plan import Contrast, Count, Decision, Plan, QueryStep, Rate, Read, ReadStep
from ...tools.testing.queries import PlanQueries
from ...tools.testing.render import render_plan
from ..model import GivenUp
from .fitting import flexible
from .forms import Candidate, WrittenPlan
from .inquiry import Inquiry

REPAIRS = 2
COUNT_LEAST = 2
COUNT_SHARE = 0.02
"""A counted fault is an issue from this share of its population on, and never with a single trace."""
RATE = 0.05
"""The share above which a fault is one, where a rate is claimed."""
READ_SHARE = 0.03
"""The same where a judge sees it: rarer faults can't be told from a judge's own slips; and never a single trace."""
READ_LEAST = 5
"""Fewer traces than these aren't read: they would say nothing about any share."""
OWNER = "planning"
ALL = "SELECT trace_id FROM traces"


class PlanRefused(Exception):
    """A plan that can't be carried out, or that could prove nothing; `str` says why, so that it can be mended."""


@dataclass(frozen=True)
class Suggested:
    """A candidate, and where it comes from."""

    candidate: Candidate
    source: HypothesisSource
    why: str
    """The same in words."""
    seen: tuple[str, ...] = ()
    """What was noted of single traces that made it a candidate ..."""
    noted_in: frozenset[str] = frozenset()
    """... and the traces."""


@dataclass(frozen=True)
class Planned:
    """A hypothesis, or why there is none."""

    draft: HypothesisDraft | None
    refused: str = ""

    @property
    def reads(self) -> bool:
        """Whether it is decided by reading."""
        return self.draft is not None and self.draft.plan is not None and self.draft.plan.reading is not None


async def plan_candidate(inquiry: Inquiry, suggested: Suggested, *, may_read: bool, owner: str = OWNER) -> Planned:
    """Has a plan written for a candidate and tries it; errors go back twice.

    Args:
        inquiry: Who asks.
        suggested: What is to be tested, and where it comes from.
        may_read: Whether it may be decided by reading; only so many questions can be asked of a trace at once.
        owner: Whose the queries are that try it.
    """
    candidate = suggested.candidate
    problem, wish = "(none)", _may_read(inquiry, may_read)
    for attempt in range(1, 2 + REPAIRS):
        written = await inquiry.ask(
            "write_plan",
            WrittenPlan,
            purpose="plans",
            candidate=f"{candidate.title}\n{candidate.statement}\nhow it is decided: {candidate.check}\n"
            f"decided by the fields alone: {'probably' if candidate.by_sql else 'no'}\n({wish})",
            seen=flexible("\n".join(f"- {each}" for each in suggested.seen) or "(nothing but that)"),
            problem=flexible(problem),
        )
        if isinstance(written, GivenUp):
            return Planned(None, f"{candidate.statement} No plan for it: {written.why}")
        if written.decision == "none":
            return Planned(None, f"{candidate.statement} It can't be tested on these traces: {written.why_none}")
        try:
            plan = await asyncio.to_thread(_try, inquiry, written, may_read, owner)
        except (PlanRefused, QueryError, ValidationError) as error:
            problem = f"attempt {attempt}:\n{written.model_dump_json()}\n\nwas refused: {_in_words(error)}"
            continue
        return Planned(_draft(written, plan, suggested))
    return Planned(
        None, f"{candidate.statement} Its plan was refused {1 + REPAIRS} times, the last time because {_last(problem)}"
    )


def _may_read(inquiry: Inquiry, may_read: bool) -> str:
    """Whether the model may have it decided by reading, and of which traces: those that nobody was shown."""
    if not may_read:
        return "decision read is not to be had any more"
    traces = inquiry.bench.snapshot.record.traces
    left = max(traces - len(inquiry.seen), 0)
    if left < READ_LEAST:
        return (
            f"decision read is not to be had: {traces - left:,} of {traces:,} traces suggested what is tested, too few are left"
        )
    if not inquiry.seen:
        return f"decision read asks about {traces:,} traces"
    return (
        f"decision read asks about the {left:,} of {traces:,} traces that suggested nothing: it can't be had where "
        f"population_sql leaves fewer than {READ_LEAST} of them"
    )


def _try(inquiry: Inquiry, written: WrittenPlan, may_read: bool, owner: str) -> Plan:
    """The typed plan, once each of its queries has run and it could come out either way.

    Raises:
        PlanRefused: it is not to be had, or proves nothing.
        QueryError: a query can't be run, or lacks a column.
    """
    if written.decision == "read" and not may_read:
        raise PlanRefused("decision read is not to be had: decide it by count, rate or contrast, or answer none")
    plan = _build(inquiry, written)
    bench = inquiry.bench
    queries = PlanQueries(bench.sql, plan, owner)
    population = queries.show_population(lambda *_: None)
    if not population:
        shown = " that nobody was shown yet" if isinstance(plan.decision, Read) else ""
        raise PlanRefused(f"its population is empty: population_sql selects no trace{shown}")
    found = {}
    for step in plan.queries:
        queries.show_step(step, lambda *_: None)
        found[step.role] = int(bench.query(step_count(plan, step), title=step.title, owner=owner)["traces"][0].as_py())
    whole = int(
        bench.query(member_count(plan.model_copy(update={"population": ALL})), title="All traces", owner=owner)["traces"][
            0
        ].as_py()
    )
    if "affected" in found and found["affected"] == population and population < whole:
        raise PlanRefused(
            "it is decided by its own definition: every trace that population_sql selects is affected. Select the traces in "
            "which it could have happened, whether it did or not"
        )
    if "exposed" in found and found["exposed"] in {0, population}:
        raise PlanRefused("there is nothing to compare: exposed_sql selects none of the population, or all of it")
    return plan.model_copy(update={"decision": _decision(plan, population)})


def _decision(plan: Plan, population: int) -> Decision:
    """The decision with what depends on how many traces it is about: a single trace never makes a fault."""
    if isinstance(plan.decision, Count):
        at_least = max(COUNT_LEAST, math.ceil(COUNT_SHARE * population))
        return Count(at_least=at_least, threshold_source="configuration")
    if isinstance(plan.decision, Read):
        if population < READ_LEAST:
            raise PlanRefused(
                f"only {population} traces that nobody was shown yet are in its population: widen population_sql, leave it "
                "empty, or decide it by count"
            )
        # Above this share there are at least two affected traces.
        threshold = max(READ_SHARE, math.ceil(10_000 / population) / 10_000)
        return Read(threshold=threshold, threshold_source="configuration")
    return plan.decision


def _build(inquiry: Inquiry, written: WrittenPlan) -> Plan:
    population = written.population_sql.strip() or ALL
    title = written.population_title.strip() or ("all traces" if population == ALL else "the traces concerned")
    affected = (
        QueryStep(role="affected", title=written.statement[:200], sql=written.affected_sql)
        if written.affected_sql.strip()
        else None
    )
    match written.decision:
        case "read":
            return Plan(
                estimand="snapshot",
                population=population,
                population_title=title,
                leave_out=tuple(sorted(inquiry.seen)),
                steps=(ReadStep(title=written.statement[:200], question=written.question),),
                decision=Read(threshold=READ_SHARE, threshold_source="configuration"),
                rejected_if=written.rejected_if,
            )
        case "contrast":
            exposed = QueryStep(role="exposed", title=title, sql=written.exposed_sql) if written.exposed_sql.strip() else None
            return Plan(
                estimand="process",
                population=population,
                population_title=title,
                half="confirmation",
                steps=tuple(step for step in (exposed, affected) if step is not None),
                decision=Contrast(threshold_source="configuration"),
                rejected_if=written.rejected_if,
            )
        case _:
            counted = written.decision == "count"
            return Plan(
                estimand="snapshot" if counted else "process",
                population=population,
                population_title=title,
                half="all" if counted else "confirmation",
                steps=() if affected is None else (affected,),
                decision=Count(at_least=COUNT_LEAST, threshold_source="configuration")
                if counted
                else Rate(threshold=RATE, threshold_source="configuration"),
                rejected_if=written.rejected_if,
            )


def _draft(written: WrittenPlan, plan: Plan, suggested: Suggested) -> HypothesisDraft:
    return HypothesisDraft(
        statement=" ".join(written.statement.split()),
        title=" ".join(suggested.candidate.title.split()),
        rationale=suggested.why,
        testing_plan=render_plan(plan),
        plan=plan,
        source=suggested.source,
        kind="quality",
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()[:4])
    return str(error)


def _last(problem: str) -> str:
    return problem.rpartition("was refused: ")[2]
