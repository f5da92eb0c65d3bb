"""The verbs about copies of traces."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from . import options
from .verb import verb

if TYPE_CHECKING:
    from ..copies import Synced
    from .call import Call

PANEL = "Housekeeping"

Action = Annotated[
    Literal["list", "clear"], typer.Argument(help="list: show the copies; clear: remove those that nobody uses now.")
]
Full = Annotated[
    bool,
    typer.Option("--full", metavar="", rich_help_panel=options.WHAT, help="Copy everything again, whatever was copied before."),
]

SYNC = """[bold]When to use it[/]
  Ahead of a long first copy, at night, or to see what has changed. SQL,
  census and analyses refresh the copy by themselves when they begin.

[bold]What is seen[/]
  New traces, late ones (begun before the last refresh, logged after it), and
  whatever of a trace changed: spans, state, tags, metadata, assessments; and
  deleted traces. Only what changed is copied again. --full makes the copy
  anew: after a restore of the store, or where a server doesn't tell of a
  change (README, Stores).

[bold]Killed?[/]
  Run it again: finished parts stay, and it goes on. Two at once are well.

[bold]Example[/]
  mlflow-insights sync --experiment-id 3 --output json | jq .new
"""


def sync_lines(found: "Synced") -> Iterator[str]:
    """The copy as a person reads of it."""
    yield found.summary
    yield f"Experiment {found.experiment_id}: {found.traces:,} traces, {found.spans:,} spans, {found.assessments:,} assessments"
    if found.excluded:
        yield f"Left out:   {found.excluded:,} traces that judges or this product made"
    if found.unreadable:
        yield f"Unreadable: {found.unreadable:,} traces, copied without their spans"
    yield f"Copy:       {found.folder}"


@verb("sync", panel="Traces", copies=True, epilog=SYNC)
def sync(call: "Call", experiment_id: options.Experiment = None, full: Full = False) -> None:
    """Bring the copy of an experiment's traces up to date, which SQL runs over, and say how fresh it is.

    The store is read in short pieces and never changed. The copy holds prompts, so only its owner may read it (cache list shows
    where). Progress with rate and time left goes to stderr; the result says when the copy was made, the newest trace in it, and
    how many traces are new, late, changed and deleted since the copy before.
    """
    from .. import copies

    found = copies.sync(call.insights, experiment_id=call.experiment, full=full)
    document = {**vars(found), "folder": str(found.folder), "full": full}
    document |= {name: each.isoformat() for name, each in document.items() if isinstance(each, datetime)}
    call.show(document, sync_lines(found))


@verb("cache", panel=PANEL, copies=True)
def cache(call: "Call", action: Action) -> None:
    """List or clear the copies of traces that SQL runs over.

    They hold prompts, so only their owner may read them; they are made again when they are needed.
    """
    from ....tools.traces import copies

    found = copies.clear_copies(call.cache) if action == "clear" else copies.list_copies(call.cache)
    rows = [
        [each.folder.name, f"{each.traces:,}", f"{each.bytes / 2**20:,.1f} MiB", f"{each.used:%Y-%m-%d %H:%M}"] for each in found
    ]
    document = [
        {"folder": str(each.folder), "traces": each.traces, "bytes": each.bytes, "used": each.used.isoformat()} for each in found
    ]
    call.show_table(document, ["Copy", "Traces", "Size", "Used"], rows, none=f"No copies in {call.cache}.")
    if action == "clear" and found:
        call.note(f"Removed {len(found)} copies from {call.cache}.")
