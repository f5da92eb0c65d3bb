"""How far a cause is known: counted by code from who carries its mark, whatever the model says of it.

`confirmed` is a mechanism that is seen in the spans of nearly all affected traces and of nearly no others, `supported` one that
goes with the failure among traces that are alike; everything else is `suspected` (method: Cause).
"""

from collections.abc import Iterable

from ...tools.census.drafting import ELSEWHERE, SHARED
from ...tools.census.literals import quote
from ...tools.errors import QueryError
from ...tools.insights.models import Cause
from ...tools.sql.guard import check_query
from ...tools.sql.intermediate import nested
from ...tools.testing.causes import is_supported, said
from ...tools.testing.plan import Plan, QueryStep, Rate
from ...tools.testing.watching import LEAST
from ...tools.workbench import Workbench

OWNER = "causes"


def weigh_cause(
    bench: Workbench,
    text: str,
    mechanism: str,
    *,
    affected: frozenset[str],
    population: frozenset[str],
    counted: bool,
) -> Cause:
    """The cause with its standing.

    Args:
        bench: The analysis's tools.
        text: The cause in words.
        mechanism: A SELECT of the traces that carry its mark; empty where it leaves none.
        affected: The traces with the failure.
        population: The traces that could have it.
        counted: Whether a query found the affected ones: then a mark that selects just them only says the same again.
    """
    suspected, unaffected = Cause(text=text, standing="suspected"), population - affected
    if not mechanism.strip() or not unaffected:
        return suspected
    try:
        check_query(mechanism)
        marked = bench.query(f"SELECT DISTINCT x.trace_id FROM {nested(mechanism)} AS x", title="The mark of the cause")
        (within,) = bench.executor.within_strata(_who(affected, population), [mechanism], owner=OWNER)
    except QueryError:
        return suspected
    carriers = population.intersection(map(str, marked["trace_id"].to_pylist()))
    if carriers == affected and counted:
        return suspected
    hits, elsewhere = len(carriers & affected), len(carriers & unaffected)
    seen = (
        f"{text} Its mark is in {hits:,} of {len(affected):,} affected traces and in {elsewhere:,} of {len(unaffected):,} others."
    )
    if hits >= SHARED * len(affected) and elsewhere <= ELSEWHERE * len(unaffected):
        return Cause(text=seen, standing="confirmed")
    if is_supported(within):
        return Cause(text=f"{seen} Failures occur {said(within)} where it is.", standing="supported")
    return Cause(text=seen, standing="suspected")


def select_these(trace_ids: Iterable[str]) -> str:
    """A SELECT of these traces."""
    listed = ", ".join(quote(each) for each in sorted(trace_ids))
    where = f"t.trace_id IN ({listed})" if listed else "t.trace_id IS NULL"
    return f"SELECT t.trace_id AS trace_id FROM traces AS t WHERE {where}"


def _who(affected: Iterable[str], population: Iterable[str]) -> Plan:
    """Who is affected, of whom."""
    return Plan(
        estimand="process",
        population=select_these(population),
        steps=(QueryStep(role="affected", title="are affected", sql=select_these(affected)),),
        decision=Rate(threshold=LEAST, threshold_source="configuration"),
    )
