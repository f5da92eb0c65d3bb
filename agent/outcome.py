"""What a session ends with, for a person, a script and the shell."""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from datetime import datetime
from typing import Literal

from ..tools.insights.models import IssueStatus, Kind, Severity, Standing


@dataclass(frozen=True)
class IssueLine:
    """An issue, as far as a list shows it."""

    issue_id: str
    title: str
    severity: Severity
    kind: Kind
    affected: int
    population: int
    status: IssueStatus = IssueStatus.OPEN
    about: str = ""
    """What it is about in a fixed name (`tool_failure_rate`, `empty_answers`), without any text of the traces."""
    standing: Standing | None = None
    """What became of it since the analysis before: new, still, worse, better, quiet, gone, back."""
    link: str | None = None
    """Its page in MLflow, where that is known."""
    aspects: tuple[str, ...] = ()
    """What else was shown of its traces."""

    @property
    def share(self) -> float | None:
        """The affected share, a fraction; None where there was nobody to affect."""
        return self.affected / self.population if self.population else None

    @property
    def unsettled(self) -> bool:
        """Whether nobody has resolved or rejected it yet."""
        return self.status in {IssueStatus.OPEN, IssueStatus.IN_PROGRESS}


@dataclass(frozen=True)
class Copied:
    """The traces that an analysis is about, and how fresh they are."""

    traces: int
    instant: datetime
    """Traces that began after this are not among them."""
    newest_trace: datetime | None


@dataclass(frozen=True)
class Outcome:
    """How a session ended, and what is known by then."""

    run_id: str
    """The analysis run; empty where none was created."""
    experiment_id: str
    experiment_name: str
    status: Literal["done", "partial", "waiting", "stopped", "empty", "failed"]
    """`empty`: the window has no traces, so there was nothing to do."""
    _: KW_ONLY
    copied: Copied | None = None
    """Which traces it is about; None where none were copied yet."""
    issues: Sequence[IssueLine] = ()
    hypotheses: dict[str, int] = field(default_factory=lambda: dict[str, int]())
    """How many are validated, rejected, inconclusive, untested, dropped: each is counted once."""
    report_path: str | None = None
    ui_hint: str = ""
    """The command that opens the store in MLflow's own pages."""
    issues_link: str | None = None
    """The page of the experiment's issues in MLflow, where that is known."""
    resume_hint: str = ""
    """The command that goes on, where the analysis isn't at its end."""
    untested: Sequence[str] = ()
    """What was not tested, and why: one sentence each."""
    notes: Sequence[str] = ()
    question: str | None = None
    """The question that waits for a person."""


def exit_code(outcome: Outcome, fail_on: Severity | None) -> int:
    """What the shell is told.

    Returns:
        5 where a person is needed; 130 where it was stopped (whoever knows the signal knows better); 4 where something was left
        undone or untested; 3 where an unsettled issue is at or above `fail_on`; else 0.
    """
    if outcome.status == "waiting":
        return 5
    if outcome.status == "stopped":
        return 130
    if outcome.status == "partial" or outcome.untested:
        return 4
    reached = fail_on is not None and any(issue.unsettled and issue.severity.rank >= fail_on.rank for issue in outcome.issues)
    return 3 if reached else 0


WORST_FIRST = (130, 143, 1, 2, 5, 75, 4, 3, 0)
"""Exit codes in the order in which one hides the others."""


def worst(codes: Iterable[int]) -> int:
    """The code that tells of several runs: stopped, then failed, then what a person or time can mend, then what was found."""
    return min(codes, key=WORST_FIRST.index, default=0)


def to_json(outcome: Outcome) -> dict[str, object]:
    """The outcome as JSON values, under keys that stay."""
    issues = [{**asdict(issue), "share": issue.share, "aspects": [*issue.aspects]} for issue in outcome.issues]
    plain: dict[str, object] = {"untested": list(outcome.untested), "notes": list(outcome.notes)}
    if outcome.copied:
        times = (outcome.copied.instant, outcome.copied.newest_trace)
        instant, newest = (each.isoformat() if each else None for each in times)
        plain["copied"] = {"traces": outcome.copied.traces, "instant": instant, "newest_trace": newest}
    return {**asdict(outcome), **plain, "issues": issues}
