"""Text of traces made fit to be quoted in markdown: one line, no control characters, nothing that could be taken for markup."""

import json
import re

from ..clipping import TEXT_CHARS, clip

MARKUP = re.compile(r"([\\`*\[\]<>|]|(?<!\w)_|_(?!\w)|^#|^[-+]|~(?=~))")
"""What would be taken for markup; an underscore within a word and a hash within a line are not."""
CODE = re.compile(r"(`[\w.:/ -]+`)")
"""A name set as code: harmless, and our own texts set names of tools so."""


def excerpt(text: object, limit: int = TEXT_CHARS) -> str:
    """A clipped line with its markup escaped for markdown."""
    parts = enumerate(CODE.split(clip(text, limit)))
    return "".join(part if index % 2 else MARKUP.sub(r"\\\1", part) for index, part in parts)


def spoken(text: str) -> str:
    """What was said, out of the JSON it is recorded in: the content of the last message, or the text as it is."""
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return _content(value) or text


def _content(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value:
        return _content(value[-1])
    if isinstance(value, dict):
        for key in (
            "messages",
            "content",
            "text",
            "output",
            "answer",
            "response",
            "input",
            "question",
            "query",
            "prompt",
            "choices",
            "message",
        ):
            if value.get(key):
                return _content(value[key])
    return ""
