"""`run-analysis compare`: the options of a comparison. What it needs beyond `--help` is imported when it begins."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Literal

import typer

from . import options
from .command_line import given
from .failure import Manner

HELP = (
    "Compare two analyses, two windows, two versions or two models: what is new, gone, worse, better.\n\n"
    "Every issue that the experiment knows and the figures of the census, with n of N, ratio, interval and correction. "
    "Nothing is written to the memory."
)
EPILOG = """[bold]Examples[/]
  run-analysis compare RUN_A RUN_B --tracking-uri sqlite:///mlflow.db
      Two analyses: each over the traces that it was about.
  run-analysis compare 1.4.0 1.5.0 --by version --experiment retail \\
      --fail-on-regression medium
      A gate for CI: ends with 3 where version 1.5.0 is worse.
  run-analysis compare eu us --by tag:region --experiment retail --since 7d
      Two values of a tag or of metadata, over the last week.
  run-analysis compare --experiment retail --since 2026-11-01 \\
      --until 2026-11-08 --since 2026-11-08 --until 2026-11-15
      Two windows: the first pair against the second.

[bold]Exit codes[/]
    0  done                           3  a regression at
    1  failure                           --fail-on-regression
    2  wrong usage or configuration
"""

SideA = Annotated[str | None, typer.Argument(metavar="A", help="An analysis's run id; with --by, a value.", show_default=False)]
SideB = Annotated[str | None, typer.Argument(metavar="B", help="What is compared with A.", show_default=False)]
By = Annotated[
    str | None,
    typer.Option(metavar="WHAT", rich_help_panel=options.WHAT, help="Tell traces apart by version, model, or tag:KEY."),
]
Since = Annotated[
    list[str] | None,
    typer.Option(metavar="TIME", rich_help_panel=options.WHAT, help="Only traces from then on; twice, the begin of each window."),
]
Until = Annotated[
    list[str] | None,
    typer.Option(metavar="TIME", rich_help_panel=options.WHAT, help="Only traces up to then; twice, the end of each window."),
]
FailOnRegression = Annotated[
    Literal["low", "medium", "high", "critical"] | None,
    typer.Option(case_sensitive=False, rich_help_panel=options.SHOW, help="Exit with 3 if B is worse in something so severe."),
]


def register_compare(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("compare", help=HELP, epilog=EPILOG, add_help_option=False)(compare)


def compare(
    context: typer.Context,
    a: SideA = None,
    b: SideB = None,
    by: By = None,
    since: Since = None,
    until: Until = None,
    fail_on_regression: FailOnRegression = None,
    tracking_uri: options.TrackingUri = None,
    experiment: options.Experiment = None,
    cache: options.CacheFolder = None,
    engine: options.EngineName = None,
    spark_remote: options.SparkRemote = None,
    spark_files: options.SparkFiles = None,
    seed: options.Seed = None,
    report: options.ReportPath = None,
    output: options.Output = None,
    env_file: options.EnvFile = None,
    debug: options.Debug = False,
    help_: options.Help = False,
) -> Callable[[Manner], int]:
    """The options of a comparison; what is to be done with them is returned."""
    return partial(_launch, given(context))


def _launch(params: Mapping[str, object], manner: Manner) -> int:
    from .comparing import launch_comparison

    return launch_comparison(params, manner=manner)
