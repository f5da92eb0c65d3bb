"""An issue: a problem that is proven by traces."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from ...testing.plan import Estimand, Plan
from .base import Document, Evidence, Interval, Kind, Part, Severity
from .labels import Correction
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


class Onset(Part):
    """When an issue began: some instant from `earliest` to `latest`; which one isn't known (`tools/testing/onset.py`).

    Shape, as in YAML and JSON: `earliest` and `latest` as instants with their zone, four numbers of traces, `p_value`, `by_hour`.
    An issue whose traces don't show that it began has no `onset` at all (null). It is a beginning or a rise, never an end: the
    share `affected_after / traces_after` is above `affected_before / traces_before`, split at the likeliest instant of the range.
    """

    earliest: datetime
    """The traces up to here are surely of before."""
    latest: datetime
    """The traces from here on are surely of after."""
    affected_before: int = Field(ge=0)
    traces_before: int = Field(ge=1)
    affected_after: int = Field(ge=0)
    traces_after: int = Field(ge=1)
    p_value: float
    """That traces without any beginning show one as clear as this, wherever it may lie."""
    by_hour: bool
    """Whether traces were compared within the hour of the day; in under two days a daily rhythm may look like a beginning."""


class Consequences(Part):
    """What the traces that a judge flagged show that it did to their users (`tools/testing/consequences.py`)."""

    population: int = Field(ge=0)
    """Traces that the statement is about; not all of them need have been read."""
    wrong: int = Field(ge=0)
    """Flagged traces that ended wrongly by it: a wrong write, a request not done or done differently, a false answer."""
    misled: int = Field(ge=0)
    """Those that ended rightly, but the user was told something untrue, or had to correct the agent."""
    none: int = Field(ge=0)
    """Those in which nothing of that can be seen."""
    wrong_share: Interval
    """Of the share of the population that ended wrongly by it; both ends are the same where all were read."""
    harmed_share: Interval
    """The same for those that ended wrongly or misled their user."""

    @property
    def flagged(self) -> int:
        """All traces that the judge flagged."""
        return self.wrong + self.misled + self.none


class Endings(Part):
    """How the traces of an issue ended beside all others, as far as a judge was asked (`tools/testing/endings.py`)."""

    judged: int = Field(ge=0)
    """Affected traces whose end was judged."""
    wrong: int = Field(ge=0)
    """Those of them that ended otherwise than the user asked for and the rules allow, by whatever cause."""
    rest_judged: int = Field(ge=0)
    rest_wrong: int = Field(ge=0)
    severity_before: Severity | None = None
    """What the issue is by its share alone, to rate it by again once more ends are judged; None before the store keeps it ..."""
    because_before: str = ""
    """... and why."""

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """What was judged and what ended wrongly, of these traces and of all others."""
        return self.judged, self.wrong, self.rest_judged, self.rest_wrong


class Fingerprint(Part):
    """What an issue is about, to know it again next week however it is worded (`tools/testing/fingerprints.py`)."""

    population: str
    measure: str
    segment: str = ""
    scope: str = ""
    """The condition that cut the traces of the analyses that find it; empty: none did."""


def counts_in_words(affected: int, population: int, title: str) -> str:
    """`24 of 600 traces`."""
    return f"{affected:,} of {population:,} {title.removeprefix('all ')}"


class Aspect(Part):
    """What else was shown of the traces of an issue, told with it instead of once more (`tools/testing/aspects.py`)."""

    title: str = Field(min_length=1, max_length=120)
    hypothesis_id: str
    """The hypothesis, VALIDATED, that it was."""
    affected: int = Field(ge=0)
    population: int = Field(ge=0)
    population_title: str = "all traces"
    severity: Severity
    """What it would have as an issue of its own."""
    query_ids: tuple[str, ...] = ()

    @property
    def counts(self) -> str:
        """`24 of 600 traces`."""
        return counts_in_words(self.affected, self.population, self.population_title)


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
    left_out: str = ""
    """What a model said of cause and remedy that isn't here because it was shown nothing of the kind: how much, not what."""
    fingerprint: Fingerprint
    evidence: tuple[Evidence, ...]
    query_ids: tuple[str, ...] = ()
    onset: Onset | None = None
    """When it began, where its traces say so."""
    consequences: Consequences | None = None
    """What it did to users; None where nobody read its traces for that."""
    endings: Endings | None = None
    """How its traces ended beside all others, of an issue that was counted; None where too few of them were judged."""
    watch: Plan | None = None
    """The plan that later analyses carry out on newer traces, to see whether it is still there; None: there is none."""

    @property
    def counts(self) -> str:
        """`24 of 600 traces`."""
        return counts_in_words(self.affected, self.population, self.population_title)


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
    """People change it, and their labels; that a later analysis finds the issue again doesn't."""
    resolution: str | None = None
    native_id: str | None = None
    """The id of MLflow's own issue that mirrors it, where the store keeps such."""
    mirrored: Mirrored | None = None
    found_at: datetime | None = None
    """When an analysis last found it."""
    settled_at: datetime | None = None
    """When it was last resolved or rejected: traces from before say nothing about whether that holds."""
    aspects: tuple[Aspect, ...] = ()
    """What else the analysis that found it has shown of its traces."""
    correction: Correction | None = None
    """What a person's labels say of the share, where it was read and the analysis that found it has such."""
    trend: tuple[TrendPoint, ...] = ()
    """The looks that analyses took at it, oldest first; no trace is counted in two of them."""
    history: tuple[str, ...] = ()

    @property
    def by_share(self) -> tuple[Severity, str]:
        """How severe it is by its share, whatever became of its traces, and why."""
        known = self.endings
        if known is None or known.severity_before is None:
            return self.severity, self.severity_because
        return known.severity_before, known.because_before

    def look_of(self, run_id: str) -> TrendPoint | None:
        """The look that an analysis took at it, if it took one."""
        return next((point for point in self.trend if point.run_id == run_id), None)

    @property
    def needs_reading(self) -> bool:
        """Whether it is open and only a reader can look at it again."""
        by_query = self.watch is not None and self.watch.reading is None
        return not by_query and self.status in {IssueStatus.OPEN, IssueStatus.IN_PROGRESS}

    def is_unread_by(self, run_id: str) -> bool:
        """Whether an analysis says nothing of it: it needed reading, and wasn't found or looked at there."""
        return self.needs_reading and self.source_run_id != run_id and self.look_of(run_id) is None

    @property
    def last_looked(self) -> datetime:
        """When it was last found or looked at, as far as is known."""
        return max([self.found_at or self.created_at, *(point.at for point in self.trend[-1:])])
