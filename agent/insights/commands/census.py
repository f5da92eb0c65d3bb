"""The verbs about the census."""

from typing import TYPE_CHECKING

from . import options
from .verb import verb

if TYPE_CHECKING:
    from .call import Call

PANEL = "Census"

GET = """[bold]What to make of it[/]
  Operational figures (error rates, failing tools and spans, latency outliers)
  are facts: what is beyond a threshold is an issue at once, with create-issue.
  Proxies (verbosity, minimal responses, hedging, apology, rushed processing)
  say where to look: they anchor hypotheses, and never are issues.
"""


@verb("create-baseline-census", panel=PANEL, copies=True)
def create_baseline_census(call: "Call", run_id: options.Run = None) -> None:
    """Count every trace of the analysis: errors, latency, tokens, tools, models, times, and quality proxies.

    The traces are copied first (or the copy is brought up to date), which is shown. It is taken once: the census that is there
    stays, so that what rests on it stands. Sample traces of each figure are linked to the analysis.
    """
    from .. import census

    run = call.run(run_id)
    taken = census.create_baseline_census(call.insights, run_id=run)
    call.show(
        {"run_id": run, "traces": taken.traces, "spans": taken.spans, "figures": len(taken.buckets)},
        [
            f"Created baseline_census.yaml in run {run}: {len(taken.buckets)} figures over {taken.traces:,} traces "
            f"and {taken.spans:,} spans. See them with get-baseline-census."
        ],
    )


@verb("get-baseline-census", panel=PANEL, epilog=GET)
def get_baseline_census(call: "Call", run_id: options.Run = None) -> None:
    """Show the census: each figure with its numerator and denominator; --output json has sample traces and queries too."""
    from .. import census
    from .texts import bucket_row

    found = census.get_baseline_census(call.insights, run_id=call.run(run_id))
    head = ["Figure", "Value", "n of N", "Kind", "Of"]
    call.show_table(found, head, [bucket_row(each) for each in found.buckets], none="The census has no figures.")
