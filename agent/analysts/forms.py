"""The forms in which the language model answers: flat, every text and list bounded, so that no answer runs away."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...tools.insights.models import Consequence

Line = Annotated[str, Field(max_length=250)]
Handle = Annotated[str, Field(max_length=24)]
"""A span, as a digest calls it, or by its id."""


class Form(BaseModel):
    """What all forms share."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Purpose(Form):
    """What an agent is for."""

    description: str = Field(min_length=20, max_length=1500)
    """One paragraph."""


class TraceReading(Form):
    """What went wrong first in one trace, if anything did; or the spans that are needed first."""

    show: list[Handle] = Field(max_length=6)
    """Spans to be shown in full before an answer; empty where there is one."""
    weighed: str = Field(max_length=700)
    """What was wanted, and of each part whether it was done as wanted and as the rules allow."""
    went_wrong: bool
    what: Line
    """What the agent did, or left out, in general words; empty where nothing went wrong."""
    span: str = Field(max_length=24)
    """As it is named in the trace: s7."""
    quote: str = Field(max_length=300)
    """Words of the trace that show it, exactly as they stand there."""
    consequence: Consequence = "none"
    """What came of it for the user."""
    also: list[Line] = Field(max_length=3)
    """What else went wrong, apart from that."""


class Candidate(Form):
    """A behaviour that may be a failure of the agent, in one trace or in many."""

    title: str = Field(max_length=90)
    statement: str = Field(min_length=10, max_length=300)
    """What the agent does, and in which situation."""
    check: str = Field(min_length=10, max_length=900)
    """How one decides for a trace whether it happened: what counts, what doesn't."""
    by_sql: bool
    """Whether the fields of the traces and spans decide it, so that a query can count it; else somebody must read."""


class Mode(Candidate):
    """A failure mode that notes make together."""

    notes: list[int] = Field(max_length=60)
    """The numbers of the notes that are about it."""


class Grouping(Form):
    """The failure modes that notes make together, the most harmful first."""

    modes: list[Mode] = Field(max_length=16)


class Look(Form):
    """One thing to look at: the answer of a query, two groups side by side, an overview, or spans of one trace in full."""

    why: str = Field(max_length=160)
    sql: str = Field(max_length=2500)
    """One SELECT; empty where something else is wanted."""
    group: str = Field(max_length=2500)
    """A SELECT of the trace_ids of one group, to be set beside another; empty where something else is wanted."""
    beside: str = Field(max_length=2500)
    """A SELECT of the trace_ids of the other group; empty: all other traces."""
    overview: str = Field(max_length=40)
    """The name of an overview that is wanted as a whole; empty where something else is."""
    trace_id: str = Field(max_length=80)
    span_ids: list[Handle] = Field(max_length=5)
    """Spans of that trace; none: the trace as a whole."""


class Exploration(Form):
    """What was learnt from the last look, what to look at next, and what was found."""

    learnt: str = Field(max_length=700)
    found: list[Candidate] = Field(max_length=4)
    """Behaviours that weren't on the list."""
    looks: list[Look] = Field(max_length=4)
    """Empty: there is nothing more to look for."""


class Pair(Form):
    """Two entries that are about the same behaviour, by their labels."""

    candidate: str = Field(max_length=8)
    same_as: str = Field(max_length=8)


class Duplicates(Form):
    """Which candidates are about what is on a list already."""

    pairs: list[Pair] = Field(max_length=40)


class WrittenPlan(Form):
    """How a statement is tested."""

    decision: Literal["count", "rate", "contrast", "read", "none"]
    statement: str = Field(min_length=10, max_length=300)
    population_sql: str = Field(max_length=2500)
    population_title: str = Field(max_length=100)
    affected_sql: str = Field(max_length=4000)
    exposed_sql: str = Field(max_length=2500)
    question: str = Field(max_length=900)
    rejected_if: str = Field(max_length=250)
    why_none: Line


class Explanation(Form):
    """Why a failure happens, what shows it, and what to change; or what must be looked at first."""

    learnt: str = Field(max_length=700)
    """What the last looks showed."""
    looks: list[Look] = Field(max_length=4)
    """What to look at before an answer; empty where there is one."""
    title: str = Field(max_length=90)
    cause: str = Field(max_length=900)
    mechanism_sql: str = Field(max_length=2500)
    """A SELECT of the trace_ids in which the cause can be seen; empty where it can't be seen in the fields."""
    recommendation: str = Field(max_length=400)
