"""What a model's exact count loses by going into the playbook's entry about the same fault, and what telling them apart keeps.

For each planted fault that an entry of the playbook is about, a model is taken to have counted just its traces, and to have
called that the same as the entry: in small stores of invented agents, where the entries' own tests prove least.
"""

import math
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from analyze_experiment.agent.analysts.likeness import Known, other_test
from analyze_experiment.agent.analysts.planning import COUNT_LEAST, COUNT_SHARE
from analyze_experiment.agent.analysts.weighing import select_these
from analyze_experiment.evals.command_line import command_line
from analyze_experiment.evals.planted.build import build
from analyze_experiment.evals.planted.truth import PlantedFault
from analyze_experiment.tools.insights.models import HypothesisDraft, HypothesisStatus
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.families import Entry, close_families
from analyze_experiment.tools.testing.plan import Count, Plan, QueryStep
from analyze_experiment.tools.testing.playbooks import load_playbook
from analyze_experiment.tools.testing.render import render_plan
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

AGENTS = ("extractor", "librarian", "coder", "planner")
NOW = datetime(2027, 1, 1, tzinfo=UTC)


class Outcome(NamedTuple):
    """What became of one planted fault."""

    by_entry: HypothesisStatus
    """Of the entry, tested with all others: what is told of the fault where the count goes into it."""
    kept: bool
    """Whether the count is tested beside it."""
    by_count: HypothesisStatus
    """Of the count, where it is kept; else of the entry."""


def counted(fault: PlantedFault) -> HypothesisDraft:
    """The count that a model would write which finds just the fault's traces."""
    step = QueryStep(role="affected", title=fault.title, sql=select_these(fault.trace_ids))
    least = max(COUNT_LEAST, math.ceil(COUNT_SHARE * len(fault.possible_ids)))
    plan = Plan(
        estimand="snapshot",
        population=select_these(fault.possible_ids),
        population_title=fault.population_title,
        steps=(step,),
        decision=Count(at_least=least, threshold_source="configuration"),
    )
    return HypothesisDraft(statement=fault.title, testing_plan=render_plan(plan), plan=plan, source="sample", kind=fault.kind)


def outcomes(bench: Workbench, faults: Iterable[PlantedFault]) -> Iterator[Outcome]:
    """What becomes of each fault that an entry is about."""
    playbook = load_playbook()
    statuses = _decided(bench, {name: entry.plan for name, entry in playbook.items()})
    for fault in faults:
        if fault.entry not in playbook or fault.way not in {"count", "rate"} or not fault.trace_ids:
            continue  # what is slower is no set of traces that a query counts
        draft, entry = counted(fault), playbook[fault.entry]
        assert draft.plan is not None
        kept = other_test(bench, draft, draft.plan, Known(entry.statement, entry.plan))
        by_entry = statuses[fault.entry]
        by_count = _decided(bench, {"count": kept.plan})["count"] if kept is not None and kept.plan is not None else by_entry
        yield Outcome(by_entry, kept is not None, by_count)


def _decided(bench: Workbench, plans: dict[str, Plan]) -> dict[str, HypothesisStatus]:
    entries = [
        Entry(name, plan, bench.executor.run(plan, owner=name, on_step=lambda *_: None).result) for name, plan in plans.items()
    ]
    return {name: verdict.status for name, verdict in close_families(entries, batch=1, with_model=True).items()}


def measure(agent: str, *, traces: int, seed: int, folder: Path) -> list[Outcome]:
    """One store."""
    database = folder / f"{agent}-{traces}-{seed}" / "mlflow.db"
    truth = build(database, agent=agent, traces=traces, seed=seed)
    uri = f"sqlite:///{database}"
    store = InsightStore(connect(uri), now=lambda: NOW)
    made = store.create_analysis("1", key="k", name="n", run_name="r", analyst="language", with_model=True)
    snapshot = take_snapshot(uri, "1", instant=NOW, since=None, until=None, cache=folder / "cache", progress=lambda *_: None)
    with Workbench.open(store, made.run_id, snapshot, seed=0) as bench:
        return list(outcomes(bench, truth.faults))


def row(label: str, found: list[Outcome]) -> str:
    """A row of the table."""
    validated = HypothesisStatus.VALIDATED
    lost = [each for each in found if each.by_entry is not validated]
    told = sum(each.by_count is validated for each in lost)
    rejected = sum(each.by_entry is HypothesisStatus.REJECTED and each.by_count is validated for each in lost)
    return f"| {label} | {len(found)} | {len(found) - len(lost)} | {len(lost)} | {told} | {rejected} |"


def main() -> None:
    """Prints the table."""
    parser = command_line("bench.merging", __doc__, takes="about two minutes of a core with one seed")
    parser.add_argument("--traces", type=int, nargs="+", default=[60, 300], help="traces a store (default: 60 300)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[41, 42], help="stores of each agent (default: 41 42)")
    options = parser.parse_args()
    print("| stores | faults | shown by their entry | lost in it | of these told as a count | against a rejection |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for traces in options.traces:
            for agent in AGENTS:
                found = [each for seed in options.seeds for each in measure(agent, traces=traces, seed=seed, folder=Path(folder))]
                print(row(f"{agent}, {traces} traces", found), flush=True)


if __name__ == "__main__":
    main()
