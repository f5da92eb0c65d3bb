"""The shapes that agents record questions and answers in, with the text that a person would read there."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A payload as MLflow keeps it, and its text; None: nothing."""

    name: str
    payload: str | None
    text: str | None


def shape(name: str, value: object, text: str | None) -> Shape:
    """A shape from the value behind the JSON."""
    return Shape(name, json.dumps(value), text)


def unchanged(name: str, value: object) -> Shape:
    """A shape that nothing is known of: it stays the JSON that it is."""
    payload = json.dumps(value)
    return Shape(name, payload, payload)


USER, ASSISTANT = {"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "On its way."}
LANGCHAIN = {"lc": 1, "type": "constructor", "id": ["HumanMessage"], "kwargs": {"type": "human", "content": "Where is it?"}}

REQUESTS = (
    Shape("nothing", None, None),
    Shape("null", "null", None),
    Shape("no JSON", "Where is {it?", "Where is {it?"),
    shape("text", "Where is it?", "Where is it?"),
    shape("text with escapes", 'Where\n is "it" – là?', 'Where\n is "it" – là?'),
    shape("empty text", "", ""),
    shape("messages", {"messages": [{"role": "system", "content": "Be kind."}, USER]}, "Where is it?"),
    shape("last of several", {"messages": [{"role": "user", "content": "Hi"}, ASSISTANT, USER, ASSISTANT]}, "Where is it?"),
    shape("escapes", {"messages": [{"role": "user", "content": 'Where\n is "it" – là?'}]}, 'Where\n is "it" – là?'),
    shape("no kind", {"messages": [{"role": "user", "type": None, "content": "Where is it?"}]}, "Where is it?"),
    shape("content of no text", {"messages": [{"role": "user", "content": None}]}, ""),
    shape("bare messages", [USER, ASSISTANT], "Where is it?"),
    shape(
        "LangChain type",
        {"messages": [{"type": "human", "content": "Where is it?"}, {"type": "ai", "content": "There"}]},
        "Where is it?",
    ),
    shape("LangChain serialised", {"messages": [LANGCHAIN]}, "Where is it?"),
    shape("LangChain batch", [[USER]], "Where is it?"),
    shape("pairs", {"messages": [["system", "Be kind."], ["user", "Where is it?"]]}, "Where is it?"),
    shape("Gemini", {"contents": [{"role": "user", "parts": [{"text": "Where is it?"}]}]}, "Where is it?"),
    shape(
        "content parts",
        [{"role": "user", "content": [{"type": "text", "text": "Where"}, {"type": "text", "text": "is it?"}]}],
        "Where\nis it?",
    ),
    shape("content strings", [{"role": "user", "content": ["Where", "is it?"]}], "Where\nis it?"),
    shape("image only", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], ""),
    shape(
        "Responses API",
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Where is it?"}]}]},
        "Where is it?",
    ),
    shape("wrapped", {"request": {"input": [USER]}, "context": {"user": "u"}}, "Where is it?"),
    shape("input", {"input": "Where is it?", "chat_history": []}, "Where is it?"),
    shape("question", {"question": "Where is it?", "language": "en"}, "Where is it?"),
    shape("query", {"query": "Where is it?", "k": "3"}, "Where is it?"),
    shape("prompt", {"prompt": "Where is it?", "model": "m"}, "Where is it?"),
    shape("message", {"message": {"role": "user", "content": "Where is it?"}, "id": "7"}, "Where is it?"),
    shape("text key", {"text": "Where is it?", "lang": "en"}, "Where is it?"),
    shape("user_input", {"user_input": "Where is it?", "lang": "en"}, "Where is it?"),
    shape("messages before others", {"input": "ignored", "messages": [USER]}, "Where is it?"),
    shape("one text", {"topic": "Where is it?", "limit": 3, "deep": {"a": "b"}}, "Where is it?"),
    unchanged("two texts", {"topic": "a", "tone": "b"}),
    unchanged("no user message", {"messages": [ASSISTANT]}),
    unchanged("empty object", {}),
    unchanged("empty list", []),
    unchanged("number", 12),
    unchanged("list of texts", ["a", "b"]),
)

RESPONSES = (
    Shape("nothing", None, None),
    Shape("null", "null", None),
    Shape("no JSON", "On its way {", "On its way {"),
    shape("text", "On its way.", "On its way."),
    shape("text with escapes", 'On\n "its" – là', 'On\n "its" – là'),
    shape("empty text", "", ""),
    shape("JSON in a text", '{"answer": 1}', '{"answer": 1}'),
    shape("message", ASSISTANT, "On its way."),
    shape("message without content", {"role": "assistant", "content": None}, ""),
    shape("tool calls", {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}, ""),
    shape("tool calls alone", {"content": None, "tool_calls": [{"id": "c"}]}, ""),
    shape(
        "message of parts",
        {"role": "assistant", "content": [{"type": "text", "text": "On its"}, {"type": "text", "text": "way."}]},
        "On its\nway.",
    ),
    shape("content", {"content": "On its way.", "id": "x"}, "On its way."),
    shape("OpenAI", {"id": "x", "choices": [{"index": 0, "message": ASSISTANT}], "model": "m"}, "On its way."),
    shape("OpenAI tool call", {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [{}]}}]}, ""),
    shape("completion", {"choices": [{"text": "On its way."}]}, "On its way."),
    shape(
        "Anthropic", {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "On its way."}]}, "On its way."
    ),
    shape("Gemini", {"candidates": [{"content": {"role": "model", "parts": [{"text": "On its way."}]}}]}, "On its way."),
    shape("LangChain", {"generations": [[{"text": "On its way.", "type": "ChatGeneration"}]]}, "On its way."),
    shape("LangGraph", {"messages": [USER, {"type": "ai", "content": "On its way."}]}, "On its way."),
    shape("bare messages", [USER, ASSISTANT], "On its way."),
    shape(
        "Responses API",
        {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "On its way."}]}]},
        "On its way.",
    ),
    shape("output", {"output": "On its way.", "steps": "3"}, "On its way."),
    shape("answer", {"answer": "On its way.", "sources": []}, "On its way."),
    shape("response", {"response": {"text": "On its way."}}, "On its way."),
    shape("result", {"result": "On its way.", "took": "3 s"}, "On its way."),
    shape("Ollama", {"model": "m", "message": {"role": "assistant", "content": "On its way."}}, "On its way."),
    shape("tool message", {"type": "tool", "content": "found", "name": "t", "tool_call_id": "c"}, "found"),
    shape("MCP", {"content": [{"type": "text", "text": "found"}], "isError": False}, "found"),
    unchanged("a record", {"status": "shipped", "order": 17}),
    unchanged("a record with a number under a known key", {"result": 12, "unit": "EUR"}),
    unchanged("nothing answered", {"output": None}),
    unchanged("records", [{"order": 17, "state": "lost"}]),
    unchanged("number", 12.5),
    unchanged("empty object", {}),
)
