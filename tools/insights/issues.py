"""Issues in the memory: they belong to the experiment, are known again by their fingerprint, and list all affected traces."""

from collections.abc import Callable, Sequence
from datetime import datetime

from ..errors import UserError
from . import label_rules, transitions
from .affected import AffectedTrace, AffectedTraces, to_csv
from .analyses import AnalysisMemory
from .artifacts import RunFacts
from .hypotheses import HypothesisMemory
from .identity import experiment_of_issue
from .identity import issue_id as id_of
from .memory import in_order, index_entries, require_untouched
from .models import EVIDENCE_LIMIT, Aspect, Endings, Issue, IssueDraft, Severity, TrendPoint

INDEX = "insights.i."
FIXED = ("issue_id", "experiment_id", "fingerprint", "created_at")


class IssueMemory(AnalysisMemory, HypothesisMemory):
    """The verbs about issues."""

    def create_issue(
        self,
        run_id: str,
        draft: IssueDraft,
        traces: Sequence[AffectedTrace],
        *,
        look: TrendPoint | None = None,
        asked_on: int = 0,
    ) -> Issue:
        """Makes an issue of a draft, or brings the one with this fingerprint up to date: once per analysis, by hand each time.

        Args:
            run_id: The analysis that found it.
            draft: What it is.
            traces: All affected traces; only those of the evidence are linked, the others are counted, not looked at.
            look: Where the trend of a new issue begins.
            asked_on: How often the analysis was gone on with after its end: what it found then may be more than before.

        Raises:
            MemoryRefused: It has no evidence that exists, or no validated hypothesis where it needs one.
        """
        run = self._analysis_run(run_id)
        hypothesis = self.get_hypothesis(run_id, draft.hypothesis_id) if draft.hypothesis_id else None
        transitions.require_issue_grounds(draft, hypothesis)
        kept = transitions.with_evidence((), draft.evidence, limit=EVIDENCE_LIMIT)
        self._cite(run, kept)
        parent = self._parent_run(run.experiment_id)
        with self.files.locks.hold(parent.run_id):
            facts = self.files.run(parent.run_id)
            op = "" if draft.severity_by == "person" else _found_by(run_id, asked_on)
            return self._find_or_make(facts, run_id, draft.model_copy(update={"evidence": kept}), traces, look, op)

    def get_issue(self, issue_id: str) -> Issue:
        """One issue, of whichever experiment.

        Raises:
            UserError: There is no such issue.
        """
        return self._stored_issue(self._home(issue_id), issue_id)

    def list_issues(self, experiment_id: str) -> list[Issue]:
        """The issues of an experiment: by severity, then by how many traces they affect, then by id."""
        parent = self._find_parent_run(experiment_id)
        return [] if parent is None else self._issues_of(parent)

    def _issues_of(self, parent: RunFacts) -> list[Issue]:
        issues = self._listed(Issue, parent, INDEX, _name)
        return sorted(issues, key=lambda issue: (-issue.severity.rank, -issue.affected, issue.issue_id))

    def issue_ids(self, experiment_id: str) -> list[str]:
        """The ids of all issues of an experiment, in order of creation; one look at their run."""
        parent = self._find_parent_run(experiment_id)
        return [] if parent is None else in_order(index_entries(parent, INDEX))

    def update_issue(self, issue_id: str, *, op: str, change: Callable[[Issue], Issue]) -> Issue:
        """Changes an issue; the same `op` again changes nothing. New evidence is linked to the analysis that found the issue.

        Raises:
            MemoryRefused: The change touches what is fixed, cites what doesn't exist, or makes an invalid document.
        """
        parent = self._home(issue_id)
        with self.files.locks.hold(parent.run_id):
            current = self._stored_issue(parent, issue_id)
            revised = current if op in current.ops else self._changed(current, change(current), op)
            if revised is not current:
                self._write(parent.run_id, _name(issue_id), revised)
            self._index_issue(self.files.run(parent.run_id), revised)
            return revised

    def follow_issue(self, issue_id: str, point: TrendPoint) -> Issue:
        """Keeps one more look at a known issue, and the status that follows from it; once per analysis."""
        at = self._now()
        return self.update_issue(
            issue_id, op=f"looked:{point.run_id}", change=lambda current: transitions.looked_at(current, point, at=at)
        )

    def add_aspect(self, issue_id: str, aspect: Aspect, *, run_id: str, subject: str) -> Issue:
        """Keeps what else an analysis has shown of an issue's traces; once per analysis and `subject`, which it is about."""
        at = self._now()
        return self.update_issue(
            issue_id, op=f"shown:{run_id}:{subject}", change=lambda current: transitions.with_aspect(current, aspect, at=at)
        )

    def keep_endings(self, issue_id: str, endings: Endings, severity: Severity, because: str, *, run_id: str) -> Issue:
        """Keeps how the traces of an issue ended, and how severe it is by that; once per analysis and count."""
        at = self._now()
        op = f"ended:{run_id}:{endings.wrong}/{endings.judged}:{endings.rest_wrong}/{endings.rest_judged}"
        return self.update_issue(
            issue_id, op=op, change=lambda current: transitions.with_endings(current, endings, severity, because, at=at)
        )

    def relabel_issue(self, issue_id: str, said: label_rules.Relabelled) -> Issue:
        """Keeps what a person's labels say of an issue; the same again changes nothing."""
        at = self._now()
        return self.update_issue(issue_id, op="", change=lambda current: label_rules.relabelled(current, said, at=at))

    def issue_traces(self, issue_id: str) -> AffectedTraces:
        """All traces that an issue affects, as of when it was last found.

        Raises:
            UserError: There is no such issue.
        """
        data = self.files.read_bytes(self._home(issue_id).run_id, _traces_name(issue_id))
        if data is None:
            raise UserError(f"There is no issue {issue_id!r}.")
        return AffectedTraces.from_csv(data)

    def _find_or_make(
        self,
        parent: RunFacts,
        run_id: str,
        draft: IssueDraft,
        traces: Sequence[AffectedTrace],
        look: TrendPoint | None,
        op: str,
    ) -> Issue:
        subject, at = id_of(parent.experiment_id, draft.fingerprint), self._now()
        current = self._read(Issue, parent.run_id, _name(subject))
        if current is None:
            issue = _new_issue(subject, draft, parent.experiment_id, run_id=run_id, at=at)
            issue = issue if look is None else issue.model_copy(update={"trend": (look,)})
            self._index_issue(parent, issue)
        elif op and (op in current.ops or _found_by(run_id) in current.ops and _says_the_same(current, draft)):
            self._index_issue(parent, current)
            return current
        else:
            again = transitions.found_again(current, draft, run_id=run_id, at=at)
            issue = self._revised(current, again, op=op)
        # The list first: an issue never stands without its traces.
        self.files.write(parent.run_id, _traces_name(subject), to_csv(traces))
        self._write(parent.run_id, _name(subject), issue)
        self._index_issue(self.files.run(parent.run_id), issue)
        return issue

    def _changed(self, current: Issue, changed: Issue, op: str) -> Issue:
        require_untouched(current, changed, FIXED)
        kept = transitions.with_evidence((), changed.evidence, limit=EVIDENCE_LIMIT)
        added = [entry for entry in kept if entry not in current.evidence]
        if added:
            self._cite(self._analysis_run(changed.source_run_id), added)
        settled = transitions.with_settlement(current, changed.model_copy(update={"evidence": kept}), at=self._now())
        return self._revised(current, settled, op=op)

    def _home(self, issue_id: str) -> RunFacts:
        parent = self._find_parent_run(experiment_of_issue(issue_id))
        if parent is None:
            raise UserError(f"There is no issue {issue_id!r}: its experiment was never analysed.")
        return parent

    def _stored_issue(self, parent: RunFacts, issue_id: str) -> Issue:
        issue = self._read(Issue, parent.run_id, _name(issue_id))
        if issue is None:
            raise UserError(f"There is no issue {issue_id!r}.")
        return issue

    def _index_issue(self, parent: RunFacts, issue: Issue) -> None:
        self._index(parent, f"{INDEX}{issue.issue_id}", INDEX, issue.rev, issue.status)


def _new_issue(subject: str, draft: IssueDraft, experiment_id: str, *, run_id: str, at: datetime) -> Issue:
    line = f"{transitions.stamp(at)} found by analysis {run_id}: {draft.affected} of {draft.population}, {draft.severity}"
    fields = {name: getattr(draft, name) for name in IssueDraft.model_fields}
    own = {"issue_id": subject, "experiment_id": experiment_id, "source_run_id": run_id, "ops": (_found_by(run_id),)}
    return Issue.model_validate({**fields, **own, "history": (line,), "created_at": at, "updated_at": at, "found_at": at})


def _says_the_same(issue: Issue, draft: IssueDraft) -> bool:
    """Whether an analysis that was gone on with has learnt nothing more of an issue."""
    told = ("title", "cause", "recommendation", "affected", "population", "evidence", "consequences")
    return all(getattr(issue, name) == getattr(draft, name) for name in told)


def _found_by(run_id: str, asked_on: int = 0) -> str:
    return f"found:{run_id}:{asked_on}" if asked_on else f"found:{run_id}"


def _name(subject: str) -> str:
    return f"issue_{subject}.yaml"


def _traces_name(subject: str) -> str:
    return f"issue_{subject}_traces.csv"
