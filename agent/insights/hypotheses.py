"""Hypotheses by hand: stated with a plan, given evidence, decided by a person or given up."""

from collections.abc import Iterable, Sequence

from ...tools.errors import UserError
from ...tools.insights.models import (
    Evidence,
    Hypothesis,
    HypothesisDraft,
    HypothesisSource,
    HypothesisStatus,
    Kind,
    Polarity,
    Verdict,
)
from ...tools.testing.plan import Plan
from ...tools.testing.render import render_plan
from .analyses import require_text
from .evidence import GivenEvidence
from .opened import Insights

IN_WORDS = "Its plan is in words: it is carried out by hand."
GIVEN_UP = "given up by hand"


def create_hypothesis(
    insights: Insights,
    *,
    run_id: str,
    statement: str,
    rationale: str,
    testing_plan: str | None = None,
    plan: Plan | None = None,
    evidence: Sequence[GivenEvidence] = (),
    kind: Kind = "quality",
    polarity: Polarity = "problem",
    source: HypothesisSource = "user",
) -> Hypothesis:
    """States a hypothesis with its plan; the same statement with the same plan is the same hypothesis.

    Args:
        insights: The memory.
        run_id: The analysis.
        statement: What is claimed, so that traces can refute it.
        rationale: Why it is worth testing.
        testing_plan: The plan in words, step by step, with what validates and what rejects; carried out by hand.
        plan: The typed plan, which code carries out; its words are its rendering where none are given.
        evidence: What speaks for or against it already.
        kind: `quality`: what users get; `operational`: how it is made.
        polarity: `problem`, or `strength` for what works well.
        source: Where it comes from.

    Raises:
        UserError: a text or both plans are missing, or there is no such analysis.
        MemoryRefused: evidence doesn't exist.
    """
    if plan is None and not (testing_plan or "").strip():
        raise UserError("A hypothesis needs a plan before anything is looked at: give --testing-plan or --plan.")
    draft = HypothesisDraft(
        statement=require_text("statement", statement),
        rationale=require_text("rationale", rationale),
        testing_plan=(testing_plan or "").strip() or render_plan(_required(plan)),
        plan=plan,
        source=source,
        kind=kind,
        polarity=polarity,
        blocked="" if plan else IN_WORDS,
    )
    return insights.store.create_hypothesis(run_id, draft, [each.settled() for each in evidence])


def update_hypothesis(
    insights: Insights,
    *,
    run_id: str,
    hypothesis_id: str,
    status: HypothesisStatus | None = None,
    rationale: str | None = None,
    testing_plan: str | None = None,
    plan: Plan | None = None,
    evidence: Sequence[GivenEvidence] = (),
) -> Hypothesis:
    """Adds evidence, words a hypothesis anew, decides it or gives it up; what is None stays.

    VALIDATED and INCONCLUSIVE are verdicts by a person. REJECTED is one where a person's evidence speaks against the hypothesis,
    now or from earlier; without any it is given up: dropped, and never called refuted. With a verdict, or when it is given up,
    `rationale` is the reason.

    Raises:
        UserError: nothing is to be changed, or there is no such hypothesis.
        MemoryRefused: evidence doesn't exist or is on the wrong side, or the hypothesis is decided already.
    """
    store = insights.store
    decides = status not in (None, HypothesisStatus.TESTING)
    if status is None and not evidence and rationale is None and testing_plan is None and plan is None:
        raise UserError("Nothing is to be changed: give --status, --evidence, --rationale, --testing-plan or --plan.")
    supports = status is not HypothesisStatus.REJECTED
    settled = [each.settled(supports=supports) for each in evidence]
    hypothesis = store.get_hypothesis(run_id, hypothesis_id)
    if plan is not None:
        hypothesis = store.give_plan(run_id, hypothesis_id, plan, in_words=testing_plan or render_plan(plan))
    elif testing_plan is not None or (rationale is not None and not decides):
        reason = None if decides else rationale
        hypothesis = store.reword_hypothesis(run_id, hypothesis_id, rationale=reason, testing_plan=testing_plan)
    if status is None or status is HypothesisStatus.TESTING:
        return store.add_evidence(run_id, hypothesis_id, settled) if settled else hypothesis
    if status is HypothesisStatus.REJECTED and not _refuted_by_person(hypothesis, settled):
        if settled:
            store.add_evidence(run_id, hypothesis_id, settled)
        return store.drop_hypothesis(run_id, hypothesis_id, why=rationale or GIVEN_UP)
    verdict = Verdict(status=status, by="person", reason=_reason(rationale, (*hypothesis.evidence, *settled)))
    return store.judge_hypothesis(run_id, hypothesis_id, verdict, settled)


def get_hypothesis(insights: Insights, *, run_id: str, hypothesis_id: str) -> Hypothesis:
    """One hypothesis of an analysis, with its evidence.

    Raises:
        UserError: there is no such hypothesis.
    """
    return insights.store.get_hypothesis(run_id, hypothesis_id)


def list_hypotheses(insights: Insights, *, run_id: str) -> list[Hypothesis]:
    """The hypotheses of an analysis in order of creation, with their evidence.

    Raises:
        UserError: there is no such analysis.
    """
    return insights.store.list_hypotheses(run_id)


def _required(plan: Plan | None) -> Plan:
    assert plan is not None, "one of both plans is given"
    return plan


def _refuted_by_person(hypothesis: Hypothesis, given: Iterable[Evidence]) -> bool:
    """Whether a person has named a trace against it; what a test brought has a step, and is the test's to judge."""
    earlier = (entry for entry in hypothesis.evidence if not entry.step)
    return any(not entry.supports for entry in (*earlier, *given))


def _reason(rationale: str | None, evidence: Sequence[Evidence]) -> str:
    if rationale and rationale.strip():
        return rationale.strip()
    supports = sum(entry.supports for entry in evidence)
    return f"Judged by hand: {supports} pieces of evidence for it, {len(evidence) - supports} against."
