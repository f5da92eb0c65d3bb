"""What the console scripts share: a command line is carried out, and every error becomes one line on stderr and an exit code.

A command does nothing while it is parsed: it returns what is to be done, a function of the `Manner` in which errors are told.
"""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import typer
import typer.main

from ..tools.errors import UserError
from .failure import Manner, report_failure
from .options import MORE

COLLECTED_AT = 50_000
"""Objects made before garbage is looked for. A start makes half a million, nearly all of them code that stays, and looking for
garbage among them after every 700, as Python does by itself, takes a sixth of it."""


def carry_out(app: typer.Typer, arguments: list[str], *, name: str) -> int:
    """Parses the arguments and does what the command returns.

    Returns:
        The exit code.
    """
    gc.set_threshold(COLLECTED_AT)
    _prepare_streams()
    manner = Manner.guess(arguments, os.environ)
    try:
        action = _command(app)(args=arguments, prog_name=name, standalone_mode=False)
        return cast(Callable[[Manner], int], action)(manner) if callable(action) else cast(int, action or 0)
    except typer.TyperException as error:
        return report_failure(UserError(error.format_message().replace("Value error, ", "")), manner, sys.stderr)
    except (Exception, KeyboardInterrupt) as error:  # the boundary: what nobody expected is told in one line too
        return report_failure(error, manner, sys.stderr)
    finally:
        _let_go_of_stdout()


def given(context: typer.Context) -> dict[str, object]:
    """The options that were given on the command line, by the name of their setting."""
    return {name.rstrip("_"): value for name, value in context.params.items() if _is_given(value)}


def print_version(name: str) -> int:
    """Prints the version of the product under the command's name."""
    from importlib.metadata import version

    sys.stdout.write(f"{name} {version('analyze-experiment')}\n")
    return 0


def _prepare_streams() -> None:
    """A stream that the caller closed is one that nobody reads; a character that an encoding lacks is shown as an escape."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r+", encoding="utf-8"))  # noqa: SIM115 - open as long as the process
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue] - TextIO lacks it


def _command(app: typer.Typer) -> Callable[..., object]:
    """The command, with typer's own options where they belong: at the end."""
    command = typer.main.get_command(app)
    for option in command.params:
        if option.name in {"install_completion", "show_completion"}:
            option.rich_help_panel, option.metavar = MORE, ""  # pyright: ignore[reportAttributeAccessIssue] - options have it
    return command


def _let_go_of_stdout() -> None:
    """Where the reader of stdout has gone, leaves nothing behind that the interpreter would fail to write at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != [] and value != ()
