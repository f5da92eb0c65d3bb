"""An issue: a problem that is proven by traces."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from ...testing.plan import Estimand, Plan
from .base import Document, Evidence, Interval, Kind, Part, Severity
from .trend import TrendPoint


class IssueStatus(StrEnum):
    """Where an issue stands."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    REJECTED = "REJECTED"


class Cause(Part):
    """Why an issue occurs, and how far that is known."""

    text: str
    standing: Literal["confirmed", "supported", "suspected"]
    """confirmed by a mechanism visible in the spans, supported by a contrast, or suspected."""


class Fingerprint(Part):
    """What an issue is about, to know it again next week however it is worded (`tools/testing/fingerprints.py`)."""

    population: str
    measure: str
    segment: str = ""
    scope: str = ""
    """The condition that cut the traces of the analyses that find it; empty: none did."""


class IssueDraft(Part):
    """What the issues step or a person asks the store to make an issue of."""

    title: str = Field(min_length=1, max_length=120)
    """5 to 8 words, specific, as in a tracker."""
    description: str = Field(min_length=1)
    severity: Severity
    severity_because: str = ""
    severity_by: Literal["rule", "person"] = "rule"
    """Who set it: what a person set isn't overwritten when a later analysis finds the issue again."""
    kind: Kind
    source: Literal["census", "hypothesis"]
    hypothesis_id: str | None = None
    affected: int = Field(ge=0)
    population: int = Field(ge=0)
    population_title: str = "all traces"
    estimand: Estimand = "snapshot"
    interval: Interval | None = None
    cause: Cause
    recommendation: str
    fingerprint: Fingerprint
    evidence: tuple[Evidence, ...]
    query_ids: tuple[str, ...] = ()
    watch: Plan | None = None
    """The plan that later analyses carry out on newer traces, to see whether it is still there; None: nobody can but a reader."""

    @property
    def counts(self) -> str:
        """`24 of 600 traces`."""
        return f"{self.affected:,} of {self.population:,} {self.population_title.removeprefix('all ')}"


class Mirrored(Part):
    """What was last written of an issue to MLflow's own: what differs from it there, a person has changed."""

    run_id: str
    """The run whose page shows it."""
    status: str
    severity: str
    text: str
    """Digest of name and description."""
    traces: str
    """Whose list its traces were marked from, and the digest of the evidence: they are looked at again when that is another."""


class Issue(Document, IssueDraft):
    """A problem that is proven by traces. It belongs to the experiment, and is stored in its parent run."""

    issue_id: str
    experiment_id: str
    source_run_id: str
    """The analysis that found it, or that last found it again."""
    status: IssueStatus = IssueStatus.OPEN
    """Only people change it; that a later analysis finds the issue again doesn't."""
    resolution: str | None = None
    native_id: str | None = None
    """The id of MLflow's own issue that mirrors it, where the store keeps such."""
    mirrored: Mirrored | None = None
    settled_at: datetime | None = None
    """When it was last resolved or rejected: traces from before say nothing about whether that holds."""
    trend: tuple[TrendPoint, ...] = ()
    """The looks that analyses took at it, oldest first; no trace is counted in two of them."""
    history: tuple[str, ...] = ()

    def look_of(self, run_id: str) -> TrendPoint | None:
        """The look that an analysis took at it, if it took one."""
        return next((point for point in self.trend if point.run_id == run_id), None)
