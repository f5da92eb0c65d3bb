"""Questions that fit into what a model can take: what may be shown shorter is, when its context is small.

A context's size is given (`--context-tokens`), or learnt from the endpoint that refuses a question for its length; the question
is then put again, shorter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from ...prompts import Prompt, Rendered, load_prompt
from ...tools.sql.help import relations_brief, relations_sketch
from ..model import GivenUp, LanguageModel
from ..model.budget import BYTES_PER_TOKEN, estimate_tokens

T = TypeVar("T", bound=BaseModel)
STEPS = 7
"""Halvings by which a fit is looked for: it is within a hundredth of the best."""
TRIES = 4
"""Times that one question is put, each time shorter, while its endpoint says that it is too long."""


@dataclass(frozen=True)
class Flexible:
    """A text that can be made shorter."""

    most: int
    """Its characters where there is room."""
    cut: Callable[[int], str]
    """The text with at most about so many characters."""


Value = str | Flexible

RELATIONS = Flexible(
    len(relations_brief()), lambda chars: relations_brief() if chars >= len(relations_brief()) else relations_sketch()
)
"""What a query may be made of; without functions and examples where there is little room."""


def whole_text(value: Value) -> str:
    """A value as it is where there is room."""
    return value if isinstance(value, str) else value.cut(value.most)


def shortened(text: str, chars: int) -> str:
    """The beginning of a text, and how much of it is left out; the whole text where that is no longer."""
    kept = max(chars, 0)
    cut = f"{text[:kept]} … ({len(text) - kept:,} more characters)"
    return text if len(text) <= max(kept, len(cut)) else cut


def flexible(text: str) -> Flexible:
    """A text whose end may be left out."""
    return Flexible(len(text), lambda chars: shortened(text, chars))


def brief_for(model: LanguageModel, brief: str) -> str:
    """What every question begins with: at most a quarter of a small context, and the same for all, so that providers cache it."""
    return brief if model.context_tokens is None else shortened(brief, model.context_tokens * BYTES_PER_TOKEN // 4)


async def ask_fitted(model: LanguageModel, name: str, form: type[T], *, purpose: str, values: Mapping[str, Value]) -> T | GivenUp:
    """The model's answer to a packaged prompt whose values are shortened as far as its context demands.

    Args:
        model: Who is asked.
        name: The prompt.
        form: The form of the answer.
        purpose: What it is for, in a word.
        values: The prompt's inputs.
    """
    prompt = load_prompt(name)
    for attempt in range(1, TRIES + 1):
        context = model.context_tokens
        answer = await model.ask(_fitted(prompt, values, model), form, purpose=purpose)
        if not isinstance(answer, GivenUp) or model.context_tokens == context or attempt == TRIES:
            return answer
    raise AssertionError("the last attempt answers")


def _fitted(prompt: Prompt, values: Mapping[str, Value], model: LanguageModel) -> Rendered:
    """The prompt with as much of each flexible value as there is room for, all cut by the same share."""

    def rendered(share: float) -> Rendered:
        return prompt.render(
            **{key: value if isinstance(value, str) else value.cut(int(value.most * share)) for key, value in values.items()}
        )

    whole = rendered(1.0)
    if model.context_tokens is None or _tokens(whole, model) <= model.context_tokens:
        return whole
    low, high, best = 0.0, 1.0, rendered(0.0)
    for _ in range(STEPS):
        middle = (low + high) / 2
        found = rendered(middle)
        if _tokens(found, model) <= model.context_tokens:
            low, best = middle, found
        else:
            high = middle
    return best


def _tokens(rendered: Rendered, model: LanguageModel) -> int:
    return estimate_tokens(rendered.system) + estimate_tokens(rendered.user) + model.endpoint.output_limit(rendered.max_tokens)
