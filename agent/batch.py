"""`run-analysis batch FILE`: the scopes of a configuration one after another, each whatever became of those before it."""

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ..graph.ports import Event
from ..tools.errors import AnalyzeError, UserError
from .attend import Ended, ended_sessions, fitting, strays_shown
from .config_file import read_config
from .display import OpenDisplay, make_display
from .human import PolicyHuman
from .outcome import Outcome, to_json, worst
from .printable import one_line
from .result import STATUS, print_json, print_table
from .settings import Output, Settings, load_settings
from .stop import StopSignal, signals_ask, stop_code


@dataclass(frozen=True)
class Row:
    """What became of one scope."""

    scope: str
    code: int
    outcome: Outcome | None = None
    error: str = ""


def run_batch(path: Path, flags: Mapping[str, object], stdout: TextIO) -> int:
    """Works through the scopes of a configuration, and prints one table.

    Returns:
        The worst of their exit codes.

    Raises:
        UserError: the configuration, or a setting of one scope, can't be understood; nothing has been run then.
    """
    scopes = _scopes(path, flags)
    stop, output = StopSignal(), _output(scopes)
    rows: list[Row] = []
    with signals_ask(stop), make_display(output, sys.stderr) as display, strays_shown(display):
        for name, settings in scopes:
            if stop.requested:
                rows.append(Row(name, stop_code(stop.reason or "SIGTERM"), error="not begun: asked to stop"))
                continue
            display.show(Event("note", f"Scope {name}"))
            rows += _rows(name, settings, display, stop)
    _print(rows, stdout, as_json=output == "json")
    return worst([row.code for row in rows])


def _scopes(path: Path, flags: Mapping[str, object]) -> list[tuple[str, Settings]]:
    """All settings, understood before the first scope is begun."""
    found: list[tuple[str, Settings]] = []
    for scope in read_config(path, Settings.model_fields):
        named = {"scope": scope.name} if scope.name else {}
        resolved = load_settings({**flags, **named, "config": str(path), "unattended": True}, os.environ, Path.cwd())
        for key, value in resolved.passed_on.items():
            os.environ.setdefault(key, value)
        settings = resolved.settings
        if settings.tracking_uri is None or settings.experiment is None:
            missing = "tracking-uri" if settings.tracking_uri is None else "experiment"
            raise UserError(f"Scope {scope.name!r} of {path} has no {missing}: nobody is there to be asked.")
        if settings.filter:
            from ..tools.traces.cut import condition_sql  # late: the engine that knows what a condition is takes a while to load

            condition_sql(settings.filter)
        found.append((scope.name or settings.experiment, settings))
    return found


def _output(scopes: Sequence[tuple[str, Settings]]) -> Output:
    return scopes[0][1].output or fitting(sys.stderr)


def _rows(name: str, settings: Settings, display: OpenDisplay, stop: StopSignal) -> list[Row]:
    """What became of a scope; whatever goes wrong in it is its own affair."""
    rows: list[Row] = []
    try:
        for ended in ended_sessions(settings, display=display, human=PolicyHuman(), stop=stop):
            rows.append(_row(name, ended))
    except AnalyzeError as error:
        rows.append(Row(name, error.exit_code, error=one_line(str(error))))
    except Exception as error:  # one scope's defect is not the others' failure
        detail = "".join(traceback.format_exception(error)) if settings.debug else ""
        display.show(Event("note", f"Unexpected {type(error).__name__} in scope {name}", detail=detail))
        rows.append(Row(name, 1, error=one_line(f"Unexpected {type(error).__name__}: {error}")))
    return rows


def _row(name: str, ended: Ended) -> Row:
    return Row(name, ended.code, ended.outcome)


def _print(rows: Sequence[Row], stdout: TextIO, *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            told = {"scope": row.scope, "exit_code": row.code, "error": row.error}
            print_json({"event": "result", **(to_json(row.outcome) if row.outcome else {}), **told}, stdout)
        codes = {"event": "batch", "scopes": len(rows), "exit_code": worst([row.code for row in rows])}
        print_json(codes, stdout)
        return
    print_table(["Scope", "Code", "Result", "Issues", "Analysis or reason"], [_cells(row) for row in rows], stdout)


def _cells(row: Row) -> list[str]:
    if row.outcome is None:
        return [row.scope, str(row.code), "failed" if row.code != 75 else "busy", "-", row.error]
    told = [line for line in row.outcome.issues if line.unsettled]
    new = sum(line.standing in {None, "new", "back", "worse"} for line in told)
    issues = f"{len(told)} ({new} new or worse)" if told else "none"
    return [row.scope, str(row.code), STATUS[row.outcome.status], issues, row.outcome.run_id or "; ".join(row.outcome.notes)]
