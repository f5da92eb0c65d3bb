"""What an agent does in one turn, before it gets ids, times and tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple


class Failure(NamedTuple):
    """What a span raised."""

    kind: str
    message: str
    source: str
    """The module of the agent that raised it, for the stack trace."""


@dataclass
class Call:
    """One call of a tool, and what came back; the model asks for it in a call of its own."""

    tool: str
    arguments: dict[str, object]
    output: object = None
    _: KW_ONLY
    failure: Failure | None = None
    duration_ms: float | None = None
    """None: as long as this tool usually takes."""
    marked: bool = False
    """Whether the span is where a planted fault, or a look-alike, shows."""
    retried: bool = False
    """Called again by the agent's own retry loop, without asking the model."""


@dataclass
class Stall:
    """A call of the model that failed."""

    failure: Failure
    duration_ms: float
    wait_ms: float = 0
    """How long the agent waits before it tries again."""


@dataclass
class Thought:
    """A call of the model whose text isn't the answer: a rewritten query, a draft."""

    text: str
    _: KW_ONLY
    finish_reason: str = "stop"
    marked: bool = False


@dataclass
class Delegation:
    """A task that is handed to another agent, which has steps and an answer of its own."""

    agent: str
    task: str
    steps: "list[Step]"
    answer: str
    _: KW_ONLY
    marked: bool = False


Step = Call | Stall | Thought | Delegation


@dataclass
class Turn:
    """A request, what was done about it, and the answer."""

    request: str
    steps: list[Step]
    answer: str | None
    _: KW_ONLY
    failure: Failure | None = None
    """Why the turn ended without an answer."""
    finish_reason: str = "stop"
    pace: float = 1.0
    """How many times as long as usual calls of the model take."""
    max_tokens: int | None = None
    """What the answer may have at most, where that isn't what the agent usually allows."""
    unfinished: bool = False
    """Whether the process died before the trace was ended."""

    def calls(self, tool: str = "") -> list[Call]:
        """The calls of this tool, or all, those of other agents included."""
        return [call for call in _calls(self.steps) if tool in {"", call.tool}]


def _calls(steps: Sequence[Step]) -> Iterator[Call]:
    for step in steps:
        if isinstance(step, Call):
            yield step
        elif isinstance(step, Delegation):
            yield from _calls(step.steps)


def steps_around(turn: Turn, call: Call) -> list[Step]:
    """The list of steps that holds this call: the turn's, or that of the agent to whom it was handed.

    Raises:
        ValueError: the call isn't one of the turn's.
    """
    waiting = [turn.steps]
    while waiting:
        steps = waiting.pop()
        if any(step is call for step in steps):
            return steps
        waiting += [step.steps for step in steps if isinstance(step, Delegation)]
    raise ValueError("the turn doesn't make this call")
