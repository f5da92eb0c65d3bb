"""The functions of the allow-list that a plain Spark answers otherwise than DuckDB does here."""

from sqlglot import exp

from ...errors import QueryRefused
from ..aggregates import WRAPPERS, arguments_of, put_around
from ..functions import names
from ..nodes import Rewrite, as_double, call
from .patterns import java_pattern

_UNITS = names("date_add date_diff dateadd datediff timestampadd timestampdiff")
"""Functions whose first argument of three is a unit, not a column."""
_UNORDERED = names("array_contains array_max array_min array_size array_sort cardinality size sort_array")
"""What gives the same for an array in any order."""
_REGEXPS = names("regexp regexp_count regexp_extract regexp_extract_all regexp_like regexp_replace regexp_substr rlike split")


def rewrite_call(node: exp.Anonymous) -> exp.Expr:
    """One call, said so that Spark means what DuckDB does. Its arguments have been rewritten before.

    Raises:
        QueryRefused: The result would not be the same twice.
    """
    name = str(node.this).lower()
    if name in _REGEXPS:
        text, pattern, *more = node.expressions
        return call(name, text, java_pattern(pattern), *more)
    if name in _UNITS and len(node.expressions) == 3:
        unit, *more = node.expressions
        return call(name, exp.var(unit.name.upper()), *more)
    rewrite = _REWRITES.get(name)
    return rewrite(node) if rewrite is not None else node


def _renamed(name: str) -> Rewrite:
    return lambda node: call(name, *node.expressions)


def _size(node: exp.Anonymous) -> exp.Expr:
    return exp.Cast(this=node.copy(), to=exp.DataType(this=exp.DType.BIGINT))


def _modulo(node: exp.Anonymous) -> exp.Expr:
    dividend, divisor = node.expressions
    return call(str(node.this), dividend, call("nullif", divisor, exp.Literal.number(0)))


def _round(node: exp.Anonymous) -> exp.Expr:
    """To digits: as the binary number that it is, where Spark rounds what would be printed."""
    if len(node.expressions) != 2:
        return node
    value, digits = node.expressions
    scale = call("pow", exp.Literal.number(10), digits)
    scaled = call("round", exp.Mul(this=as_double(value), expression=scale.copy()))
    return exp.Paren(this=exp.Div(this=scaled, expression=scale))


def _average(node: exp.Anonymous) -> exp.Expr:
    """In doubles: the mean of decimals would be rounded."""
    distinct, (value,) = arguments_of(node)
    averaged = as_double(value.copy())
    return call(str(node.this), exp.Distinct(expressions=[averaged]) if distinct else averaged)


def _percentile(node: exp.Anonymous) -> exp.Expr:
    _, (value, *more) = arguments_of(node)
    return call("percentile", as_double(value.copy()), *more)


def _percentile_exact(node: exp.Anonymous) -> exp.Expr:
    """approx_percentile: exact, a member of the values."""
    _, (value, fraction, *_) = arguments_of(node)
    order = exp.Order(expressions=[exp.Ordered(this=value.copy(), nulls_first=True)])
    return exp.WithinGroup(this=call("percentile_disc", fraction), expression=order)


def _count_distinct(node: exp.Anonymous) -> exp.Expr:
    return call("count", exp.Distinct(expressions=[node.expressions[0].copy()]))


def _collect_set(node: exp.Anonymous) -> exp.Expr:
    put_around(node, call("sort_array"))
    return node


def _collect_list(node: exp.Anonymous) -> exp.Expr:
    """The order of what is collected is that of no file any more."""
    top = _with_wrappers(node)
    around = top.parent
    sorted_later = isinstance(around, exp.Anonymous) and str(around.this).lower() in _UNORDERED
    if not sorted_later and not _has_order(top):
        raise QueryRefused(
            f"{node.this} gives what it collects in another order each time on Spark: write sort_array({node.this}(x)), or "
            f"{node.this}(x) OVER (... ORDER BY ...)."
        )
    return node


def _ordered(node: exp.Anonymous) -> exp.Expr:
    """First, last and any_value have an order to go by in a window only."""
    if not _has_order(_with_wrappers(node)):
        raise QueryRefused(
            f"{node.this} gives another row each time on Spark, where rows have no order: write min_by(x, request_time), "
            f"max_by(x, request_time), or min(x) where all are the same."
        )
    return node


def _mode(node: exp.Anonymous) -> exp.Expr:
    raise QueryRefused(
        "mode may give another value each time on Spark, where several are the commonest: GROUP BY the value, "
        "ORDER BY count(*) DESC, value LIMIT 1."
    )


def _with_wrappers(node: exp.Expr) -> exp.Expr:
    """The aggregate with its FILTER and OVER."""
    top = node
    while isinstance(top.parent, WRAPPERS) and top.parent.this is top:
        top = top.parent
    return top


def _has_order(node: exp.Expr) -> bool:
    return isinstance(node, exp.Window) and node.args.get("order") is not None


_REWRITES: dict[str, Rewrite] = {
    **dict.fromkeys(("array_size", "cardinality", "size"), _size),
    **dict.fromkeys(("avg", "mean", "try_avg"), _average),
    **dict.fromkeys(("approx_percentile", "percentile_approx"), _percentile_exact),
    **dict.fromkeys(("array_agg", "collect_list"), _collect_list),
    **dict.fromkeys(("any_value", "first", "first_value", "last", "last_value"), _ordered),
    **dict.fromkeys(("mod", "pmod"), _modulo),
    "approx_count_distinct": _count_distinct,
    "charindex": _renamed("locate"),
    "collect_set": _collect_set,
    "element_at": _renamed("try_element_at"),
    "iff": _renamed("if"),
    "mode": _mode,
    "percentile": _percentile,
    "round": _round,
}
