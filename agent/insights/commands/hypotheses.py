"""The verbs about hypotheses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from . import options
from .verb import verb

if TYPE_CHECKING:
    from .call import Call

PANEL = "Hypotheses"

CREATE = """[bold]A good plan[/]
  is data-driven (each step names traces), measurable (a number decides), and
  systematic (steps 1, 2, 3, in detail):

  Statement: Failed extraction makes the agent answer at length.
  Step 1: Find verbose traces: requests up to P25, responses above P90.
  Step 2: Average size(filter(spans, s -> s.status_code = 'ERROR')) for them
    and for the rest.
  Step 3: Divide. VALIDATE if the ratio is at least 1.5, REJECT if it is less.

  In words it is carried out by hand. As --plan FILE.yaml it is typed, and
  code carries it out.

[bold]Example[/]
  mlflow-insights create-hypothesis --run-id RUN_ID \\
    --statement "Refunds fail silently in more than 5% of the traces" \\
    --rationale "103 refund spans fail in traces that end OK" \\
    --testing-plan "Step 1: ... Step 2: ... Step 3: VALIDATE if more than 5%."
"""

UPDATE = """[bold]What REJECTED means[/]
  With a trace that speaks against it (evidence with supports false, given now
  or earlier) the hypothesis is refuted: a verdict by a person. Without any it
  is given up: dropped, and never called refuted. Both are final. A
  run-analysis at work stops testing what is dropped.

  Verdicts by hand are marked so and stay outside the error control of tests.
  With --status REJECTED evidence counts against where it doesn't say.

[bold]Examples[/]
  mlflow-insights update-hypothesis --hypothesis-id H1f2e3d4c \\
    --status VALIDATED \\
    --evidence '{"trace_id": "tr-1", "rationale": "asks twice"}'
  mlflow-insights update-hypothesis --hypothesis-id H1f2e3d4c \\
    --status REJECTED --rationale "out of scope"
"""

Statement = Annotated[str, typer.Option(rich_help_panel=options.WHAT, help="What is claimed, so that traces can refute it.")]
Rationale = Annotated[str, typer.Option(rich_help_panel=options.WHAT, help="Why it is worth testing, and what it would mean.")]
TestingPlan = Annotated[
    str | None, typer.Option(rich_help_panel=options.WHAT, help="The plan in words: steps, what validates, what rejects.")
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.yaml", rich_help_panel=options.WHAT, help="The typed plan, which code carries out (docs/playbook.md)."
    ),
]
Kind = Annotated[
    Literal["quality", "operational"],
    typer.Option(rich_help_panel=options.WHAT, help="quality: what users get; operational: how it is made."),
]
Polarity = Annotated[
    Literal["problem", "strength"], typer.Option(rich_help_panel=options.WHAT, help="strength: something that works well.")
]
Source = Annotated[
    Literal["census", "slice", "playbook", "sample", "judging", "user", "prior", "anomaly"],
    typer.Option(
        metavar="WORD",
        rich_help_panel=options.WHAT,
        help="Where it comes from: census, slice, playbook, sample, judging, user, prior or anomaly.",
    ),
]
Status = Annotated[
    Literal["TESTING", "VALIDATED", "REJECTED", "INCONCLUSIVE"] | None,
    typer.Option(
        case_sensitive=False, rich_help_panel=options.WHAT, help="A verdict by hand; REJECTED without evidence drops it."
    ),
]
NewRationale = Annotated[
    str | None, typer.Option(rich_help_panel=options.WHAT, help="Why it is worth testing; with a verdict: why so decided.")
]


@verb("create-hypothesis", panel=PANEL, epilog=CREATE)
def create_hypothesis(
    call: "Call",
    run_id: options.Run = None,
    *,
    statement: Statement,
    rationale: Rationale,
    testing_plan: TestingPlan = None,
    plan: PlanFile = None,
    evidence: options.EvidenceList = None,
    kind: Kind = "quality",
    polarity: Polarity = "problem",
    source: Source = "user",
) -> None:
    """State a hypothesis, with the plan that could refute it.

    The plan comes before the data: nothing is tested without one. The same statement with the same plan is the same hypothesis,
    however often it is created. A run-analysis at work takes up one with a typed plan at once.
    """
    from .. import hypotheses
    from ..evidence import read_evidence
    from ..plan_files import read_plan

    given = [read_evidence(each) for each in evidence or ()]
    created = hypotheses.create_hypothesis(
        call.insights,
        run_id=call.run(run_id),
        statement=statement,
        rationale=rationale,
        testing_plan=testing_plan,
        plan=read_plan(plan) if plan else None,
        evidence=given,
        kind=kind,
        polarity=polarity,
        source=source,
    )
    added = [f"Added {len(given)} evidence entries"] if given else []
    call.show(created, [f"Created hypothesis with ID: {created.hypothesis_id}", *added])


@verb("update-hypothesis", panel=PANEL, epilog=UPDATE)
def update_hypothesis(
    call: "Call",
    run_id: options.Run = None,
    *,
    hypothesis_id: options.HypothesisId,
    status: Status = None,
    rationale: NewRationale = None,
    testing_plan: TestingPlan = None,
    plan: PlanFile = None,
    evidence: options.EvidenceList = None,
) -> None:
    """Add evidence to a hypothesis, decide it by hand, or give it up."""
    from ....tools.insights.models import HypothesisStatus
    from .. import hypotheses
    from ..evidence import read_evidence
    from ..plan_files import read_plan

    given = [read_evidence(each) for each in evidence or ()]
    updated = hypotheses.update_hypothesis(
        call.insights,
        run_id=call.run(run_id),
        hypothesis_id=hypothesis_id,
        status=HypothesisStatus(status) if status else None,
        rationale=rationale,
        testing_plan=testing_plan,
        plan=read_plan(plan) if plan else None,
        evidence=given,
    )
    standing = "dropped" if updated.dropped else str(updated.status)
    added = f" Added {len(given)} evidence entries." if given else ""
    call.show(updated, [f"Updated hypothesis {updated.hypothesis_id}: {standing}.{added}"])


@verb("get-hypothesis", panel=PANEL)
def get_hypothesis(call: "Call", run_id: options.Run = None, *, hypothesis_id: options.HypothesisId) -> None:
    """Show a hypothesis: its plan, what carrying it out gave, its verdict and all its evidence."""
    from .. import hypotheses
    from .texts import hypothesis_document, hypothesis_lines

    run = call.run(run_id)
    found = hypotheses.get_hypothesis(call.insights, run_id=run, hypothesis_id=hypothesis_id)
    call.show(hypothesis_document(found), hypothesis_lines(found, call.trace_link(run)))


@verb("list-hypotheses", panel=PANEL)
def list_hypotheses(call: "Call", run_id: options.Run = None) -> None:
    """List the hypotheses of an analysis in order of creation; --output json has all fields and the evidence."""
    from .. import hypotheses
    from .texts import hypothesis_document, hypothesis_row

    found = hypotheses.list_hypotheses(call.insights, run_id=call.run(run_id))
    call.show_table(
        [hypothesis_document(each) for each in found],
        ["ID", "Status", "Traces", "Evidence", "Statement"],
        [hypothesis_row(each) for each in found],
        none="No hypotheses yet: state one with create-hypothesis.",
    )


@verb("preview-hypotheses", panel=PANEL)
def preview_hypotheses(call: "Call", run_id: options.Run = None, *, max_traces: options.MaxTraces = 100) -> None:
    """Show the traces behind the hypotheses of an analysis: those of their evidence, each hypothesis its share."""
    from .. import previews
    from .trace_texts import PREVIEW_HEAD, preview_document, preview_rows

    found = previews.preview_hypotheses(call.insights, run_id=call.run(run_id), max_traces=max_traces)
    rows = [row for each in found for row in preview_rows(each)]
    call.show_table([preview_document(each) for each in found], PREVIEW_HEAD, rows, none="No hypothesis has evidence yet.")
