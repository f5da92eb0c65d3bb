r"""Regular expressions: written as RE2 reads them, said so that Java finds the same.

Both know most of the same syntax and differ in silence: Java's `\b` knows letters of all scripts (before Java 19), its `$` stops
before a last line break, `.` at five kinds of them, `(?i)` folds ASCII alone, `\s` has one character more, and `[` and `&&` have
a meaning inside of brackets. Syntax that RE2 hasn't is refused, as DuckDB refuses it.
"""

import re

from sqlglot import exp

from ...errors import QueryRefused

_WORD = "[0-9A-Za-z_]"
_OUTSIDE = {
    r"\b": f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))",
    r"\B": f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))",
    r"\s": r"[\t\n\f\r ]",
    r"\S": r"[^\t\n\f\r ]",
    r"\v": r"\x0B",
}
_INSIDE = {r"\s": r"\t\n\f\r ", r"\v": r"\x0B"}
_POSIX = {
    **{name: name.capitalize() for name in ("alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct")},
    **{"ascii": "ASCII", "space": "Space", "upper": "Upper", "xdigit": "XDigit"},
}
_KNOWN_ESCAPES = frozenset("dDwWsSbBAzntrfavxpPQE")
_NOT_IN_RE2 = ("(?=", "(?!", "(?<=", "(?<!", "(?>", "(?U")
_JSON_TEXT, _JSON_TEXT_UNROLLED = r'(?:[^"\\]|\\.)*', r'[^"\\]*(?:\\.[^"\\]*)*'
"""Java goes one call deeper for each round of a group, and a stack that is full ends a whole executor: of a text in JSON only
the escapes are rounds then."""
_TOKENS = re.compile(
    r"\\Q.*?(?:\\E|$)|\\[pP]\{[^}]*\}|\\x\{[0-9A-Fa-f]+\}|\\.|\[:\^?[a-z]+:\]|\(\?(?:P?<[A-Za-z_]\w*>|<[=!]|[^)]?)|"
    r"\{\d+(?:,\d*)?\}|.",
    re.DOTALL,
)


def java_pattern(pattern: exp.Expr) -> exp.Literal:
    """A pattern as Java is told it.

    Raises:
        QueryRefused: It isn't written out as a string, or has syntax that RE2 hasn't.
    """
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        raise QueryRefused("On Spark a regular expression must be written out as a string: it is said there in other words.")
    tokens = _TOKENS.findall(pattern.name.replace(_JSON_TEXT, _JSON_TEXT_UNROLLED))
    multiline = any("m" in flags for flags in re.findall(r"\(\?([a-zA-Z]+)", pattern.name))
    said, inside = ["(?du)"], False
    for place, token in enumerate(tokens):
        if inside:
            first = tokens[place - 1] == "[" or tokens[place - 2 : place] == ["[", "^"]
            said.append(_in_class(token, first=first, before=tokens[place - 1]))
            inside = first or token != "]"
        else:
            _check(token, tokens[place - 1] if place else "", pattern.name)
            said.append(_outside(token, multiline=multiline))
            inside = token == "["
    return exp.Literal.string("".join(said))


def _check(token: str, before: str, pattern: str) -> None:
    escape = token[1:2] if token.startswith("\\") else ""
    foreign = (escape.isalpha() and escape not in _KNOWN_ESCAPES) or (escape.isdigit() and escape != "0")
    possessive = token == "+" and re.fullmatch(r"[*+?]|\{\d+(,\d*)?\}", before)
    if foreign or possessive or token.startswith(_NOT_IN_RE2):
        raise QueryRefused(
            f"The pattern {pattern!r} has {(before if possessive else '') + token!r}: patterns have no look-around, no reference "
            "back to a group and no possessive repetition here."
        )


def _outside(token: str, *, multiline: bool) -> str:
    if token == "$" and not multiline:
        return r"\z"
    return r"\{" if token == "{" else _OUTSIDE.get(token, token.replace("(?P<", "(?<"))


def _in_class(token: str, *, first: bool, before: str) -> str:
    """Inside of brackets."""
    named = re.fullmatch(r"\[:(\^?)([a-z]+):\]", token)
    if named:
        return r"\w" if named[2] == "word" else f"\\{'P' if named[1] else 'p'}{{{_POSIX.get(named[2], named[2])}}}"
    if token == "[" or (token == "]" and first) or (token == "&" and before == "&"):
        return f"\\{token}"
    return _INSIDE.get(token, token)
