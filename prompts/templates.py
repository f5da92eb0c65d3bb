"""Loads a prompt and fills it in. What is wrong with a prompt, or with what it is given, is raised before anything is sent.

A prompt is a Markdown file with YAML front matter:

    ---
    name: read_trace
    version: 1
    answer: TraceReading      # the type of the answer, by name
    max_tokens: 400           # what an answer of ordinary size may take
    inputs:
      limit: text             # written by us, put where it stands
      trace: data             # written by somebody else, put into a block <trace>...</trace>
    ---
    Instructions: the system message.
    ===
    {{trace}}                 the user message

What all calls of an analysis share stands first, so that providers cache it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .blocks import as_block

SEPARATOR = "\n===\n"
"""Between the system message and the user message."""
PACKAGE = __name__.rpartition(".")[0]
PLACE = re.compile(r"\{\{(\w+)\}\}")


class PromptError(ValueError):
    """A prompt is written wrongly, or is given something else than its inputs: a defect of this program."""


class FrontMatter(BaseModel):
    """What stands above a prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z_]*$")
    version: int = Field(ge=1)
    answer: str = Field(pattern=r"^[A-Z]\w*$")
    """The name of the type that the answer must be of."""
    max_tokens: int = Field(ge=16, le=8000)
    """Tokens that an answer of ordinary size may take."""
    inputs: dict[str, Literal["data", "text"]]
    """Per variable whether it is data, which is put into a block of its own, or text of ours."""


@dataclass(frozen=True)
class Rendered:
    """A prompt, filled in."""

    name: str
    version: int
    answer: str
    max_tokens: int
    template_hash: str
    """16 hex digits of SHA-256 over the file."""
    system: str
    user: str


@dataclass(frozen=True)
class Prompt:
    """A prompt as it was written."""

    front: FrontMatter
    system: str
    user: str
    template_hash: str

    def render(self, **values: str) -> Rendered:
        """The prompt with its variables filled in; data stands in blocks that it can't close.

        Raises:
            PromptError: a variable is missing, or isn't one of its inputs.
        """
        inputs = self.front.inputs
        if values.keys() != inputs.keys():
            missing, extra = sorted(inputs.keys() - values.keys()), sorted(values.keys() - inputs.keys())
            raise PromptError(f"Prompt {self.front.name!r} lacks {missing} and has no use for {extra}.")
        blocks = frozenset(name for name, kind in inputs.items() if kind == "data")
        filled = {name: as_block(name, text, blocks=blocks) if name in blocks else text for name, text in values.items()}
        return Rendered(
            name=self.front.name,
            version=self.front.version,
            answer=self.front.answer,
            max_tokens=self.front.max_tokens,
            template_hash=self.template_hash,
            system=_fill(self.system, filled),
            user=_fill(self.user, filled),
        )


@cache
def load_prompt(name: str) -> Prompt:
    """The packaged prompt of this name.

    Raises:
        PromptError: there is none, or it is written wrongly.
    """
    source = resources.files(PACKAGE) / f"{name}.md"
    if not source.is_file():
        raise PromptError(f"There is no prompt {name!r}.")
    prompt = parse_prompt(source.read_text(encoding="utf-8"))
    if prompt.front.name != name:
        raise PromptError(f"Prompt {name!r} calls itself {prompt.front.name!r}.")
    return prompt


def prompt_hashes() -> dict[str, str]:
    """Version and hash of every packaged prompt, by name."""
    names = sorted(item.name.removesuffix(".md") for item in resources.files(PACKAGE).iterdir() if item.name.endswith(".md"))
    prompts = (load_prompt(name) for name in names)
    return {prompt.front.name: f"{prompt.front.version} {prompt.template_hash}" for prompt in prompts}


def parse_prompt(text: str) -> Prompt:
    """Reads a prompt.

    Raises:
        PromptError: it has no front matter, an invalid one, or places that aren't its inputs.
    """
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0]:
        raise PromptError("A prompt begins with front matter between two lines of ---.")
    try:
        front = FrontMatter.model_validate(yaml.safe_load(parts[1]))
    except (yaml.YAMLError, ValidationError) as error:
        raise PromptError(f"The front matter of a prompt is wrong: {error}") from error
    system, separator, user = parts[2].partition(SEPARATOR)
    places = set(PLACE.findall(parts[2]))
    if not separator or not system.strip() or not user.strip():
        raise PromptError(f"Prompt {front.name!r} needs instructions, a line of ===, and what they are about.")
    if places != front.inputs.keys():
        raise PromptError(f"Prompt {front.name!r} has places for {sorted(places)} and inputs {sorted(front.inputs)}.")
    if data := [name for name in PLACE.findall(system) if front.inputs[name] == "data"]:
        raise PromptError(f"Prompt {front.name!r} has data among its instructions: {data}.")
    return Prompt(front, system.strip(), user.strip(), hashlib.sha256(text.encode()).hexdigest()[:16])


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Fills all places in one pass, so that a value that looks like a place stays what it is."""
    return PLACE.sub(lambda match: values[match[1]], template)
