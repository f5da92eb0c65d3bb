"""How an error is told: one line and an exit code; the traceback only where it was asked for."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TextIO

from ..tools.errors import AnalyzeError, Stopped, UserError
from .printable import one_line, printable

USAGE = UserError.exit_code


@dataclass
class Manner:
    """How to tell; guessed from the raw arguments first, because an error may come before the settings are known."""

    as_json: bool = False
    debug: bool = False

    @classmethod
    def guess(cls, arguments: Sequence[str], environ: Mapping[str, str]) -> Self:
        """From the command line and the environment as they are."""
        words = " ".join(arguments).replace("--output ", "--output=").split()
        given = [word.partition("=")[2] for word in words if word.startswith("--output=")]
        output = (given or [environ.get("ANALYZE_EXPERIMENT_OUTPUT", "")])[-1]
        return cls(as_json=output == "json", debug="--debug" in arguments)


def report_failure(error: BaseException, manner: Manner, stream: TextIO) -> int:
    """Tells the error on `stream`.

    Returns:
        The exit code that belongs to it.
    """
    text, code = explain(error)
    detail = "".join(traceback.format_exception(error)) if manner.debug and code != USAGE else ""
    try:
        stream.write(_as_json(text, detail, code) if manner.as_json else printable(detail) + text + "\n")
        stream.flush()
    except (OSError, ValueError):
        pass  # nobody reads; the exit code still tells
    return code


def explain(error: BaseException) -> tuple[str, int]:
    """The error in one line, and the exit code that belongs to it."""
    if isinstance(error, Stopped):
        return one_line(str(error)), error.exit_code
    if isinstance(error, AnalyzeError):
        return f"Error: {one_line(str(error))}", error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "Stopped before anything was written.", Stopped.exit_code
    first = next(iter(str(error).strip().splitlines()), "")
    said = f": {one_line(first)}" if first else ""
    return f"Unexpected {type(error).__name__}{said} (run again with --debug to see where)", 1


def _as_json(text: str, detail: str, code: int) -> str:
    import json

    empty = {"step": "", "subject": "", "done": None, "total": None}
    return json.dumps({"event": "error", "text": text, "detail": detail, **empty, "exit_code": code}) + "\n"
