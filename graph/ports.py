"""What the graph needs from outside, as protocols: an analyst who thinks and a display that shows."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ..tools.insights.affected import AffectedTrace
from ..tools.insights.models import Analysis, Cause, Cell, Census, Consequence, Hypothesis, HypothesisDraft, Issue, Noticed

if TYPE_CHECKING:
    from ..tools.testing.plan import Plan
    from ..tools.testing.sequential import Answer
    from ..tools.traces.views import TraceView
    from ..tools.workbench import Workbench  # what it brings takes seconds, and a display needs none of it


@dataclass(frozen=True)
class Event:
    """Something that a person who watches would want to know; `kind` says how to show it."""

    kind: Literal["step", "progress", "note", "census", "hypothesis", "query", "result", "verdict", "issue", "report"]
    text: str
    _: KW_ONLY
    step: str = ""
    """The step of the analysis it belongs to."""
    subject: str = ""
    """Id of the hypothesis or issue it is about."""
    detail: str = ""
    """A longer text, shown below: a plan, a filter, a reason."""
    done: int | None = None
    total: int | None = None


class Display(Protocol):
    """Shows the work as it goes. Called from the event loop's thread and from tool threads."""

    def show(self, event: Event) -> None:
        """Shows one event; never raises for what it can't show."""
        ...


@dataclass(frozen=True)
class Proposal:
    """What an analyst proposes, and what it left out for want of data, with the reason."""

    drafts: Sequence[HypothesisDraft]
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class Explanation:
    """Why a proven failure occurs, and how an analyst would word the issue; empty texts leave that to code."""

    cause: Cause
    _: KW_ONLY
    title: str = ""
    recommendation: str = ""
    left_out: str = ""
    """What of the analyst's words isn't here because nothing it was shown bears it out, in words."""


@dataclass(frozen=True)
class Estimate:
    """What an analyst will probably ask a language model, and what that costs."""

    model: str
    """The model's name and where it answers."""
    calls: int
    tokens: int
    """In and out together."""
    usd: float | None
    """None where no price is given."""
    limits: str = ""
    """The most that it may spend, in words; empty where nothing limits it."""

    @property
    def text(self) -> str:
        """One sentence for whoever decides."""
        money = "" if self.usd is None else f", {self.usd:,.2f} USD"
        limit = f" It stops at {self.limits}." if self.limits else " Nothing limits it (--budget-tokens, --budget-usd)."
        return (
            f"Reading these traces with {self.model} takes about {self.calls:,} questions, {self.tokens:,} tokens{money}.{limit}"
        )


@dataclass(frozen=True)
class Claim:
    """What a judge says of a trace to one question, before it is looked up there."""

    answer: "Answer"
    span_id: str = ""
    quote: str = ""
    """Words of the trace that show it; nothing is affected without."""
    reason: str = ""
    consequence: Consequence = "none"
    """What it did to the user, where it is affected."""
    consequence_span_id: str = ""
    consequence_quote: str = ""
    """Words of the trace that show the consequence; there is none without."""


@dataclass(frozen=True)
class Remark:
    """Another failure that a judge notes while it answers what it was asked, before it is looked up in the trace."""

    what: str
    span_id: str
    quote: str


@dataclass(frozen=True)
class Judged:
    """What a judge says of one trace."""

    claims: Sequence[Claim]
    """One for each question, in their order."""
    remarks: Sequence[Remark] = ()


@dataclass(frozen=True)
class Unasked:
    """A judge could not be asked about a trace: that says nothing of the trace, and may be otherwise another time."""

    why: str
    final: bool = False
    """Whether nothing more may be asked at all, because the budget is spent."""


class Judge(Protocol):
    """Who reads traces."""

    width: int
    """Traces that it may be asked about at the same time."""

    async def judge(self, bench: "Workbench", trace: "TraceView", questions: Sequence[str]) -> Judged | Unasked:
        """A claim for each question.

        Raises:
            ModelError: nobody answers any more, whatever is asked.
        """
        ...


@dataclass(frozen=True)
class Planned:
    """The plan for what a person stated in words, tried; or why there is none."""

    plan: "Plan | None"
    refused: str = ""


class Planner(Protocol):
    """Who writes plans for what a person states."""

    async def plan(self, bench: "Workbench", hypothesis: Hypothesis, *, may_read: bool, owner: str) -> Planned:
        """A typed plan, each of whose queries was tried.

        Args:
            bench: The tools of the analysis.
            hypothesis: What the person stated.
            may_read: Whether it may be decided by reading traces.
            owner: Whose the queries are that try it.

        Raises:
            ModelError: nobody answers any more, whatever is asked.
        """
        ...


class Analyst(Protocol):
    """Who thinks. Each method answers one question; code does the rest, and checks what comes back."""

    name: str
    planner: Planner | None
    """Who plans what a person states; None where nobody does, so that what the playbook doesn't know stays blocked."""
    judge: Judge | None
    """Who reads for it; None where nobody does, so that what only reading can decide stays blocked."""

    async def estimate(self, bench: "Workbench", analysis: Analysis) -> Estimate | None:
        """What it will cost, before anything is spent; None where it costs nothing."""
        ...

    async def close(self) -> None:
        """Lets go of what it holds."""
        ...

    async def describe(self, bench: "Workbench") -> str:
        """One paragraph: what the agent's job is, its tools and its data sources."""
        ...

    async def propose(self, bench: "Workbench", analysis: Analysis, census: Census, earlier: Sequence[Issue]) -> Proposal:
        """Hypotheses worth testing, each with its plan, in the order in which they matter."""
        ...

    async def follow_up(
        self,
        bench: "Workbench",
        analysis: Analysis,
        noticed: Sequence[Noticed],
        tested: Sequence[Hypothesis],
        earlier: Sequence[Issue],
    ) -> Proposal:
        """A few hypotheses of what its judge noted besides what it was asked; not those that were tested, or found earlier."""
        ...

    async def explain(
        self, bench: "Workbench", hypothesis: Hypothesis, affected: Sequence[AffectedTrace], cell: Cell | None = None
    ) -> Explanation:
        """Why it occurs, as far as that is known, and what to do; of a slice search that of one of its cells."""
        ...
