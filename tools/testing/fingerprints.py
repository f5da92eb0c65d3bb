"""What an issue is about, however it is worded: a population, a measure and a segment, made of SQL and of fixed names.

An issue of the playbook is known by the entry's name, since an entry may be worded and even written better. Any other is known by
the SELECTs of its plan, in a form that layout, case, comments, the order of conditions and the wording of notes leave alone.
"""

from sqlglot import exp

from ..errors import QueryRefused
from ..insights.models import Cell, Fingerprint, HypothesisDraft
from ..sql.dialect import parse_query
from .plan import Plan, QueryStep, ReadStep

PLAYBOOK = "playbook"
"""The population of an issue that an entry of the playbook describes: the entry's plan says which it is."""

TELLING = {"note", "span_id"}
"""Columns that say something of an affected trace, and nothing of which traces are affected."""


def fingerprint_of(hypothesis: HypothesisDraft, cell: Cell | None = None) -> Fingerprint:
    """What the issue would be about that comes of a hypothesis, or of one cell of its slice search."""
    plan = hypothesis.plan
    if cell is not None and plan is not None:
        segment = " and ".join(f"{name} = {value}" for name, value in sorted(cell.segment.items()))
        return Fingerprint(population=canonical(plan.population), measure=cell.outcome, segment=segment)
    if hypothesis.playbook:
        return Fingerprint(population=PLAYBOOK, measure=hypothesis.playbook)
    if plan is None:
        return Fingerprint(population="", measure=hypothesis.statement)
    return Fingerprint(population=canonical(plan.population), measure=_measure(plan))


def entry_of(fingerprint: Fingerprint) -> str:
    """The name of the playbook's entry that describes an issue; empty where none does."""
    return fingerprint.measure if fingerprint.population == PLAYBOOK else ""


def canonical(sql: str) -> str:
    """A SELECT in one form for all its wordings; a text that isn't one, with its blanks collapsed."""
    try:
        tree = parse_query(sql)
    except QueryRefused:
        return " ".join(sql.split())
    if isinstance(tree, exp.Select) and len(tree.expressions) > 1:
        tree.set("expressions", [column for column in tree.expressions if column.alias_or_name.lower() not in TELLING])
    for name in tree.find_all(exp.Identifier):
        name.set("this", str(name.this).lower())
        name.set("quoted", False)
    for called in tree.find_all(exp.Anonymous):
        called.set("this", str(called.this).lower())
    for each in reversed(list(tree.find_all(exp.And, exp.Or))):  # the inner ones first
        _sort(each)
    return tree.sql(dialect="databricks", comments=False)


def _measure(plan: Plan) -> str:
    steps = [f"{step.role}: {_asked(step)}" for step in sorted(plan.steps, key=lambda step: step.role)]
    return "\n".join((plan.decision.kind, *steps))


def _asked(step: QueryStep | ReadStep) -> str:
    return canonical(step.sql) if isinstance(step, QueryStep) else " ".join(step.question.split())


def _sort(connector: exp.And | exp.Or) -> None:
    """Puts the operands of a chain of ANDs, or of ORs, in order; only at the chain's top, which holds them all."""
    if isinstance(connector.parent, type(connector)):
        return
    operands = sorted((each.copy() for each in connector.flatten(unnest=False)), key=lambda each: each.sql(comments=False))
    chain = operands[0]
    for operand in operands[1:]:
        chain = type(connector)(this=chain, expression=operand)
    connector.set("this", chain.this)
    connector.set("expression", chain.expression)
