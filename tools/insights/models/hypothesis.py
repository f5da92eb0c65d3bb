"""A hypothesis: its statement, its plan, and what became of it."""

from typing import Literal

from pydantic import Field

from ...testing.plan import Plan
from .base import Document, Evidence, Kind, Part, Polarity
from .tested import HypothesisStatus, TestResult, Verdict

HypothesisSource = Literal["census", "slice", "playbook", "sample", "judging", "user", "prior", "anomaly"]


class Anchor(Part):
    """The census bucket that a hypothesis starts from."""

    name: str
    segment: str = ""
    numerator: int | None = None
    denominator: int | None = None


class HypothesisDraft(Part):
    """What an analyst or a person proposes; the store makes a hypothesis of it."""

    statement: str = Field(min_length=1)
    title: str = Field(default="", max_length=120)
    """What an issue of it is called, in 5 to 8 words, where whoever proposed it has said so."""
    rationale: str = ""
    testing_plan: str = Field(min_length=1)
    """The plan in words, step by step; for a typed plan, its rendering."""
    plan: Plan | None = None
    source: HypothesisSource
    kind: Kind
    polarity: Polarity = "problem"
    anchor: Anchor | None = None
    playbook: str = ""
    """The entry of the playbook it came from: title, severity floor, cause and recommendation are taken from there."""
    issue_id: str = ""
    """The earlier issue that it looks at again, where its source is `prior`."""
    akin: str = ""
    """What a model called the same though it finds other traces: the digest of that plan, or the id of that issue."""
    origin: str = ""
    """Where a proposal stood in its stored list, (step, round, index); empty for a person's."""
    blocked: str = ""
    """Why it can't be tested as it stands, where it can't."""


class Hypothesis(Document, HypothesisDraft):
    """A statement, the plan that can refute it, and what became of it."""

    hypothesis_id: str
    status: HypothesisStatus = HypothesisStatus.TESTING
    dropped: bool = False
    """Abandoned by a person: REJECTED, but never called refuted."""
    result: TestResult | None = None
    verdict: Verdict | None = None
    evidence: tuple[Evidence, ...] = ()
    history: tuple[str, ...] = ()
    """One line a change of status: when, from, to, by whom, why."""

    @property
    def tested(self) -> bool:
        """Whether its plan was carried out."""
        return self.result is not None


class Proposals(Part):
    """A complete list of proposals, stored whole before anything is made of it, so that no crash can mix two generations."""

    step: str
    round: int
    drafts: tuple[HypothesisDraft, ...]
    left_out: tuple[str, ...] = ()
    """What could not be proposed for want of data, each with its reason."""
