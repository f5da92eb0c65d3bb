"""Functions of text, JSON, conditions and collections whose calls must be written otherwise for DuckDB."""

import re

from sqlglot import exp

from ..errors import QueryRefused
from .functions import names
from .nodes import Rewrite, as_double, call, case, is_not_null, is_null, only_argument
from .relations import RELATIONS

_NAMED = (exp.Alias, exp.Column, exp.Dot, exp.Identifier)
_MAPS = frozenset({"map", "map_concat", "map_from_entries"})
_MAP_COLUMNS = frozenset(column.name for relation in RELATIONS for column in relation.columns if column.type.startswith("MAP<"))
_ARRAYS = names(
    "coalesce flatten generate_series map_entries map_keys map_values regexp_extract_all spark_days spark_json_object_keys "
    "spark_sequence spark_slice spark_sort_array string_split_regex"
)
_ARRAY_COLUMNS = frozenset(
    column.name for relation in RELATIONS for column in relation.columns if column.type.startswith("ARRAY<")
)


def _concat(node: exp.Anonymous) -> exp.Expr:
    """NULL as soon as one part is; strings and arrays alike."""
    first, *rest = node.expressions
    joined: exp.Expr = exp.Paren(this=first)
    for part in rest:
        joined = exp.DPipe(this=joined, expression=exp.Paren(this=part))
    return exp.Paren(this=joined)


def _if(node: exp.Anonymous) -> exp.Expr:
    condition, then, otherwise = node.expressions
    return case(condition, then, otherwise)


def _nvl2(node: exp.Anonymous) -> exp.Expr:
    value, there, missing = node.expressions
    return case(is_null(value), missing, there)


def _round(node: exp.Anonymous) -> exp.Expr:
    """To digits: in doubles, so that a literal and a column of the same value are rounded alike."""
    value, *digits = node.expressions
    return call("round", as_double(value), *digits) if digits else call("round", value)


def _sha2(node: exp.Anonymous) -> exp.Expr:
    text, bits = node.expressions
    if bits.name not in {"0", "256"}:
        raise QueryRefused("sha2 is computed with 256 bits here: write sha2(x, 256).")
    return call("sha256", text)


def _split(node: exp.Anonymous) -> exp.Expr:
    if len(node.expressions) != 2:
        raise QueryRefused("split takes no limit here: write split(text, pattern), or substring_index for a part.")
    if node.expressions[1].name == "" and node.expressions[1].is_string:
        raise QueryRefused("split needs a pattern that isn't empty: take characters with substring(text, n, 1).")
    return call("string_split_regex", *node.expressions)


def _trim_one_side(node: exp.Anonymous) -> exp.Expr:
    if len(node.expressions) != 1:
        raise QueryRefused(f"{node.this} with characters: write trim(LEADING 'x' FROM text) or trim(TRAILING 'x' FROM text).")
    return call(str(node.this).lower(), *node.expressions)


def _regexp_extract(node: exp.Anonymous) -> exp.Expr:
    """Group 1 unless told otherwise, as in Databricks; a pattern without that group is refused, as there."""
    text, pattern, *group = node.expressions
    index = group[0] if group else exp.Literal.number(1)
    if isinstance(pattern, exp.Literal) and isinstance(index, exp.Literal) and int(index.name) > _groups(pattern.name):
        raise QueryRefused(
            f"{pattern.name!r} has {_groups(pattern.name)} groups and {node.this} takes group {index.name}: "
            f"put the part in parentheses, or write {node.this}(x, pattern, 0) for the whole match."
        )
    return call(str(node.this).lower(), text, pattern, index)


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error:
        return 99  # not Python's syntax; the engine judges it


def _regexp_replace(node: exp.Anonymous) -> exp.Expr:
    r"""All matches; Java writes group 1 as `$1` where RE2 writes `\1`."""
    text, pattern, replacement = node.expressions
    if not isinstance(replacement, exp.Literal):
        raise QueryRefused("regexp_replace takes a replacement written out as a string.")
    pieces: list[str] = re.split(r"(\\.|\$\d)", replacement.name, flags=re.DOTALL)
    said = "".join(_replacement_piece(piece) for piece in pieces)
    return call("regexp_replace", text, pattern, exp.Literal.string(said), exp.Literal.string("g"))


def _replacement_piece(piece: str) -> str:
    if re.fullmatch(r"\$\d", piece):
        return f"\\{piece[1]}"
    literal = piece[1:] if piece.startswith("\\") else piece
    return literal.replace("\\", r"\\")


def _get_json_object(node: exp.Anonymous) -> exp.Expr:
    text, path = node.expressions
    if not isinstance(path, exp.Literal) or not path.name.startswith("$"):
        raise QueryRefused("get_json_object takes a path written out as a string: get_json_object(text, '$.a.b').")
    if '"' in path.name or "*" in path.name:
        raise QueryRefused(
            f"The path {path.name!r}: write $['a.b'], with single quotes, for a key with dots, and [0] for one element; "
            "there are no wildcards here."
        )
    said = re.sub(r"\['([^']*)'\]", r'."\1"', path.name)
    return call("spark_get_json_object", text, exp.Literal.string(said))


def _element_at(node: exp.Anonymous) -> exp.Expr:
    collection, key = node.expressions
    return exp.Bracket(this=collection, expressions=[key], offset=1, safe=True)


def _array(node: exp.Anonymous) -> exp.Expr:
    return exp.Array(expressions=node.expressions)


def _map(node: exp.Anonymous) -> exp.Expr:
    keys, values = node.expressions[::2], node.expressions[1::2]
    return call("map", exp.Array(expressions=keys), exp.Array(expressions=values))


def _is_of(value: exp.Expr, functions: frozenset[str], columns: frozenset[str]) -> bool:
    """Whether a value is, by the look of it, a call of one of these DuckDB functions or one of these columns."""
    value = value.unnest()
    if isinstance(value, exp.Anonymous):
        return str(value.this).lower() in functions
    return isinstance(value, exp.Column) and value.name.lower() in columns


def _size(node: exp.Anonymous) -> exp.Expr:
    """NULL for NULL, of arrays and maps."""
    value = only_argument(node)
    name = "cardinality" if _is_of(value, _MAPS, _MAP_COLUMNS) else "len"
    return exp.Cast(this=call(name, value), to=exp.DataType(this=exp.DType.BIGINT))


def _reverse(node: exp.Anonymous) -> exp.Expr:
    value = only_argument(node)
    name = str(value.this).lower() if isinstance(value, exp.Anonymous) else ""
    is_array = isinstance(value, exp.Array) or name.startswith(("list", "spark_array")) or _is_of(value, _ARRAYS, _ARRAY_COLUMNS)
    return call("list_reverse" if is_array else "reverse", value)


def _sequence(node: exp.Anonymous) -> exp.Expr:
    """Of whole numbers, of instants with a step, or, where the first value is written as a date, of dates."""
    first = node.expressions[0]
    of_dates = isinstance(first, exp.Cast) and first.to.this == exp.DType.DATE
    return call("spark_days" if of_dates else "spark_sequence", *node.expressions)


def _struct(node: exp.Anonymous) -> exp.Expr:
    fields = [
        _field(item.alias_or_name if isinstance(item, _NAMED) else f"col{number}", item.unalias())
        for number, item in enumerate(node.expressions, start=1)
    ]
    return exp.Struct(expressions=fields)


def _named_struct(node: exp.Anonymous) -> exp.Expr:
    names, values = node.expressions[::2], node.expressions[1::2]
    return exp.Struct(expressions=[_field(name.name, value) for name, value in zip(names, values, strict=True)])


def _field(name: str, value: exp.Expr) -> exp.PropertyEQ:
    return exp.PropertyEQ(this=exp.to_identifier(name), expression=value)


SCALAR_REWRITES: dict[str, Rewrite] = {
    "array": _array,
    "array_size": _size,
    "cardinality": _size,
    "concat": _concat,
    "element_at": _element_at,
    "get_json_object": _get_json_object,
    "if": _if,
    "iff": _if,
    "isnotnull": lambda node: is_not_null(only_argument(node)),
    "isnull": lambda node: is_null(only_argument(node)),
    "ltrim": _trim_one_side,
    "map": _map,
    "named_struct": _named_struct,
    "nvl2": _nvl2,
    "regexp_extract": _regexp_extract,
    "regexp_extract_all": _regexp_extract,
    "regexp_replace": _regexp_replace,
    "reverse": _reverse,
    "round": _round,
    "rtrim": _trim_one_side,
    "sequence": _sequence,
    "sha2": _sha2,
    "size": _size,
    "split": _split,
    "struct": _struct,
    "try_element_at": _element_at,
}
