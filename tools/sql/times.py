"""Functions of dates and times. Texts are taken as instants in UTC; formats are Java's."""

import re

from sqlglot import exp

from ..errors import QueryRefused
from .nodes import Rewrite, call, only_argument

_PARTS = {
    "day": "day",
    "dayname": "spark_dayname",
    "dayofmonth": "day",
    "dayofweek": "spark_dayofweek",
    "dayofyear": "dayofyear",
    "hour": "hour",
    "last_day": "spark_last_day",
    "minute": "minute",
    "month": "month",
    "monthname": "spark_monthname",
    "quarter": "quarter",
    "second": "second",
    "unix_micros": "epoch_us",
    "unix_millis": "epoch_ms",
    "unix_seconds": "spark_unix_timestamp",
    "weekday": "spark_weekday",
    "weekofyear": "weekofyear",
    "year": "year",
}
"""Functions of one instant."""

_EXTRACTED = {
    **{part: part for part in ("year", "quarter", "month", "day", "hour", "minute")},
    **{"years": "year", "months": "month", "days": "day", "hours": "hour", "minutes": "minute"},
    "week": "weekofyear",
    "dow": "spark_dayofweek",
    "dayofweek": "spark_dayofweek",
    "dow_iso": "isodow",
    "dayofweek_iso": "isodow",
    "doy": "dayofyear",
    "dayofyear": "dayofyear",
}

_UNITS = {
    **{
        unit: unit
        for unit in ("microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
    },
    **{"yyyy": "year", "yy": "year", "mm": "month", "mon": "month", "dd": "day"},
}

_MONTHS = {"month": 1, "quarter": 3, "year": 12}

_LETTERS = {
    **{"yyyy": "%Y", "y": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d", "d": "%-d"},
    **{"HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g"},
    **{"SSSSSS": "%f", "a": "%p", "DDD": "%j", "D": "%-j", "E": "%a", "EE": "%a", "EEE": "%a", "EEEE": "%A"},
}
"""Java's date pattern letters, as strftime writes them."""


def time_of(value: exp.Expr) -> exp.Expr:
    """The value as an instant, UTC: a timestamp as it is, a date at midnight, a text parsed."""
    return call("spark_timestamp", value)


def extract_part(part: str, value: exp.Expr) -> exp.Expr:
    """EXTRACT(part FROM value) and date_part('part', value).

    Raises:
        QueryRefused: A part that engines define differently.
    """
    name = _EXTRACTED.get(part.lower())
    if name is None:
        raise QueryRefused(
            f"The part {part!r}: use one of {', '.join(sorted(_EXTRACTED))}, or the functions second and unix_millis."
        )
    return call(name, time_of(value))


def _part(node: exp.Anonymous) -> exp.Expr:
    return call(_PARTS[str(node.this).lower()], time_of(only_argument(node)))


def _date_part(node: exp.Anonymous) -> exp.Expr:
    part, value = node.expressions
    return extract_part(part.name, value)


def _unit(node: exp.Expr) -> str:
    unit = _UNITS.get(node.name.lower())
    if unit is None:
        raise QueryRefused(f"The unit {node.name!r}: use one of {', '.join(sorted(_UNITS))}, written out.")
    return unit


def _date_trunc(node: exp.Anonymous) -> exp.Expr:
    unit, value = node.expressions
    return call("date_trunc", exp.Literal.string(_unit(unit)), time_of(value))


def _trunc(node: exp.Anonymous) -> exp.Expr:
    value, unit = node.expressions
    return _to_date_of(call("date_trunc", exp.Literal.string(_unit(unit)), time_of(value)))


def _to_date_of(value: exp.Expr) -> exp.Expr:
    return exp.Cast(this=value, to=exp.DataType(this=exp.DType.DATE))


def _days_from(node: exp.Anonymous) -> exp.Expr:
    """date_add and date_sub of days; with a unit in front they are timestampadd."""
    name = str(node.this).lower()
    if len(node.expressions) == 3:
        return _add_units(node)
    value, days = node.expressions
    return call("spark_date_sub" if name == "date_sub" else "spark_date_add", time_of(value), days)


def _add_units(node: exp.Anonymous) -> exp.Expr:
    unit, number, value = node.expressions
    step = exp.Interval(this=exp.Literal.string("1"), unit=exp.var(_unit(unit).upper()))
    return exp.Paren(this=exp.Add(this=time_of(value), expression=exp.Mul(this=exp.Paren(this=number), expression=step)))


def _difference(node: exp.Anonymous) -> exp.Expr:
    """datediff(last, first) counts midnights; with a unit in front it counts whole units from first to last."""
    if len(node.expressions) == 3:
        return _whole_units(node)
    last, first = node.expressions
    return call("spark_days_between", time_of(last), time_of(first))


def _whole_units(node: exp.Anonymous) -> exp.Expr:
    unit, first, last = node.expressions
    months = _MONTHS.get(_unit(unit))
    if months is None:
        return call("date_sub", exp.Literal.string(_unit(unit)), time_of(first), time_of(last))
    return call("spark_div", call("spark_whole_months", time_of(first), time_of(last)), exp.Literal.number(months))


def _pattern(node: exp.Expr) -> str:
    """A Java date pattern as strftime and strptime take it."""
    if not isinstance(node, exp.Literal):
        raise QueryRefused("A date format must be written out as a string: 'yyyy-MM-dd HH:mm'.")
    pieces = re.finditer(r"'[^']*'|([A-Za-z])\1*|[^A-Za-z']+", node.name)
    return "".join(_pattern_piece(piece.group(0), node.name) for piece in pieces)


def _pattern_piece(piece: str, whole: str) -> str:
    if not piece[0].isalpha():
        return (piece[1:-1] or "'" if piece.startswith("'") else piece).replace("%", "%%")
    if piece not in _LETTERS:
        raise QueryRefused(f"The letters {piece!r} in the date format {whole!r}: use {', '.join(sorted(_LETTERS))}.")
    return _LETTERS[piece]


def _date_format(node: exp.Anonymous) -> exp.Expr:
    value, pattern = node.expressions
    return call("strftime", time_of(value), exp.Literal.string(_pattern(pattern)))


def _parsed(node: exp.Anonymous) -> exp.Expr:
    """The instant that a text holds, by a pattern where there is one."""
    value, *pattern = node.expressions
    return call("strptime", value, exp.Literal.string(_pattern(pattern[0]))) if pattern else time_of(value)


def _to_date(node: exp.Anonymous) -> exp.Expr:
    return _to_date_of(_parsed(node))


def _unix_timestamp(node: exp.Anonymous) -> exp.Expr:
    if not node.expressions:
        raise QueryRefused("unix_timestamp() is the clock: give it an instant, a query must give the same twice.")
    return call("spark_unix_timestamp", _parsed(node))


def _from_unixtime(node: exp.Anonymous) -> exp.Expr:
    seconds, *pattern = node.expressions
    said = _pattern(pattern[0]) if pattern else "%Y-%m-%d %H:%M:%S"
    return call("strftime", call("spark_timestamp_seconds", seconds), exp.Literal.string(said))


def _add_months(node: exp.Anonymous) -> exp.Expr:
    value, months = node.expressions
    return call("spark_add_months", time_of(value), months)


TIME_REWRITES: dict[str, Rewrite] = {
    **dict.fromkeys(_PARTS, _part),
    "add_months": _add_months,
    "date_add": _days_from,
    "date_diff": _difference,
    "date_format": _date_format,
    "date_part": _date_part,
    "date_sub": _days_from,
    "date_trunc": _date_trunc,
    "dateadd": _days_from,
    "datediff": _difference,
    "datepart": _date_part,
    "from_unixtime": _from_unixtime,
    "timestampadd": _add_units,
    "timestampdiff": _whole_units,
    "to_date": _to_date,
    "to_timestamp": _parsed,
    "to_unix_timestamp": _unix_timestamp,
    "trunc": _trunc,
    "unix_timestamp": _unix_timestamp,
}
