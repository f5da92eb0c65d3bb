"""The verbs about reports."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ... import options as shared
from . import options
from .verb import verb

if TYPE_CHECKING:
    from ....tools.reporting.verify import Verification
    from .call import Call

PANEL = "Reports"
NAMED = 20
"""Figures that are named for a person; JSON has all."""

Analysis = Annotated[str | None, typer.Argument(metavar="RUN_ID", help="The analysis; INSIGHTS_RUN_ID where it isn't given.")]
Html = Annotated[bool, typer.Option("--html", rich_help_panel=options.WHAT, help="The page instead of markdown.")]


@verb("get-report", panel=PANEL)
def get_report(call: "Call", run_id: Analysis = None, *, html: Html = False) -> None:
    """Print the report of an analysis, as it was last written; `--html > report.html` for the page with its plots."""
    from .. import reports

    analysis = call.run(run_id)
    found = reports.get_report(call.insights, run_id=analysis, page=html)
    call.show({"run_id": analysis, "report": found}, [found.removesuffix("\n")])


@verb("verify-report", panel=PANEL)
def verify_report(call: "Call", run_id: Analysis = None, *, cache: shared.CacheFolder = None) -> None:
    """Execute every query behind a report again, over the same window of traces, and print what differs.

    On the same snapshot nothing differs. Where traces were added late, changed or deleted since, it says so, and names the
    queries whose results differ, what rests on them, and the figures then and now. Nothing is written to the memory. Ends with 1
    where something differs.
    """
    from .. import reports

    found = reports.verify_report(call.insights, run_id=call.run(run_id))
    call.show(_document(found), _lines(found))
    call.exit_code = 1 if found.differences else 0


def _document(found: "Verification") -> dict[str, object]:
    then, now = found.snapshot_then, found.snapshot_now
    return {
        "run_id": found.run_id,
        "queries": found.queries,
        "same_snapshot": found.same_snapshot,
        "snapshot_then": {"digest": then.digest, "traces": then.traces, "spans": then.spans},
        "snapshot_now": {"digest": now.digest, "traces": now.traces, "spans": now.spans},
        "differences": [asdict(each) for each in found.differences],
        "figures": [asdict(each) for each in found.figures],
    }


def _lines(found: "Verification") -> Iterable[str]:
    then, now = found.snapshot_then, found.snapshot_now
    if not found.same_snapshot:
        yield (
            f"The traces have changed since: snapshot {then.digest[:12]} had {then.traces:,} traces, the same window has "
            f"{now.traces:,} now ({now.digest[:12]})."
        )
    yield f"{found.queries:,} queries of analysis {found.run_id} executed again over {now.traces:,} traces."
    if not found.differences:
        yield "No difference: every result is what it was."
        return
    yield f"{len(found.differences):,} differ:"
    for each in found.differences:
        behind = f" Behind {', '.join(each.behind[:5])}" + (", ..." if len(each.behind) > 5 else "") + "." if each.behind else ""
        yield f"  {each.query_id} {each.title}: {each.what}.{behind}"
    if found.figures:
        yield f"{len(found.figures):,} figures differ:"
    for each in found.figures[:NAMED]:
        yield f"  {each.name}: {each.then} then, {each.now} now"
    if len(found.figures) > NAMED:
        yield f"  and {len(found.figures) - NAMED:,} more; --output json names all."
