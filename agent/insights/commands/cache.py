"""The verb about copies of traces."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .verb import verb

if TYPE_CHECKING:
    from .call import Call

PANEL = "Housekeeping"

Action = Annotated[
    Literal["list", "clear"], typer.Argument(help="list: show the copies; clear: remove those that nobody uses now.")
]


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
