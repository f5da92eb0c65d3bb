"""How a model is made to answer in a form: by a schema, by a function's arguments, or by JSON that is asked for in words.

Endpoints differ in what they take, and some take a thing and ignore it. So the first question that is asked finds out which one
gives a usable answer, in this order, and that one is kept.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

Method = Literal["json_schema", "function_calling", "json_mode"]
METHODS: Sequence[Method] = ("json_schema", "function_calling", "json_mode")

T = TypeVar("T", bound=BaseModel)
FENCED = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)
SHOWN_ERRORS = 4


class BadAnswer(Exception):
    """An answer that can't be used; `str` says why, so that the model can do better."""

    def __init__(self, why: str, *, said: str = "", cut_off: bool = False) -> None:
        super().__init__(why)
        self.said = said
        self.cut_off = cut_off


def request_form(method: Method, answer: type[BaseModel]) -> dict[str, Any]:
    """What a request says about the form of its answer."""
    schema, name = strict_schema(answer), answer.__name__
    if method == "json_schema":
        return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}}
    if method == "function_calling":
        function = {"name": name, "description": (answer.__doc__ or name).splitlines()[0], "parameters": schema}
        choice = {"type": "function", "function": {"name": name}}
        return {"tools": [{"type": "function", "function": function}], "tool_choice": choice}
    return {"response_format": {"type": "json_object"}}


def form_in_words(method: Method, answer: type[BaseModel]) -> str:
    """What the prompt must say about the form: only where nothing else does."""
    if method != "json_mode":
        return ""
    schema = json.dumps(strict_schema(answer), ensure_ascii=False, separators=(",", ":"))
    asked = f"Answer with one JSON object, of the form {answer.__name__}, and nothing else."
    return f"\n\n{asked} It must be valid against this JSON schema:\n{schema}"


def strict_schema(answer: type[BaseModel]) -> dict[str, Any]:
    """The schema as strict endpoints want it: no other keys, every key required, no defaults, no titles."""
    return _strict(answer.model_json_schema())


def read_answer(method: Method, message: AIMessage, answer: type[T]) -> T:
    """The typed answer in a message.

    Raises:
        BadAnswer: there is none, or it isn't of the form.
    """
    said = _said(method, message, answer.__name__)
    try:
        return answer.model_validate_json(said)
    except ValidationError as error:
        raise BadAnswer(_in_words(error), said=said) from error


def _said(method: Method, message: AIMessage, name: str) -> str:
    if method == "function_calling":
        calls = [call["args"] for call in message.tool_calls if call["name"] == name]
        if not calls:
            raise BadAnswer(f"the function {name} was not called, or its arguments are not JSON", said=message.text)
        return json.dumps(calls[0])
    text = message.text
    if not text.strip():
        refusal = str(message.additional_kwargs.get("refusal") or "")
        raise BadAnswer(f"it was refused: {refusal[:200]}" if refusal else "it was empty")
    fenced = FENCED.match(text)
    return fenced[1] if fenced else text


def _in_words(error: ValidationError) -> str:
    """What was wrong, by field, without what was said."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    listed = [f"{'.'.join(str(part) for part in each['loc']) or 'the answer'}: {each['msg']}" for each in found[:SHOWN_ERRORS]]
    more = f"; and {len(found) - SHOWN_ERRORS} more" if len(found) > SHOWN_ERRORS else ""
    return "; ".join(listed) + more


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    # A dictionary under these keys is a field of that name, not the keyword.
    cleaned = {key: _strict(each) for key, each in node.items() if key not in {"default", "title"} or isinstance(each, dict)}
    if isinstance(cleaned.get("properties"), dict):
        cleaned |= {"additionalProperties": False, "required": list(cleaned["properties"])}
    return cleaned
