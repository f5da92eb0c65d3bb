"""`mlflow-insights`: the memory by hand, for people, scripts and coding agents; results on stdout, the rest on stderr.

Only what `--help` needs is imported here; a verb brings the rest with it.
"""

import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import typer

from . import options
from .command_line import carry_out, print_version
from .failure import Manner
from .insights.commands.verb import app

NAME = "mlflow-insights"
GROUPS = ("analyses", "census", "hypotheses", "labels", "issues", "traces", "queries", "plans", "reports", "exports", "cache")
"""The modules of `insights/commands` whose verbs there are, in the order of the help."""

HELP = (
    "Drive an analysis of an LLM agent's traces by hand, with MLflow as its memory.\n\n"
    "Hypotheses, evidence and issues are kept in MLflow and read from there, never from anyone's head. "
    "Every trace is linked to the analysis before it is shown. A plan comes before the data."
)

EPILOG = """[bold]In order[/]
  create-analysis, create-baseline-census, get-baseline-census, create-issue
  for counted facts, create-hypothesis with a plan, execute-sql, search and
  get to carry it out (or run-plan), update-hypothesis with the evidence,
  create-issue for what is VALIDATED, update-analysis --status COMPLETED. Each
  verb's --help teaches its step. run-analysis does all this by itself.

[bold]Settings[/]
  A flag comes before the environment, that before the env file (.env here, or
  --env-file). Keys: MLFLOW_TRACKING_URI; MLFLOW_EXPERIMENT_ID for
  --experiment-id; INSIGHTS_RUN_ID for --run-id and --link-to;
  ANALYZE_EXPERIMENT_UI_URL, ANALYZE_EXPERIMENT_CACHE, and the same for
  --engine, --spark-remote and --spark-files.

[bold]Exit codes[/]
    0  done                           75  another run holds the experiment
    1  failure, or refused            130, 143  stopped by SIGINT, SIGTERM
    2  wrong usage or configuration
"""

for _group in GROUPS:
    importlib.import_module(f"{__package__}.insights.commands.{_group}")


@app.callback(invoke_without_command=True, help=HELP, epilog=EPILOG, add_help_option=False)
def mlflow_insights(
    context: typer.Context,
    version: options.Version = False,
    help_: options.Help = False,
) -> Callable[[Manner], int] | None:
    """What can be asked without a verb."""
    if version:
        return partial(_version)
    return None


def main() -> NoReturn:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Carries out a command line; every error becomes one line on stderr.

    Returns:
        The exit code.
    """
    return carry_out(app, arguments, name=NAME)


def _version(_manner: Manner) -> int:
    return print_version(NAME)
