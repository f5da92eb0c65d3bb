"""Issues shown where MLflow's users look: mirrored to MLflow's own, marked on their traces; what people change there taken over.

All of an experiment's issues hang on its run `Insights`, because MLflow's pages list issues by the run that they come from and by
nothing else: hung on the analyses that found them, they would be scattered over as many pages. The documents stay the truth; all
this can be done again at any time, and then writes what is missing and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from ..links import issue_page
from ..reporting.excerpts import excerpt
from .artifacts import RunFacts
from .issues import INDEX, IssueMemory
from .memory import index_entries
from .mirror_rules import followed, is_settled, marks, native_words, record_of
from .models import Issue
from .native import NativeIssue, NativeIssues

TRACES = 50
"""Traces an issue is marked on, at most: each costs a request, some 10 ms on a database and 50 to 200 ms through a server."""
SUMMARY_CHARS = 7000
"""MLflow cuts a tag at 8000 characters."""
DETECTION = "mlflow.issueDetection.result."

Progress = Callable[[int, int], None]


def no_progress(_done: int, _total: int) -> None:
    """Nobody watches: the default."""


@dataclass(frozen=True)
class Mirroring:
    """What one mirroring did."""

    kept: bool = True
    """Whether this store keeps issues of its own at all."""
    mirrored: int = 0
    """Issues that stand in MLflow's pages now."""
    created: int = 0
    marked: int = 0
    taken_over: tuple[Issue, ...] = ()
    """Issues that a person has changed in MLflow's pages since, as they are now."""


class MirrorMemory(IssueMemory):
    """The verbs about MLflow's own issues."""

    @cached_property
    def native(self) -> NativeIssues:
        """MLflow's own issues."""
        return NativeIssues(self.files)

    def mirror_issues(self, experiment_id: str, *, only: str | None = None, progress: Progress = no_progress) -> Mirroring:
        """Brings MLflow's own issues to what the memory says, after taking over what people changed there.

        Two requests where nothing is to be done. A new issue costs some ten, and one for each trace that it is marked on.

        Args:
            experiment_id: Whose issues.
            only: The id of one issue, where only that is of interest.
            progress: Called with how many issues are done, and how many there are.
        """
        parent = self._find_parent_run(experiment_id)
        issues = [] if parent is None else [self._stored_issue(parent, only)] if only else self._issues_of(parent)
        known = self.native.find(parent) if parent is not None and issues else {}
        if parent is None or known is None:
            return Mirroring(kept=known is not None)
        steps: list[Mirroring] = []
        revs = {subject: entry.rev for subject, entry in index_entries(parent, INDEX).items()}
        # Where the index lags, a process was killed before it could say that it was done.
        open_ones = [
            issue for issue in issues if revs.get(issue.issue_id) != issue.rev or not is_settled(issue, known.get(issue.issue_id))
        ]
        for done, issue in enumerate(open_ones):
            progress(done, len(open_ones))
            with self.files.locks.hold(parent.run_id):
                steps.append(self._mirror_issue(parent, self._stored_issue(parent, issue.issue_id), known.get(issue.issue_id)))
        return Mirroring(
            mirrored=len(issues),
            created=sum(step.created for step in steps),
            marked=sum(step.marked for step in steps),
            taken_over=tuple(issue for step in steps for issue in step.taken_over),
        )

    def show_result(self, run_id: str, *, traces: int) -> None:
        """Has MLflow's pages show the run `Insights` as a result of issue detection, as the analysis `run_id` left it.

        Args:
            run_id: The analysis.
            traces: How many traces it counted.
        """
        analysis = self.get_analysis(run_id)
        parent = self._parent_run(analysis.experiment_id)
        issues = [issue for issue in self.list_issues(analysis.experiment_id) if issue.native_id]
        head = f"By the analysis [{excerpt(analysis.name)}](#/experiments/{parent.experiment_id}/runs/{run_id})"
        wanted = {
            "mlflow.runType": "issue_detection",
            f"{DETECTION}issues": str(len(issues)),
            f"{DETECTION}totalTracesAnalyzed": str(traces),
            f"{DETECTION}summary": f"{head} of {analysis.created_at:%Y-%m-%d}, {traces:,} traces.\n\n{_table(parent, issues)}",
        }
        with self.files.locks.hold(parent.run_id):
            self._set_tags(self.files.run(parent.run_id), wanted)

    def _mirror_issue(self, parent: RunFacts, issue: Issue, native: NativeIssue | None) -> Mirroring:
        before, issue = issue, self._followed(issue, native)
        words = native_words(issue)
        created = native is None
        if native is None:
            native = self.native.create(parent, issue.issue_id, words, kind=issue.kind, cause=issue.cause.text)
        record = record_of(issue, native)
        if record.text_is_theirs:
            words = words._replace(name=native.words.name, description=native.words.description)
        if words != native.words:
            self.native.update(native, words)
        stale = created or issue.mirrored is None or issue.mirrored.traces != record.mirrored.traces
        marked = self._mark_traces(parent, issue, native) if stale else 0
        self._note(issue, native_id=native.native_id, mirrored=record.mirrored)
        return Mirroring(created=created, marked=marked, taken_over=(issue,) if issue is not before else ())

    def _followed(self, issue: Issue, native: NativeIssue | None) -> Issue:
        """The issue, with what a person changed of it in MLflow's pages since we last wrote it there."""
        if native is None or followed(issue, native) is issue:
            return issue
        return self.update_issue(issue.issue_id, op="", change=lambda current: followed(current, native))

    def _note(self, issue: Issue, **changes: object) -> Issue:
        return self.update_issue(issue.issue_id, op="", change=lambda current: current.model_copy(update=changes))

    def _mark_traces(self, parent: RunFacts, issue: Issue, native: NativeIssue) -> int:
        """Marks traces of the issue until 50 are: those of its evidence first, then those of its list."""
        before = self.native.marked(parent.experiment_id, native.native_id)
        listed = marks(issue, self.issue_traces(issue.issue_id))
        wanted = list(islice((mark for mark in listed if mark.trace_id not in before), max(0, TRACES - len(before))))
        if wanted:
            self.files.link(parent.run_id, [mark.trace_id for mark in wanted])
        return sum(self.native.mark(parent.experiment_id, native, mark, run_id=issue.source_run_id) for mark in wanted)


def _table(parent: RunFacts, issues: list[Issue]) -> str:
    """The issues as a table whose titles lead to them, as many as a tag holds."""
    if not issues:
        return "No issue was found."
    lines = ["| Severity | Affected | Issue | Status |", "|---|---|---|---|"]
    for place, issue in enumerate(issues):
        page = issue_page(parent.experiment_id, parent.run_id, issue.native_id)
        line = f"| {issue.severity} | {excerpt(issue.counts)} | [{excerpt(issue.title)}]({page}) | {issue.status} |"
        if sum(map(len, lines)) + len(line) > SUMMARY_CHARS:
            lines += ["", f"{len(issues) - place} more stand under Issues."]
            break
        lines.append(line)
    return "\n".join(lines)
