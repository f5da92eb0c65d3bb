"""What a person would read in a span's JSON: the question that was asked, the answer that was given, as plain text.

Agents record the same thing in many shapes: a bare string, `{"messages": [...]}`, `{"question": ...}`, a completion with
`choices`, LangChain's and Gemini's forms of them. What fits no known shape stays as the JSON that it is.
"""

import json
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias, cast

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

ASKED_KEYS = (
    "messages",
    "contents",
    "input",
    "question",
    "query",
    "prompt",
    "message",
    "text",
    "content",
    "user_input",
    "request",
)
COMPLETION_KEYS = ("choices", "generations", "candidates")
"""Where completions keep their alternatives; the first is the answer."""
ANSWERED_KEYS = ("messages", "content", "output", "answer", "response", "result", "text", "message")
ASKER_ROLES = frozenset({"user", "human"})
ANSWERER_ROLES = frozenset({"assistant", "ai", "model"})
TEXT_PARTS = frozenset({"text", "input_text", "output_text"})


def request_text(payload: str | None) -> str | None:
    """What was asked last; None where there is nothing.

    `extract_statements` does the commonest shape in SQL; what is changed here is to be changed there.
    """
    return _text(payload, asked)


def response_text(payload: str | None) -> str | None:
    """What was answered; None where there is nothing, '' where the answer is empty.

    `extract_statements` does the commonest shapes in SQL; what is changed here is to be changed there.
    """
    return _text(payload, answered)


def parsed(payload: str) -> Json:
    """The value behind a JSON text; a text that isn't JSON is itself the value."""
    try:
        return cast(Json, json.loads(payload))
    except (ValueError, RecursionError):
        return payload


def asked(value: Json) -> str | None:
    """What a request asks last; None where its shape is unknown."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _last_message(value, ASKER_ROLES)
    if isinstance(value, dict):
        found = _first_found(asked, value, ASKED_KEYS)
        return _only_text(value) if found is None else found
    return None


def answered(value: Json) -> str | None:
    """What a response says; None where its shape is unknown."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _last_message(value, ANSWERER_ROLES)
    if not isinstance(value, dict):
        return None
    if _role(value) in ANSWERER_ROLES or value.get("tool_calls") is not None:
        return _content(value)
    found = _first_found(lambda completions: answered(_innermost_first(completions)), value, COMPLETION_KEYS)
    return _first_found(answered, value, ANSWERED_KEYS) if found is None else found


def conversation(value: Json) -> list[tuple[str, str]]:
    """Role and text of each message in a request to a model; a bare prompt is one message of the user."""
    if isinstance(value, str):
        return [("user", value)]
    if isinstance(value, dict):
        found = next((value[key] for key in ASKED_KEYS if value.get(key)), None)
        return [] if found is None else conversation(found)
    if not isinstance(value, list):
        return []
    if value and all(isinstance(item, list) and _message(item) is None for item in value):  # a batch of conversations
        return conversation(value[0])
    messages = [_message(item) for item in value]
    return [(_role(message) or "user", _content(message)) for message in messages if message is not None]


def tool_calls(value: Json) -> list[tuple[str, str]]:
    """Name and arguments of each tool that an answer of a model asks for, wherever in it they stand."""
    if isinstance(value, list):
        return [call for item in value for call in tool_calls(item)]
    if not isinstance(value, dict):
        return []
    calls = value.get("tool_calls")
    if isinstance(calls, list):
        return [_tool_call(call) for call in calls if isinstance(call, dict)]
    return [call for item in value.values() for call in tool_calls(item)]


def _tool_call(call: dict[str, Json]) -> tuple[str, str]:
    function = call.get("function")
    asked_for = function if isinstance(function, dict) else call
    arguments = asked_for.get("arguments", asked_for.get("args", asked_for.get("input")))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return str(asked_for.get("name", "")), text


def _text(payload: str | None, find: Callable[[Json], str | None]) -> str | None:
    value = None if payload is None else parsed(payload)
    if value is None:
        return None
    found = find(value)
    return payload if found is None else found


def _first_found(find: Callable[[Json], str | None], value: dict[str, Json], keys: Sequence[str]) -> str | None:
    for key in keys:
        if key in value and (found := find(value[key])) is not None:
            return found
    return None


def _last_message(items: Sequence[Json], roles: Collection[str]) -> str | None:
    """The text of the last message of these roles; of a list of content parts their text."""
    messages = [_message(item) for item in items]
    for message in reversed(messages):
        if message is not None and _role(message) in roles:
            return _content(message)
    if items and messages[-1] is None and isinstance(items[-1], list):  # a batch of conversations, as LangChain's models take
        return _last_message(items[-1], roles)
    return _parts_text(items)


def _message(item: Json) -> dict[str, Json] | None:
    """A message in any of its forms: an object, LangChain's serialised object, or a pair of role and content."""
    match item:
        case {"type": "constructor", "kwargs": dict(message)}:
            return message
        case dict():
            return item
        case [str(role), str(content)]:
            return {"role": role, "content": content}
        case _:
            return None


def _role(message: dict[str, Json]) -> str:
    role = message.get("role") or message.get("type")
    return role if isinstance(role, str) else ""


def _content(message: dict[str, Json]) -> str:
    """The text of a message; one that only calls tools says nothing."""
    content = message.get("content", message.get("parts"))
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return _parts_text([{"text": part} if isinstance(part, str) else part for part in content]) or ""
    return "" if content is None else json.dumps(content, ensure_ascii=False)


def _parts_text(parts: Sequence[Json]) -> str | None:
    """The text of content parts, one a line; None where they are no content parts."""
    texts = [text for part in parts if (text := _part_text(part)) is not None]
    return "\n".join(texts) if texts else None


def _part_text(part: Json) -> str | None:
    if not isinstance(part, dict) or part.get("type", "text") not in TEXT_PARTS:
        return None
    text = part.get("text")
    return text if isinstance(text, str) else None


def _innermost_first(value: Json) -> Json:
    while isinstance(value, list):
        value = value[0] if value else None
    return value


def _only_text(value: dict[str, Json]) -> str | None:
    texts = [item for item in value.values() if isinstance(item, str)]
    return texts[0] if len(texts) == 1 else None
