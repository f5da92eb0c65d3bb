"""The verbs about what is done with an issue afterwards, and those for coding agents."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .verb import verb

if TYPE_CHECKING:
    from .call import Call

PANEL, AGENTS = "Afterwards", "For coding agents"

To = Annotated[
    str | None, typer.Option(metavar="PATH", rich_help_panel=options.WHAT, help="The file to write; stdout where none is named.")
]
FeedbackName = Annotated[
    str | None, typer.Option(metavar="NAME", rich_help_panel=options.WHAT, help="Of the feedback; the issue's id by default.")
]
DatasetName = Annotated[
    str | None, typer.Option(metavar="NAME", rich_help_panel=options.WHAT, help="Of the dataset; the issue's id by default.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", metavar="", rich_help_panel=options.WHAT, help="Say what would be done, and do nothing.")
]

LOG = """[bold]Examples[/]
  mlflow-insights log-assessments --issue-id I-3-1f2e3d4c5b --dry-run
  mlflow-insights log-assessments --issue-id I-3-1f2e3d4c5b

  Stopped half-way it goes on where it was: no trace gets it twice. The
  feedback is ours by its source, so no analysis takes it for the users'.
"""


@verb("export-traces", panel=PANEL)
def export_traces(call: "Call", *, issue_id: options.IssueId, to: To = None) -> None:
    """Write all traces that an issue affects as CSV: trace, span, what was seen there, its page."""
    from .. import exports

    text = exports.export_traces(call.insights, issue_id=issue_id)
    _hand_out(call, text, to, {"issue_id": issue_id, "traces": text.count("\n") - 1})


@verb("log-assessments", panel=PANEL, epilog=LOG)
def log_assessments(call: "Call", *, issue_id: options.IssueId, name: FeedbackName = None, dry_run: DryRun = False) -> None:
    """Log feedback on each trace that an issue affects, once: that it shows the issue."""
    from dataclasses import asdict

    from .. import exports

    done = exports.log_assessments(call.insights, issue_id=issue_id, name=name, dry_run=dry_run)
    verb_ = "Would log" if dry_run else "Logged"
    gone = f"; {done.gone} traces are gone" if done.gone else ""
    said = f"{verb_} feedback {done.name!r} on {done.logged} of {done.affected} traces; {done.before} had it{gone}."
    call.show(asdict(done), [said])


@verb("create-dataset", panel=PANEL)
def create_dataset(
    call: "Call", *, issue_id: options.IssueId, name: DatasetName = None, max_traces: options.MaxTraces = 100
) -> None:
    """Put the requests of an issue's traces into an MLflow evaluation dataset.

    Again, it adds what is new; the same request is the same record. The traces are linked to the analysis that found the issue.
    """
    from dataclasses import asdict

    from .. import exports

    filled = exports.create_dataset(call.insights, issue_id=issue_id, name=name, max_traces=max_traces)
    notes = [
        f"Dataset {filled.name!r} ({filled.dataset_id}): {filled.added} records added, {filled.updated} brought up to date.",
        *([f"{filled.unreadable} traces could not be read."] if filled.unreadable else []),
        *([f"{filled.left_out} traces were left out: raise --max-traces."] if filled.left_out else []),
    ]
    call.show(asdict(filled), notes)


@verb("create-scorer", panel=PANEL)
def create_scorer(call: "Call", *, issue_id: options.IssueId, to: To = None) -> None:
    """Write a Python file with an MLflow scorer that looks for an issue in one trace.

    Where one trace tells (a failed tool, a failed span), it is computed; else it is a judge with the issue's definition, for
    which you choose a model.
    """
    from .. import exports

    _hand_out(call, exports.create_scorer(call.insights, issue_id=issue_id), to, {"issue_id": issue_id})


@verb("skill", panel=AGENTS)
def skill(call: "Call") -> None:
    """Print the skill: one markdown page that teaches a coding agent the workflow."""
    from ..skill import read_skill

    text = read_skill()
    call.show({"skill": text}, text.splitlines())


@verb("serve-mcp", panel=AGENTS)
def serve_mcp(call: "Call") -> None:
    """Serve the verbs as tools of an MCP server on stdin and stdout; needs the extra [mcp].

    Add it to a client as the command `mlflow-insights serve-mcp` with MLFLOW_TRACKING_URI in its environment.
    """
    from ..mcp_server import serve

    serve(lambda: call.insights)


def _hand_out(call: "Call", text: str, to: str | None, facts: dict[str, object]) -> None:
    """The text of an export: into the file, else as the result."""
    from ..exports import write_file

    if to is None:
        call.show({**facts, "text": text}, text.splitlines())
        return
    path = write_file(Path(to), text)
    call.show({**facts, "path": str(path)}, [f"Written: {path}"])
