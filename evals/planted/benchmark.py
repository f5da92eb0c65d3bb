"""Which planted faults are found, and which issues are false.

Builds the stores, has each analysed as `run-analysis --unattended` would, compares with what is planted, keeps the results in an
MLflow experiment, and can write the table into evals/README.md. What was measured before isn't measured again, so that it can go
on after a break.
"""

import argparse
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ..command_line import command_line
from ..published import publish
from .benchmarked import Benchmarked, Repeated, Results
from .build import build
from .conditions import Conditions
from .halving import halve
from .measure import analyse, identities, measure
from .real import measure_real, real_names
from .report import render

AGENTS = ("concierge", "librarian", "coder", "planner", "extractor")
DRAWN = AGENTS[1:]
RESULTS = Path(__file__).parents[1] / "results" / "mlflow.db"
PART = "planted issues"


class Case(NamedTuple):
    """One store of the published table."""

    agent: str
    conditions: Conditions

    @property
    def name(self) -> str:
        """As its run is named."""
        return "/".join(map(str, (self.agent, *self.conditions)))


def cases() -> Iterator[Case]:
    """The stores of the published table; no test uses their seeds."""
    for agent in AGENTS:
        yield Case(agent, Conditions("faulty", 400, 21))
    for agent in AGENTS:
        yield Case(agent, Conditions("clean", 600, 21))
    for agent in DRAWN:
        yield Case(agent, Conditions("boundary", 800, 21, 0.3))
    for agent in DRAWN:
        yield Case(agent, Conditions("faulty", 1000, 22, 0.1))
    yield Case("concierge", Conditions("faulty", 1000, 22))
    for agent in DRAWN:
        yield Case(agent, Conditions("shuffled", 800, 22))
    for agent in DRAWN:
        yield Case(agent, Conditions("faulty", 2000, 23, 0.3))
    yield Case("concierge", Conditions("faulty", 2000, 23))
    yield Case("librarian", Conditions("faulty", 200, 24))
    yield Case("extractor", Conditions("faulty", 20_000, 24, 0.1))


def run_cases(results: Results, chosen: Sequence[Case], *, again: bool = False, without: Collection[str] = ()) -> None:
    """Measures what isn't measured yet, one store after the other, with these entries of the playbook withheld."""
    for place, case in enumerate(chosen, start=1):
        if not again and results.holds(case.name):
            continue
        print(f"{place} of {len(chosen)}: {case.name}", file=sys.stderr, flush=True)
        with TemporaryDirectory() as folder:
            results.log(case.name, *measure(case.agent, case.conditions, Path(folder), without=without))


def run_repeats(results: Results, agents: Sequence[str], *, traces: int = 600, seed: int = 25) -> None:
    """Analyses a store of each agent twice, and its two halves."""
    for agent in agents:
        name = f"repeated/{agent}/{traces}/{seed}"
        if not results.holds(name):
            print(name, file=sys.stderr, flush=True)
            with TemporaryDirectory() as folder:
                results.log(name, repeat(agent, Conditions("faulty", traces, seed), Path(folder)))


def run_real(results: Results, *, again: bool = False) -> None:
    """Has the real experiments analysed, where they are present."""
    for name in real_names():
        if again or not results.holds(f"real/{name}"):
            print(f"real/{name}", file=sys.stderr, flush=True)
            results.log(f"real/{name}", measure_real(name))


def repeat(agent: str, conditions: Conditions, folder: Path) -> Repeated:
    """Has one store analysed with two seeds, and each of its halves."""
    database = folder / "first" / "mlflow.db"
    truth = build(database, agent=agent, **conditions._asdict())
    second = folder / "second" / "mlflow.db"
    second.parent.mkdir()
    shutil.copyfile(database, second)
    halves = halve(database, truth, folder)
    one, other, left, right = (
        identities(analyse(path, truth.experiment_id, seed=seed, folder=path.parent).issues)
        for path, seed in ((database, 0), (second, 1), *((half, 0) for half in halves))
    )
    found = len(left) + len(right)
    return Repeated(
        agent=agent,
        again=len(one & other) / len(one | other) if one | other else 1.0,
        other_half=2 * len(left & right) / found if found else None,
    )


def main() -> None:
    """Measures, and prints or publishes the table."""
    parser = _parser()
    options = parser.parse_args()
    if options.without and options.results == RESULTS:
        parser.error("--without needs --results, so that what is withheld isn't mixed with what isn't")
    results = Results(options.results)
    if not options.table:
        chosen = [case for case in cases() if case.agent in options.agents]
        run_cases(results, chosen, again=options.again, without=options.without)
        if not options.without:
            run_repeats(results, options.agents)
            run_real(results, again=options.again)
    table = render(_only(results.read(), options.agents))
    print(table)
    if options.publish:
        publish(PART, table)


def _only(results: Benchmarked, agents: Sequence[str]) -> Benchmarked:
    stores, repeats = ([each for each in some if each.agent in agents] for some in (results.stores, results.repeats))
    return replace(results, stores=tuple(stores), repeats=tuple(repeats))


def _parser() -> argparse.ArgumentParser:
    parser = command_line(
        "planted.benchmark", __doc__, takes="under 45 minutes on two idle cores; a store of 400 traces about a minute"
    )
    parser.add_argument(
        "--agents", nargs="+", choices=AGENTS, default=AGENTS, metavar="AGENT", help=f"only these ({', '.join(AGENTS)})"
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FILE", help="the MLflow database (default: evals/results)"
    )
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        metavar="ENTRY",
        help="withhold these entries of the playbook",
    )
    parser.add_argument("--again", action="store_true", help="measure again what was measured before")
    parser.add_argument("--table", action="store_true", help="measure nothing, only make the table of what was measured")
    parser.add_argument("--publish", action="store_true", help="write the table into evals/README.md")
    return parser


if __name__ == "__main__":
    main()
