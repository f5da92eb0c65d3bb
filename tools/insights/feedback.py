"""Our feedback on affected traces: one assessment a trace and name, however often it is asked for."""

from typing import TYPE_CHECKING

from ..errors import StoreError
from ..mlflow_calls import ask
from ..traces.sources.base import OUR_SOURCE_ID
from .mirror import MirrorMemory
from .mirror_rules import marks
from .models import Issue
from .native import Mark

if TYPE_CHECKING:
    from mlflow.entities import Feedback


class FeedbackMemory(MirrorMemory):
    """The verbs about feedback on the traces of an issue."""

    def feedback_due(self, issue: Issue, name: str) -> tuple[list[Mark], int]:
        """The affected traces without our feedback of this name yet, and how many there are in all; one request per 500."""
        listed = list(marks(issue, self.issue_traces(issue.issue_id)))
        known = self.reader.assessed(
            (mark.trace_id for mark in listed), name=name, source_id=OUR_SOURCE_ID, experiment_id=issue.experiment_id
        )
        return [mark for mark in listed if mark.trace_id not in known], len(listed)

    def log_feedback(self, issue: Issue, mark: Mark, name: str) -> bool:
        """Logs that a trace shows the issue; False where the trace is gone.

        The caller knows that it has none; a further attempt looks first, because the one before may have come through.
        """
        attempts = 0

        def look_and_log() -> None:
            nonlocal attempts
            attempts += 1
            known = attempts > 1 and self.reader.assessed(
                [mark.trace_id], name=name, source_id=OUR_SOURCE_ID, experiment_id=issue.experiment_id
            )
            if not known:
                self.native.log(mark.trace_id, _feedback(issue, mark, name))

        with self.files.writing(f"feedback {mark.trace_id}"):
            try:
                ask(f"log feedback on trace {mark.trace_id}", look_and_log)
            except StoreError as error:
                if getattr(error.__cause__, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return False
        return True


def _feedback(issue: Issue, mark: Mark, name: str) -> "Feedback":
    from mlflow.entities import AssessmentSource, Feedback

    return Feedback(
        name=name,
        value=True,
        source=AssessmentSource(source_type="CODE", source_id=OUR_SOURCE_ID),
        trace_id=mark.trace_id,
        rationale=f"{issue.title}. {mark.rationale}",
        metadata={"analysis": issue.source_run_id, "issue": issue.issue_id},
        span_id=mark.span_id or None,
    )
