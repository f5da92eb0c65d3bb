"""`run-analysis`: options in, one result on stdout, progress on stderr, an exit code that a scheduler understands.

Only what `--help` needs is imported here; the rest comes with `launch`.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from . import options
from .chat_command import register_chat
from .command_line import carry_out, given, print_version
from .compare_command import register_compare
from .failure import Manner

HELP = (
    "Find out what goes wrong with an LLM agent, from its traces in MLflow.\n\n"
    "Counts everything, forms hypotheses, tests each by a plan written down before, "
    "and reports the issues that survive, with the traces that prove them."
)

EPILOG = """[bold]Examples[/]
  run-analysis --demo
      A sample experiment, analysed from end to end; needs nothing.
  run-analysis --tracking-uri sqlite:///mlflow.db --experiment retail
      Everything about one experiment, with questions on the way.
  run-analysis --experiment retail --focus "refunds that fail" --since 7d
      The last week, beginning with a suspicion.
  run-analysis --experiment retail --unattended --fail-on high --output json
      From a scheduler: nobody answers, exit codes speak.

[bold]Settings[/]
  A flag comes before the environment, that before the env file (.env here, or
  --env-file). Keys: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_ID,
  MLFLOW_EXPERIMENT_NAME, and ANALYZE_EXPERIMENT_<OPTION> for every option.

[bold]Exit codes[/]
    0  done                           4  partly done, or something untested
    1  failure                        5  a person is needed
    2  wrong usage or configuration  75  another run holds the experiment
    3  an issue at --fail-on         130, 143  stopped by SIGINT, SIGTERM
"""

BATCH_HELP = (
    "Work through the scopes of a configuration, one after another, and go on where one fails.\n\n"
    "Nobody is asked. Ends with one table, and with the worst exit code: stopped, 1, 2, 5, 75, 4, 3, 0."
)

app = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False, subcommand_metavar="")


@app.callback(invoke_without_command=True, help=HELP, epilog=EPILOG, add_help_option=False)
def run_analysis(
    context: typer.Context,
    tracking_uri: options.TrackingUri = None,
    experiment: options.Experiment = None,
    focus: options.Focus = None,
    since: options.Since = None,
    until: options.Until = None,
    last: options.Last = None,
    filter_: options.Filter = None,
    scope: options.ScopeName = None,
    resume: options.ResumeRun = None,
    demo: options.Demo = False,
    analyst: options.Analyst = None,
    unattended: options.Unattended = False,
    review: options.Review = False,
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
    output: options.Output = None,
    fail_on: options.FailOn = None,
    ui_url: options.UiUrl = None,
    no_mirror: options.NoMirror = False,
    notify: options.Notify = None,
    notify_format: options.NotifyFormat = None,
    notify_details: options.NotifyDetails = False,
    list_: options.ListThem = False,
    env_file: options.EnvFile = None,
    config: options.ConfigFile = None,
    show_config: options.ShowConfig = False,
    debug: options.Debug = False,
    version: options.Version = False,
    help_: options.Help = False,
) -> Callable[[Manner], int]:
    """The options of a session; what is to be done with them is returned."""
    if context.invoked_subcommand is not None and (misplaced := given(context)):
        names = " and ".join(f"--{name.replace('_', '-')}" for name in misplaced)
        raise typer.BadParameter(
            f"{names} belongs after the command: run-analysis {context.invoked_subcommand} {names.split()[0]} ..."
        )
    # Nothing is done in here: typer takes every broken pipe, a socket's too, for its own and ends the process.
    return partial(_launch, given(context))


@app.command("batch", help=BATCH_HELP, add_help_option=False)
def batch(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The configuration (docs/scheduling.md).")],
    cache: options.CacheFolder = None,
    output: options.Output = None,
    env_file: options.EnvFile = None,
    debug: options.Debug = False,
    help_: options.Help = False,
) -> Callable[[Manner], int]:
    """Options of a batch; what is to be done with them is returned."""
    flags = {name: value for name, value in given(context).items() if name != "file"}
    return partial(_batch, file, flags)


def _batch(file: str, flags: Mapping[str, object], manner: Manner) -> int:
    from .batch import run_batch
    from .streams import forgiving

    manner.debug = "debug" in flags
    return run_batch(Path.cwd() / Path(file).expanduser(), flags, forgiving(sys.stdout))


register_compare(app)


def main() -> NoReturn:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Carries out a command line; every error becomes one line on stderr.

    Returns:
        The exit code.
    """
    return carry_out(app, arguments, name="run-analysis")


def _launch(params: Mapping[str, object], manner: Manner) -> int:
    if params.get("version"):
        return print_version("run-analysis")
    from .launch import launch

    return launch(params, show_config="show_config" in params, manner=manner)


register_chat(app)
