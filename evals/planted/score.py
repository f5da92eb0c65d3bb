"""Compares the issues that an analysis reports with what is planted: `python -m analyze_experiment.evals.planted.score`."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from .build import build
from .store import EXPERIMENT
from .truth import LookAlike, PlantedFault, Truth, Variant

if TYPE_CHECKING:
    from ...tools.insights.store import InsightStore

FOUND = 0.5
"""Precision and recall from which a fault counts as found."""
EXPLAINED = 0.5
"""Share of an issue's traces that a planted fault must explain, so that the issue isn't false."""
MIXED = 0.8
"""Share of an issue's traces that must show planted faults of any kind: it isn't false either, though it mixes several."""


class ReportedIssue(NamedTuple):
    """An issue as an analysis reports it."""

    title: str
    trace_ids: frozenset[str]
    kind: str


@dataclass(frozen=True)
class Match:
    """A planted fault, and the reported issue that comes nearest to it."""

    fault: PlantedFault
    issue: ReportedIssue | None
    precision: float = 0.0
    """Share of the issue's traces that the fault affects; related traces count for nothing."""
    recall: float = 0.0
    """Share of the fault's traces that the issue names."""
    jaccard: float = 0.0

    @property
    def found(self) -> bool:
        """Whether the issue is about this fault."""
        return self.precision >= FOUND and self.recall >= FOUND


@dataclass(frozen=True)
class Remainder:
    """A reported issue that is no fault's best match."""

    issue: ReportedIssue
    fault: PlantedFault | None
    """The fault that explains most of it."""
    explained: float
    """Which share of its traces that is."""
    planted: float
    """Share of its traces that show any fault; one that all traces of its segment show doesn't count."""
    look_alike: LookAlike | None
    """The look-alike that covers most of it."""
    deceived: float
    """Which share of its traces that is."""

    @property
    def false(self) -> bool:
        """Whether it matches nothing that is planted."""
        return self.explained < EXPLAINED and self.planted < MIXED


@dataclass(frozen=True)
class Score:
    """What was found, and what was reported besides."""

    truth: Truth
    matches: tuple[Match, ...]
    remainders: tuple[Remainder, ...]

    @property
    def found(self) -> int:
        """How many planted faults were found."""
        return sum(match.found for match in self.matches)

    @property
    def false_issues(self) -> tuple[Remainder, ...]:
        """The issues that match nothing that is planted."""
        return tuple(remainder for remainder in self.remainders if remainder.false)


def score(truth: Truth, issues: Sequence[ReportedIssue]) -> Score:
    """Finds for each planted fault the issue that fits it best, and says about the other issues what they come from.

    Traces are compared, never words. Traces that only belong to a fault (the turn before, the rest of its group or segment) count
    neither for an issue nor against it.
    """
    matches = tuple(_best_match(fault, issues) for fault in truth.faults)
    taken = {id(match.issue) for match in matches if match.found}
    rest = tuple(_explain(issue, truth) for issue in issues if id(issue) not in taken)
    return Score(truth, matches, rest)


def _best_match(fault: PlantedFault, issues: Sequence[ReportedIssue]) -> Match:
    matches = [_compare(fault, issue) for issue in issues]
    best = max(matches, key=lambda match: match.jaccard, default=None)
    return best if best and best.jaccard > 0 else Match(fault, None)


def _compare(fault: PlantedFault, issue: ReportedIssue) -> Match:
    affected = set(fault.trace_ids)
    named = issue.trace_ids - (set(fault.related_trace_ids) - affected)
    shared = len(named & affected)
    if not shared:
        return Match(fault, issue)
    return Match(fault, issue, shared / len(named), shared / len(affected), shared / len(named | affected))


def _explain(issue: ReportedIssue, truth: Truth) -> Remainder:
    size = max(1, len(issue.trace_ids))
    by_fault = [(len(issue.trace_ids & {*fault.trace_ids, *fault.related_trace_ids}) / size, fault) for fault in truth.faults]
    by_look_alike = [(len(issue.trace_ids.intersection(item.trace_ids)) / size, item) for item in truth.look_alikes]
    faulty = {trace_id for fault in truth.faults if fault.n < fault.population for trace_id in fault.trace_ids}
    planted = len(issue.trace_ids & faulty) / size
    explained, fault = max(by_fault, key=lambda pair: pair[0], default=(0.0, None))
    deceived, look_alike = max(by_look_alike, key=lambda pair: pair[0], default=(0.0, None))
    return Remainder(issue, fault if explained else None, explained, planted, look_alike if deceived else None, deceived)


def read_issues(store: "InsightStore", experiment_id: str) -> list[ReportedIssue]:
    """The issues that the memory holds about an experiment, with all their traces."""
    return [
        ReportedIssue(issue.title, frozenset(trace.trace_id for trace in store.issue_traces(issue.issue_id)), issue.kind)
        for issue in store.list_issues(experiment_id)
    ]


def render(result: Score) -> str:
    """The score as markdown."""
    truth = result.truth
    title = f"## {truth.variant}, {truth.traces} traces, seed {truth.seed}"
    summary = f"{result.found} of {len(result.matches)} planted faults found, {len(result.false_issues)} false issues."
    return "\n\n".join([title, summary, *_tables(result)]) + "\n"


def _tables(result: Score) -> Iterator[str]:
    if result.matches:
        head = ("planted fault", "n of N", "found", "precision", "recall", "Jaccard", "nearest issue")
        yield _table(head, (_match_row(match) for match in result.matches))
    if result.remainders:
        head = ("other issue", "traces", "false", "fault in it", "share", "any fault", "look-alike in it", "share")
        yield _table(head, (_remainder_row(remainder) for remainder in result.remainders))


def _match_row(match: Match) -> tuple[str, ...]:
    fault = match.fault
    shares = (f"{value:.2f}" for value in (match.precision, match.recall, match.jaccard))
    title = match.issue.title if match.issue else ""
    return (fault.fault_id, f"{fault.n} of {fault.population}", "yes" if match.found else "no", *shares, title)


def _remainder_row(rest: Remainder) -> tuple[str, ...]:
    fault, look_alike = rest.fault.fault_id if rest.fault else "", rest.look_alike.look_alike_id if rest.look_alike else ""
    verdict = "yes" if rest.false else "no"
    return (
        *(rest.issue.title, str(len(rest.issue.trace_ids)), verdict),
        *(fault, f"{rest.explained:.2f}", f"{rest.planted:.2f}", look_alike, f"{rest.deceived:.2f}"),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def analyse(database: Path, experiment_id: str, *, seed: int, folder: Path) -> list[ReportedIssue]:
    """Has a store analysed as `run-analysis --unattended` would, and reads what was found; cache and report go into `folder`."""
    from ...agent.display import make_display
    from ...agent.human import PolicyHuman
    from ...agent.session import run_session
    from ...agent.settings import Settings
    from ...agent.stop import StopSignal
    from ...tools.insights.store import InsightStore
    from ...tools.tracking import connect

    uri = f"sqlite:///{database.absolute()}"
    settings = Settings(
        tracking_uri=uri,
        experiment=experiment_id,
        cache=folder / "cache",
        report=folder / "report.md",
        analyst="statistical",
        unattended=True,
        seed=seed,
    )
    with make_display("none", sys.stderr) as display:
        run_session(settings, display=display, human=PolicyHuman(), stop=StopSignal())
    return read_issues(InsightStore(connect(uri)), experiment_id)


def measure(variant: Variant, *, traces: int, seed: int, folder: Path) -> Score:
    """Builds a store, has it analysed, and compares."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = build(folder / "mlflow.db", variant=variant, traces=traces, seed=seed)
    return score(truth, analyse(folder / "mlflow.db", truth.experiment_id, seed=seed, folder=folder))


def main() -> None:
    """Measures both variants and prints the tables."""
    parser = argparse.ArgumentParser(
        description=f"Builds stores of {EXPERIMENT!r}, analyses them, and compares with what is planted."
    )
    parser.add_argument("--traces", type=int, default=600, help="traces a store (default: 600)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], metavar="SEED", help="one store of each variant a seed (default: 0)"
    )
    parser.add_argument("--keep", type=Path, help="keep stores and reports in this folder")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder: Path = options.keep or Path(temporary)
        for seed in options.seeds:
            for variant in ("faulty", "clean"):
                place = folder / f"{variant}-{options.traces}-{seed}"
                print(render(measure(variant, traces=options.traces, seed=seed, folder=place)), flush=True)


if __name__ == "__main__":
    main()
