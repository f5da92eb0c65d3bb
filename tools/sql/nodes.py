"""Small pieces of syntax tree that the rewrites are made of."""

from collections.abc import Callable

from sqlglot import exp

from ..errors import QueryRefused

Rewrite = Callable[[exp.Anonymous], exp.Expr]
"""Takes a call as it was written, its arguments already rewritten; gives what DuckDB is told instead."""


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A call of a DuckDB function or macro."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def only_argument(node: exp.Anonymous) -> exp.Expr:
    """The one argument of a call.

    Raises:
        QueryRefused: It has none, or more.
    """
    if len(node.expressions) != 1:
        raise QueryRefused(f"{node.this} takes one argument here, not {len(node.expressions)}.")
    return node.expressions[0]


def case(condition: exp.Expr, then: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Case:
    """CASE WHEN condition THEN then ELSE otherwise END."""
    return exp.Case(ifs=[exp.If(this=condition, true=then)], default=otherwise)


def is_null(value: exp.Expr) -> exp.Paren:
    """(value IS NULL)."""
    return exp.Paren(this=exp.Is(this=exp.Paren(this=value), expression=exp.Null()))


def is_not_null(value: exp.Expr) -> exp.Paren:
    """(NOT (value IS NULL))."""
    return exp.Paren(this=exp.Not(this=is_null(value)))


def as_double(value: exp.Expr) -> exp.Cast:
    """CAST(value AS DOUBLE)."""
    return exp.Cast(this=value, to=exp.DataType(this=exp.DType.DOUBLE))
