"""Looks a typed plan over before anything is tested by it: can it run, is anyone in it, can the traces refute it at all?

It says nothing of how many traces are affected: who knows that beforehand has the threshold fit the traces.
"""

import re
from collections.abc import Iterator

from ..errors import QueryError
from ..sql.service import SqlService
from . import compose
from .plan import Contrast, Count, Plan, Rate, Shift, Slices
from .queries import PlanQueries
from .results import Counts, Measured

OWNER = "check"
QUANTILES = re.compile(r"(?i)\b(percentile|percentile_approx|approx_percentile|median|ntile|percent_rank|cume_dist)\s*\(")
"""What cuts traces at a quantile of themselves."""


def check_plan(sql: SqlService, plan: Plan) -> list[str]:
    """What is wrong with a plan, one sentence each; empty where it can be carried out and could come out either way.

    Args:
        sql: Answers queries over the traces that it would be tested on.
        plan: The plan.
    """
    plan = plan.model_copy(update={"cluster": "trace"})  # nothing of it depends on clusters, and not every copy has them
    queries = PlanQueries(sql, plan, OWNER)
    problems = list(_failing(queries, plan))
    if problems:
        return problems
    population = queries.show_population(_ignore)
    if not population:
        return [f"The population ({plan.population_title}) holds no trace: nothing can be tested on it."]
    if population < plan.min_n:
        return [
            f"The population ({plan.population_title}) has {population} traces; min_n asks for {plan.min_n} independent ones."
        ]
    return list(_decided_beforehand(queries, plan))


def _ignore(_title: str, _sql: str, _rows: int) -> None:
    """Counts are nobody's business here."""


def _failing(queries: PlanQueries, plan: Plan) -> Iterator[str]:
    """The statements that don't run, or lack a column."""
    try:
        queries.show_population(_ignore)
    except QueryError as error:
        yield str(error)
    for step in plan.queries:
        try:
            queries.show_step(step, _ignore)
        except QueryError as error:
            yield str(error)
    if isinstance(plan.decision, Slices):
        columns = [(each.title, each.sql, each.quantile is not None) for each in plan.decision.outcomes]
        columns += [(each.title, each.sql, True) for each in plan.decision.attributes]
        for title, statement, valued in columns:
            try:
                queries.aligned(compose.frame_column(plan, statement, valued=valued), title, statement, valued=valued)
            except QueryError as error:
                yield str(error)


def _decided_beforehand(queries: PlanQueries, plan: Plan) -> Iterator[str]:
    """What its own definition decides, whatever the agent does."""
    affected = plan.step("affected")
    if isinstance(plan.decision, Rate | Count) and affected is not None:
        if QUANTILES.search(affected.sql):
            yield (
                f"Step {affected.title!r} cuts the traces at a quantile of themselves, so the share that it finds is fixed by "
                "the cut: use a limit that doesn't come from these traces, or compare groups (contrast)."
            )
        elif _counts(queries, plan).affected.all():
            yield "Every trace of the population is affected: is the population defined by what is looked for? Widen it."
    if isinstance(plan.decision, Contrast):
        counts = _counts(queries, plan)
        if ((counts.affected > 0) == counts.exposed).all():
            yield (
                "The exposed traces are exactly the affected ones: both steps say the same thing, so the ratio is infinite "
                "whatever the agent does. Define them by different things."
            )
    if isinstance(plan.decision, Shift):
        measured = Measured.of(queries.measured(by_trace=True))
        above, rest = measured.value[measured.exposed], measured.value[~measured.exposed]
        if above.size and rest.size and above.min() >= rest.max():
            yield (
                "Every exposed trace measures at least as much as any other: the exposed ones are chosen by the measure itself. "
                "Choose them by something else."
            )


def _counts(queries: PlanQueries, plan: Plan) -> Counts:
    return Counts.of(queries.ask(compose.cluster_table(plan, by_trace=True), "Counts by trace"))
