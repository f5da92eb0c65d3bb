"""How often the statistics err, on stores made up so that the truth is known.

Sessions differ in how prone to the fault they are: the intraclass correlation (ICC) of a beta distribution. Tests run the same
functions on fewer stores.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tools.testing.rate import Direction
from analyze_experiment.tools.testing.slices import Attribute, Outcome, SliceFrame, search_slices
from analyze_experiment.tools.testing.statistics import (
    ClusterTable,
    contrast_eligibility,
    estimate_contrast,
    estimate_rate,
    estimate_shift,
)

DIRECTIONS: tuple[Direction, ...] = ("above", "below")
LEVEL = 0.05
FLIPS = 999


class Sessions(NamedTuple):
    """The traces of one made-up store, by session."""

    cluster: NDArray[np.int64]
    affected: NDArray[np.bool_]


class Errors(NamedTuple):
    """The share of stores in which a true null was rejected, with clusters and without."""

    by_cluster: float
    by_trace: float


def make_sessions(rng: np.random.Generator, *, sessions: int, rate: float, icc: float, largest: int = 12) -> Sessions:
    """Sessions of 1 to `largest` traces, affected at `rate` on average."""
    sizes = rng.integers(1, largest + 1, sessions)
    cluster = np.repeat(np.arange(sessions), sizes)
    if icc == 0:
        return Sessions(cluster, rng.random(cluster.size) < rate)
    proneness = rng.beta(rate * (1 / icc - 1), (1 - rate) * (1 / icc - 1), sessions)
    return Sessions(cluster, rng.random(cluster.size) < proneness[cluster])


def rate_coverage(stores: int, *, sessions: int, rate: float, icc: float, seed: int) -> float:
    """How often the 95% interval of a rate holds the true one."""
    rng = np.random.Generator(np.random.PCG64(seed))
    held = 0
    for _ in range(stores):
        store = make_sessions(rng, sessions=sessions, rate=rate, icc=icc)
        found = estimate_rate(np.bincount(store.cluster, store.affected), np.bincount(store.cluster), threshold=rate)
        held += found.low <= rate <= found.high
    return held / stores


def rate_errors(stores: int, *, sessions: int, rate: float, icc: float, direction: Direction, seed: int) -> float:
    """How often a rate that is at its threshold is significant at 2.5%."""
    rng = np.random.Generator(np.random.PCG64(seed))
    wrong = 0
    for _ in range(stores):
        store = make_sessions(rng, sessions=sessions, rate=rate, icc=icc)
        counts = np.bincount(store.cluster, store.affected), np.bincount(store.cluster)
        wrong += estimate_rate(*counts, threshold=rate, direction=direction).p_value <= LEVEL / 2
    return wrong / stores


def contrast_errors(
    stores: int, *, sessions: int, rate: float, icc: float, seed: int, varying: bool = False, exposed_share: float = 0.3
) -> Errors:
    """How often a label that means nothing is significant at 5%: constant in a session, or varying in it."""
    rng = np.random.Generator(np.random.PCG64(seed))
    by_cluster = by_trace = 0
    for store in range(stores):
        made = make_sessions(rng, sessions=sessions, rate=rate, icc=icc)
        labels = rng.random(made.cluster.size) if varying else rng.random(sessions)[made.cluster]
        exposed = labels < exposed_share
        table = ClusterTable.of(made.cluster, exposed, made.affected)
        if contrast_eligibility(table):
            continue
        by_cluster += estimate_contrast(table, seed=store, flips=FLIPS).p_value <= LEVEL
        alone = ClusterTable.of(np.arange(made.cluster.size), exposed, made.affected)
        by_trace += estimate_contrast(alone, seed=store).p_value <= LEVEL
    return Errors(by_cluster / stores, by_trace / stores)


def ratio_coverage(stores: int, *, sessions: int, rate: float, ratio: float, icc: float, seed: int) -> float:
    """How often the 95% interval of a ratio holds the true one, for a label that is constant in a session."""
    rng = np.random.Generator(np.random.PCG64(seed))
    held = 0
    for store in range(stores):
        exposed = make_sessions(rng, sessions=sessions // 3, rate=rate * ratio, icc=icc)
        rest = make_sessions(rng, sessions=sessions - sessions // 3, rate=rate, icc=icc)
        cluster = np.concatenate([exposed.cluster, rest.cluster + sessions])
        in_a = np.arange(cluster.size) < exposed.cluster.size
        table = ClusterTable.of(cluster, in_a, np.concatenate([exposed.affected, rest.affected]))
        found = estimate_contrast(table, seed=store, flips=1)
        held += found.low <= ratio <= found.high
    return held / stores


def shift_coverage(stores: int, *, sessions: int, ratio: float, seed: int) -> float:
    """How often the 95% interval of a ratio of medians holds the true one, where sessions differ in how slow they are."""
    rng = np.random.Generator(np.random.PCG64(seed))
    held = 0
    for store in range(stores):
        cluster = make_sessions(rng, sessions=sessions, rate=0.5, icc=0).cluster
        exposed = (np.arange(sessions) % 3 == 0)[cluster]
        logs = rng.normal(scale=0.5, size=sessions)[cluster] + rng.normal(size=cluster.size)
        found = estimate_shift(
            np.exp(logs) * np.where(exposed, ratio, 1), exposed, cluster, quantile="median", seed=store, flips=1
        )
        held += found.low <= ratio <= found.high
    return held / stores


def make_frame(rng: np.random.Generator, *, sessions: int, icc: float, ratio: float = 1.0, rate: float = 0.1) -> SliceFrame:
    """Five attributes that are constant in a session, and two outcomes; the first is `ratio` times as common where a2 is v1."""
    cluster = np.repeat(np.arange(sessions), rng.integers(1, 13, sessions))
    codes = [rng.integers(0, size, sessions)[cluster] for size in (2, 3, 4, 4, 5)]
    attributes = tuple(
        Attribute(f"a{place}", tuple(f"v{code}" for code in range(6)), each.astype(np.int64)) for place, each in enumerate(codes)
    )
    outcomes: list[Outcome] = []
    for place, factor in enumerate((ratio, 1.0)):
        proneness = rng.beta(rate * (1 / icc - 1), (1 - rate) * (1 / icc - 1), sessions) if icc else np.full(sessions, rate)
        shares = proneness[cluster] * np.where(codes[2] == 1, factor, 1.0)
        outcomes.append(Outcome.of_traces(f"o{place}", f"outcome {place}", rng.random(cluster.size) < shares))
    return SliceFrame(cluster, tuple(outcomes), attributes)


def false_finds(stores: int, *, sessions: int, icc: float, seed: int) -> float:
    """How often a search finds any cell at 5% where nothing depends on anything."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found = 0
    for store in range(stores):
        # Of any size: no cell with a ratio below 1 has a p-value of .05.
        found += bool(search_slices(make_frame(rng, sessions=sessions, icc=icc), ratio=1.0, seed=store, flips=FLIPS).cells)
    return found / stores


def true_finds(stores: int, *, sessions: int, ratio: float, icc: float, seed: int) -> float:
    """How often a search finds the planted cell at 2.5%."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found = 0
    for store in range(stores):
        cells = search_slices(make_frame(rng, sessions=sessions, icc=icc, ratio=ratio), ratio=2.0, seed=store, flips=FLIPS).cells
        found += any(cell.segment == {"a2": "v1"} and cell.outcome == "o0" and cell.p_adjusted <= LEVEL / 2 for cell in cells)
    return found / stores


def main() -> None:
    """Print what each statistic gives."""
    parser = command_line("bench.calibration", __doc__, takes="some three minutes of processor time")
    parser.add_argument("stores", nargs="?", type=int, default=400, help="made-up stores of each kind (default: 400)")
    stores: int = parser.parse_args().stores
    _print_rates(stores)
    _print_contrasts(stores)
    _print_slices(stores)


def _print_rates(stores: int) -> None:
    for sessions, rate, icc in product((20, 60, 300), (0.01, 0.05, 0.3), (0.0, 0.3)):
        covers = rate_coverage(stores, sessions=sessions, rate=rate, icc=icc, seed=1)
        above, below = (
            rate_errors(stores, sessions=sessions, rate=rate, icc=icc, direction=direction, seed=1) for direction in DIRECTIONS
        )
        print(
            f"rate {rate:.0%}, {sessions} sessions, ICC {icc}: covers {covers:.3f}, false at 2.5% {above:.3f}, below {below:.3f}"
        )


def _print_contrasts(stores: int) -> None:
    for sessions, varying, icc in product((40, 100, 300), (False, True), (0.0, 0.3)):
        wrong = contrast_errors(stores, sessions=sessions, rate=0.15, icc=icc, seed=2, varying=varying)
        label = "label varies" if varying else "label by session"
        print(f"contrast, {sessions} sessions, ICC {icc}, {label}: false {wrong.by_cluster:.3f}, by trace {wrong.by_trace:.3f}")
    for icc in (0.0, 0.3):
        wrong = contrast_errors(stores, sessions=300, rate=0.05, icc=icc, seed=2, exposed_share=0.9)
        print(f"contrast, 300 sessions, ICC {icc}, 90% exposed: false {wrong.by_cluster:.3f}, by trace {wrong.by_trace:.3f}")
        covers = ratio_coverage(stores, sessions=90, rate=0.1, ratio=2, icc=icc, seed=3)
        print(f"ratio 2, 90 sessions, ICC {icc}: covers {covers:.3f}")
    print(f"shift 1.5, 90 sessions: covers {shift_coverage(stores, sessions=90, ratio=1.5, seed=4):.3f}")


def _print_slices(stores: int) -> None:
    for sessions, icc in product((150, 600), (0.0, 0.3)):
        wrong = false_finds(stores, sessions=sessions, icc=icc, seed=5)
        print(f"slices, {sessions} sessions, ICC {icc}: any false find at 5% {wrong:.3f}")
    for icc in (0.0, 0.1, 0.3):
        print(f"slices, 200 sessions, ratio 3, ICC {icc}: found {true_finds(stores, sessions=200, ratio=3, icc=icc, seed=6):.3f}")


if __name__ == "__main__":
    main()
