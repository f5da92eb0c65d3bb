"""JSON in fewer characters for who reads it: records as tables, no needless quotes, every value as it stands in the text.

A list or a map of records names its keys once, then comes a line a record:

    name: Desk, variants: item_id|options.colour|options.height|price
      x1304|red|5 ft|46.99
      x2277|blue|3 ft|40.50

The text is a function of what it is made of alone, so whoever quotes from it can be looked up. Numbers keep their digits. A
string that would read as something else (a number, a separator, an end of line) keeps its quotes; where all cells of a column are
strings the quotes stand at its name instead. No line but the first begins at the margin, so none passes for a reader's heading.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, cast

LONGEST = 300_000
"""Characters of a text beyond which it is left as it is ..."""
DEEPEST = 40
"""... as is one that is nested deeper than this."""
LAYERS = 6
"""Layers that may be set in lines; what is deeper stands in one line."""
LEAST_REFERRED = 60
"""Characters of a member of an object from which it is worth saying where it stands instead."""
LEAST_FILLED = 0.5
"""Of a table's cells: with fewer, the records aren't of one kind."""


class _Literal(str):
    """A number as it is written."""

    __slots__ = ()


NOTHING: Mapping[str, str] = {}

Value: TypeAlias = "dict[str, Value] | list[Value] | str | bool | None"
Record: TypeAlias = "dict[str, Value]"
Listing: TypeAlias = "Record | list[Value]"

_READS_AS_OTHER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null|-?Infinity|NaN")
_PLAIN = re.compile(r"[^\s\"'`{}\[\](|,:\\\-](?:[^\x00-\x1f\x7f-\x9f\u2028\u2029\"{}\[\]|,\\:]|:(?! |$))*(?<!\s)|-[\w.]+")
"""Stands without quotes in a line of `key: value, key: value`."""
_PLAIN_CELL = re.compile(r"[^\s\"{\[|\\](?:[^\x00-\x1f\x7f-\x9f\u2028\u2029\"|\\]*[^\x00-\x1f\x7f-\x9f\u2028\u2029\"|\\\s])?")
"""Stands without quotes in a cell of a table."""
_LINE_ENDS = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON may leave as it is in a string, though it ends a line or can't be seen."""


def compact(text: str, shown: Mapping[str, str] | None = None) -> str:
    """The same in fewer characters; a text that isn't JSON, or is too large or deep, or gets no shorter, as it is.

    Args:
        text: What is to be shown.
        shown: Members of objects that stand elsewhere, as `members_of` gives them: what to say instead of the value.
    """
    if len(text) > LONGEST or text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        found = "\n ".join(_lines(_read(text), LAYERS, shown or NOTHING))
    except (ValueError, RecursionError):
        return text
    return found if len(found) < len(text) else text


def members_of(text: str) -> list[str]:
    """The long members of the object that a text holds, each with its key, as they are shown; none where it holds no object."""
    if len(text) > LONGEST or text.lstrip()[:1] != "{":
        return []
    try:
        value = _read(text)
        members = value.items() if isinstance(value, dict) else ()
        found = ("\n".join(_member(key, item, LAYERS)) for key, item in members)
        return [each for each in found if len(each) >= LEAST_REFERRED]
    except (ValueError, RecursionError):
        return []


def _read(text: str) -> Value:
    """The value, with numbers as they are written.

    Raises:
        ValueError: it isn't JSON, or says something twice under the same key.
    """
    return cast(
        Value, json.loads(text, parse_int=_Literal, parse_float=_Literal, parse_constant=_Literal, object_pairs_hook=_once_each)
    )


def _once_each(pairs: list[tuple[str, Value]]) -> Record:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice: one of its values would be lost")
    return found


def _lines(value: Value, layers: int, shown: Mapping[str, str] = NOTHING) -> list[str]:
    """The shortest of the ways to show it, those of an object without its braces."""
    whole = _flow(value)
    if not layers or not value or not isinstance(value, dict | list | str):
        return [whole]
    ways = [[whole[1:-1] if isinstance(value, dict) else whole]]
    if isinstance(value, str):
        ways += [] if isinstance(value, _Literal) else _within(value, layers)
    else:
        lines = _members(value, layers, shown) if isinstance(value, dict) else _items(value, layers)
        ways += [lines] if len(lines) > 1 or isinstance(value, dict) else []
        table = _table_of(value)
        ways += [table] if table else []
    return min(ways, key=lambda lines: sum(map(len, lines)) + 2 * len(lines))


def _within(text: str, layers: int) -> list[list[str]]:
    """JSON that a string holds, said to be one."""
    if text.lstrip()[:1] not in {"{", "["}:
        return []
    try:
        first, *others = _lines(_read(text), layers - 1)
    except ValueError:
        return []
    return [[f"(as text) {first}", *others]]


def _members(value: Record, layers: int, shown: Mapping[str, str]) -> list[str]:
    """An object: what fits into a line side by side, the rest in lines of its own."""
    lines: list[str] = []
    beside: list[str] = []
    for key, item in value.items():
        first, *others = _member(key, item, layers)
        if instead := shown.get("\n".join((first, *others))):
            first, others = f"{_key(key)}: {instead}", []
        beside.append(first)
        if others:
            lines += [", ".join(beside), *(f" {line}" for line in others)]
            beside = []
    return [*lines, ", ".join(beside)] if beside else lines


def _member(key: str, item: Value, layers: int) -> list[str]:
    first, *others = _lines(item, layers - 1)
    return [f"{_key(key)}: {first if others or not isinstance(item, dict) else _flow(item)}", *others]


def _items(value: Sequence[Value], layers: int) -> list[str]:
    """A list: an item a line."""
    lines: list[str] = []
    for item in value:
        first, *others = _lines(item, layers - 1)
        lines += [f"- {first}", *(f"  {line}" for line in others)]
    return lines


def _flow(value: Value, depth: int = DEEPEST) -> str:
    """In one line.

    Raises:
        ValueError: it is nested too deep.
    """
    if not depth:
        raise ValueError("nested too deep")
    match value:
        case dict():
            return "{" + ", ".join(f"{_key(key)}: {_flow(item, depth - 1)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(_flow(item, depth - 1) for item in value) + "]"
        case _:
            return _scalar(value, _PLAIN)


def _scalar(value: str | bool | None, plain: re.Pattern[str], *, bare: bool = False) -> str:
    """`bare`: also what reads as something else than a string stands without quotes."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, _Literal) or (plain.fullmatch(value) and (bare or not _READS_AS_OTHER.fullmatch(value))):
        return value
    return _quoted(value)


def _quoted(text: str) -> str:
    return _LINE_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _key(key: str) -> str:
    return _scalar(key, _PLAIN, bare=True)


class _Column(NamedTuple):
    """A key of the records, or one within it."""

    key: str
    within: str | None = None

    def of(self, record: Record) -> tuple[Value, ...]:
        """Its value in a record; nothing where it has none."""
        if self.key not in record:
            return ()
        value = record[self.key]
        return (value,) if self.within is None else (cast(Record, value)[self.within],)


def _table_of(value: Listing) -> list[str]:
    """Its records as a table; nothing where it has none, or they are of different kinds."""
    rows = _rows(value)
    if len(rows) < 2:
        return []
    records = [record for _, record in rows]
    columns = _columns(records)
    filled = sum(bool(column.of(record)) for record in records for column in columns)
    if not columns or filled < LEAST_FILLED * len(columns) * len(records):
        return []
    called = {name for name, _ in rows} != {None}
    named = next((column for column in columns if all(column.of(record) == (name,) for name, record in rows)), None)
    if named:
        columns = [named, *(column for column in columns if column is not named)]
    shown = [_cells(column, records) for column in columns]
    if called and named is None:
        shown.insert(0, ["(key)" if isinstance(value, dict) else "(list)", *(_key(name or "") for name, _ in rows)])
    return ["|".join(cells) for cells in zip(*shown, strict=True)]


def _rows(value: Listing) -> list[tuple[str | None, Record]]:
    """The records of a list, a map, or a list of lists, with what they are called there; nothing where there is anything else."""
    found: Iterable[tuple[str | None, Value]]
    if isinstance(value, dict):
        found = value.items()
    elif all(isinstance(item, list) for item in value):
        lists = cast(list[list[Value]], value)
        found = [(str(number), item) for number, items in enumerate(lists, start=1) for item in items or [None]]
    else:
        found = [(None, item) for item in value]
    found = list(found)
    rows = [(name, item) for name, item in found if isinstance(item, dict) and item]
    return rows if len(rows) == len(found) else []


def _columns(records: Sequence[Record]) -> list[_Column]:
    """The keys in the order of their first record; of small objects that are alike in all records, the keys within."""
    keys = dict.fromkeys(key for record in records for key in record)
    columns: list[_Column] = []
    for key in keys if len(keys) * LEAST_FILLED <= max(map(len, records)) else ():
        inner = [record.get(key) for record in records]
        columns += [_Column(key, within) for within in _alike(inner)] or [_Column(key)]
    return columns


def _alike(values: Sequence[Value]) -> Iterable[str]:
    """The keys of objects that all have the same ones and nothing nested; nothing where there are others."""
    first = values[0]
    if not isinstance(first, dict):
        return ()
    same = all(isinstance(each, dict) and each.keys() == first.keys() and not _is_nested(each) for each in values)
    return first if same else ()


def _is_nested(record: Mapping[str, Value]) -> bool:
    return any(isinstance(item, dict | list) for item in record.values())


def _cells(column: _Column, records: Sequence[Record]) -> list[str]:
    """The name of a column, then its cells; an empty one where a record hasn't the key."""
    found = [column.of(record) for record in records]
    values = [item for cell in found for item in cell]
    strings = [item for item in values if isinstance(item, str) and not isinstance(item, _Literal)]
    bare = len(strings) == len(values) and any(map(_READS_AS_OTHER.fullmatch, strings))
    name = column.key if column.within is None else f"{column.key}.{column.within}"
    head = _quoted(name) if bare else _key(name)
    return [head, *("".join(_cell(item, bare) for item in cell) for cell in found)]


def _cell(value: Value, bare: bool) -> str:
    if isinstance(value, dict) and value:
        return _flow(value)[1:-1]
    return _flow(value) if isinstance(value, dict | list) else _scalar(value, _PLAIN_CELL, bare=bare)
