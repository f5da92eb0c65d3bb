"""MLflow's own issues behind one adapter: what of its unreleased interface we use, found before made, and made once.

MLflow keeps them in SQL stores, so behind its servers too; not in file stores, and Databricks has others. Nothing public creates
them, so the store object is asked directly, here and nowhere else. Our id of an issue is one of its categories, which nobody can
change: that is how one that was created just before a kill is known again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..errors import StoreError
from ..mlflow_calls import ask
from ..traces.sources.base import OUR_SOURCE_ID
from ..tracking import page_token
from .artifacts import RunFacts, RunFiles
from .identity import is_issue_id

if TYPE_CHECKING:
    from mlflow.entities.assessment import Assessment, IssueReference
    from mlflow.entities.issue import Issue as MlflowIssue

NativeStatus = Literal["pending", "resolved", "rejected"]
NativeSeverity = Literal["not_an_issue", "low", "medium", "high"]

PAGE = 100
NAME_CHARS = 250
"""What MLflow's databases keep of a name."""
RATIONALE_CHARS = 500
ABSENT = {"NOT_IMPLEMENTED", "ENDPOINT_NOT_FOUND"}
"""MLflow's error codes of stores and servers that keep no issues."""


class NativeWords(NamedTuple):
    """What a person sees of an issue, and may change, in MLflow's pages."""

    name: str
    description: str
    status: NativeStatus
    severity: NativeSeverity


@dataclass(frozen=True)
class NativeIssue:
    """One of MLflow's issues that mirrors one of ours."""

    native_id: str
    issue_id: str
    """Ours."""
    run_id: str
    """The run whose page shows it."""
    words: NativeWords
    created_at: datetime
    updated_at: datetime

    @property
    def touched(self) -> bool:
        """Whether it was changed since it was created."""
        return self.updated_at > self.created_at


class Mark(NamedTuple):
    """One trace that is shown as affected, where known the span of it, and why."""

    trace_id: str
    span_id: str
    rationale: str


class NativeIssues:
    """Finds, makes and changes MLflow's issues. Each write is named to the boundary before and after it, like all others."""

    def __init__(self, files: RunFiles) -> None:
        from mlflow.tracing.client import TracingClient

        self._files = files
        self._client = files.tracking.client
        self._tracing = TracingClient(files.tracking.uri)

    def find(self, parent: RunFacts) -> dict[str, NativeIssue] | None:
        """The issues that mirror ours, by our ids; one request per 100. None where this store keeps no issues.

        Of two with the same id, which only a server that answers a request twice can have made, the older one counts.
        """
        if self._files.tracking.uri.startswith("databricks"):
            return None
        try:
            found = sorted(self._search(parent), key=lambda each: (each.created_at, each.native_id), reverse=True)
        except StoreError as error:
            if getattr(error.__cause__, "error_code", "") in ABSENT:
                return None
            raise
        return {each.issue_id: each for each in found}

    def create(self, parent: RunFacts, issue_id: str, words: NativeWords, *, kind: str, cause: str) -> NativeIssue:
        """Makes the issue that mirrors ours, unless it is there; each attempt looks first. Called under the parent's lock."""
        from mlflow.entities.issue import IssueSeverity, IssueStatus

        def look_and_create() -> NativeIssue:
            known = (self.find(parent) or {}).get(issue_id)
            if known is not None:
                return known
            made = self._tracing.store.create_issue(
                experiment_id=parent.experiment_id,
                name=words.name,
                description=words.description,
                status=IssueStatus(words.status),
                severity=IssueSeverity(words.severity),
                root_causes=[cause],
                source_run_id=parent.run_id,
                categories=[kind, issue_id],
                created_by=OUR_SOURCE_ID,
            )
            return _native(made, issue_id)

        with self._files.writing(f"native-issue {issue_id}"):
            return ask(f"create an issue for {issue_id}", look_and_create)

    def update(self, native: NativeIssue, words: NativeWords) -> None:
        """Changes what differs."""
        from mlflow.entities.issue import IssueSeverity, IssueStatus

        before = native.words
        call = partial(
            self._tracing.store.update_issue,
            native.native_id,
            status=IssueStatus(words.status) if words.status != before.status else None,
            name=words.name if words.name != before.name else None,
            description=words.description if words.description != before.description else None,
            severity=IssueSeverity(words.severity) if words.severity != before.severity else None,
        )
        with self._files.writing(f"native-update {native.issue_id}"):
            ask(f"change issue {native.native_id}", call)

    def marked(self, experiment_id: str, native_id: str) -> set[str]:
        """The traces that are marked with this issue already, by whomever; one request."""
        call = partial(
            self._client.search_traces,
            locations=[experiment_id],
            filter_string=f"issue.id = '{native_id}'",
            max_results=500,
            include_spans=False,
        )
        return {str(trace.info.trace_id) for trace in ask(f"look for traces with issue {native_id}", call)}

    def mark(self, experiment_id: str, native: NativeIssue, mark: Mark, *, run_id: str) -> bool:
        """Marks a trace, or a span of it, with the issue, once; False where the trace is gone.

        The caller knows that it isn't marked; a further attempt looks first, because the one before may have come through.
        """
        attempts = 0

        def look_and_mark() -> None:
            nonlocal attempts
            attempts += 1
            if attempts == 1 or mark.trace_id not in self.marked(experiment_id, native.native_id):
                self.log(mark.trace_id, _reference(native, mark, run_id))

        with self._files.writing(f"native-mark {mark.trace_id}"):
            try:
                ask(f"mark trace {mark.trace_id} with issue {native.native_id}", look_and_mark)
            except StoreError as error:
                if getattr(error.__cause__, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return False
        return True

    def log(self, trace_id: str, assessment: "Assessment") -> None:
        """Logs an assessment; the caller sees to it that it is logged once."""
        self._tracing.log_assessment(trace_id, assessment)

    def _search(self, parent: RunFacts) -> Iterator[NativeIssue]:
        token: str | None = None
        while True:
            call = partial(
                self._tracing.store.search_issues,
                experiment_id=parent.experiment_id,
                filter_string=f"source_run_id = '{parent.run_id}'",
                max_results=PAGE,
                page_token=token,
            )
            page = ask(f"look for the issues of experiment {parent.experiment_id!r}", call)
            for issue in page:
                ours = next((each for each in issue.categories or () if is_issue_id(each)), None)
                if ours is not None:
                    yield _native(issue, ours)
            token = page_token(page.token)
            if token is None:
                return


def _native(issue: "MlflowIssue", issue_id: str) -> NativeIssue:
    status: NativeStatus = issue.status.value
    severity: NativeSeverity = issue.severity.value if issue.severity else "low"
    return NativeIssue(
        native_id=str(issue.issue_id),
        issue_id=issue_id,
        run_id=str(issue.source_run_id),
        words=NativeWords(str(issue.name), str(issue.description), status, severity),
        created_at=datetime.fromtimestamp(issue.created_timestamp / 1000, UTC),
        updated_at=datetime.fromtimestamp(issue.last_updated_timestamp / 1000, UTC),
    )


def _reference(native: NativeIssue, mark: Mark, run_id: str) -> "IssueReference":
    from mlflow.entities import AssessmentSource
    from mlflow.entities.assessment import IssueReference

    return IssueReference(
        issue_id=native.native_id,
        issue_name=native.words.name,
        source=AssessmentSource(source_type="CODE", source_id=OUR_SOURCE_ID),
        run_id=run_id,
        rationale=mark.rationale[:RATIONALE_CHARS],
        # Behind a server MLflow loses the run, so it stands here too.
        metadata={"analysis": run_id, "issue": native.issue_id},
        span_id=mark.span_id or None,
    )
