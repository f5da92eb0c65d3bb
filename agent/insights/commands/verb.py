"""How a verb comes onto the command line: its own options, those that all share, and what it works with.

A verb is a function of a `Call` and its options. Only what `--help` needs is imported before it is called: a verb imports what it
does in its body.
"""

import inspect
import signal
import sys
from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from inspect import Parameter, Signature
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from ... import options as shared
from ...failure import Manner
from . import options

app = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False, no_args_is_help=True)

COPIES: list[tuple[str, Any, object]] = [
    ("cache", shared.CacheFolder, None),
    ("engine", shared.EngineName, None),
    ("spark_remote", shared.SparkRemote, None),
    ("spark_files", shared.SparkFiles, None),
]
"""The options of verbs that work over a copy of the traces."""

Body = Callable[..., None]
MoreHelp = Callable[[], str]


def verb(
    name: str, *, panel: str, epilog: str = "", more_help: MoreHelp | None = None, copies: bool = False
) -> Callable[[Body], Body]:
    """Makes a verb of a function of a `Call` and options; its docstring is the help.

    Args:
        name: As it is typed.
        panel: Where it stands in the list of verbs.
        epilog: Examples, below the options; its lines are kept as they are.
        more_help: Gives what is printed after the help.
        copies: Whether it works over a copy of the traces, so that one may say where that is kept.
    """

    def register(body: Body) -> Body:
        def command(**given: object) -> Callable[[Manner], int]:
            # Nothing is done in here: typer takes every broken pipe, a socket's too, for its own and ends the process.
            return partial(_perform, body, given)

        own = list(inspect.signature(body).parameters.values())[1:]
        command.__signature__ = Signature([*own, *_common(more_help, copies=copies)])  # type: ignore[attr-defined] - functions may have one
        app.command(name, help=_paragraphs(body), epilog=epilog or None, rich_help_panel=panel, add_help_option=False)(command)
        return body

    return register


def _paragraphs(body: Body) -> str:
    """The docstring with each paragraph on one line, so that it is wrapped to the width of the terminal."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (inspect.getdoc(body) or "").split("\n\n"))


def _common(more_help: MoreHelp | None = None, *, copies: bool = True) -> list[Parameter]:
    """The options that every verb has, in a panel of their own."""

    def show_help(context: typer.Context, wanted: bool) -> None:
        if wanted:
            context.get_help()  # prints
            sys.stdout.write(more_help() if more_help else "")
            raise typer.Exit

    asks_help = typer.Option("--help", "-h", metavar="", is_eager=True, callback=show_help, help="Show this and end.")
    kinds: list[tuple[str, Any, object]] = [
        ("tracking_uri", shared.TrackingUri, None),
        ("env_file", shared.EnvFile, None),
        ("ui_url", shared.UiUrl, None),
        *(COPIES if copies else []),
        ("output", options.AsTable, "table"),
        ("debug", shared.Debug, False),
        ("help_", Annotated[bool, asks_help], False),
    ]
    return [Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=_last(kind)) for name, kind, default in kinds]


def _last(alias: Any) -> Any:
    """The option of an alias, in the panel that stands last."""
    option = copy(alias.__metadata__[0])
    option.rich_help_panel = shared.MORE
    return Annotated[alias.__origin__, option]


def _perform(body: Body, given: Mapping[str, Any], manner: Manner) -> int:
    """Does what a verb says.

    Returns:
        The exit code.

    Raises:
        AnalyzeError: it can't be done.
    """
    from ....tools.errors import Stopped
    from .call import Call

    manner.as_json = given["output"] == "json"
    shared_by_all = {each.name for each in _common()}
    own = {name: value for name, value in given.items() if name not in shared_by_all}
    signal.signal(signal.SIGTERM, _stop)
    try:
        with Call.of(given) as call:
            body(call, **own)
            return call.exit_code
    except KeyboardInterrupt:
        raise Stopped("Stopped; what was written stands.") from None


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    from ....tools.errors import Stopped

    stopped = Stopped("Stopped as asked; what was written stands.")
    stopped.exit_code = 128 + number
    raise stopped
