"""Hypotheses in the memory: made of drafts, given evidence and results, decided, dropped or blocked, always by the rules."""

from collections.abc import Callable, Sequence

from ..errors import MemoryRefused, UserError
from . import transitions
from .artifacts import RunFacts
from .identity import hypothesis_id as id_of
from .identity import require_hypothesis_id
from .memory import Memory
from .models import EVIDENCE_LIMIT, Evidence, Hypothesis, HypothesisDraft, TestResult, Verdict

INDEX = "insights.h."


class HypothesisMemory(Memory):
    """The verbs about hypotheses."""

    def create_hypothesis(self, run_id: str, draft: HypothesisDraft) -> Hypothesis:
        """Makes a hypothesis of a draft; the same statement with the same plan is the same hypothesis.

        Raises:
            MemoryRefused: Another statement or plan has the same id, which chance makes all but impossible.
        """
        subject = id_of(draft)
        with self.files.locks.hold(run_id):
            run = self._analysis_run(run_id)
            hypothesis = self._read(Hypothesis, run_id, _name(subject))
            if hypothesis is None:
                hypothesis = self._new_hypothesis(subject, draft)
                self._index_hypothesis(run, hypothesis)
                self._write(run_id, _name(subject), hypothesis)
                return hypothesis
            if (hypothesis.statement, hypothesis.plan) != (draft.statement, draft.plan):
                raise MemoryRefused(f"Hypothesis {subject!r} is {hypothesis.statement!r} already; word this one differently.")
            self._index_hypothesis(run, hypothesis)
            return hypothesis

    def get_hypothesis(self, run_id: str, hypothesis_id: str) -> Hypothesis:
        """One hypothesis of an analysis.

        Raises:
            UserError: The analysis has no such hypothesis.
        """
        hypothesis = self._read(Hypothesis, run_id, _name(require_hypothesis_id(hypothesis_id)))
        if hypothesis is None:
            raise UserError(f"Analysis {run_id!r} has no hypothesis {hypothesis_id!r}.")
        return hypothesis

    def list_hypotheses(self, run_id: str) -> list[Hypothesis]:
        """The hypotheses of an analysis, in order of creation."""
        return self._listed(Hypothesis, self._analysis_run(run_id), INDEX, _name)

    def add_evidence(self, run_id: str, hypothesis_id: str, evidence: Sequence[Evidence]) -> Hypothesis:
        """Adds evidence, each (step, trace, span) once; the traces are linked to the analysis.

        Raises:
            MemoryRefused: A trace or a span doesn't exist.
        """
        self.get_hypothesis(run_id, hypothesis_id)
        self._cite(self._analysis_run(run_id), evidence)
        return self._revise_hypothesis(run_id, hypothesis_id, lambda current: _with_evidence(current, evidence))

    def record_result(self, run_id: str, hypothesis_id: str, result: TestResult, evidence: Sequence[Evidence]) -> Hypothesis:
        """Keeps what carrying out the plan gave, with its evidence; the first result stays.

        Raises:
            MemoryRefused: The hypothesis is dropped, decided or has no plan; or evidence doesn't exist.
        """
        at = self._now()

        def change(current: Hypothesis) -> Hypothesis:
            if current.result is not None:
                return current
            return _with_evidence(transitions.with_result(current, result, at=at), evidence)

        current = self.get_hypothesis(run_id, hypothesis_id)
        if change(current) is not current:
            self._cite(self._analysis_run(run_id), evidence)
        return self._revise_hypothesis(run_id, hypothesis_id, change)

    def decide(self, run_id: str, hypothesis_id: str, verdict: Verdict) -> Hypothesis:
        """Gives a hypothesis its verdict; the same verdict again changes nothing.

        Raises:
            MemoryRefused: The hypothesis is dropped or decided, or the verdict lacks a result or evidence.
        """
        at = self._now()
        return self._revise_hypothesis(run_id, hypothesis_id, lambda current: transitions.with_verdict(current, verdict, at=at))

    def drop_hypothesis(self, run_id: str, hypothesis_id: str, *, why: str) -> Hypothesis:
        """Gives a hypothesis up: it is REJECTED without being refuted, and stays so.

        Raises:
            MemoryRefused: It has a verdict.
        """
        at = self._now()
        return self._revise_hypothesis(run_id, hypothesis_id, lambda current: transitions.dropped(current, why, at=at))

    def block_hypothesis(self, run_id: str, hypothesis_id: str, *, why: str) -> Hypothesis:
        """Notes why a hypothesis can't be tested as it stands.

        Raises:
            MemoryRefused: It was tested, decided or dropped.
        """
        at = self._now()
        return self._revise_hypothesis(run_id, hypothesis_id, lambda current: transitions.blocked(current, why, at=at))

    def _revise_hypothesis(self, run_id: str, subject: str, change: Callable[[Hypothesis], Hypothesis]) -> Hypothesis:
        with self.files.locks.hold(run_id):
            run = self._analysis_run(run_id)
            current = self.get_hypothesis(run_id, subject)
            revised = self._revised(current, change(current))
            if revised is not current:
                self._write(run_id, _name(subject), revised)
            self._index_hypothesis(run, revised)
            return revised

    def _new_hypothesis(self, subject: str, draft: HypothesisDraft) -> Hypothesis:
        at = self._now()
        blocked = (f"{transitions.stamp(at)} blocked: {draft.blocked}",) if draft.blocked else ()
        fields = {name: getattr(draft, name) for name in HypothesisDraft.model_fields}
        return Hypothesis.model_validate(
            {**fields, "hypothesis_id": subject, "history": blocked, "created_at": at, "updated_at": at}
        )

    def _index_hypothesis(self, run: RunFacts, hypothesis: Hypothesis) -> None:
        self._index(run, f"{INDEX}{hypothesis.hypothesis_id}", INDEX, hypothesis.rev, hypothesis.status)


def _with_evidence(hypothesis: Hypothesis, evidence: Sequence[Evidence]) -> Hypothesis:
    together = transitions.with_evidence(hypothesis.evidence, evidence, limit=EVIDENCE_LIMIT)
    return hypothesis if together == hypothesis.evidence else hypothesis.model_copy(update={"evidence": together})


def _name(subject: str) -> str:
    return f"hypothesis_{subject}.yaml"
