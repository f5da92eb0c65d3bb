r"""How a value from a trace gets into SQL: as a Databricks string literal that means that value and nothing else.

In that dialect a backslash escapes, two quotes don't stand for one (they join two literals), and `${...}` is replaced by Spark
before the text is parsed, inside literals too.
"""

ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def quote(text: str) -> str:
    """The SQL expression for a text, whatever is in it: quotes, backslashes, line breaks, `${...}`."""
    escaped = "".join(ESCAPES.get(character, character) for character in text)
    parts = [f"'{part}'" for part in escaped.replace("${", "$\0{").split("\0")]
    return parts[0] if len(parts) == 1 else f"concat({', '.join(parts)})"


MASKS = (
    (r"\s+", " "),
    (r"=\s*\{[^}]*\}?", "=#"),
    (r"[^\s\"'<>]+@[^\s\"'<>]+", "#"),
    (r"\b[A-Z]{1,5}-[A-Z0-9]{4,}\b", "#"),
    (r"[A-Za-z0-9_#-]*([A-Za-z_][0-9]|[0-9][A-Za-z_])[A-Za-z0-9_-]*", "#"),
    (r"[0-9]+[.,:/-][0-9][0-9.,:/-]*", "#"),
    (r"#?\b([0-9]{1,2}|[0-36-9][0-9]{2}|[0-9]{4,})\b", "#"),
)
"""What differs between two messages of the same mechanism: values, addresses, ids, times, numbers. What may be an HTTP
status (4xx, 5xx) stays: it is the mechanism."""
MESSAGE_CHARS = 160
NO_MESSAGE = "(no message)"


def mask(expression: str) -> str:
    """SQL for a message without what differs from case to case, so that equal mechanisms have equal messages."""
    masked = f"substring({expression}, 1, 1000)"
    for pattern, replacement in MASKS:
        masked = f"regexp_replace({masked}, {quote(pattern)}, {quote(replacement)})"
    return f"coalesce(nullif(trim(substring({masked}, 1, {MESSAGE_CHARS})), ''), {quote(NO_MESSAGE)})"
