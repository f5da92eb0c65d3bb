"""One thing told once: which findings are issues, and which are aspects of an issue that tells of the same traces already."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..tools.insights.affected import AffectedTrace, ids_of
from ..tools.insights.identity import issue_id
from ..tools.insights.models import Aspect, Cell, Hypothesis, HypothesisDraft, HypothesisStatus, Issue
from ..tools.insights.transitions import SETTLED
from ..tools.testing.aspects import INSIDE, Shown, is_told_in_parts, overlap, repeats, share_inside, trace_set
from ..tools.testing.drafting import draft_aspect
from ..tools.testing.endings import asks_for_ending
from ..tools.testing.fingerprints import fingerprint_of
from ..tools.testing.outcomes import FAILED_STEP
from ..tools.testing.playbooks import Entry
from ..tools.testing.siblings import DISAGREEING
from ..tools.workbench import Workbench
from .reading import is_read

OF_ANY_KIND = {FAILED_STEP, DISAGREEING}
"""Steps that find failures whatever they are; what rests on one is told last."""


class Finding(NamedTuple):
    """A validated problem; of a slice search one of its cells."""

    hypothesis: Hypothesis
    cell: Cell | None = None

    def subject(self, bench: Workbench) -> str:
        """The id of the issue that it is, or would be."""
        about = fingerprint_of(self.hypothesis, self.cell).model_copy(update={"scope": bench.snapshot.record.filter})
        return issue_id(bench.experiment_id, about)


class Telling:
    """What has been told so far, and with which issue a further finding belongs."""

    def __init__(self, bench: Workbench, playbook: Mapping[str, Entry], issues: Sequence[Issue]) -> None:
        """`issues` are all of the experiment: those of this analysis are told, and each that is known stays one of its own."""
        self._bench = bench
        self._playbook = playbook
        self._known = {issue.issue_id for issue in issues}
        self._settled = {issue.issue_id for issue in issues if issue.status in SETTLED}
        self._told = {
            issue.issue_id: [Shown(trace_set(bench.store.issue_traces(issue.issue_id).ids()))]
            for issue in issues
            if issue.source_run_id == bench.run_id and issue.source == "census" and issue.status not in SETTLED
        }
        self._told_by: dict[str, list[HypothesisDraft]] = {}
        """By issue what is told there, to know again what is akin to it."""

    def in_order(self, hypotheses: Sequence[Hypothesis]) -> list[Finding]:
        """The validated problems as they are told: what is known first, then by severity, a whole before its segments."""
        listed = [finding for each in hypotheses if _is_new_problem(each) for finding in _findings(each)]
        return sorted(listed, key=self._rank)

    def home_of(self, finding: Finding, affected: Sequence[AffectedTrace]) -> str | None:
        """The issue of which a finding is an aspect; None where it is one of its own, which is then told.

        What is found by reading stands by itself: not all of its traces are known. Nothing is told with an issue that a person
        settled, where nobody looks any more.
        """
        if is_read(finding.hypothesis):
            return None
        new, subject = self._shown(finding, affected), finding.subject(self._bench)
        home = None if subject in self._known else self._home(new, finding.hypothesis)
        if subject not in self._settled:
            self._told.setdefault(home or subject, []).append(new)
            self._told_by.setdefault(home or subject, []).append(finding.hypothesis)
        return home

    def _home(self, new: Shown, hypothesis: Hypothesis) -> str | None:
        traces = self._bench.snapshot.record.traces
        homes = {
            key: told
            for key, told in self._told.items()
            if any(repeats(new, each, traces=traces) for each in told) or self._is_part(key, new, hypothesis)
        }
        if not homes and is_told_in_parts(new, [each for told in self._told.values() for each in told]):
            homes = self._told
        return max(homes, key=lambda key: overlap(new.affected, homes[key][0].affected), default=None)

    def _is_part(self, home: str, new: Shown, hypothesis: Hypothesis) -> bool:
        """Whether an issue tells of what a model called the same, and of nearly all of these traces among others."""
        akin = any(_are_akin(hypothesis, each) for each in self._told_by.get(home, ())) or hypothesis.akin == home
        return akin and any(share_inside(new.affected, each.affected) >= INSIDE for each in self._told[home])

    def add(self, home: str, finding: Finding) -> Issue:
        """Keeps a finding as an aspect of an issue."""
        subject, run_id = finding.subject(self._bench), self._bench.run_id
        return self._bench.store.add_aspect(home, self._aspect(finding), run_id=run_id, subject=subject)

    def _rank(self, finding: Finding) -> tuple[bool, bool, int, bool, float]:
        (hypothesis, cell), would_be = finding, self._aspect(finding)
        is_unknown = finding.subject(self._bench) not in self._known
        return (
            is_unknown,
            _is_of_any_kind(hypothesis),
            -would_be.severity.rank,
            cell is not None,
            -(cell.ratio if cell else would_be.affected),
        )

    def _aspect(self, finding: Finding) -> Aspect:
        hypothesis, cell = finding
        entry = self._playbook.get(hypothesis.playbook)
        return draft_aspect(hypothesis, traces=self._bench.snapshot.record.traces, entry=entry, cell=cell)

    def _shown(self, finding: Finding, affected: Sequence[AffectedTrace]) -> Shown:
        hypothesis, cell = finding
        plan, executor, owner = hypothesis.plan, self._bench.executor, hypothesis.hypothesis_id
        assert plan is not None, "a verdict by test has a plan"
        compares = plan.decision.kind in {"contrast", "shift", "slices"}
        return Shown(
            trace_set(ids_of(affected)),
            is_cell=cell is not None,
            compare=(lambda: trace_set(executor.exposed(plan, owner=owner, cell=cell))) if compares else None,
            of_any_kind=_is_of_any_kind(hypothesis),
        )


def _is_new_problem(hypothesis: Hypothesis) -> bool:
    is_new = hypothesis.polarity == "problem" and hypothesis.source != "prior"
    return is_new and hypothesis.status is HypothesisStatus.VALIDATED


def _are_akin(one: HypothesisDraft, other: HypothesisDraft) -> bool:
    return any(a.akin and b.plan and a.akin == b.plan.digest for a, b in ((one, other), (other, one)))


def _is_of_any_kind(hypothesis: Hypothesis) -> bool:
    plan = hypothesis.plan
    return asks_for_ending(plan) or plan is not None and any(step.sql in OF_ANY_KIND for step in plan.queries)


def _findings(hypothesis: Hypothesis) -> Iterator[Finding]:
    if hypothesis.result is None or hypothesis.result.decision != "slices":
        yield Finding(hypothesis)
        return
    for cell in hypothesis.verdict.cells if hypothesis.verdict else ():
        yield Finding(hypothesis, cell)
