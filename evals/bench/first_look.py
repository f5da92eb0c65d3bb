"""How often a known issue is called better or worse although nothing has changed: made-up counts, so that the truth is known.

An issue is found because its share was high, by luck too, so its next share is lower on average (regression to the mean). Each
run finds issues among many suspicions of one true rate, then looks again on nights of equal size; the product's own rule judges.
"""

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tools.insights.models import IssueStatus, TrendPoint
from analyze_experiment.tools.testing.trend import Known, judge

NIGHTS = 6
SUSPICIONS = 24
"""Planned tests of an analysis without a model, of the demonstration."""
CELLS = 255
"""Cells of its slice search."""
LEVEL = 0.025
"""Of each of these two families."""
THRESHOLD = 0.02
NOON = datetime(2026, 4, 6, tzinfo=UTC)

Integers = NDArray[np.int64]


class Setting(NamedTuple):
    """Issues of one kind, and how many traces there are."""

    name: str
    first: int
    """Traces of the analysis that finds them."""
    night: int
    """Traces of each night after it."""
    rate: float
    """The true share, always."""
    find: "Callable[[np.random.Generator, Setting], Integers]"
    """The affected traces of the issues that are found."""
    part: float = 1.0
    """Of the traces, those that the issue is about."""
    threshold: float = THRESHOLD


class Calls(NamedTuple):
    """How many runs knew an issue, and in which share of them any was called so."""

    known: int
    better: float
    """At the first comparison."""
    worse: float
    later: float
    """Better or worse, on a night after the first."""
    gone: float
    """Of all issues, those ever called gone."""


def found_rates(rng: np.random.Generator, setting: Setting) -> Integers:
    """Rates above a threshold, by Benjamini and Hochberg over all suspicions."""
    affected = rng.binomial(setting.first, setting.rate, SUSPICIONS)
    p_values = stats.binom.sf(affected - 1, setting.first, setting.threshold)
    return affected[stats.false_discovery_control(p_values) <= LEVEL]


def found_cells(rng: np.random.Generator, setting: Setting) -> Integers:
    """Cells of a slice search that survive the largest of all; three of them are truly at the rate, the others at half of it."""
    inside = int(setting.first * setting.part)
    base = setting.rate / 2
    spread = np.sqrt(base * (1 - base) / inside)
    least = base + spread * stats.norm.isf(LEVEL / CELLS)
    affected = rng.binomial(inside, setting.rate, 3)
    return affected[affected / inside >= least]


def found_facts(rng: np.random.Generator, setting: Setting) -> Integers:
    """Counted facts from three affected traces on: hardly selected."""
    affected = rng.binomial(setting.first, setting.rate, 3)
    return affected[affected >= 3]


SETTINGS = (
    Setting("rate", 100, 100, 0.06, found_rates),
    Setting("rate", 100, 1_000, 0.06, found_rates),
    Setting("rate", 600, 100, 0.04, found_rates),
    Setting("rate", 600, 1_000, 0.04, found_rates),
    Setting("rate", 1_000, 10_000, 0.03, found_rates),
    Setting("slice", 600, 100, 0.3, found_cells, 0.1, 0.225),
    Setting("slice", 600, 600, 0.3, found_cells, 0.1, 0.225),
    Setting("slice", 600, 5_000, 0.3, found_cells, 0.1, 0.225),
    Setting("slice", 2_000, 2_000, 0.2, found_cells, 0.1, 0.15),
    Setting("fact", 100, 100, 0.1, found_facts),
    Setting("fact", 100, 1_000, 0.1, found_facts),
)


def calls(setting: Setting, *, runs: int, seed: int = 0) -> Calls:
    """What is said of issues whose rate never changes."""
    rng = np.random.default_rng(seed)
    told = [said for _ in range(runs) if (said := _course(rng, setting))]
    changed = [_any(run, {"better", "worse"}, night) for run in told for night in range(1, NIGHTS)]
    return Calls(
        len(told),
        _share(_any(run, {"better"}, 0) for run in told),
        _share(_any(run, {"worse"}, 0) for run in told),
        _share(changed),
        _share("gone" in standings for run in told for standings in run),
    )


def _any(run: list[list[str]], words: set[str], night: int) -> bool:
    return any(standings[night] in words for standings in run)


def _share(said: Iterable[bool]) -> float:
    return float(np.mean(np.fromiter(said, dtype=bool)))


def _course(rng: np.random.Generator, setting: Setting) -> list[list[str]]:
    """Per issue that is found how it stands after each night."""
    inside, each_night = (int(traces * setting.part) for traces in (setting.first, setting.night))
    trends = [[_point(0, int(affected), inside)] for affected in setting.find(rng, setting)]
    for night in range(1, NIGHTS + 1):
        points = [_point(night, int(rng.binomial(each_night, setting.rate)), each_night) for _ in trends]
        known = {
            str(place): Known(_status(trend), trend, point, setting.threshold, seen=point.share > setting.threshold)
            for place, (trend, point) in enumerate(zip(trends, points, strict=True))
        }
        for place, point in judge(known).items():
            trends[int(place)].append(point)
    return [[str(point.standing) for point in trend[1:]] for trend in trends]


def _status(trend: list[TrendPoint]) -> IssueStatus:
    return IssueStatus.RESOLVED if trend[-1].standing == "gone" else IssueStatus.OPEN


def _point(night: int, affected: int, population: int) -> TrendPoint:
    until = NOON + timedelta(days=night)
    return TrendPoint(
        run_id=str(night),
        at=until,
        until=until,
        affected=affected,
        population=population,
        effective=float(population),
        standing="new",
    )


def main() -> None:
    """Prints a table."""
    parser = command_line("bench.first_look", __doc__, takes="about six minutes of processor time")
    parser.add_argument("runs", nargs="?", type=int, default=1_000, help="runs a row (default: 1,000)")
    runs: int = parser.parse_args().runs
    rows = [
        "| found by | first look | each night | rate | runs that find any | better | worse | later, a night | gone |",
        "|---|" + "---|" * 8,
    ]
    for setting in SETTINGS:
        said = calls(setting, runs=runs)
        sizes = f"{int(setting.first * setting.part):,} | {int(setting.night * setting.part):,}"
        shares = " | ".join(f"{share:.3f}" for share in said[1:])
        rows.append(f"| {setting.name} | {sizes} | {setting.rate:.0%} | {said.known:,} | {shares} |")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
