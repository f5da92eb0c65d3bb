"""What a query may be: one SELECT over the relations, built of the syntax and the functions that are allowed.

The texts come from people, playbooks and language models, so all is refused that isn't listed here: kinds of syntax by the class
of their node, functions by name (`tools/sql/functions.py`), tables by the relations and the query's own common table expressions,
each where it is visible. What passes may still be slow or large; the workers bound that.
"""

import difflib
from collections.abc import Callable, Collection
from typing import Any

from sqlglot import exp

from ..errors import QueryRefused
from .dialect import parse_query
from .functions import FUNCTIONS, GENERATORS, INSTEAD, TABLES, names
from .lambdas import TAKES_LAMBDA
from .relations import RELATIONS

_QUERIES = (exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Subquery, exp.With, exp.CTE, exp.Values, exp.Tuple)
_CLAUSES = (
    *(exp.From, exp.Join, exp.Lateral, exp.Where, exp.Group, exp.GroupingSets, exp.Rollup, exp.Cube, exp.Having, exp.Qualify),
    *(exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Distinct, exp.Window, exp.WindowSpec, exp.Filter, exp.WithinGroup),
    *(exp.IgnoreNulls, exp.RespectNulls),
)
_NAMES = (exp.Table, exp.TableAlias, exp.Alias, exp.Column, exp.Identifier, exp.Star, exp.Dot, exp.Bracket, exp.Var, exp.Lambda)
_VALUES = (
    *(exp.Literal, exp.Boolean, exp.Null, exp.Interval, exp.DataType, exp.DataTypeParam, exp.Cast, exp.TryCast),
    *(exp.Anonymous, exp.Extract, exp.StrPosition, exp.Substring, exp.Trim, exp.Case, exp.If, exp.Paren),
)
_OPERATORS = (
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is),
    *(exp.Between, exp.In, exp.Exists, exp.Any, exp.All, exp.Like, exp.ILike, exp.Escape, exp.RegexpLike),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe),
    *(exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot),
)
_ALLOWED: frozenset[type[exp.Expr]] = frozenset({*_QUERIES, *_CLAUSES, *_NAMES, *_VALUES, *_OPERATORS})

_SYNTAX = {
    "aliases": "several names for one column: write LATERAL VIEW explode(map) t AS key, value",
    "array": "array[...]: write get(array(...), index)",
    "cluster": "CLUSTER BY: use ORDER BY",
    "concat": "strings side by side, as in 'it''s': write \"it's\" or 'it\\'s' for a quote in a string, concat(a, b) to join",
    "currentdate": INSTEAD["current_date"],
    "currenttimestamp": INSTEAD["current_timestamp"],
    "distribute": "DISTRIBUTE BY: use ORDER BY",
    "hint": "hints: leave them out",
    "into": "SELECT INTO: a query only reads",
    "jsonextract": "col:path and ->: use get_json_object(col, '$.path')",
    "parameter": "parameters: write the value as a literal",
    "pivot": "PIVOT and UNPIVOT: use CASE inside an aggregate",
    "placeholder": "parameters: write the value as a literal",
    "sort": "SORT BY: use ORDER BY",
    "tablesample": "TABLESAMPLE isn't the same twice: ORDER BY md5(trace_id) LIMIT n gives a sample that is",
    "unnest": "UNNEST: use explode(array)",
}
_CLOCKS = names(
    "current_catalog current_date current_database current_role current_schema current_time current_timestamp current_user "
    "localtime localtimestamp session_user user"
)
"""Names that DuckDB takes for a function when no column has them, even quoted."""


def check_query(sql: str, *, relations: Collection[str] = ()) -> exp.Query:
    """The query as a syntax tree, if it is allowed.

    Args:
        sql: One SELECT in the Databricks dialect.
        relations: Relations beside `traces`, `spans` and `assessments`.

    Raises:
        QueryRefused: What is refused, and what to write instead.
    """
    tree = parse_query(sql)
    visible = frozenset({relation.name for relation in RELATIONS} | {name.lower() for name in relations})
    try:
        for node in tree.walk():
            _check_node(node)
        _check_tables(tree, visible)
    except RecursionError as error:
        raise QueryRefused("The query is nested too deeply: split it into common table expressions.") from error
    return tree


def _check_node(node: exp.Expr) -> None:
    if type(node) not in _ALLOWED:
        what = _SYNTAX.get(node.key, f"{node.key.upper()}: it isn't in the part of SQL that is allowed here")
        raise QueryRefused(f"Refused: {what}.")
    check = _CHECKS.get(type(node))
    if check is not None:
        check(node)


def _check_call(node: exp.Expr) -> None:
    name = str(node.this).lower()
    if name not in FUNCTIONS | TABLES:
        near = difflib.get_close_matches(name, sorted(FUNCTIONS), n=3)
        hint = INSTEAD.get(name) or (f"did you mean {' or '.join(near)}?" if near else "see the list of functions in the help")
        raise QueryRefused(f"The function {name!r} is not allowed: {hint}.".replace("?.", "?"))
    if name in TABLES - GENERATORS and not isinstance(node.parent, exp.Table):
        raise QueryRefused(f"{name} stands in FROM only: write FROM {name}(...), or sequence(first, last) for an array.")
    if name in GENERATORS and not _generates(node, name):
        raise QueryRefused(f"{name} stands in LATERAL VIEW, in FROM, or (explode) alone as a column of SELECT.")


def _generates(node: exp.Expr, name: str) -> bool:
    parent = node.parent
    if isinstance(parent, exp.Lateral | exp.Table):
        return True
    projection = parent if isinstance(parent, exp.Alias) else node
    return (
        name in {"explode", "explode_outer"} and isinstance(projection.parent, exp.Select) and projection.arg_key == "expressions"
    )


def _check_table(node: exp.Expr) -> None:
    if isinstance(node.this, exp.Anonymous):
        name = str(node.this.this).lower()
        if name not in TABLES:
            raise QueryRefused(f"FROM {name}(...) is not allowed: {_tables_hint()}.")
    if node.args.get("db") or node.args.get("catalog"):
        raise QueryRefused(f"The table {node.sql('databricks')!r} is not allowed: {_tables_hint()}, without a schema in front.")


def _tables_hint() -> str:
    return f"the relations are {', '.join(relation.name for relation in RELATIONS)}"


def _check_with(node: exp.Expr) -> None:
    if node.args.get("recursive"):
        raise QueryRefused("WITH RECURSIVE is not allowed: traces have parent_span_id and position; join spans with itself.")


def _check_column(node: exp.Expr) -> None:
    if not node.args.get("table") and node.name.lower() in _CLOCKS:
        raise QueryRefused(f"{node.name!r} is not a column: {INSTEAD.get(node.name.lower(), 'write the value as a literal')}.")


def _check_dot(node: exp.Expr) -> None:
    if not isinstance(node.expression, exp.Identifier | exp.Star):
        raise QueryRefused(f"{node.sql('databricks')!r}: behind a dot stands the name of a field, functions are called as f(x).")


def _check_join(node: exp.Expr) -> None:
    if node.args.get("method") not in (None, "", "NATURAL"):
        raise QueryRefused(f"{node.args['method']} JOIN is not allowed: use JOIN, LEFT JOIN, LEFT SEMI JOIN or LEFT ANTI JOIN.")


def _check_distinct(node: exp.Expr) -> None:
    if node.args.get("on"):
        raise QueryRefused("DISTINCT ON is not allowed: use QUALIFY row_number() OVER (PARTITION BY ... ORDER BY ...) = 1.")


def _check_alias(node: exp.Expr) -> None:
    parent = node.parent
    in_struct = isinstance(parent, exp.Anonymous) and str(parent.this).lower() == "struct"
    if not in_struct and not isinstance(parent, exp.Select):
        raise QueryRefused(f"{node.sql('databricks')!r}: names with AS are given in SELECT and in struct(...) only.")


def _check_lambda(node: exp.Expr) -> None:
    parent = node.parent
    if not isinstance(parent, exp.Anonymous) or str(parent.this).lower() not in TAKES_LAMBDA:
        raise QueryRefused(f"{node.sql('databricks')!r}: lambdas are for {', '.join(sorted(TAKES_LAMBDA))}.")


_CHECKS: dict[type[exp.Expr], Callable[[Any], None]] = {
    exp.Anonymous: _check_call,
    exp.Table: _check_table,
    exp.With: _check_with,
    exp.Column: _check_column,
    exp.Dot: _check_dot,
    exp.Join: _check_join,
    exp.Distinct: _check_distinct,
    exp.Alias: _check_alias,
    exp.Lambda: _check_lambda,
}


def _check_tables(node: exp.Expr, visible: frozenset[str]) -> None:
    """Each table must be a relation, or a common table expression that is visible where it stands."""
    with_ = node.args.get("with_")
    if with_ is not None:
        for expression in with_.expressions:
            _check_tables(expression.this, visible)
            visible |= {expression.alias.lower()}
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) and node.name.lower() not in visible:
        near = difflib.get_close_matches(node.name.lower(), sorted(visible), n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(visible))}."
        raise QueryRefused(f"There is no relation {node.name!r}: {hint}")
    for child in node.iter_expressions():
        if child is not with_:
            _check_tables(child, visible)
