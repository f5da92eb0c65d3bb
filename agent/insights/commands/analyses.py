"""The verbs about analyses."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from . import options
from .verb import verb

if TYPE_CHECKING:
    from .call import Call

PANEL = "Analyses"

CREATE = """[bold]Example[/]
  mlflow-insights create-analysis --experiment-id 3 \\
    --run-name "Latency Analysis" \\
    --name "Latency Investigation - retail agent" \\
    --description "Agent: answers retail questions, looks up orders.
      Focus: slow answers. Initial observations: p95 is 40 s, 6% fail."
"""

Status = Annotated[
    Literal["ACTIVE", "COMPLETED", "ARCHIVED"] | None,
    typer.Option(case_sensitive=False, rich_help_panel=options.WHAT, help="COMPLETED when all is done; ACTIVE opens it again."),
]
Name = Annotated[str, typer.Option(rich_help_panel=options.WHAT, help="The full name, with its context.")]
Description = Annotated[
    str, typer.Option(rich_help_panel=options.WHAT, help="What the agent is for, the focus, what was seen at first sight.")
]
NewName = Annotated[str | None, typer.Option(rich_help_panel=options.WHAT, help="Another full name.")]
NewDescription = Annotated[str | None, typer.Option(rich_help_panel=options.WHAT, help="Another description.")]
RunName = Annotated[
    str, typer.Option(rich_help_panel=options.WHAT, help="Three or four words: Full Analysis, Error Investigation, ...")
]


@verb("create-analysis", panel=PANEL, epilog=CREATE)
def create_analysis(
    call: "Call",
    experiment_id: options.Experiment = None,
    *,
    run_name: RunName,
    name: Name,
    description: Description,
) -> None:
    """Begin an analysis: the run that keeps its hypotheses, its evidence and its links to traces.

    Look at some twenty traces first (search, get), so that the description says what the agent is for, which tools and data it
    has, and what the focus is. The run id that comes back is what all other verbs ask for: export it as INSIGHTS_RUN_ID.
    """
    from .. import analyses

    created = analyses.create_analysis(
        call.insights, experiment_id=call.experiment, run_name=run_name, name=name, description=description
    )
    call.note(analyses.advise_run_name(run_name))
    link = call.pages.run(created.experiment_id, created.run_id)
    lines = [f"Created analysis '{created.name}' with run ID: {created.run_id}", *([link] if link else [])]
    call.show({**created.model_dump(mode="json", exclude={"ops"}), "link": link}, lines)


@verb("update-analysis", panel=PANEL)
def update_analysis(
    call: "Call",
    run_id: options.Run = None,
    *,
    name: NewName = None,
    description: NewDescription = None,
    status: Status = None,
) -> None:
    """Change the name, the description or the status of an analysis.

    Complete it when every hypothesis is tested and the report is written; it can be reopened.
    """
    from ....tools.insights.models import AnalysisStatus
    from .. import analyses

    wanted = AnalysisStatus(status) if status else None
    updated = analyses.update_analysis(call.insights, run_id=call.run(run_id), name=name, description=description, status=wanted)
    call.show(updated, [f"Updated analysis in run {updated.run_id}: {updated.status}, '{updated.name}'"])


@verb("get-analysis", panel=PANEL)
def get_analysis(call: "Call", run_id: options.Run = None) -> None:
    """Show an analysis: what it is about, where it stands, what was asked and answered."""
    from .. import analyses
    from .texts import analysis_lines

    found = analyses.get_analysis(call.insights, run_id=call.run(run_id))
    link = call.pages.run(found.experiment_id, found.run_id)
    call.show({**found.model_dump(mode="json", exclude={"ops"}), "link": link}, analysis_lines(found, link))


@verb("list-analyses", panel=PANEL)
def list_analyses(call: "Call", experiment_id: options.Experiment = None) -> None:
    """List the analyses of an experiment, newest first, and say how to go on with those that were left.

    An ACTIVE analysis whose run is gone, as after a crash, is abandoned: `run-analysis --resume RUN_ID` goes on with it, or
    `archive` puts it away. Whether a run on another host works on it can't be seen from here.
    """
    from .. import analyses
    from .texts import standing_advice

    listed = analyses.list_analyses(call.insights, experiment_id=call.experiment)
    rows = [
        [
            each.analysis.run_id,
            each.standing or str(each.analysis.status),
            str(each.hypotheses),
            str(each.issues),
            f"{each.analysis.created_at:%Y-%m-%d} {each.analysis.name}",
        ]
        for each in listed
    ]
    document = [
        {
            **each.analysis.model_dump(mode="json", exclude={"ops"}),
            "hypothesis_count": each.hypotheses,
            "issue_count": each.issues,
            "standing": each.standing,
            "advice": standing_advice(each),
        }
        for each in listed
    ]
    head = ["Run ID", "Status", "Hyp.", "Iss.", "Begun, name"]
    call.show_table(document, head, rows, none="No analyses yet: begin one with create-analysis or run-analysis.")
    for each in listed:
        call.note(standing_advice(each))


@verb("archive", panel=PANEL)
def archive(call: "Call", run_id: options.Run = None) -> None:
    """Put an analysis away: its run ends and everything in it stays; reopen takes it up again."""
    from .. import analyses

    archived = analyses.archive(call.insights, run_id=call.run(run_id))
    call.show(archived, [f"Archived analysis in run {archived.run_id}: '{archived.name}'"])


@verb("reopen", panel=PANEL)
def reopen(call: "Call", run_id: options.Run = None) -> None:
    """Open a completed or archived analysis again, because new evidence has come up."""
    from .. import analyses

    reopened = analyses.reopen(call.insights, run_id=call.run(run_id))
    call.show(reopened, [f"Reopened analysis in run {reopened.run_id}: '{reopened.name}'"])
