"""`run-analysis chat`: the options of the conversation. What it needs beyond `--help` is imported when it begins."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated

import typer

from . import options
from .command_line import given
from .failure import Manner

HELP = (
    "Work along with an analysis in the terminal: the prompt stays open while it runs.\n\n"
    "Add a hypothesis, drop one, ask why, look at traces, pause, go on; everything is kept in MLflow at once."
)
EPILOG = """[bold]Examples[/]
  run-analysis chat --tracking-uri sqlite:///mlflow.db --experiment retail
      A new analysis; hypotheses are shown to you before they are tested.
  run-analysis chat --resume RUN_ID
      Go on with one, or talk about one that is done.

[bold]In the chat[/]
  /help lists the commands. Plain words work too: 'drop the third one',
  'why was H2 rejected?'. Ctrl-C pauses, twice it leaves; nothing is lost.
"""

ReviewFirst = Annotated[
    bool,
    typer.Option(
        "--review/--no-review", rich_help_panel=options.WHO, help="Show the hypotheses for review before they are tested."
    ),
]


def register_chat(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("chat", help=HELP, epilog=EPILOG, add_help_option=False)(chat)


def chat(
    context: typer.Context,
    tracking_uri: options.TrackingUri = None,
    experiment: options.Experiment = None,
    focus: options.Focus = None,
    since: options.Since = None,
    until: options.Until = None,
    resume: options.ResumeRun = None,
    demo: options.Demo = False,
    analyst: options.Analyst = None,
    review: ReviewFirst = True,
    playbook: options.Playbook = None,
    cache: options.CacheFolder = None,
    engine: options.EngineName = None,
    spark_remote: options.SparkRemote = None,
    spark_files: options.SparkFiles = None,
    seed: options.Seed = None,
    model: options.Model = None,
    model_parallel: options.ModelParallel = None,
    model_timeout: options.ModelTimeout = None,
    context_tokens: options.ContextTokens = None,
    read_sample: options.ReadSample = None,
    read_on: options.ReadOn = None,
    budget_tokens: options.BudgetTokens = None,
    budget_usd: options.BudgetUsd = None,
    max_minutes: options.MaxMinutes = None,
    price: options.ModelPrice = None,
    redact: options.Redact = False,
    trace_agent: options.TraceAgent = None,
    report: options.ReportPath = None,
    ui_url: options.UiUrl = None,
    env_file: options.EnvFile = None,
    debug: options.Debug = False,
    help_: options.Help = False,
) -> Callable[[Manner], int]:
    """The options of a conversation; what is to be done with them is returned."""
    return partial(_launch, given(context))


def _launch(params: Mapping[str, object], manner: Manner) -> int:
    from .launch import launch_chat

    return launch_chat(params, manner=manner)
