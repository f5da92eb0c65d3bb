"""What an invented agent is made of, whatever it is for: its prompt, its tools, its models, and the shape of its traces."""

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import NamedTuple


class Model(NamedTuple):
    """A model, with its prices in USD a million tokens and its usual time to the first token."""

    name: str
    input_price: float
    output_price: float
    latency_ms: float
    token_ms: float


PROVIDER = "borealis"
MODELS = (Model("larch-2-mini", 0.15, 0.6, 420.0, 5.2), Model("larch-2", 2.5, 10.0, 540.0, 6.4))


@dataclass(frozen=True)
class Tool:
    """A tool as models are told about it, and how its spans look."""

    text: str
    parameters: Mapping[str, str]
    usual_ms: float
    """Median duration."""
    kind: str = "TOOL"


@dataclass(frozen=True)
class Profile:
    """One agent."""

    name: str
    """What it is called in truth, on the command line, and in tables."""
    experiment: str
    agent: str
    """The name of its root spans."""
    system_prompt: str
    tools: Mapping[str, Tool]
    _: KW_ONLY
    versions: tuple[str, str, str] = ("3.1.0", "3.2.0", "3.3.0")
    root_kind: str = "AGENT"
    calls_by_model: bool = True
    """Whether the model asks for each call of a tool; else the order of the calls is fixed in code."""
    speaks_last: bool = True
    """Whether the answer is a last call of the model."""
    with_users: bool = True
    """Whether traces name their user and session."""
    with_feedback: bool = True
    max_tokens: int = 1200
    declared: str = field(init=False)
    """The declarations of its tools, as JSON."""

    def __post_init__(self) -> None:
        """Writes the declarations once."""
        declared = [_declare(name, tool) for name, tool in self.tools.items()]
        object.__setattr__(self, "declared", json.dumps(declared, ensure_ascii=False))


def _declare(name: str, tool: Tool) -> dict[str, object]:
    properties = {key: {"type": kind} for key, kind in tool.parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(tool.parameters)}
    return {"type": "function", "function": {"name": name, "description": tool.text, "parameters": schema}}
