"""From the Databricks dialect to what Spark must be told so that its answer is DuckDB's.

The dialect is Spark's own, so most of a query stays as it is. What is put right is where a plain Spark answers otherwise without
a word: division by zero, decimals that are rounded on their way, regular expressions of another language, results that depend on
how rows came to be spread over executors. What DuckDB refuses is refused here too: a query means the same wherever it runs, or is
no query. The text that is sent is printed from the tree that the guard has checked, never the text that came in.
"""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from ..dialect import AsWritten, name_columns, translate
from ..nodes import as_double, call
from .calls import rewrite_call
from .patterns import java_pattern


def translate_to_spark(query: exp.Query) -> str:
    """The query as Spark is told it.

    Args:
        query: What the guard let through; it is left as it is.

    Raises:
        QueryRefused: Something in it can't be said with the same meaning on every engine.
    """
    translate(query)
    tree = query.copy()
    name_columns(tree)
    for node in reversed(list(tree.walk(bfs=True))):
        rewrite = _REWRITES.get(type(node))
        if rewrite is not None:
            new = rewrite(node)
            if new is not node:
                node.replace(new)
    return tree.sql(dialect=AsWritten, identify=True, comments=False)


def _divide(node: exp.Div) -> exp.Expr:
    """NULL where the divisor is 0; decimals would be rounded to a few digits."""
    return exp.Div(this=as_double(node.this), expression=_not_zero(as_double(node.expression)))


def _divide_whole(node: exp.IntDiv) -> exp.Expr:
    quotient = exp.Div(this=as_double(node.this), expression=_not_zero(as_double(node.expression)))
    return exp.Cast(this=quotient, to=exp.DataType(this=exp.DType.BIGINT))


def _modulo(node: exp.Mod) -> exp.Expr:
    return exp.Mod(this=node.this, expression=_not_zero(node.expression))


def _not_zero(value: exp.Expr) -> exp.Expr:
    return call("nullif", value, exp.Literal.number(0))


def _bracket(node: exp.Bracket) -> exp.Expr:
    """`map['key']` stays; beyond an array's end there is NULL."""
    key = node.expressions[0]
    return node if isinstance(key, exp.Literal) and key.is_string else call("get", node.this, key)


def _literal(node: exp.Literal) -> exp.Expr:
    """Fractions are doubles: a DECIMAL column would have its mean rounded to 4 digits more than it has itself."""
    fraction = not node.is_string and not node.name.isdigit()
    return exp.Literal.number(f"{node.name}D") if fraction else node


def _regexp_like(node: exp.RegexpLike) -> exp.Expr:
    return call("regexp_like", node.this, java_pattern(node.expression))


_REWRITES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.Anonymous: rewrite_call,
    exp.Div: _divide,
    exp.IntDiv: _divide_whole,
    exp.Mod: _modulo,
    exp.Bracket: _bracket,
    exp.Literal: _literal,
    exp.RegexpLike: _regexp_like,
}
