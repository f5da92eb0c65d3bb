"""What a reader can do next, as commands that can be pasted as they stand."""

from shlex import quote
from typing import NamedTuple

from .facts import ReportFacts


class NextStep(NamedTuple):
    """What it is good for, and the commands."""

    purpose: str
    commands: str


def next_steps(facts: ReportFacts) -> list[NextStep]:
    """Look at traces, label an issue's traces, analyse what comes after."""
    store = f"--tracking-uri {quote(facts.tracking_uri)} --experiment {facts.analysis.experiment_id}"
    since = f"{facts.snapshot.instant:%Y-%m-%dT%H:%M:%SZ}"
    return [
        NextStep("Look at the traces in the MLflow UI; a trace's page is found by its id:", facts.ui_command),
        NextStep(
            "Get the full list of an issue's traces, log feedback on each of them, and have MLflow look for it in new ones:",
            _labelling(facts),
        ),
        NextStep("Analyse again after a change, over the traces since then:", f"run-analysis {store} --since '{since}'"),
    ]


def _labelling(facts: ReportFacts) -> str:
    export = f"export MLFLOW_TRACKING_URI={quote(facts.tracking_uri)}"
    if not facts.issues:
        download = f"mlflow artifacts download --run-id {facts.analysis.run_id} --artifact-path insights --dst-path ."
        return f"{export}\n{download}"
    issue = facts.issues[0].issue.issue_id
    verbs = (
        "export-traces --issue-id {} --to traces.csv",
        "log-assessments --issue-id {}",
        "create-scorer --issue-id {} --to scorer.py",
    )
    return "\n".join((export, *(f"mlflow-insights {verb.format(issue)}" for verb in verbs)))
