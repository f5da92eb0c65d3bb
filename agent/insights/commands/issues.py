"""The verbs about issues."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from . import options
from .verb import verb

if TYPE_CHECKING:
    from .call import Call

PANEL = "Issues"

CREATE = """[bold]A good title[/]
  has 5 to 8 words, is specific and can be acted on, as in a tracker:
    Database query tool exceeds 30s timeout threshold
    Weather API returns 500 errors during peak hours
    Authentication failures block 25% of user requests
  Too generic: "Tool timeout", "Performance issue", "Error handling".

[bold]What makes an issue[/]
  A counted fact (error rate, failing tool, latency outlier) with sample
  traces; --bucket names the figure of the census that counted it. Or a
  VALIDATED hypothesis, with its evidence. Quality proxies of the census
  (verbosity, minimal responses, hedging, rushed processing) never make one:
  they say where to look. State a hypothesis, and test it.

[bold]Example[/]
  mlflow-insights create-issue --run-id RUN_ID --severity HIGH \\
    --title "Refund tool fails in 30% of its calls" \\
    --description "refund_order fails in 41 of 137 calls, unseen by users." \\
    --evidence '{"trace_id": "tr-1", "rationale": "refund_order failed"}' \\
    --evidence '{"trace_id": "tr-2", "rationale": ""}'
"""

UPDATE = """[bold]Examples[/]
  mlflow-insights update-issue --issue-id I-3-1f2e3d4c5b --status IN_PROGRESS
  mlflow-insights update-issue --issue-id I-3-1f2e3d4c5b \\
    --resolution "Refund service retries once since 2.3"
"""

Title = Annotated[str, typer.Option(rich_help_panel=options.WHAT, help="5 to 8 words, specific and actionable.")]
Description = Annotated[
    str, typer.Option(rich_help_panel=options.WHAT, help="What is observed, with n of N, and what it does to users.")
]
Hypothesis = Annotated[
    str | None, typer.Option(metavar="H...", rich_help_panel=options.WHAT, help="The VALIDATED hypothesis that it rests on.")
]
BucketName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:SEGMENT]",
        rich_help_panel=options.WHAT,
        help="The census figure that counted it: tool_failure_rate:refund.",
    ),
]
Status = Annotated[
    Literal["OPEN", "IN_PROGRESS", "RESOLVED", "REJECTED"] | None,
    typer.Option(case_sensitive=False, rich_help_panel=options.WHAT, help="Where it stands; later analyses don't change it."),
]
NewSeverity = Annotated[
    Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"] | None,
    typer.Option(case_sensitive=False, rich_help_panel=options.WHAT, help="How severe it is; later analyses keep it."),
]
Resolution = Annotated[
    str | None, typer.Option(rich_help_panel=options.WHAT, help="What settled it; alone it makes the issue RESOLVED.")
]


@verb("create-issue", panel=PANEL, epilog=CREATE, copies=True)
def create_issue(
    call: "Call",
    run_id: options.Run = None,
    *,
    title: Title,
    description: Description,
    severity: options.SeverityWord,
    hypothesis_id: Hypothesis = None,
    bucket: BucketName = None,
    evidence: options.EvidenceList = None,
) -> None:
    """Make an issue of a fact of the census, or of a VALIDATED hypothesis.

    It belongs to the experiment: the next analysis finds it again. Its evidence must exist; what is cited is linked. Where the
    hypothesis was decided by its typed plan, all affected traces are listed beside the issue.
    """
    from ....tools.insights.models import Severity
    from .. import issues
    from ..evidence import read_evidence
    from .texts import issue_document, issue_lines

    call.note(issues.advise_title(title))
    created = issues.create_issue(
        call.insights,
        run_id=call.run(run_id),
        title=title,
        description=description,
        severity=Severity(severity),
        hypothesis_id=hypothesis_id,
        bucket=bucket,
        evidence=[read_evidence(each) for each in evidence or ()],
    )
    if (created.title, created.severity) != (title.strip(), severity):
        call.note(f"This issue is there already, as it is shown: change it with update-issue --issue-id {created.issue_id}.")
    call.show(
        issue_document(created, call.pages), [f"Created issue with ID: {created.issue_id}", *issue_lines(created, call.pages)]
    )


@verb("update-issue", panel=PANEL, epilog=UPDATE)
def update_issue(
    call: "Call",
    run_id: options.Run = None,
    *,
    issue_id: options.IssueId,
    status: Status = None,
    severity: NewSeverity = None,
    resolution: Resolution = None,
    evidence: options.EvidenceList = None,
) -> None:
    """Change the status or the severity of an issue, settle it, or add evidence.

    What a person sets here is kept when a later analysis finds the issue again.
    """
    from ....tools.insights.models import IssueStatus, Severity
    from .. import issues
    from ..evidence import read_evidence
    from .texts import issue_document

    updated = issues.update_issue(
        call.insights,
        issue_id=issue_id,
        run_id=call.run_if_named(run_id),
        status=IssueStatus(status) if status else None,
        severity=Severity(severity) if severity else None,
        resolution=resolution,
        evidence=[read_evidence(each) for each in evidence or ()],
    )
    call.show(
        issue_document(updated, call.pages),
        [f"Updated issue {updated.issue_id}: {updated.status}, {updated.severity}, {len(updated.evidence)} evidence entries"],
    )


@verb("get-issue", panel=PANEL)
def get_issue(call: "Call", issue_id: options.IssueId) -> None:
    """Show an issue: what is wrong, how many traces show it, why, and what to do."""
    from .. import issues
    from .texts import issue_document, issue_lines

    found = issues.get_issue(call.insights, issue_id=issue_id)
    call.show(issue_document(found, call.pages), issue_lines(found, call.pages))


@verb("list-issues", panel=PANEL)
def list_issues(call: "Call", experiment_id: options.Experiment = None) -> None:
    """List the issues of an experiment: the most severe first, then those that affect most traces."""
    from .. import issues
    from .texts import issue_document, issue_row

    found = issues.list_issues(call.insights, experiment_id=call.experiment)
    call.show_table(
        [issue_document(each, call.pages) for each in found],
        ["ID", "Severity", "Status", "Affected", "Title"],
        [issue_row(each) for each in found],
        none="No issues yet.",
    )


@verb("preview-issues", panel=PANEL)
def preview_issues(call: "Call", experiment_id: options.Experiment = None, *, max_traces: options.MaxTraces = 100) -> None:
    """Show the traces that the issues of an experiment affect, evidence first, each issue its share.

    They are linked to the analysis that found the issue before they are shown.
    """
    from .. import previews
    from .trace_texts import PREVIEW_HEAD, preview_document, preview_rows

    found = previews.preview_issues(call.insights, experiment_id=call.experiment, max_traces=max_traces)
    rows = [row for each in found for row in preview_rows(each)]
    call.show_table([preview_document(each) for each in found], PREVIEW_HEAD, rows, none="No issues yet.")
