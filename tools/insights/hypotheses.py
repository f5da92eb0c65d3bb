"""Hypotheses in the memory: made of drafts, given evidence and results, decided, dropped or blocked, always by the rules."""

from collections.abc import Callable, Sequence

from ..errors import MemoryRefused, UserError
from ..testing.plan import Plan
from . import label_rules, transitions
from .artifacts import RunFacts
from .identity import hypothesis_id as id_of
from .identity import require_hypothesis_id
from .memory import TYPE_TAG, Memory, in_order, index_entries
from .models import EVIDENCE_LIMIT, Evidence, Hypothesis, HypothesisDraft, ReadOn, TestResult, Verdict

INDEX = "insights.h."


class HypothesisMemory(Memory):
    """The verbs about hypotheses."""

    def create_hypothesis(self, run_id: str, draft: HypothesisDraft, evidence: Sequence[Evidence] = ()) -> Hypothesis:
        """Makes a hypothesis of a draft; the same statement with the same plan is the same hypothesis.

        Raises:
            MemoryRefused: Evidence doesn't exist; or another statement or plan has the same id, which chance makes all but
                impossible.
        """
        subject = id_of(draft)
        with self.files.locks.hold(run_id):
            run = self._analysis_run(run_id)
            self._cite(run, evidence)
            # Its tag is set before it is written, so that one without a tag isn't there and needn't be asked for.
            known = subject in index_entries(run, INDEX)
            hypothesis = self._read(Hypothesis, run_id, _name(subject)) if known else None
            if hypothesis is None:
                hypothesis = _with_evidence(self._new_hypothesis(subject, draft), evidence)
                self._index_hypothesis(run, hypothesis)
                self._write(run_id, _name(subject), hypothesis)
                return hypothesis
            if hypothesis.statement != draft.statement or (draft.plan is not None and hypothesis.plan != draft.plan):
                raise MemoryRefused(f"Hypothesis {subject!r} is {hypothesis.statement!r} already; word this one differently.")
            return self._revise_hypothesis(run_id, subject, lambda current: _with_evidence(current, evidence))

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

    def count_hypotheses(self, experiment_id: str) -> dict[str, int]:
        """Per analysis of an experiment how many hypotheses it has, read from the index alone."""
        runs = self.files.find_runs(experiment_id, tag=TYPE_TAG, value="analysis")
        return {run.run_id: len(index_entries(run, INDEX)) for run in runs}

    def hypothesis_ids(self, run_id: str) -> list[str]:
        """The ids of all hypotheses of an analysis, in order of creation; one look at its run."""
        return in_order(index_entries(self._analysis_run(run_id), INDEX))

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

    def record_read_on(self, run_id: str, hypothesis_id: str, on: ReadOn) -> Hypothesis:
        """Keeps what was read after a verdict, beside the result that it was given on.

        Raises:
            MemoryRefused: It wasn't validated by reading.
        """
        at = self._now()
        return self._revise_hypothesis(run_id, hypothesis_id, lambda current: transitions.with_read_on(current, on, at=at))

    def go_on_reading(self, run_id: str, hypothesis_id: str) -> Hypothesis:
        """Lets a reading go on that ended for want of answers; what was answered is kept, and isn't asked again.

        Raises:
            MemoryRefused: It wasn't read.
        """
        at = self._now()
        return self._revise_hypothesis(run_id, hypothesis_id, lambda current: transitions.reading_on(current, at=at))

    def decide(self, run_id: str, hypothesis_id: str, verdict: Verdict) -> Hypothesis:
        """Gives a hypothesis its verdict; the same verdict again changes nothing.

        Raises:
            MemoryRefused: The hypothesis is dropped or decided, or the verdict lacks a result or evidence.
        """
        at = self._now()
        return self._revise_hypothesis(run_id, hypothesis_id, lambda current: transitions.with_verdict(current, verdict, at=at))

    def decide_by_labels(self, run_id: str, hypothesis_id: str, verdict: Verdict) -> Hypothesis:
        """Gives what was read the verdict that a person's labels make of it; the one before stays in its history.

        Raises:
            MemoryRefused: It wasn't decided by reading, or a person settled it.
        """
        at = self._now()
        return self._revise_hypothesis(
            run_id, hypothesis_id, lambda current: label_rules.decided_by_labels(current, verdict, at=at)
        )

    def drop_hypothesis(self, run_id: str, hypothesis_id: str, *, why: str) -> Hypothesis:
        """Gives a hypothesis up: it is REJECTED without being refuted, and stays so.

        Raises:
            MemoryRefused: It has a verdict.
        """
        at = self._now()
        return self._revise_hypothesis(run_id, hypothesis_id, lambda current: transitions.dropped(current, why, at=at))

    def judge_hypothesis(self, run_id: str, hypothesis_id: str, verdict: Verdict, evidence: Sequence[Evidence]) -> Hypothesis:
        """Gives a hypothesis a person's verdict together with its evidence, in one write; it stays outside the error control.

        Raises:
            MemoryRefused: The hypothesis is dropped or decided, or there is no evidence on the side of the verdict.
        """
        at = self._now()

        def change(current: Hypothesis) -> Hypothesis:
            return transitions.with_verdict(_with_evidence(current, evidence), verdict, at=at)

        change(self.get_hypothesis(run_id, hypothesis_id))  # what the rules forbid isn't linked either
        self._cite(self._analysis_run(run_id), evidence)
        return self._revise_hypothesis(run_id, hypothesis_id, change)

    def reword_hypothesis(
        self, run_id: str, hypothesis_id: str, *, rationale: str | None = None, testing_plan: str | None = None
    ) -> Hypothesis:
        """Changes why a hypothesis is worth testing, or its plan in words; what it said before is in its history.

        Raises:
            MemoryRefused: It is decided or dropped; or the plan is the rendering of a typed one.
        """
        at = self._now()
        return self._revise_hypothesis(
            run_id,
            hypothesis_id,
            lambda current: transitions.reworded(current, at=at, rationale=rationale, testing_plan=testing_plan),
        )

    def give_plan(self, run_id: str, hypothesis_id: str, plan: Plan, *, in_words: str) -> Hypothesis:
        """Gives a hypothesis whose plan was in words its typed plan, once.

        Raises:
            MemoryRefused: It has another plan, evidence, or a verdict: what was looked at must not shape the test.
        """
        at = self._now()
        return self._revise_hypothesis(
            run_id, hypothesis_id, lambda current: transitions.with_plan(current, plan, in_words=in_words, at=at)
        )

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
