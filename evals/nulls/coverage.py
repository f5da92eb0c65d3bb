"""How often the 95% interval of a rate holds the rate that the traces were made with, for every kind of store.

Sessions of 1 to 12 traces, each with a proneness of its own from a beta distribution, so that traces of a session are alike by
the intraclass correlation (ICC).
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyze_experiment.tools.testing.rate import share_interval

RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
CORRELATIONS = (0.0, 0.05, 0.1, 0.3, 0.5)
SESSIONS = (20, 50, 100, 300, 1_000)
LARGEST = 12
"""Traces of a session."""
LEAST = 0.93
"""The coverage that is asked of each kind of store."""

Integers = NDArray[np.int64]


class Covered(NamedTuple):
    """What came of the runs of one kind of store."""

    sessions: int
    rate: float
    icc: float
    share: float
    """Of the runs, whose interval holds the rate."""


def draw(rng: np.random.Generator, *, runs: int, sessions: int, rate: float, icc: float) -> tuple[Integers, Integers]:
    """Traces and affected traces of each session, a row a run."""
    sizes = rng.integers(1, LARGEST + 1, (runs, sessions))
    if not icc:
        return sizes, rng.binomial(sizes, rate)
    strength = 1 / icc - 1
    return sizes, rng.binomial(sizes, rng.beta(rate * strength, (1 - rate) * strength, (runs, sessions)))


def coverage(runs: int, *, sessions: int, rate: float, icc: float, seed: int) -> Covered:
    """How often the interval of one kind of store holds its rate."""
    rng = np.random.Generator(np.random.PCG64(seed))
    sizes, affected = draw(rng, runs=runs, sessions=sessions, rate=rate, icc=icc)
    held = 0
    for run in range(runs):
        bounds = share_interval(affected[run], sizes[run])
        held += bounds is not None and bounds.low <= rate <= bounds.high
    return Covered(sessions, rate, icc, held / runs)


def coverages(runs: int, *, seed: int) -> Iterator[Covered]:
    """All kinds of stores."""
    for place, (sessions, rate, icc) in enumerate(product(SESSIONS, RATES, CORRELATIONS)):
        yield coverage(runs, sessions=sessions, rate=rate, icc=icc, seed=seed + place)


def coverage_table(found: list[Covered]) -> str:
    """By rate and sessions: the lowest coverage over the correlations, and at which."""
    lines = ["| rate | " + " | ".join(f"{each:,} sessions" for each in SESSIONS) + " |", "|---" * (len(SESSIONS) + 1) + "|"]
    for rate in RATES:
        cells = [
            min((each for each in found if (each.sessions, each.rate) == (n, rate)), key=lambda c: c.share) for n in SESSIONS
        ]
        lines.append(f"| {rate:.1%} | " + " | ".join(f"{cell.share:.3f} (ICC {cell.icc:g})" for cell in cells) + " |")
    return "\n".join(lines)
