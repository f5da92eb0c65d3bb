"""The options of the verbs, each stated once; what the two console scripts share stands in `agent/options.py`."""

from typing import Annotated, Literal

import typer

WHAT, MORE = "Options", "More"

AsTable = Annotated[
    Literal["table", "json"],
    typer.Option(rich_help_panel=MORE, help="table for a person, json for a program: one document with stable keys."),
]
Experiment = Annotated[
    str | None,
    typer.Option(
        metavar="ID_OR_NAME", rich_help_panel=WHAT, help="The experiment; MLFLOW_EXPERIMENT_ID or _NAME where it isn't given."
    ),
]
Run = Annotated[
    str | None,
    typer.Option(metavar="RUN_ID", rich_help_panel=WHAT, help="The analysis; INSIGHTS_RUN_ID where it isn't given."),
]
LinkTo = Annotated[
    str | None,
    typer.Option(
        metavar="RUN_ID",
        rich_help_panel=WHAT,
        help="The analysis that the traces are linked to before they are shown; INSIGHTS_RUN_ID where it isn't given.",
    ),
]
HypothesisId = Annotated[str, typer.Option(metavar="H...", rich_help_panel=WHAT, help="The hypothesis.")]
IssueId = Annotated[str, typer.Option(metavar="I-...", rich_help_panel=WHAT, help="The issue; its id says which experiment's.")]
EvidenceList = Annotated[
    list[str] | None,
    typer.Option(
        metavar="JSON",
        rich_help_panel=WHAT,
        help='One JSON object: {"trace_id": "tr-...", "rationale": "...", "supports": true}; also span_id, quote. '
        "May be repeated.",
    ),
]
SeverityWord = Annotated[
    Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"],
    typer.Option(case_sensitive=False, rich_help_panel=WHAT, help="How much it matters: the share affected, and the impact."),
]
MaxTraces = Annotated[int, typer.Option(metavar="N", min=1, rich_help_panel=WHAT, help="How many traces are shown in all.")]
