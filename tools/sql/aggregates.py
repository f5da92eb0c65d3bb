"""Aggregates that DuckDB names, orders or treats NULL otherwise.

An aggregate may stand inside FILTER, IGNORE NULLS, WITHIN GROUP and OVER, in that nesting; a rewrite that needs a condition puts
it into the FILTER, and one that needs something around the whole puts it outside of OVER.
"""

from sqlglot import exp

from ..errors import QueryRefused
from .nodes import Rewrite, as_double, call, case, is_not_null

_PLAIN_NAMES = {"any_value": "first", "first_value": "first", "last_value": "last"}
SMALLEST = "smallest_here"
"""Our own name for the n smallest values of a group; no query can write it, because the guard has no such function."""
WRAPPERS = (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup, exp.Window)


def arguments_of(node: exp.Anonymous) -> tuple[bool, list[exp.Expr]]:
    """Whether DISTINCT was asked for, and the arguments."""
    first = node.expressions[0] if node.expressions else None
    return (True, first.expressions) if isinstance(first, exp.Distinct) else (False, node.expressions)


def _distinct(*arguments: exp.Expr) -> exp.Distinct:
    return exp.Distinct(expressions=list(arguments))


def put_around(node: exp.Expr, outer: exp.Anonymous) -> None:
    """Makes the aggregate, with its OVER and FILTER, the first argument of another call."""
    top = node
    while isinstance(top.parent, WRAPPERS) and top.parent.this is top:
        top = top.parent
    top.replace(outer)
    outer.set("expressions", [top, *outer.expressions])


def _add_condition(node: exp.Expr, condition: exp.Expr) -> None:
    """Narrows the rows that the aggregate takes."""
    if isinstance(node.parent, exp.Filter):
        where = node.parent.expression
        where.set("this", exp.And(this=exp.Paren(this=where.this), expression=condition))
        return
    around = exp.Filter(expression=exp.Where(this=condition))
    node.replace(around)
    around.set("this", node)


def _become(node: exp.Anonymous, name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Changes the call in place, so that what stands around it stays."""
    node.set("this", name)
    node.set("expressions", list(arguments))
    return node


def _count(node: exp.Anonymous) -> exp.Expr:
    if not node.expressions:
        raise QueryRefused("count() needs an argument: write count(*).")
    return node


def _count_if(node: exp.Anonymous) -> exp.Expr:
    """0, not NULL, where there are no rows."""
    (condition,) = node.expressions
    return _become(node, "count", case(condition, exp.Literal.number(1)))


def _extreme(node: exp.Anonymous) -> exp.Expr:
    """Max and min; engines order the NULLs inside of structs differently."""
    (value,) = node.expressions
    if isinstance(value.unalias(), exp.Struct):
        raise QueryRefused(f"{node.this} of a struct: write {node.this}_by(what, by_which).")
    return node


def _percentile(node: exp.Anonymous) -> exp.Expr:
    distinct, arguments = arguments_of(node)
    if distinct or len(arguments) != 2:
        raise QueryRefused("percentile takes a value and a fraction, or an array of fractions: percentile(x, 0.9).")
    return _become(node, "quantile_cont", as_double(arguments[0]), arguments[1])


def _percentile_exact(node: exp.Anonymous) -> exp.Expr:
    """approx_percentile and its accuracy: exact here, a member of the values as there."""
    distinct, arguments = arguments_of(node)
    if distinct or len(arguments) not in {2, 3}:
        raise QueryRefused(f"{node.this} takes a value, a fraction and an optional accuracy: approx_percentile(x, 0.9).")
    return _become(node, "quantile_disc", arguments[0], arguments[1])


def _percentile_within(node: exp.Anonymous) -> exp.Expr:
    """percentile_cont(p) WITHIN GROUP (ORDER BY x)."""
    group = node.parent
    order = group.expression.expressions if isinstance(group, exp.WithinGroup) else []
    if group is None or len(node.expressions) != 1 or len(order) != 1 or order[0].args.get("desc"):
        raise QueryRefused(f"{node.this}: write percentile(x, fraction), or {node.this}(fraction) WITHIN GROUP (ORDER BY x).")
    value = order[0].this
    exact = str(node.this).lower() == "percentile_disc"
    _become(node, "quantile_disc" if exact else "quantile_cont", value if exact else as_double(value), node.expressions[0])
    group.replace(node)
    return node


def _collect_list(node: exp.Anonymous) -> exp.Expr:
    """NULLs are left out, and nothing collected is an empty array, not NULL."""
    distinct, arguments = arguments_of(node)
    (value,) = arguments
    _become(node, "list", _distinct(value) if distinct else value)
    put_around(node, call("coalesce", exp.Array(expressions=[])))
    _add_condition(node, is_not_null(value.copy()))
    return node


def take_smallest(tree: exp.Query) -> None:
    """Says slice(sort_array(collect_list(x)), 1, n) as what keeps n values for a group instead of all of them; in place."""
    for node in list(tree.find_all(exp.Anonymous)):
        arguments = _nested(node, "slice", 3)
        ordered = _nested(arguments[0], "sort_array", 1) if arguments else []
        collected = _nested(ordered[0], "collect_list", 1) if ordered else []
        if collected and arguments[1].name == "1" and isinstance(arguments[2], exp.Literal):
            node.replace(call(SMALLEST, collected[0], arguments[2]))


def _nested(node: exp.Expr, name: str, arguments: int) -> list[exp.Expr]:
    """The arguments of a call of that name and number; none where it is something else."""
    called = isinstance(node, exp.Anonymous) and str(node.this).lower() == name and len(node.expressions) == arguments
    return list(node.expressions) if called and not isinstance(node.expressions[0], exp.Distinct) else []


def take_together(tree: exp.Query) -> None:
    """Has the percentiles of one value that stand in one SELECT read off one ordering of it, not one each; in place.

    Each asks for all the fractions and takes its own: aggregates that are the same DuckDB computes once.
    """
    for select in tree.find_all(exp.Select):
        by_value: dict[exp.Expr, list[exp.Anonymous]] = {}
        for node in select.find_all(exp.Anonymous):
            if _is_simple_percentile(node) and node.parent_select is select:
                by_value.setdefault(node.expressions[0], []).append(node)
        for value, nodes in by_value.items():
            if len(nodes) > 1:
                _ask_at_once(value, nodes)


def _is_simple_percentile(node: exp.Anonymous) -> bool:
    plain = str(node.this).lower() == "percentile" and not isinstance(node.parent, WRAPPERS)
    return (
        plain
        and len(node.expressions) == 2
        and _is_number(node.expressions[1])
        and not isinstance(node.expressions[0], exp.Distinct)
    )


def _is_number(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string


def _ask_at_once(value: exp.Expr, nodes: list[exp.Anonymous]) -> None:
    fractions = sorted({node.expressions[1].name for node in nodes}, key=float)
    array = exp.Array(expressions=[exp.Literal.number(fraction) for fraction in fractions])
    for node in nodes:
        place = exp.Literal.number(fractions.index(node.expressions[1].name))
        node.replace(call("get", call("percentile", value.copy(), array.copy()), place))


def _smallest(node: exp.Anonymous) -> exp.Expr:
    value, count = node.expressions
    return call("coalesce", call("min", value, count), exp.Array(expressions=[]))


def _collect_set(node: exp.Anonymous) -> exp.Expr:
    """As collect_list, without repeats; sorted, so that it is the same each time."""
    _, (value,) = arguments_of(node)
    _become(node, "list", _distinct(value))
    put_around(node, call("coalesce", exp.Array(expressions=[])))
    put_around(node, call("list_sort"))
    _add_condition(node, is_not_null(value.copy()))
    return node


def _first_or_last(node: exp.Anonymous) -> exp.Expr:
    """By the order of the window, or of the files; NULLs count unless IGNORE NULLS, or TRUE as second argument, says no."""
    name = _PLAIN_NAMES.get(str(node.this).lower(), str(node.this).lower())
    skips = _takes_ignore_nulls(node)
    value, *flag = node.expressions
    skips = skips or (bool(flag) and isinstance(flag[0], exp.Boolean) and bool(flag[0].this))
    if _is_windowed(node):
        return _become(node, f"{name}_value", exp.IgnoreNulls(this=value) if skips else value)
    _become(node, name, value)
    if skips:
        _add_condition(node, is_not_null(value.copy()))
    return node


def _offset(node: exp.Anonymous) -> exp.Expr:
    """lag, lead and nth_value: IGNORE NULLS goes behind the last argument."""
    if _takes_ignore_nulls(node):
        *others, last = node.expressions
        return _become(node, str(node.this).lower(), *others, exp.IgnoreNulls(this=last))
    return node


def _takes_ignore_nulls(node: exp.Anonymous) -> bool:
    """Whether IGNORE NULLS stands behind the call or inside of it; it is taken away."""
    inside = [argument for argument in node.expressions if isinstance(argument, exp.IgnoreNulls)]
    for argument in inside:
        argument.replace(argument.this)
    around = node.parent
    if isinstance(around, exp.IgnoreNulls | exp.RespectNulls):
        around.replace(node)
    return bool(inside) or isinstance(around, exp.IgnoreNulls)


def _is_windowed(node: exp.Expr) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        parent = parent.parent
    return isinstance(parent, exp.Window)


def _undefined_is_null(node: exp.Anonymous) -> exp.Expr:
    """Where all values are the same DuckDB gives NaN, Databricks NULL or an error."""
    put_around(node, call("nullif", exp.Cast(this=exp.Literal.string("NaN"), to=exp.DataType(this=exp.DType.DOUBLE))))
    return node


def _count_distinct(node: exp.Anonymous) -> exp.Expr:
    return _become(node, "count", _distinct(node.expressions[0]))


AGGREGATE_REWRITES: dict[str, Rewrite] = {
    "any_value": _first_or_last,
    "approx_count_distinct": _count_distinct,
    "approx_percentile": _percentile_exact,
    "array_agg": _collect_list,
    "collect_list": _collect_list,
    "collect_set": _collect_set,
    "corr": _undefined_is_null,
    "count": _count,
    "count_if": _count_if,
    "first": _first_or_last,
    "first_value": _first_or_last,
    "lag": _offset,
    "last": _first_or_last,
    "last_value": _first_or_last,
    "lead": _offset,
    "max": _extreme,
    "min": _extreme,
    "nth_value": _offset,
    "percentile": _percentile,
    "percentile_approx": _percentile_exact,
    "percentile_cont": _percentile_within,
    "percentile_disc": _percentile_within,
    "regr_intercept": _undefined_is_null,
    "regr_slope": _undefined_is_null,
    SMALLEST: _smallest,
}
