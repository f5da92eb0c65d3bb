"""CAST, TRY_CAST and the functions named after types."""

from sqlglot import exp

from ..errors import QueryRefused
from .nodes import Rewrite, call, only_argument

_INTEGERS = frozenset({exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT})
_TEXTS = frozenset({exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.CHAR})
_INSTANTS = frozenset({exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPLTZ})
_SAME = frozenset({exp.DType.DOUBLE, exp.DType.FLOAT, exp.DType.DECIMAL, exp.DType.BOOLEAN, exp.DType.DATE})


def to_type(value: exp.Expr, type_: exp.DataType, *, strict: bool) -> exp.Expr:
    """CAST (strict) and TRY_CAST: whole numbers are cut off as Databricks does, not rounded; instants are UTC.

    Raises:
        QueryRefused: A type that the relations don't have.
    """
    kind = type_.this
    cast = exp.Cast if strict else exp.TryCast
    if kind in _INTEGERS:
        return cast(this=call("spark_bigint" if strict else "spark_try_bigint", value), to=type_.copy())
    if kind in _INSTANTS:
        return call("spark_timestamp" if strict else "spark_try_timestamp", value)
    if kind in _TEXTS:
        return cast(this=value, to=exp.DataType(this=exp.DType.TEXT))
    if kind in _SAME:
        return cast(this=value, to=type_.copy())
    if kind == exp.DType.ARRAY and type_.expressions:
        each = exp.Lambda(
            this=to_type(exp.to_identifier("each_here"), type_.expressions[0], strict=strict),
            expressions=[exp.to_identifier("each_here")],
        )
        return call("list_transform", value, each)
    raise QueryRefused(
        f"CAST to {type_.sql()}: use STRING, BIGINT, INT, DOUBLE, DECIMAL, BOOLEAN, DATE, TIMESTAMP or an ARRAY of one."
    )


def _named_after(kind: exp.DType) -> Rewrite:
    return lambda node: to_type(only_argument(node), exp.DataType(this=kind), strict=True)


CAST_REWRITES: dict[str, Rewrite] = {
    "bigint": _named_after(exp.DType.BIGINT),
    "boolean": _named_after(exp.DType.BOOLEAN),
    "date": _named_after(exp.DType.DATE),
    "double": _named_after(exp.DType.DOUBLE),
    "float": _named_after(exp.DType.FLOAT),
    "int": _named_after(exp.DType.INT),
    "smallint": _named_after(exp.DType.SMALLINT),
    "string": _named_after(exp.DType.TEXT),
    "timestamp": _named_after(exp.DType.TIMESTAMP),
    "tinyint": _named_after(exp.DType.TINYINT),
}
