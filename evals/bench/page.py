"""How large the page of a report is: of an analysis of the planted store, and with 40 issues that were each looked at 30 times.

The 40 are the issues of that analysis, repeated; with FILE the page with them is left there, to be looked at.
"""

import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path

from ...agent.display import make_display
from ...agent.human import PolicyHuman
from ...agent.session import run_session
from ...agent.settings import Settings
from ...agent.stop import StopSignal
from ...tools.insights.models import Interval, Standing, TrendPoint
from ...tools.insights.store import InsightStore
from ...tools.reporting.changes import changes_of
from ...tools.reporting.facts import IssueFacts, ReportFacts, gather_facts
from ...tools.reporting.html import render_html
from ...tools.reporting.markdown import render_markdown
from ...tools.tracking import connect
from ..command_line import command_line
from ..planted.build import build

ISSUES, LOOKS = 40, 30
LAST: tuple[Standing, ...] = ("worse", "still", "still", "better", "still", "gone", "still", "back", "still", "quiet")
"""How the issues stand after the last look, one after another."""


def analysed(folder: Path, *, traces: int) -> ReportFacts:
    """The facts of an analysis of the planted store."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    build(folder / "mlflow.db", traces=traces)
    settings = Settings(
        tracking_uri=uri, experiment="1", unattended=True, report=folder / "report.md", cache=folder / "cache", no_mirror=True
    )
    with make_display("none", sys.stderr) as display:
        run_id = run_session(settings, display=display, human=PolicyHuman(), stop=StopSignal()).run_id
    return gather_facts(InsightStore(connect(uri)), run_id, ui_url="https://mlflow.example.org")


def grown(facts: ReportFacts, issues: int, looks: int) -> ReportFacts:
    """The facts with so many issues, each with a trend."""
    repeated = [_again(facts, each, place, looks) for place, each in enumerate(islice(cycle(facts.issues), issues))]
    changes = changes_of([each.issue for each in repeated], facts.analysis.run_id)
    return replace(facts, issues=tuple(repeated), changes=changes)


def _again(facts: ReportFacts, each: IssueFacts, place: int, looks: int) -> IssueFacts:
    issue, now = each.issue, facts.snapshot.instant
    share = issue.affected / max(issue.population, 1)
    trend = [
        TrendPoint(
            run_id=facts.analysis.run_id if left == 0 else f"night {left}",
            at=now - timedelta(days=left),
            until=now - timedelta(days=left),
            affected=issue.affected + (place + left) % 7,
            population=issue.population + 7,
            effective=issue.population,
            interval=Interval(low=share / 2, high=min(1.0, share * 1.5), level=0.95),
            standing=LAST[place % len(LAST)] if left == 0 else "still",
            p_adjusted=0.01,
        )
        for left in reversed(range(looks))
    ]
    own = issue.model_copy(update={"issue_id": f"I-1-{place:010x}", "trend": tuple(trend)})
    return replace(each, issue=own)


def main() -> None:
    """Prints a table."""
    parser = command_line("bench.page", __doc__, takes="about half a minute")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="where to leave the page with 40 issues")
    kept: Path | None = parser.parse_args().file
    with tempfile.TemporaryDirectory() as folder:
        facts = analysed(Path(folder), traces=600)
    rows = ["| issues | looks at each | page, kB | markdown, kB | seconds to render |", "|---|---|---|---|---|"]
    for shown in (facts, grown(facts, ISSUES, LOOKS)):
        began = time.perf_counter()
        page = render_html(shown)
        seconds = time.perf_counter() - began
        looks = max((len(each.issue.trend) for each in shown.issues), default=0)
        sizes = " | ".join(f"{len(text.encode()) / 1000:,.0f}" for text in (page, render_markdown(shown)))
        rows.append(f"| {len(shown.issues)} | {looks} | {sizes} | {seconds:.1f} |")
    if kept is not None:
        kept.write_text(page, encoding="utf-8")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
