"""What reading traces brought: one judgement a question and trace, checked before it was kept; and what was refused."""

from typing import Literal

from pydantic import Field

from .base import Part

Consequence = Literal["none", "misled", "wrong"]
"""What a failure did to its user: nothing that can be seen; they were told something untrue, or had to correct the agent, and the
end is right all the same; or what they wanted ended wrongly."""


class Judgement(Part):
    """What a judge says of one trace to the question of one hypothesis, after it was looked up in the trace."""

    hypothesis_id: str
    answer: Literal["affected", "not", "unclear"]
    span_id: str = ""
    quote: str = ""
    reason: str = ""
    """Why, in the judge's words; where the answer was refused, why."""
    consequence: Consequence = "none"
    """Of what is affected; one that no words of the trace show is none."""
    consequence_span_id: str = ""
    consequence_quote: str = ""


class Noticed(Part):
    """Another failure that a judge noted in a trace while it answered what it was asked; its quote stands in the trace."""

    trace_id: str
    what: str
    span_id: str = ""
    quote: str


class TraceReading(Part):
    """One trace, read once, with a judgement for each question that was asked of it."""

    trace_id: str
    judgements: tuple[Judgement, ...]
    noticed: tuple[Noticed, ...] = ()


class Refusal(Part):
    """A claim of a model that was looked up and isn't so; nothing rests on it."""

    claimed_in: str
    """What was being answered: the id of a hypothesis, the name of a step."""
    trace_id: str
    span_id: str = ""
    quote: str = ""
    why: str


class Refusals(Part):
    """All refusals of an analysis, oldest first."""

    refusals: tuple[Refusal, ...] = Field(default=())
