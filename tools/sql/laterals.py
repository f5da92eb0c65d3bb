"""explode, posexplode and range, wherever a SELECT may have them, as DuckDB's UNNEST."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlglot import exp

from ..errors import QueryRefused
from .functions import GENERATORS
from .nodes import call, case


class _Generator(NamedTuple):
    """One generator call: its argument, the names of table and columns, and whether an empty array still gives a row."""

    name: str
    argument: exp.Expr
    table: exp.Identifier | None
    columns: list[exp.Identifier]
    outer: bool


def is_generator(node: exp.Expr) -> bool:
    """Whether it is a call of explode or one of its kind."""
    return isinstance(node, exp.Anonymous) and str(node.this).lower() in GENERATORS


def rewrite_generators(select: exp.Select) -> None:
    """Rewrites LATERAL VIEW, LATERAL, FROM explode(...), FROM range(...) and SELECT explode(...) of one SELECT, in place.

    Raises:
        QueryRefused: A generator where, or with names as, Databricks doesn't allow it.
    """
    _rewrite_views(select)
    _rewrite_sources(select)
    _rewrite_projections(select)


def _rewrite_views(select: exp.Select) -> None:
    for lateral in select.args.get("laterals") or ():
        generator = _generator(lateral.this, lateral.args.get("alias"), outer=bool(lateral.args.get("outer")))
        select.append("joins", _join(generator))
    select.set("laterals", None)


def _rewrite_sources(select: exp.Select) -> None:
    source = select.args.get("from_")
    if source is not None and _function_of(source.this) is not None:
        source.set("this", _source(source.this))
    for join in select.args.get("joins") or ():
        function = _function_of(join.this)
        if function is None:
            continue
        if isinstance(join.this, exp.Lateral) and str(function.this).lower() in GENERATORS:
            join.replace(_join(_generator(function, join.this.args.get("alias"), outer=join.side == "LEFT")))
        else:
            join.set("this", _source(join.this))


def _function_of(source: exp.Expr) -> exp.Anonymous | None:
    return source.this if isinstance(source, exp.Table | exp.Lateral) and isinstance(source.this, exp.Anonymous) else None


def _source(source: exp.Expr) -> exp.Expr:
    """A function in FROM that stands by itself."""
    function, alias = source.this, source.args.get("alias")
    if str(function.this).lower() == "range":
        table = alias.this if alias is not None else exp.to_identifier("range")
        columns = alias.columns if alias is not None and alias.columns else [exp.to_identifier("id")]
        return exp.Table(this=call("range", *function.expressions), alias=exp.TableAlias(this=table, columns=columns))
    generator = _generator(function, alias, outer=False)
    if generator.outer:
        raise QueryRefused(f"FROM {function.this}(...): write FROM explode(...), or LATERAL VIEW OUTER explode(...).")
    return _unnested(generator)


def _rewrite_projections(select: exp.Select) -> None:
    for projection in list(select.expressions):
        function = projection.unalias()
        if isinstance(function, exp.Anonymous) and str(function.this).lower() in {"explode", "explode_outer"}:
            (argument,) = function.expressions
            if str(function.this).lower() == "explode_outer":
                argument = _never_empty(argument)
            projection.replace(exp.alias_(call("unnest", argument), projection.alias or "col"))


def _never_empty(array: exp.Expr) -> exp.Expr:
    there = exp.GT(this=call("len", array.copy()), expression=exp.Literal.number(0))
    return case(there, array.copy(), exp.Array(expressions=[exp.Null()]))


def _generator(function: exp.Expr, alias: exp.TableAlias | None, *, outer: bool) -> _Generator:
    name = str(function.this).lower() if isinstance(function, exp.Anonymous) else ""
    if name not in GENERATORS or len(function.expressions) != 1:
        raise QueryRefused(f"{function.sql('databricks')!r}: LATERAL takes explode(array) or posexplode(array).")
    table = alias.this if alias is not None else None
    columns = list(alias.columns) if alias is not None else []
    plain = name.removesuffix("_outer")
    return _Generator(plain, function.expressions[0], table, columns, outer or plain != name)


def _join(generator: _Generator) -> exp.Join:
    if generator.outer:
        return exp.Join(this=_unnested(generator), side="LEFT", on=exp.true())
    return exp.Join(this=_unnested(generator), kind="CROSS")


def _unnested(generator: _Generator) -> exp.Expr:
    """One column: the elements. Two: for explode key and value of a map, for posexplode position and element."""
    table = generator.table or exp.to_identifier(generator.name)
    if generator.name == "posexplode":
        names = _names(generator, ["pos", "col"])
        inner = exp.Unnest(
            expressions=[generator.argument],
            alias=exp.TableAlias(
                this=exp.to_identifier("unnested_here"), columns=[exp.to_identifier(name) for name in ("here", "place")]
            ),
            offset=True,
        )
        position = exp.Sub(this=exp.column("place", table="unnested_here"), expression=exp.Literal.number(1))
        return _subquery(inner, {names[0]: position, names[1]: exp.column("here", table="unnested_here")}, table)
    if len(generator.columns) == 2:
        inner = exp.Unnest(
            expressions=[call("map_entries", generator.argument)],
            alias=exp.TableAlias(this=exp.to_identifier("unnested_here"), columns=[exp.to_identifier("here")]),
        )
        fields = {
            name: exp.column(field, table="here") for name, field in zip(_names(generator, []), ("key", "value"), strict=True)
        }
        return _subquery(inner, fields, table)
    (column,) = _names(generator, ["col"])
    return exp.Unnest(expressions=[generator.argument], alias=exp.TableAlias(this=table, columns=[exp.to_identifier(column)]))


def _names(generator: _Generator, default: list[str]) -> list[str]:
    names = [column.name for column in generator.columns] or default
    if default and len(names) != len(default):
        raise QueryRefused(f"{generator.name} gives {len(default)} columns ({', '.join(default)}), not {len(names)}: {names}.")
    return names


def _subquery(source: exp.Unnest, fields: Mapping[str, exp.Expr], table: exp.Identifier) -> exp.Lateral:
    columns = [exp.alias_(value, name, quoted=True) for name, value in fields.items()]
    select = exp.Select(expressions=columns).from_(source)
    return exp.Lateral(this=exp.Subquery(this=select), alias=exp.TableAlias(this=table))
