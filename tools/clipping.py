"""Texts of traces, names and messages cut down to one short line."""

import unicodedata

NAME_CHARS = 48
TEXT_CHARS = 280


def clip(text: object, limit: int = TEXT_CHARS) -> str:
    """One line of at most `limit` characters without control characters, cut at the end with an ellipsis. Nothing is escaped."""
    line = "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Co", "Cs"} else char for char in str(text))
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
