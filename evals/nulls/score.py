"""How often whole analyses report what isn't so, and how often intervals hold the truth; both tables, in evals/README.md.

1,000 stores of each kind and 2,000 runs of each interval are what is published, in one process; fewer print the tables alone.
Counts and shares of the snapshot are in no family, so none is among them.
"""

import time
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from analyze_experiment.evals.command_line import command_line
from analyze_experiment.evals.nulls.analysis import TESTS, Found, analyse
from analyze_experiment.evals.nulls.coverage import LEAST, Covered, coverage_table, coverages
from analyze_experiment.evals.nulls.stores import Kind, make_store
from analyze_experiment.evals.published import publish

STORES, RUNS = 1_000, 2_000
BLIND = 100
"""Stores of each kind with sessions that are alike inside, that are also analysed as if all traces were independent."""
KINDS: tuple[Kind, ...] = ("boundary", "shuffled", "mixed")
CORRELATIONS, SESSIONS = (0.0, 0.3), (30, 100, 1_000)
MOST = 0.05
HEAD = (
    "| kind | ICC | sessions | stores | any false | rates | contrasts | slices | false share | without clusters: any false "
    "| rates | contrasts | slices | false share |",
    "|---" * 14 + "|",
)


class Errors(NamedTuple):
    """What came of the stores of one kind."""

    kind: Kind
    icc: float
    sessions: int
    found: list[Found]
    blind: list[Found]


def errors(kind: Kind, *, stores: int, sessions: int, icc: float, seed: int) -> Errors:
    """Analyse so many stores of one kind; some of them without clusters too."""
    made = Errors(kind, icc, sessions, [], [])
    for store in range(stores):
        drawn = make_store(np.random.default_rng((seed, store)), kind, sessions=sessions, icc=icc)
        made.found.append(analyse(drawn, seed=store))
        if icc and store < BLIND:
            made.blind.append(analyse(drawn.blind, seed=store))
    return made


def error_row(row: Errors) -> str:
    """Shares of the stores: any false issue, and by test; the same where all traces are taken as independent."""
    by_cluster, blind = _shares(row.found), _shares(row.blind) if row.blind else [""] * 5
    about = f"{row.kind} | {row.icc:g} | {row.sessions:,} | {len(row.found):,}"
    return f"| {about} | {' | '.join(by_cluster)} | {' | '.join(blind)} |"


def _shares(found: Sequence[Found]) -> list[str]:
    by_test = [np.mean([each.false[test] > 0 for each in found]) for test in TESTS]
    shares = [np.mean([each.any_false for each in found]), *by_test, np.mean([each.false_share for each in found])]
    return [f"{share:.3f}" for share in map(float, shares)]


def power_line(rows: Sequence[Errors]) -> str:
    """What of the true ones is found in mixed stores."""
    parts: list[str] = []
    for row in rows:
        if row.kind == "mixed":
            found = [float(np.mean([each.true[test] for each in row.found])) for test in TESTS]
            parts.append(f"{row.sessions:,} sessions, ICC {row.icc:g}: {found[0]:.1f} of 8, {found[1]:.1f} of 3, {found[2]:.1f}")
    return "Found of what is true in mixed stores, a store (rates, contrasts, cells of the segment): " + "; ".join(parts) + "."


def verdict_line(rows: Sequence[Errors], covered: Sequence[Covered]) -> str:
    """Whether what is promised holds, in a sentence for each promise."""
    nulls = [row for row in rows if row.kind != "mixed"]
    worst = max(float(np.mean([each.any_false for each in row.found])) for row in nulls)
    pooled = float(np.mean([each.any_false for row in nulls for each in row.found]))
    share = max(float(np.mean([each.false_share for each in row.found])) for row in rows if row.kind == "mixed")
    least = min(each.share for each in covered)
    return (
        f"Any false issue in at most {worst:.1%} of the null stores of a kind, in {pooled:.1%} of all ({MOST:.0%} promised); "
        f"false share of mixed stores at most {share:.1%} ({MOST:.0%} promised); intervals hold the rate in at least {least:.1%} "
        f"of the runs of each of {len(covered)} kinds of store ({LEAST:.0%} asked for), "
        f"{np.mean([each.share for each in covered]):.1%} on average."
    )


def main() -> None:
    """Print both tables; published where as many stores and runs were drawn as are promised."""
    parser = command_line("nulls.score", __doc__, takes="an hour or more of one core; `score 100 1000` some minutes")
    parser.add_argument("stores", nargs="?", type=int, default=STORES, help=f"stores of each kind (default: {STORES:,})")
    parser.add_argument("runs", nargs="?", type=int, default=RUNS, help=f"runs of each interval (default: {RUNS:,})")
    asked = parser.parse_args()
    stores, runs = asked.stores, asked.runs
    begin, rows = time.process_time(), list[Errors]()
    for place, (kind, icc, sessions) in enumerate(product(KINDS, CORRELATIONS, SESSIONS)):
        rows.append(errors(kind, stores=stores, sessions=sessions, icc=icc, seed=place))
        print(error_row(rows[-1]), f"{time.process_time() - begin:.0f} s", flush=True)
    covered = list(coverages(runs, seed=1))
    minutes, blind = (time.process_time() - begin) / 60, min(stores, BLIND)
    drawn = f"{stores:,} stores of each kind ({blind} with ICC .3 also without clusters), {runs:,} runs an interval"
    text = "\n\n".join(
        (
            f"{drawn}, {minutes:.0f} minutes of one core. {verdict_line(rows, covered)}",
            "\n".join((*HEAD, *map(error_row, rows))),
            power_line(rows),
            "Least coverage of 95% intervals over ICC 0, .05, .1, .3 and .5:",
            coverage_table(covered),
        )
    )
    print(text)
    if stores >= STORES and runs >= RUNS:
        publish("nulls", text)


if __name__ == "__main__":
    main()
