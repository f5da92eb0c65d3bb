"""`run-analysis`: options in, one result on stdout, progress on stderr, an exit code that a scheduler understands.

Only what `--help` needs is imported here; the rest comes with `launch`.
"""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NoReturn, cast

import typer
import typer.main

from ..tools.errors import UserError
from .failure import Manner, report_failure

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

WHAT, WHO, SHOW, MORE = "What to analyse", "How", "What you get", "More"

app = typer.Typer(
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    subcommand_metavar="",
)


def _show_help(context: typer.Context, wanted: bool) -> None:
    if wanted:
        context.get_help()  # prints
        raise typer.Exit


@app.callback(invoke_without_command=True, help=HELP, epilog=EPILOG, add_help_option=False)
def run_analysis(
    context: typer.Context,
    tracking_uri: Annotated[
        str | None,
        typer.Option(metavar="URI", rich_help_panel=WHAT, help="The MLflow store, e.g. sqlite:////srv/mlflow.db."),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(metavar="ID_OR_NAME", rich_help_panel=WHAT, help="The experiment; you are asked if it isn't clear."),
    ] = None,
    focus: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", rich_help_panel=WHAT, help="What to look at first. May be repeated."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", rich_help_panel=WHAT, help="Only traces from then on: 7d, 24h, 90m ago, or 2026-11-01 (UTC)."
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", rich_help_panel=WHAT, help="Only traces up to then."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN_ID", rich_help_panel=WHAT, help="Go on with this analysis where it was left."),
    ] = None,
    demo: Annotated[
        bool,
        typer.Option("--demo", metavar="", rich_help_panel=WHAT, help="Build a sample experiment and analyse that."),
    ] = False,
    analyst: Annotated[
        Literal["auto", "statistical", "language"] | None,
        typer.Option(rich_help_panel=WHO, help="Who thinks. statistical: no model, repeatable; auto: whoever is set up."),
    ] = None,
    unattended: Annotated[
        bool,
        typer.Option(
            "--unattended", metavar="", rich_help_panel=WHO, help="Never ask; take the default of each question, or end with 5."
        ),
    ] = False,
    review: Annotated[
        bool,
        typer.Option("--review", metavar="", rich_help_panel=WHO, help="Ask about each hypothesis before it is tested."),
    ] = False,
    playbook: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", rich_help_panel=WHO, help="Known failure modes of your own. May be repeated."),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(metavar="DIR", rich_help_panel=WHO, help="Where copies of the traces are kept."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=WHO, help="Seed of all sampling: same seed, same traces, same report."),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(metavar="PATH", rich_help_panel=SHOW, help="Where to write the report (Markdown)."),
    ] = None,
    output: Annotated[
        Literal["rich", "plain", "json", "none"] | None,
        typer.Option(rich_help_panel=SHOW, help="How progress is shown; json makes the result JSON too."),
    ] = None,
    fail_on: Annotated[
        Literal["low", "medium", "high", "critical"] | None,
        typer.Option(case_sensitive=False, rich_help_panel=SHOW, help="Exit with 3 if an issue is at least this severe."),
    ] = None,
    ui_url: Annotated[
        str | None,
        typer.Option(metavar="URL", rich_help_panel=SHOW, help="Where people open MLflow's pages, for links in the report."),
    ] = None,
    list_: Annotated[
        bool,
        typer.Option(
            "--list", metavar="", rich_help_panel=MORE, help="List the experiments, with --experiment its analyses too."
        ),
    ] = False,
    env_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", rich_help_panel=MORE, help="Read settings and MLflow's keys from here instead of .env."),
    ] = None,
    show_config: Annotated[
        bool,
        typer.Option(
            "--show-config", metavar="", rich_help_panel=MORE, help="Show each setting and where it comes from, and end."
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", metavar="", rich_help_panel=MORE, help="Show where an error came from."),
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", metavar="", rich_help_panel=MORE, help="Show the version and end."),
    ] = False,
    help_: Annotated[
        bool,
        typer.Option(
            "--help", "-h", metavar="", is_eager=True, callback=_show_help, rich_help_panel=MORE, help="Show this and end."
        ),
    ] = False,
) -> Callable[[Manner], int]:
    """The options of a session; what is to be done with them is returned."""
    # Nothing is done in here: typer takes every broken pipe, a socket's too, for its own and ends the process.
    return partial(
        _launch, {"list" if name == "list_" else name: value for name, value in context.params.items() if _given(value)}
    )


def main() -> NoReturn:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Carries out a command line; every error becomes one line on stderr.

    Returns:
        The exit code.
    """
    _prepare_streams()
    manner = Manner.guess(arguments, os.environ)
    try:
        action = _command()(args=arguments, prog_name="run-analysis", standalone_mode=False)
        return cast(Callable[[Manner], int], action)(manner) if callable(action) else cast(int, action or 0)
    except typer.TyperException as error:
        return report_failure(UserError(error.format_message().replace("Value error, ", "")), manner, sys.stderr)
    except (Exception, KeyboardInterrupt) as error:  # the boundary: what nobody expected is told in one line too
        return report_failure(error, manner, sys.stderr)
    finally:
        _let_go_of_stdout()


def _prepare_streams() -> None:
    """A stream that the caller closed is one that nobody reads; a character that an encoding lacks is shown as an escape."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r+", encoding="utf-8"))  # noqa: SIM115 - open as long as the process
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue] - TextIO lacks it


def _command() -> Callable[..., object]:
    """The command, with typer's own options where they belong: at the end."""
    command = typer.main.get_command(app)
    for option in command.params:
        if option.name in {"install_completion", "show_completion"}:
            option.rich_help_panel, option.metavar = MORE, ""  # pyright: ignore[reportAttributeAccessIssue] - options have it
    return command


def _launch(params: Mapping[str, object], manner: Manner) -> int:
    if params.get("version"):
        return _print_version()
    from .launch import launch

    return launch(params, show_config="show_config" in params, manner=manner)


def _print_version() -> int:
    from importlib.metadata import version

    sys.stdout.write(f"run-analysis {version('analyze-experiment')}\n")
    return 0


def _let_go_of_stdout() -> None:
    """Where the reader of stdout has gone, leaves nothing behind that the interpreter would fail to write at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _given(value: object) -> bool:
    return value is not None and value is not False and value != [] and value != ()
