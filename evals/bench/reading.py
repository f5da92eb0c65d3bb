"""How often reading in random order errs, and what it saves, on populations made up so that the truth is known.

Each run draws the traces of one population in random order, judged without error, and stops by the rule of the method. A fixed
sample has the same level and power .9 at twice the threshold. Tests run the same functions on fewer runs.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tools.testing.families import READ_SLOTS, family_levels
from analyze_experiment.tools.testing.judge_error import Hits, corrected_by_flag, corrected_by_truth, moved_threshold
from analyze_experiment.tools.testing.sequential import AGAINST, Counted, ReadBound, default_cap, fixed_sample

THRESHOLD, MATERIAL = 0.05, 0.10
LEVEL = family_levels(1, with_model=True).reads
MULTIPLES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 6.0)

Integers = NDArray[np.int64]


class Readings(NamedTuple):
    """How the runs ended, as shares of the runs; reads as a multiple of the fixed sample."""

    validated: float
    rejected: float
    undecided: float
    reads: float
    missed: float
    """Whose interval didn't hold the truth at some moment."""


class Limits(NamedTuple):
    """Per number of traces read, from 0 to the cap: what stops, and which counts of affected the truth is in the interval of."""

    validates: Integers
    """The least number affected that validates."""
    rejects: Integers
    """The largest number affected that rejects; -1 where none does."""


def draw_counts(rng: np.random.Generator, *, runs: int, population: int, affected: int, upto: int) -> Integers:
    """Per run and number of traces read, from 0: how many of them are affected."""
    drawn = np.zeros((runs, upto + 1), dtype=np.int64)
    for place in range(upto):
        left = affected - drawn[:, place]
        drawn[:, place + 1] = drawn[:, place] + (rng.random(runs) * (population - place) < left)
    return drawn


def limits(bound: ReadBound, *, stop_for: float, cap: int) -> Limits:
    """Both limits only grow as more is read, so each is looked for from where it last was."""
    validates, rejects = np.zeros(cap + 1, dtype=np.int64), np.full(cap + 1, -1, dtype=np.int64)
    for read in range(cap + 1):
        least, most = (int(validates[read - 1]), int(rejects[read - 1])) if read else (0, -1)
        while least <= read and bound.log_for(Counted(read, least)) < stop_for:
            least += 1
        while most < read and bound.log_against(Counted(read, most + 1)) >= AGAINST:
            most += 1
        validates[read], rejects[read] = least, most
    return Limits(validates, rejects)


def simulate(runs: int, *, population: int, rate: float, slots: int, seed: int) -> Readings:
    """Reads `runs` populations in which just this share is affected."""
    bound = ReadBound(population, threshold=THRESHOLD, material=MATERIAL)
    level = LEVEL / slots
    cap = default_cap(bound, level=level)
    stops = limits(bound, stop_for=-np.log(level), cap=cap)
    affected = round(rate * population)
    counts = draw_counts(
        np.random.Generator(np.random.PCG64(seed)), runs=runs, population=population, affected=affected, upto=cap
    )
    validates, rejects = counts >= stops.validates, counts <= stops.rejects
    ended = validates | rejects
    ended[:, -1] = True
    at = ended.argmax(axis=1)
    each = np.arange(runs)
    won, lost = validates[each, at], rejects[each, at] & ~validates[each, at]
    return Readings(
        float(won.mean()),
        float(lost.mean()),
        float((~won & ~lost).mean()),
        float(at.mean()) / fixed_sample(bound, level=level),
        _missed(bound, counts, affected / population),
    )


def _missed(bound: ReadBound, counts: Integers, truth: float) -> float:
    """The share of runs in which the 95% interval leaves the truth out at some moment before the cap."""
    missed = np.zeros(counts.shape[0], dtype=bool)
    for read in range(1, counts.shape[1]):
        values, place = np.unique(counts[:, read], return_inverse=True)
        out = np.array([not _holds(bound, Counted(read, int(value)), truth) for value in values])
        missed |= out[place]
    return float(missed.mean())


def _holds(bound: ReadBound, counted: Counted, truth: float) -> bool:
    low, high = bound.interval(counted)
    return low - 1e-9 <= truth <= high + 1e-9


class Judged(NamedTuple):
    """What a judge of sensitivity .85 and specificity .95 does to a reading."""

    naive: float
    """Validated, as if it never erred."""
    moved: float
    """Validated, with the threshold moved by what labels say."""
    by_truth: float
    by_flag: float
    """How often the corrected 95% interval holds the share that is affected."""


def simulate_judge(
    runs: int, *, rate: float, labels: tuple[int, int], seed: int, population: int = 1000, read: int = 400
) -> Judged:
    """Reads a fixed number of traces with an erring judge; labels are drawn anew in each run."""
    rng = np.random.Generator(np.random.PCG64(seed))
    tallies = np.zeros(4)
    plain = ReadBound(population, threshold=THRESHOLD, material=MATERIAL)
    for _ in range(runs):
        truth = rng.permutation(np.arange(population) < rate * population)
        flags = np.where(truth, rng.random(population) < 0.85, rng.random(population) < 0.05)
        seen = Hits(int(rng.binomial(labels[0], 0.85)), labels[0])
        spared = Hits(int(rng.binomial(labels[1], 0.95)), labels[1])
        flagged = Hits(int(flags[:read].sum()), read)
        moved = min(moved_threshold(THRESHOLD, seen, spared), 0.99)
        bound = ReadBound(population, threshold=moved, material=min(2 * moved, 1))
        right, missed = _labelled(rng, truth[:read], flags[:read])
        by_truth, by_flag = corrected_by_truth(flagged, seen, spared), corrected_by_flag(flagged, right, missed)
        tallies += (
            plain.log_for(Counted(read, flagged.hits)) >= -np.log(LEVEL),
            bound.log_for(Counted(read, flagged.hits)) >= -np.log(LEVEL),
            by_truth is not None and by_truth.low <= rate <= by_truth.high,
            by_flag.low <= rate <= by_flag.high,
        )
    return Judged(*(tallies / runs).tolist())


def _labelled(rng: np.random.Generator, truth: NDArray[np.bool_], flags: NDArray[np.bool_], each: int = 30) -> tuple[Hits, Hits]:
    def labels(side: NDArray[np.bool_]) -> Hits:
        drawn = rng.permutation(np.flatnonzero(side))[:each]
        return Hits(int(truth[drawn].sum()), drawn.size)

    return labels(flags), labels(~flags)


def _row(label: str, figures: tuple[float, ...], shown: Callable[[float], str]) -> str:
    return f"| {label} | {' | '.join(shown(figure) for figure in figures)} |"


def main() -> None:
    """Prints both tables."""
    parser = command_line("bench.reading", __doc__, takes="about half a minute")
    parser.add_argument("runs", nargs="?", type=int, default=1_000, help="runs a row (default: 1,000)")
    runs: int = parser.parse_args().runs
    print(f"Threshold {THRESHOLD:.0%}, material {MATERIAL:.0%}, {runs:,} runs a row, level {LEVEL:g} over the slots.\n")
    print("| N | slots | rate | validated | rejected | undecided | reads, of a fixed sample | interval ever misses |")
    print("|---|---|---|---|---|---|---|---|")
    for population, slots in ((300, 1), (300, READ_SLOTS), (2000, 1), (2000, READ_SLOTS)):
        for multiple in MULTIPLES:
            found = simulate(runs, population=population, rate=multiple * THRESHOLD, slots=slots, seed=17)
            print(_row(f"{population:,} | {slots} | {multiple:g} t", found, "{:.3f}".format))
    print("\n| rate | labels | naive validates | moved validates | by truth covers | by flag (30 + 30) covers |")
    print("|---|---|---|---|---|---|")
    for rate, labels in ((0.05, (50, 200)), (0.15, (50, 200)), (0.15, (30, 50)), (0.30, (50, 200))):
        judged = simulate_judge(runs, rate=rate, labels=labels, seed=18)
        print(_row(f"{rate:.0%} | {labels[0]} + {labels[1]}", judged, "{:.3f}".format))


if __name__ == "__main__":
    main()
