"""What a session leaves on stdout: a table for a person, aligned lines for a pipe, one JSON object for a program."""

import json
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from rich import box
from rich.table import Table
from rich.text import Text

from ..tools.shares import percent
from .console import STYLES, plain_console
from .outcome import IssueLine, Outcome, to_json
from .printable import one_line, printable

NAMED = 5
"""Untested hypotheses named to a person."""

NEWS = {"worse", "better", "quiet", "gone", "back"}
"""Standings that a list of issues names; a first analysis would call everything new."""

STATUS = {
    "done": "done",
    "partial": "partly done",
    "waiting": "waiting for a person",
    "stopped": "stopped",
    "empty": "nothing new",
    "failed": "failed",
}


def print_outcome(outcome: Outcome, stream: TextIO, *, as_json: bool, code: int) -> None:
    """Prints what came out; on a terminal as a table, else one line an issue."""
    if as_json:
        print_json({"event": "result", **to_json(outcome), "exit_code": code}, stream)
        return
    where = f"Experiment {outcome.experiment_name!r} ({outcome.experiment_id})" if outcome.experiment_id else "No experiment"
    run = f", analysis {outcome.run_id}" if outcome.run_id else ""
    apart = [""] if stream.isatty() else []  # the progress stands above
    _print(stream, [*apart, f"{where}{run}: {STATUS[outcome.status]}", ""])
    print_table(["Severity", "Affected", "Share", "Issue"], [_issue_row(issue) for issue in outcome.issues], stream)
    _print(stream, _sentences(outcome), wrapped=True)
    _print(stream, _places(outcome))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    """Prints rows: a ruled table on a terminal, where the last column wraps; elsewhere lines that `grep` and `cut` like."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    if not rows:
        return
    if not stream.isatty():
        _print_aligned(head, rows, stream)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, title in enumerate(head):
        last = index == len(head) - 1
        table.add_column(title, no_wrap=not last, overflow="fold", ratio=1 if last else None)
    for row in rows:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    plain_console(stream).print(table)


def print_json(value: Mapping[str, object], stream: TextIO) -> None:
    """Prints one object on one line, in ASCII."""
    stream.write(json.dumps(value, default=str) + "\n")


def _print_aligned(head: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        stream.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    stream.write("\n")


def _issue_row(issue: IssueLine) -> list[str]:
    share = percent(issue.share) if issue.share is not None else "-"
    settled = "" if issue.unsettled else f" ({issue.status})"
    standing = f" ({issue.standing})" if issue.standing in NEWS else ""
    told = "; also: ".join((f"{issue.title}{standing or settled}", *issue.aspects))
    return [str(issue.severity), f"{issue.affected:,} of {issue.population:,}", share, told]


def _sentences(outcome: Outcome) -> Iterable[str]:
    if outcome.status in {"empty", "failed"}:
        yield from outcome.notes
        return
    if outcome.copied and outcome.copied.newest_trace:
        newest, instant = outcome.copied.newest_trace, outcome.copied.instant
        yield (
            f"Traces: {outcome.copied.traces:,}, copied as of {instant:%Y-%m-%d %H:%M} UTC; "
            f"the newest began {newest:%Y-%m-%d %H:%M} UTC"
        )
    if not outcome.issues:
        yield "No issue was found." if outcome.status == "done" else "No issue was found so far."
    counts = ", ".join(f"{count} {status.lower()}" for status, count in outcome.hypotheses.items() if count)
    yield f"Hypotheses: {counts or 'none'}"
    yield from (f"Untested: {each}" for each in outcome.untested[:NAMED])
    if len(outcome.untested) > NAMED:
        yield f"Untested: {len(outcome.untested) - NAMED} more; --output json names all."
    yield from (f"Note: {each}" for each in outcome.notes)
    if outcome.question:
        yield f"Question: {outcome.question}"


def _places(outcome: Outcome) -> Iterable[str]:
    """Paths and commands: never wrapped, so that they can be copied."""
    if outcome.report_path:
        yield f"Report: {outcome.report_path}"
    if outcome.ui_hint:
        yield f"MLflow pages: {outcome.ui_hint}"
    if outcome.issues_link:
        yield f"Issues in MLflow: {outcome.issues_link}"
    if outcome.resume_hint:
        yield f"To go on: {outcome.resume_hint}"


def _print(stream: TextIO, lines: Iterable[str], *, wrapped: bool = False) -> None:
    width = shutil.get_terminal_size().columns if wrapped and stream.isatty() else None
    for line in lines:
        text = printable(line).replace("\n", " ")
        stream.write((textwrap.fill(text, width, subsequent_indent="  ") if width else text) + "\n")
