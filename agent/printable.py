"""Text that others wrote (traces, names, errors), made safe to print on a terminal or into a log."""

import unicodedata

_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
"""Written between letters and emoji by honest people, and without effect on a terminal."""


def one_line(text: str) -> str:
    """The text on one line: runs of white space become a space, control characters are escaped."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """The text with its lines, control characters escaped: no colour, no cursor movement, no reversed direction."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text.replace("\r\n", "\n").replace("\t", "    ")))


def _shown(character: str) -> str:
    if character == "\n" or character in _JOINERS or unicodedata.category(character) not in _ESCAPED:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
