"""Column types: as DuckDB spells those of the relations, and as every engine gives its results."""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import re

import pyarrow as pa

SIMPLE = {"STRING": "VARCHAR", "BIGINT": "BIGINT", "DOUBLE": "DOUBLE", "BOOLEAN": "BOOLEAN", "TIMESTAMP": "TIMESTAMP"}


def spell_type(type_: str) -> str:
    """A type of `relations.py`, such as MAP<STRING, STRING>, in DuckDB's words."""
    simple = SIMPLE.get(type_.strip())
    if simple is not None:
        return simple
    outer, inner = type_.strip().removesuffix(">").split("<", maxsplit=1)
    if outer == "ARRAY":
        return f"{spell_type(inner)}[]"
    if outer == "MAP":
        return f"MAP({', '.join(spell_type(part) for part in inner.split(','))})"
    fields = (field.split(":", maxsplit=1) for field in re.split(r",(?![^<]*>)", inner))
    spelled = (f'"{name.strip()}" {spell_type(part)}' for name, part in fields)
    return f"STRUCT({', '.join(spelled)})"


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The same columns in the types that callers get.

    Raises:
        pyarrow.ArrowInvalid: A column is of a type that no result may have.
    """
    return pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])


def plain_type(type_: pa.DataType) -> pa.DataType:
    """What callers get: whole numbers as int64, other numbers as double, instants as UTC without a zone; inside of arrays too."""
    if pa.types.is_integer(type_) or (pa.types.is_decimal(type_) and type_.scale == 0):
        return pa.int64()
    if pa.types.is_decimal(type_) or pa.types.is_floating(type_):
        return pa.float64()
    if pa.types.is_timestamp(type_):
        return pa.timestamp("us")
    if pa.types.is_large_string(type_):
        return pa.string()
    if pa.types.is_interval(type_) or pa.types.is_duration(type_):
        raise pa.ArrowInvalid("an interval can't be a result: subtract unix_millis(...) of both instants instead")
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return pa.list_(plain_type(type_.value_type))
    if pa.types.is_map(type_):
        return pa.map_(plain_type(type_.key_type), plain_type(type_.item_type))
    if pa.types.is_struct(type_):
        return pa.struct([pa.field(field.name, plain_type(field.type)) for field in type_])
    return type_
