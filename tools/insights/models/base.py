"""What every document of the memory shares, and the words it is described with."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

EVIDENCE_LIMIT = 20
"""Evidence entries a document holds; the list of all affected traces is the CSV's."""


class Part(BaseModel):
    """What all parts of a document share: closed to unknown keys, never changed in place."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Document(Part):
    """A document that is changed after it was made; only the store changes it."""

    rev: int = 0
    ops: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime


class Severity(StrEnum):
    """How much an issue matters, by the rule of `tools/testing/severity.py`; compare by `rank`."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """0 for LOW up to 3 for CRITICAL."""
        return list(Severity).index(self)


Kind = Literal["operational", "quality"]


Polarity = Literal["problem", "strength"]


Unit = Literal["share", "ms", "count", "tokens", "usd", "chars", "ratio"]


class Interval(Part):
    """A confidence interval, with its level."""

    low: float
    high: float
    level: float = 0.95


class Evidence(Part):
    """One trace, or one span of it, that speaks for or against. Its natural key is (step, trace, span)."""

    trace_id: str = Field(min_length=1)
    span_id: str | None = None
    quote: str | None = Field(default=None, max_length=500)
    rationale: str = ""
    supports: bool = True
    step: str = ""
    """The step of the plan that brought it; empty where a person or the census did."""
