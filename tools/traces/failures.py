"""Which outputs of a tool read as an error although its span doesn't say so: the failures that no status counts.

The rule, on the output with its JSON decoded: an object that declares an error, or a text (bare, or the content of a tool
message) that begins as errors begin. A text that mentions an error further on is an answer; so is a report about errors.
"""

import re
from collections.abc import Mapping

from .texts import Json, answered, parsed

BEGINS_AS_ERROR = re.compile(
    r"""\W{0,3}(?:
        traceback\ \(most\ recent\ call\ last\)
        | (?:[\w.]*error|[\w.]*exception) \s* [:(]                               # ValueError: ..., ToolException(...)
        | error\b (?! \s*[\[|,-]?\s*\d{4}-\d\d                                   # but not a log line: ERROR 2024-05-01 ...
                    | \s+(?:rates?|budgets?|logs?|counts?|handling|messages?|bars?|margins?|codes?|types?|reports?)\b )
        | exception\ (?:in|while|when|occurred|raised|during|from)\b
        | http\ error\ \d
        | failed (?: \s*: | \s+(?:to|with|while|because|due|when)\b | \W*$ )
        | failure \s* :
        | fatal (?: \s*: | \s+(?:error|exception)\b )
    )""",
    re.IGNORECASE | re.VERBOSE,
)
ERROR_KEYS = ("error", "errors", "exception")
NO_ERROR = frozenset({"", "none", "null", "nil", "false", "no", "0", "n/a", "no error", "no errors"})
FLAGS = ("isError", "is_error")
SUCCESS_KEYS = ("success", "ok")
TOLD_BY = (*ERROR_KEYS, *FLAGS, *SUCCESS_KEYS, "status")
"""An object that has none of these declares no error."""
MESSAGE_KEYS = ("message", "error_message", "msg", "detail", "details", "reason", "description", "code", "error_code")
FAILED_STATUS = frozenset({"error", "failed", "failure"})
ERROR_WORDS = re.compile(
    r"\b(?:errors?|exceptions?|fail(?:s|ed|ure|ures)?|invalid|not[\s_]found|missing|denied|forbidden|unauthori[sz]ed|refused"
    r"|timed?[\s_-]?out|unavailable|unknown|unable|cannot|can't|could\ not|couldn't|does\ not\ exist|doesn't\ exist|rejected)\b",
    re.IGNORECASE | re.VERBOSE,
)


def error_in_output(payload: str | None) -> str | None:
    """The output's text where it reads as an error, else None."""
    if payload is None:
        return None
    value = parsed(payload)
    inner = parsed(value) if isinstance(value, str) and value.lstrip()[:1] == "{" else value  # JSON in a JSON string
    text = answered(value)
    if isinstance(inner, dict) and declares_error(inner):
        return _declared(inner) or text or payload
    if text is not None and BEGINS_AS_ERROR.match(text.lstrip()):
        return text.strip()
    return None


def declares_error(value: Mapping[str, Json]) -> bool:
    """Whether an object says of itself that it is an error."""
    if any(_is_error(value.get(key)) for key in ERROR_KEYS) or any(value.get(flag) is True for flag in FLAGS):
        return True
    if any(value.get(key) is False for key in SUCCESS_KEYS):
        return any(ERROR_WORDS.search(text) for text in _messages(value))
    return _failed_status(value)


def _is_error(value: Json) -> bool:
    """Texts, objects and true declare one; null, emptiness and numbers don't: a number under `errors` is a count."""
    if isinstance(value, str):
        return value.strip().lower() not in NO_ERROR
    return value is True or (isinstance(value, dict | list) and bool(value))


def _failed_status(value: Mapping[str, Json]) -> bool:
    """`failed` is also what records about failed things hold, so it counts only where little but a message stands beside it."""
    status = value.get("status")
    if not isinstance(status, str) or status.lower() not in FAILED_STATUS:
        return False
    return status.lower() == "error" or len(value) <= 2 or bool(_messages(value))


def _messages(value: Mapping[str, Json]) -> list[str]:
    return [text for key in MESSAGE_KEYS if isinstance(text := value.get(key), str) and text.strip()]


def _declared(value: Mapping[str, Json]) -> str | None:
    """The sentence that says what went wrong."""
    for key in ERROR_KEYS:
        error = value.get(key)
        if isinstance(error, str) and _is_error(error):
            return error.strip()
        if isinstance(error, dict) and (texts := _messages(error)):
            return texts[0]
    texts = _messages(value)
    return texts[0] if texts else None
