"""Functions that take a lambda. Databricks counts the index from 0, DuckDB from 1; some have no equal and are put together."""

from collections.abc import Mapping

from sqlglot import exp

from ..errors import QueryRefused
from .functions import names
from .nodes import Rewrite, call

TAKES_LAMBDA = names("aggregate exists filter forall map_filter reduce transform transform_values zip_with")


def _lambda(node: exp.Expr, count: int) -> exp.Lambda:
    if not isinstance(node, exp.Lambda) or len(node.expressions) != count:
        shape = ["x -> ...", "(x, y) -> ..."][count - 1]
        raise QueryRefused(f"{node.sql('databricks')!r} should be a lambda of {count}: {shape}.")
    return node


def _substitute(function: exp.Lambda, values: Mapping[str, exp.Expr]) -> exp.Expr:
    """The body of a lambda with its parameters replaced."""
    top = exp.Paren(this=function.this.copy())
    for identifier in list(top.find_all(exp.Identifier)):
        value = values.get(identifier.name.lower())
        if value is not None and _is_reference(identifier) and not _is_rebound(identifier, top):
            identifier.replace(exp.Paren(this=value.copy()))
    return top


def _is_reference(identifier: exp.Identifier) -> bool:
    """Whether it stands for a parameter: sqlglot makes those bare identifiers, alone or left of a dot; the rest are names."""
    parent = identifier.parent
    if isinstance(parent, exp.Dot | exp.Lambda | exp.Alias):
        return identifier.arg_key == "this"
    if isinstance(parent, exp.PropertyEQ):
        return identifier.arg_key == "expression"
    return not isinstance(parent, exp.Column | exp.TableAlias | exp.Table)


def _is_rebound(identifier: exp.Expr, top: exp.Expr) -> bool:
    """Whether a lambda inside the body has a parameter of that name."""
    node = identifier.parent
    while node is not None and node is not top:
        if isinstance(node, exp.Lambda) and identifier.name.lower() in _names(node):
            return True
        node = node.parent
    return False


def _names(function: exp.Lambda) -> list[str]:
    return [parameter.name.lower() for parameter in function.expressions]


def _indexed(function: exp.Expr) -> exp.Expr:
    """A lambda of an element and its index, the index counted from 0."""
    if not isinstance(function, exp.Lambda) or len(function.expressions) != 2:
        return _lambda(function, 1)
    index = function.expressions[1]
    from_zero = exp.Paren(this=exp.Sub(this=exp.column(index.copy()), expression=exp.Literal.number(1)))
    return exp.Lambda(this=_substitute(function, {index.name.lower(): from_zero}), expressions=function.expressions)


def _filter(node: exp.Anonymous) -> exp.Expr:
    array, function = node.expressions
    return call("list_filter", array, _indexed(function))


def _transform(node: exp.Anonymous) -> exp.Expr:
    array, function = node.expressions
    return call("list_transform", array, _indexed(function))


def _of_each(node: exp.Anonymous) -> exp.Expr:
    """Exists and forall: the condition of each element, then the macro over the answers."""
    array, function = node.expressions
    return call(f"spark_{str(node.this).lower()}", call("list_transform", array, _lambda(function, 1)))


def _aggregate(node: exp.Anonymous) -> exp.Expr:
    array, start, merge, *finish = node.expressions
    reduced = call("list_reduce", array, _lambda(merge, 2), start)
    if not finish:
        return reduced
    function = _lambda(finish[0], 1)
    return _substitute(function, {_names(function)[0]: reduced})


def _zip_with(node: exp.Anonymous) -> exp.Expr:
    """Over the indexes of the longer array; the shorter one gives NULLs."""
    left, right, function = node.expressions
    position = exp.to_identifier("position_here")
    at = exp.column(position.copy())
    first, second = _names(_lambda(function, 2))
    body = _substitute(_lambda(function, 2), {first: _at(left, at), second: _at(right, at)})
    longer = call("greatest", call("len", left.copy()), call("len", right.copy()))
    missing = exp.Or(this=_null(left), expression=_null(right))
    zipped = call("list_transform", call("generate_series", exp.Literal.number(1), longer), _function(position, body))
    return exp.Case(ifs=[exp.If(this=exp.Not(this=exp.Paren(this=missing)), true=zipped)])


def _null(value: exp.Expr) -> exp.Is:
    return exp.Is(this=exp.Paren(this=value.copy()), expression=exp.Null())


def _at(array: exp.Expr, position: exp.Expr) -> exp.Expr:
    return exp.Bracket(this=exp.Paren(this=array.copy()), expressions=[position.copy()], offset=1, safe=True)


def _function(parameter: exp.Identifier, body: exp.Expr) -> exp.Lambda:
    return exp.Lambda(this=body, expressions=[parameter])


def _over_entries(node: exp.Anonymous) -> tuple[exp.Expr, exp.Identifier, exp.Expr]:
    """The entries of the map, the name of one entry, and the body said of its key and value."""
    entries, function = node.expressions
    entry = exp.to_identifier("entry_here")
    key, value = _names(_lambda(function, 2))
    fields = {key: exp.column("key", table=entry.copy()), value: exp.column("value", table=entry.copy())}
    return call("map_entries", entries), entry, _substitute(_lambda(function, 2), fields)


def _map_filter(node: exp.Anonymous) -> exp.Expr:
    entries, entry, body = _over_entries(node)
    return call("map_from_entries", call("list_filter", entries, _function(entry, body)))


def _transform_values(node: exp.Anonymous) -> exp.Expr:
    entries, entry, body = _over_entries(node)
    pair = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier("key"), expression=exp.column("key", table=entry.copy())),
            exp.PropertyEQ(this=exp.to_identifier("value"), expression=body),
        ]
    )
    return call("map_from_entries", call("list_transform", entries, _function(entry, pair)))


LAMBDA_REWRITES: dict[str, Rewrite] = {
    "aggregate": _aggregate,
    "exists": _of_each,
    "filter": _filter,
    "forall": _of_each,
    "map_filter": _map_filter,
    "reduce": _aggregate,
    "transform": _transform,
    "transform_values": _transform_values,
    "zip_with": _zip_with,
}
