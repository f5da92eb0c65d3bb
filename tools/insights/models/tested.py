"""What carrying out a plan gave, and what was decided."""

from enum import StrEnum
from typing import Literal

from ...testing.plan import Estimand
from .base import Interval, Part


class HypothesisStatus(StrEnum):
    """Where a hypothesis stands. Too little data is INCONCLUSIVE, never a rejection."""

    TESTING = "TESTING"
    VALIDATED = "VALIDATED"
    REJECTED = "REJECTED"
    INCONCLUSIVE = "INCONCLUSIVE"


class Arm(Part):
    """One side of a comparison."""

    title: str
    traces: int
    affected: int | None = None
    clusters: int
    value: float | None
    """The affected share, or the quantile of the measure."""
    share_interval: Interval | None = None
    """Of the affected share; of a shift, the share above the pooled quantile. None for no traces."""


class Cell(Part):
    """One cell of the slice search: its segment against the rest of the population."""

    outcome: str
    outcome_title: str
    segment: dict[str, str]
    """Attribute -> value, one or two of them."""
    traces: int
    affected: int
    rest_traces: int
    rest_affected: int
    clusters: int
    """Independent clusters of the side that has fewer."""
    ratio: float
    interval: Interval
    """Of the ratio."""
    share_clusters: int = 0
    """Independent clusters with traces in the segment."""
    share_interval: Interval | None = None
    """Of the segment's affected share."""
    p_adjusted: float


class Agreement(Part):
    """Feedback of people on traces that were judged: what they meant isn't known, so it corrects nothing."""

    name: str
    flagged_bad: int
    flagged_good: int
    unflagged_bad: int
    unflagged_good: int

    @property
    def traces(self) -> int:
        """Traces with both."""
        return self.agreeing + self.flagged_good + self.unflagged_bad

    @property
    def agreeing(self) -> int:
        """Traces that both find faulty, or neither."""
        return self.flagged_bad + self.unflagged_good


class InOrder(Part):
    """The draw as far as it was read without a gap: a random sample still, wherever it is looked at."""

    read: int
    affected: int
    unclear: int


class ReadOn(Part):
    """What was read after a verdict, to name all that are affected. It decides nothing: the verdict was given before."""

    population: int
    """Traces that the statement is about, with those that suggested it and weren't drawn from for the verdict."""
    read: int
    """Of these, in all: for the verdict and after it."""
    affected: int
    unclear: int
    unasked: int = 0
    """Traces that the judge could not be asked about."""
    in_order: InOrder | None = None
    """What may be held against a threshold once more; None in what was read on before this was kept."""
    interval: Interval
    """Of the share of the population that would be flagged if all were read; both ends are the same where all were."""
    stopped: Literal["all read", "limit", "budget"]

    @property
    def complete(self) -> bool:
        """Whether every trace of the population was read."""
        return self.read == self.population


class Reads(Part):
    """How far a sequential reading went. The e-values are natural logarithms; 999 stands for certainty."""

    read: int
    """Traces that were read, in random order; the population is what they were drawn from."""
    cap: int
    log_for: float
    """Of the e-value against "no more than the threshold"."""
    log_against: float
    """Of the e-value against "at least the share that would matter"."""
    stopped: Literal["validated", "rejected", "cap", "all read", "budget"]
    unasked: int = 0
    """Those among the traces read that the judge could not be asked about: they count as unclear."""
    agreement: tuple[Agreement, ...] = ()
    """Feedback of people on the traces that were read for the verdict, by name."""
    on: ReadOn | None = None
    """What was read after the verdict, where anything was."""


class TestResult(Part):
    """What carrying out a plan gave: numbers, no verdict. Verdicts are given when the family is closed."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    decision: str
    estimand: Estimand
    family: Literal["S", "P", "R", "none"]
    cluster_key: str = ""
    """What a cluster is here: `session`, `session+request`, `trace`, ..."""
    population: int
    affected: int | None = None
    unreadable: int = 0
    clusters: int
    value: float | None = None
    """The share (count, rate; of what was read, read), the ratio of shares (contrast), the ratio of quantiles (shift)."""
    interval: Interval | None = None
    effective: float | None = None
    """Rate: how many independent traces would tell as much."""
    threshold: float
    material: float | None = None
    p_value: float | None = None
    eligible: bool = True
    """Whether it met its `min_n`; what doesn't is in no family."""
    ineligible_because: str = ""
    reads: Reads | None = None
    """Of a reading: `affected` and `unreadable` (unclear) are of the traces read for the verdict, not of the population."""
    arms: tuple[Arm, ...] = ()
    cells: tuple[Cell, ...] = ()
    """Slice search: the cells that remain after pruning, best first."""
    cells_tested: int = 0
    smallest_ratio: float | None = None
    """The smallest ratio that this much data would have shown (power .8 at p .05)."""
    query_ids: tuple[str, ...] = ()


class Verdict(Part):
    """What was decided, at which level, and why in one sentence."""

    status: HypothesisStatus
    by: Literal["test", "person", "labels"] = "test"
    """By labels: a test by reading whose thresholds were moved by the errors of its judge, as a person's labels show them."""
    reason: str
    batch: int = 0
    p_adjusted: float | None = None
    """Benjamini-Hochberg or max-T adjusted, or slots by e-value; None outside the families."""
    level: float | None = None
    interval: Interval | None = None
    """At the level that the selection asks for (FCR), where it was selected by significance."""
    cells: tuple[Cell, ...] = ()
    """Slice search: the cells that were found."""
