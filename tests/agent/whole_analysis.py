"""A whole analysis that dies after every write and goes on.

A program, because only a process without threads may fork: `python whole_analysis.py TEMPLATE WORK SHARD SHARDS` prints a JSON
line per kill of its share.
"""

import importlib
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from analyze_experiment.agent.analysts.statistical import StatisticalAnalyst
from analyze_experiment.agent.display import make_display
from analyze_experiment.agent.human import PolicyHuman
from analyze_experiment.agent.session import run_session
from analyze_experiment.agent.settings import Settings
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.graph import pool
from analyze_experiment.graph.ports import Proposal
from analyze_experiment.tests.tools.insights.crashes import EXPERIMENT, Boundary, crash_after_every_write
from analyze_experiment.tools.insights import mirror
from analyze_experiment.tools.insights.models import Analysis, Census, Issue
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.playbooks import load_playbook
from analyze_experiment.tools.tracking import connect, import_mlflow
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2026, 6, 1, 12, tzinfo=UTC)
TESTED = ("swallowed_tool_errors", "claimed_but_never_done", "invalid_tool_arguments", "slower_since_latest_version")


class BriefAnalyst(StatisticalAnalyst):
    """Proposes a few of the playbook's entries: enough for every kind of write, few enough to be killed at each."""

    async def propose(self, bench: Workbench, analysis: Analysis, census: Census, earlier: Sequence[Issue]) -> Proposal:
        """The first few entries that are tested, and one that can't be."""
        entries = [entry for name, entry in sorted(load_playbook().items()) if name in TESTED]
        blocked = entries[0].draft().model_copy(update={"statement": "Something else", "plan": None, "blocked": "no plan"})
        return Proposal([*(entry.draft() for entry in entries), blocked])


def analyse(uri: str, boundary: Boundary) -> None:
    """Goes on with the analysis that is there, or begins one."""
    folder = Path(uri.removeprefix("sqlite:///")).parent
    store = InsightStore(connect(uri), now=lambda: INSTANT)
    begun = store.list_analyses(EXPERIMENT)
    settings = Settings(
        tracking_uri=uri,
        experiment=EXPERIMENT,
        resume=begun[0].run_id if begun else None,
        unattended=True,
        report=folder / "report.md",
        cache=folder / "cache",
    )
    with make_display("none", sys.stderr) as display:
        run_session(
            settings,
            display=display,
            human=PolicyHuman(),
            stop=StopSignal(),
            now=lambda: INSTANT,
            analyst=BriefAnalyst(load_playbook()),
            boundary=boundary,
        )


def main() -> None:
    """Prints one JSON object per trial."""
    template, work, shard, shards = sys.argv[1:]
    import_mlflow()
    importlib.import_module("matplotlib.backends.backend_svg")  # once, not in each of the processes that are forked
    pool.WIDTH = 1  # two tests side by side cite the same traces in either order, and so write in either order
    mirror.TRACES = 1  # one mark an issue is a write of its kind; each further one would cost the test another kill
    for trial in crash_after_every_write(Path(template), Path(work), analyse, shard=(int(shard), int(shards))):
        sys.stdout.write(json.dumps(vars(trial)) + "\n")


if __name__ == "__main__":
    main()
