"""One aggregated query per decision, in the Databricks dialect, made of the SELECTs of a plan.

A plan's SELECTs stand in parentheses, so that names in their own WITH clauses can't meet ours. What comes out is counts per
cluster or one aligned column; only `evidence_rows`, `affected_rows` and `exposed_ids` return what a step selects.
"""

import re
from collections.abc import Collection, Sequence

from ..census.literals import quote
from ..sql.intermediate import nested
from .plan import Contrast, Plan, QueryStep, Role, SliceOutcome, Slices

CONFIRMATION = "confirmation"
"""The half of the clusters that nobody was shown, as the relation `clusters` names it."""

INNER = re.compile(r"\(\n(SELECT\b.*?)\n\)", re.DOTALL)
"""A SELECT inside of a query, laid out as `nested` does."""

SUPPORTING = 5
REFUTING = 3
"""Traces shown for and against a statement."""


FIRST_TOOL = "SELECT s.trace_id, min_by(s.name, s.position) AS tool FROM spans AS s WHERE s.span_type = 'TOOL' GROUP BY 1"
"""The tool that a trace calls first."""


def parts(plan: Plan) -> tuple[str, ...]:
    """The SELECTs that the queries about a plan share: its steps, and the traces that it is about.

    In front stand those inside of its steps whose brackets begin and end lines: other plans have the very same.
    """
    inner = (part for step in plan.queries for part in INNER.findall(step.sql))
    return (*inner, *(step.sql for step in plan.queries), _about(plan), FIRST_TOOL)


def members(plan: Plan) -> str:
    """The traces that the plan is about, cut to their half."""
    half = f"\nJOIN clusters AS h ON h.trace_id = p.trace_id AND h.half = '{CONFIRMATION}'" if plan.half == "confirmation" else ""
    left_out = f" AND p.trace_id NOT IN ({', '.join(map(quote, sorted(plan.leave_out)))})" if plan.leave_out else ""
    return f"SELECT DISTINCT p.trace_id FROM {nested(_population(plan))} AS p{half} WHERE p.trace_id IS NOT NULL{left_out}"


def clustered(plan: Plan) -> str:
    """The traces that the plan is about, with their clusters.

    A trace that the clusters don't know counts as one by itself; a NULL would make one cluster of all such traces.
    """
    return (
        "SELECT p.trace_id, coalesce(CAST(c.cluster_id AS STRING), p.trace_id) AS cluster\n"
        f"FROM {nested(members(plan))} AS p LEFT JOIN clusters AS c ON c.trace_id = p.trace_id"
    )


def _about(plan: Plan) -> str:
    """The traces that the plan is about, in the form that all its queries read: with their clusters, unless it has none."""
    return members(plan) if plan.cluster == "trace" else clustered(plan)


def member_count(plan: Plan) -> str:
    """How many traces the plan is about."""
    return f"{_with(plan)}\nSELECT count(*) AS traces FROM members AS m"


def draw(plan: Plan, *, seed: int, most: int) -> str:
    """The first traces that the plan is about, in an order that is random and the same for every plan of an analysis."""
    return (
        f"{_with(plan)}\nSELECT md5(concat('{seed}:', m.trace_id)) AS rank, m.trace_id AS trace_id\n"
        f"FROM members AS m ORDER BY 1, 2 LIMIT {most}"
    )


def step_count(plan: Plan, step: QueryStep) -> str:
    """How many traces of the population a step finds; for a measure also how many values it gives for them."""
    values = ", count(s.value) AS step_values" if step.role == "measure" else ""
    return (
        f"{_with(plan)}\nSELECT count(DISTINCT s.trace_id) AS traces{values}\n"
        f"FROM {nested(step.sql)} AS s JOIN members AS m ON m.trace_id = s.trace_id"
    )


def column_names(sql: str) -> str:
    """No rows of a SELECT, to learn its columns."""
    return f"SELECT * FROM {nested(sql)} AS s LIMIT 0"


def cluster_table(plan: Plan, *, by_trace: bool) -> str:
    """Per cluster and arm: `traces`, `affected`, and `unreadable` among those that aren't affected."""
    unreadable = "CASE WHEN affected.trace_id IS NULL THEN unreadable.trace_id END" if plan.step("unreadable") else "NULL"
    return (
        f"{_with(plan, 'affected', 'exposed', 'unreadable')}\n"
        f"SELECT {_cluster(by_trace)} AS cluster, {_exposed(plan)} AS exposed, count(*) AS traces,\n"
        f"       count(affected.trace_id) AS affected, count({unreadable}) AS unreadable\n"
        f"FROM members AS m{_joins(plan, 'affected', 'exposed', 'unreadable')}\n"
        "GROUP BY 1, 2 ORDER BY 1, 2"
    )


def measured_rows(plan: Plan, *, by_trace: bool) -> str:
    """The measure of each finished (OK) trace that has one, with its arm and cluster."""
    return (
        f"{_with(plan, 'exposed')}\n"
        f"SELECT {_cluster(by_trace)} AS cluster, {_exposed(plan)} AS exposed, v.value AS value\n"
        f"FROM members AS m JOIN {nested(_sql(plan, 'measure'))} AS v ON v.trace_id = m.trace_id"
        f"{_joins(plan, 'exposed')}\n"
        "ORDER BY 1, 2, 3"
    )


def marked_rows(plan: Plan, marks: Sequence[str], *, by_trace: bool) -> str:
    """Traces and affected ones by cluster, version, first tool called, day, and the marks they carry: a sum of 2^place."""
    bits = "\nUNION ALL ".join(
        f"SELECT DISTINCT x.trace_id, {2**place} AS bit FROM {nested(mark)} AS x" for place, mark in enumerate(marks)
    )
    return (
        f"{_with(plan, 'affected', 'unreadable')},\n"
        f"marked AS (SELECT b.trace_id, sum(b.bit) AS marks FROM ({bits}) AS b GROUP BY b.trace_id),\n"
        f"called AS {nested(FIRST_TOOL)}\n"
        f"SELECT {_cluster(by_trace)} AS cluster, coalesce(t.version, '') AS version, coalesce(called.tool, '') AS tool,\n"
        "       CAST(CAST(t.request_time AS DATE) AS STRING) AS day, CAST(coalesce(marked.marks, 0) AS BIGINT) AS marks,\n"
        "       count(*) AS traces, count(affected.trace_id) AS affected,\n"
        "       min(t.request_time) AS first_at, max(t.request_time) AS last_at\n"
        f"FROM members AS m JOIN traces AS t ON t.trace_id = m.trace_id"
        f"{_joins(plan, 'affected', 'unreadable')}\n"
        "LEFT JOIN marked ON marked.trace_id = m.trace_id LEFT JOIN called ON called.trace_id = m.trace_id\n"
        f"WHERE t.request_time IS NOT NULL{_read(plan)}\nGROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
    )


def timed_rows(plan: Plan, *, by_trace: bool) -> str:
    """Each trace that a plan is about and that was read: its cluster, its instant, and 1 if it is affected; in order of time."""
    return (
        f"{_with(plan, 'affected', 'unreadable')}\n"
        f"SELECT {_cluster(by_trace)} AS cluster, t.request_time AS at,\n"
        f"       CASE WHEN affected.trace_id IS NULL THEN 0 ELSE 1 END AS affected\n"
        f"FROM members AS m JOIN traces AS t ON t.trace_id = m.trace_id"
        f"{_joins(plan, 'affected', 'unreadable')}\n"
        f"WHERE t.request_time IS NOT NULL{_read(plan)}\nORDER BY t.request_time, m.trace_id"
    )


def frame_rows(plan: Plan, *, by_trace: bool) -> str:
    """The traces of a slice search with their clusters, in the order in which all its columns come."""
    return f"{_with(plan)}\nSELECT {_cluster(by_trace)} AS cluster\nFROM members AS m\nORDER BY m.trace_id"


def frame_column(plan: Plan, sql: str, *, valued: bool) -> str:
    """One attribute or outcome of a slice search, aligned with `frame_rows`: the value of each trace, or 1 and 0."""
    values = "CASE WHEN min(s.value) <> max(s.value) THEN 2 WHEN min(s.value) IS NULL THEN 0 ELSE 1 END"  # two: or more
    column = f"min(s.value) AS value, {values} AS step_values" if valued else "least(count(s.trace_id), 1) AS value"
    return (
        f"{_with(plan)}\nSELECT {column}\n"
        f"FROM members AS m LEFT JOIN {nested(sql)} AS s ON s.trace_id = m.trace_id\n"
        "GROUP BY m.trace_id ORDER BY m.trace_id"
    )


def affected_rows(plan: Plan, columns: Collection[str]) -> str:
    """What the affected step says of each trace of the population; of a contrast of the exposed ones.

    It is the trace's first span and what is noted of it: a step may find as many rows as there are spans.

    Args:
        plan: Has an affected step.
        columns: Those that the step has.
    """
    spans = "coalesce(CAST(s.span_id AS STRING), '')" if "span_id" in columns else ""
    note = "coalesce(CAST(s.note AS STRING), '')" if "note" in columns else ""
    order = f"concat({spans}, ' ', {note})" if spans and note else spans or note
    said = {"span_id": spans, "note": note, "value": "s.value" if "value" in columns else ""}
    first = [
        f"{f'min({each})' if each == order or not order else f'min_by({each}, {order})'} AS {name}"
        for name, each in said.items()
        if each
    ]
    exposed = " JOIN exposed ON exposed.trace_id = m.trace_id" if plan.step("exposed") else ""
    return (
        f"{_with(plan, 'exposed')}\nSELECT {', '.join(('m.trace_id AS trace_id', *first))}\n"
        f"FROM members AS m{exposed} JOIN {nested(_sql(plan, 'affected'))} AS s ON s.trace_id = m.trace_id\n"
        "GROUP BY m.trace_id ORDER BY m.trace_id"
    )


def exposed_ids(plan: Plan) -> str:
    """The traces of the population that a contrast compares with the rest."""
    return (
        f"{_with(plan, 'exposed')}\nSELECT m.trace_id AS trace_id\n"
        "FROM members AS m JOIN exposed ON exposed.trace_id = m.trace_id\nORDER BY 1"
    )


def evidence_rows(plan: Plan, *, seed: int) -> str:
    """A few traces for and against, in seeded random order, with what the affected step says of them."""
    return (
        f"{_with(plan, 'affected', 'exposed', 'unreadable')},\n"
        f"sided AS (SELECT m.trace_id AS trace_id, {_side(plan)} AS side\n"
        f"  FROM members AS m{_joins(plan, 'affected', 'exposed', 'unreadable')}),\n"
        f"supporting AS ({_first('supports', SUPPORTING, seed)}),\n"
        f"refuting AS ({_first('refutes', REFUTING, seed)}),\n"
        "picked AS (SELECT * FROM supporting UNION ALL SELECT * FROM refuting)\n"
        "SELECT p.trace_id AS picked_trace_id, p.side AS picked_side, p.rank AS picked_rank, s.*\n"
        "FROM picked AS p LEFT JOIN affected_rows AS s ON s.trace_id = p.trace_id\n"
        "ORDER BY 2 DESC, 3, 1"
    )


def _first(side: str, most: int, seed: int) -> str:
    """The first traces of one side in the seeded random order: a few of as many as there are, so nothing is sorted whole."""
    return (
        f"SELECT trace_id, side, md5(concat('{seed}:', trace_id)) AS rank FROM sided\n"
        f"  WHERE side = '{side}' ORDER BY 3, 1 LIMIT {most}"
    )


def exceedance(plan: Plan, cut: float) -> Plan:
    """A shift as the contrast that decides it: affected is a measure above the pooled quantile `cut`."""
    step, exposed = plan.step("measure"), plan.step("exposed")
    if step is None or exposed is None:
        raise ValueError("only a shift has a measure and an exposed arm")
    affected = QueryStep(role="affected", title=f"{step.title} above {cut:,.6g}", sql=_above(step.sql, cut))
    population = f"SELECT v.trace_id FROM {nested(_population(plan))} AS v"
    contrast = Contrast(threshold_source=plan.decision.threshold_source)
    return plan.model_copy(update={"population": population, "steps": (exposed, affected), "decision": contrast})


def cell_contrast(plan: Plan, search: Slices, outcome: SliceOutcome, segment: dict[str, str], cut: float | None) -> Plan:
    """One cell of a slice search as a contrast: the segment against the rest of the population."""
    attributes = {attribute.name: attribute for attribute in search.attributes}
    parts = [(attributes[name], value) for name, value in sorted(segment.items())]
    exposed = QueryStep(
        role="exposed",
        title=", ".join(f"{attribute.title} {value}" for attribute, value in parts),
        sql="\nINTERSECT\n".join(_having(attribute.sql, value) for attribute, value in parts),
    )
    sql = outcome.sql if cut is None else _above(outcome.sql, cut)
    affected = QueryStep(role="affected", title=outcome.title, sql=sql)
    contrast = Contrast(ratio=search.ratio, threshold_source=search.threshold_source)
    return plan.model_copy(update={"steps": (exposed, affected), "decision": contrast})


def _having(sql: str, value: str) -> str:
    return f"SELECT a.trace_id FROM {nested(sql)} AS a GROUP BY a.trace_id HAVING CAST(min(a.value) AS STRING) = {quote(value)}"


def _above(sql: str, cut: float) -> str:
    return f"SELECT v.trace_id, v.value FROM {nested(sql)} AS v WHERE v.value > CAST('{cut!r}' AS DOUBLE)"


def _sql(plan: Plan, role: Role) -> str:
    step = plan.step(role)
    if step is None:
        raise ValueError(f"a {plan.decision.kind} plan has no step with role {role!r}")
    return step.sql


def _population(plan: Plan) -> str:
    """The plan's own population; of a shift those that ended OK and have a value (method: shift)."""
    measure = plan.step("measure")
    if measure is None:
        return plan.population
    return (
        f"SELECT p.trace_id FROM {nested(plan.population)} AS p\n"
        "JOIN traces AS t ON t.trace_id = p.trace_id AND t.state = 'OK'\n"
        f"JOIN {nested(measure.sql)} AS v ON v.trace_id = p.trace_id AND v.value IS NOT NULL"
    )


def _with(plan: Plan, *roles: Role) -> str:
    """The population, and the steps asked for, as sets of trace ids."""
    tables = [f"members AS {nested(_about(plan))}"]
    steps = [(role, step) for role in roles if (step := plan.step(role)) is not None]
    tables += [
        f"{role}_rows AS {nested(step.sql)},\n{role} AS (SELECT DISTINCT s.trace_id FROM {role}_rows AS s)"
        for role, step in steps
    ]
    return "WITH " + ",\n".join(tables)


def _joins(plan: Plan, *roles: Role) -> str:
    return "".join(f"\nLEFT JOIN {role} ON {role}.trace_id = m.trace_id" for role in roles if plan.step(role) is not None)


def _read(plan: Plan) -> str:
    """A condition that keeps what could be judged."""
    return " AND (affected.trace_id IS NOT NULL OR unreadable.trace_id IS NULL)" if plan.step("unreadable") else ""


def _cluster(by_trace: bool) -> str:
    return "m.trace_id" if by_trace else "m.cluster"


def _exposed(plan: Plan) -> str:
    return "CASE WHEN exposed.trace_id IS NULL THEN 0 ELSE 1 END" if plan.step("exposed") else "0"


def _side(plan: Plan) -> str:
    if plan.step("exposed") is not None:
        both = "affected.trace_id IS NOT NULL AND exposed.trace_id IS NOT NULL"
        return (
            f"CASE WHEN {both} THEN 'supports' "
            "WHEN affected.trace_id IS NOT NULL OR exposed.trace_id IS NOT NULL THEN 'refutes' END"
        )
    decision = plan.decision
    strength = decision.kind == "rate" and decision.direction == "below"
    found, absent = ("refutes", "supports") if strength else ("supports", "refutes")
    unread = " WHEN unreadable.trace_id IS NOT NULL THEN NULL" if plan.step("unreadable") else ""
    return f"CASE WHEN affected.trace_id IS NOT NULL THEN '{found}'{unread} ELSE '{absent}' END"
