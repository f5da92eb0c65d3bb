"""Carries out a typed plan: shows each step, counts in the engine, estimates here. It gives numbers, never a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import QueryError
from ..insights.affected import AffectedTraces
from ..insights.models import Cell, Evidence, Onset, TestResult
from ..sql.service import SqlService
from . import compose
from .families import READ_SLOTS, read_stop
from .onset import Timed, find_onset
from .plan import Contrast, Plan, Read, Shift, Slices
from .queries import OnStep, PlanQueries
from .rate import material_share
from .results import Counts, Measured, result_of_counts, result_of_measure
from .search import SliceRun
from .sequential import ReadBound, SequentialRead, default_cap
from .strata import MarkedTraces, WithinStrata
from .watching import watch_plan


@dataclass(frozen=True)
class Execution:
    """What carrying out a plan gave: the numbers, and traces for and against."""

    result: TestResult
    evidence: tuple[Evidence, ...]


class Place(NamedTuple):
    """A trace in the random order that all readings of an analysis share; places compare by that order."""

    rank: str
    trace_id: str


class Drawn(NamedTuple):
    """A reading that may begin: the traces it may read, in their order, and the queries that drew them."""

    reading: SequentialRead
    places: tuple[Place, ...]
    query_ids: tuple[str, ...]


class PlanExecutor:
    """Carries out plans over one snapshot; safe to use from several threads."""

    def __init__(self, sql: SqlService, *, cluster_key: str, seed: int) -> None:
        """`cluster_key` is what joins traces in the relation `clusters`; `trace` where each stands by itself."""
        self._sql = sql
        self._cluster_key = cluster_key
        self.seed = seed

    def run(self, plan: Plan, *, owner: str, on_step: OnStep) -> Execution:
        """Carries out a plan and gives its numbers, with at most 5 traces for and 3 against.

        Raises:
            QueryError: a step fails, or its columns aren't those that its role asks for; the message names the step. Or the plan
                is decided by reading, which queries can't do.
            QueryCancelled: the owner's queries were cancelled.
        """
        if isinstance(plan.decision, Read):
            raise QueryError("it is decided by reading traces, which takes an analyst with a language model.")
        queries = PlanQueries(self._sql, plan, owner)
        queries.show_population(on_step)
        for step in plan.queries:
            queries.show_step(step, on_step)
        result, decided = self._decide(queries, plan, on_step)
        evidence = () if decided is None else queries.evidence(decided, seed=self.seed)
        return Execution(result.model_copy(update={"query_ids": tuple(queries.query_ids)}), evidence)

    def draw(self, plan: Plan, *, level: float, owner: str, on_step: OnStep, beyond: int = 0) -> Drawn:
        """Counts what a reading is about, and puts as many traces as it may read into their seeded random order.

        Args:
            plan: A plan that is decided by reading.
            level: What all readings together may spend.
            beyond: So many more, to be read after the verdict.
            owner: As for `run`.
            on_step: As for `run`.

        Raises:
            QueryError: the population fails; the message says so.
            QueryCancelled: the owner's queries were cancelled.
        """
        decision = plan.decision
        if not isinstance(decision, Read):
            raise ValueError(f"a plan that is decided by {decision.kind} reads nothing")
        queries = PlanQueries(self._sql, plan, owner)
        traces = queries.show_population(on_step)
        bound = ReadBound(traces, threshold=decision.threshold, material=material_share(decision))
        cap = min(decision.cap or default_cap(bound, level=level / READ_SLOTS), traces)
        places = self._places(queries, most=cap + beyond)
        reading = SequentialRead(bound, stop_for=read_stop(level), cap=cap, least=plan.min_n)
        return Drawn(reading, places, tuple(queries.query_ids))

    def order(self, plan: Plan, *, most: int, owner: str = "") -> tuple[int, tuple[Place, ...]]:
        """How many traces a plan is about, and so many of them in the order in which they are read.

        Raises:
            QueryError: the population fails; the message says so.
        """
        queries = PlanQueries(self._sql, plan, owner)
        return queries.show_population(lambda *_: None), self._places(queries, most=most)

    def affected(self, plan: Plan, *, owner: str = "", cell: Cell | None = None) -> AffectedTraces:
        """All affected traces, one entry a trace, in order of trace id.

        Of a contrast those that are exposed and affected, of a shift the exposed ones above the pooled quantile, of a slice
        search those of the `cell`.

        Raises:
            QueryError: a step fails.
            ValueError: a slice search without a cell: which traces are affected depends on it.
        """
        queries = PlanQueries(self._sql, plan, owner)
        return queries.affected(self._as_contrast(queries, plan, cell) or plan)

    def watch_plan(self, plan: Plan, result: TestResult, *, owner: str = "", cell: Cell | None = None) -> Plan | None:
        """What later analyses carry out to see whether what this plan has shown is still so; None where only a reader could.

        Raises:
            QueryError: a step fails.
        """
        contrast = self._as_contrast(PlanQueries(self._sql, plan, owner), plan, cell)
        return watch_plan(plan, result, contrast=contrast, cell=cell)

    def contrast_of(self, plan: Plan, *, owner: str = "", cell: Cell | None = None) -> Plan | None:
        """The comparison that a plan is, or that a cell of its slice search is; None where it compares nothing.

        Raises:
            QueryError: a step fails.
            ValueError: a slice search without a cell.
        """
        return self._as_contrast(PlanQueries(self._sql, plan, owner), plan, cell)

    def exposed(self, plan: Plan, *, owner: str = "", cell: Cell | None = None) -> list[str]:
        """The traces that a comparison holds against the rest, in order; none where a plan compares nothing.

        Raises:
            QueryError: a step fails.
            ValueError: a slice search without a cell.
        """
        queries = PlanQueries(self._sql, plan, owner)
        contrast = self._as_contrast(queries, plan, cell)
        if contrast is None:
            return []
        title = f"All compared traces of {contrast.population_title}"
        table = queries.ask(compose.exposed_ids(contrast), title, about=contrast)
        return table["trace_id"].to_pylist()

    def within_strata(self, plan: Plan, marks: Sequence[str], *, owner: str = "") -> list[WithinStrata]:
        """For each mark, a SELECT of traces: how many times as often those are affected as others that are alike.

        Args:
            plan: Whose population and affected traces these are.
            marks: One SELECT of trace ids each.
            owner: As for `run`.

        Raises:
            QueryError: a step or a mark fails.
        """
        sql = compose.marked_rows(plan, marks, by_trace=self._key(plan) == "trace")
        marked = MarkedTraces.of(PlanQueries(self._sql, plan, owner).ask(sql, "Affected traces by version, tool and day"))
        return [marked.within(place, seed=self.seed) for place in range(len(marks))]

    def look(self, plan: Plan, *, owner: str = "") -> TestResult:
        """The numbers of a plan that watches a share, without showing its steps or any trace.

        Raises:
            QueryError: a step fails.
        """
        queries, key = PlanQueries(self._sql, plan, owner), self._key(plan)
        table = queries.ask(compose.cluster_table(plan, by_trace=key == "trace"), f"A look at {plan.population_title}")
        result = result_of_counts(plan, Counts.of(table), cluster_key=key, seed=self.seed)
        return result.model_copy(update={"query_ids": tuple(queries.query_ids)})

    def onset(self, watched: Plan, *, owner: str = "") -> Onset | None:
        """When what a plan watches began, where its traces say so.

        Raises:
            QueryError: a step fails.
        """
        queries = PlanQueries(self._sql, watched, owner)
        sql = compose.timed_rows(watched, by_trace=self._key(watched) == "trace")
        table = queries.ask(sql, f"When it happened among {watched.population_title}")
        return find_onset(Timed.of(table), seed=self.seed)

    def _places(self, queries: PlanQueries, *, most: int) -> tuple[Place, ...]:
        table = queries.ask(compose.draw(queries.plan, seed=self.seed, most=most), "Traces in random order")
        return tuple(map(Place, table["rank"].to_pylist(), table["trace_id"].to_pylist()))

    def _as_contrast(self, queries: PlanQueries, plan: Plan, cell: Cell | None) -> Plan | None:
        """The comparison that a plan is, with its cut of now where it compares numbers; None where it compares nothing."""
        match plan.decision:
            case Slices():
                if cell is None:
                    raise ValueError("the affected traces of a slice search are those of one of its cells")
                return self._search(queries, plan, plan.decision).contrast_of(cell)
            case Shift():
                return compose.exceedance(plan, self._measured(queries, plan).cut(plan.decision))
            case Contrast():
                return plan
            case _:
                return None

    def _decide(self, queries: PlanQueries, plan: Plan, on_step: OnStep) -> tuple[TestResult, Plan | None]:
        """The result, and the plan whose affected step says which traces speak for and against."""
        key = self._key(plan)
        if isinstance(plan.decision, Slices):
            return self._search(queries, plan, plan.decision).run(on_step)
        if isinstance(plan.decision, Shift):
            measured = self._measured(queries, plan)
            result = result_of_measure(plan, plan.decision, measured, cluster_key=key, seed=self.seed)
            return result, compose.exceedance(plan, measured.cut(plan.decision))
        table = queries.ask(compose.cluster_table(plan, by_trace=key == "trace"), "Counts by cluster")
        return result_of_counts(plan, Counts.of(table), cluster_key=key, seed=self.seed), plan

    def _search(self, queries: PlanQueries, plan: Plan, decision: Slices) -> SliceRun:
        return SliceRun(queries, plan, decision, cluster_key=self._key(plan), seed=self.seed)

    def _measured(self, queries: PlanQueries, plan: Plan) -> Measured:
        return Measured.of(queries.measured(by_trace=self._key(plan) == "trace"))

    def _key(self, plan: Plan) -> str:
        return "trace" if plan.cluster == "trace" else self._cluster_key
