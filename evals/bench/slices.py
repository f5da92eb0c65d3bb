"""How long a contrast, a shift and a slice search take, by the number of traces.

A fault is planted in one pair of attributes, so that pruning has work to do.
"""

import resource
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tools.testing.slices import Attribute, Outcome, SliceFrame, search_slices
from analyze_experiment.tools.testing.statistics import ClusterTable, estimate_contrast, estimate_shift

ATTRIBUTES = (2, 3, 4, 6, 8, 12, 20)
"""Values of each attribute: 7 attributes, 1,000 and more cells for 4 outcomes."""

TRACES_A_CLUSTER = 10


class Step(NamedTuple):
    """One timed step, and what it gave."""

    title: str
    seconds: float
    gave: str


def make_frame(traces: int, *, seed: int = 0) -> SliceFrame:
    """Clusters of about 10 traces with attributes that are constant in them, and four outcomes."""
    rng = np.random.Generator(np.random.PCG64(seed))
    cluster = rng.integers(0, max(traces // TRACES_A_CLUSTER, 1), traces)
    values = [rng.integers(0, size, cluster.max() + 1)[cluster] for size in ATTRIBUTES]
    attributes = tuple(
        Attribute(f"a{place}", tuple(f"v{code}" for code in range(size)), codes.astype(np.int64))
        for place, (size, codes) in enumerate(zip(ATTRIBUTES, values, strict=True))
    )
    planted = (values[0] == 1) & (values[3] == 2)
    errors = rng.random(traces) < np.where(planted, 0.15, 0.05)
    outcomes = (
        Outcome.of_traces("errors", "errors", errors),
        *(Outcome.of_traces(f"null{place}", f"null {place}", rng.random(traces) < 0.05) for place in range(2)),
        Outcome.of_numbers("slow", "slow", rng.lognormal(size=traces), "p95"),
    )
    return SliceFrame(cluster, outcomes, attributes)


def measure(traces: int) -> list[Step]:
    """Time each step over so many traces."""
    frame = make_frame(traces)
    exposed, affected = frame.attributes[0].codes == 1, frame.outcomes[0].affected
    values = np.random.Generator(np.random.PCG64(1)).lognormal(size=traces)
    return [
        _timed("contrast", lambda: estimate_contrast(ClusterTable.of(frame.cluster, exposed, affected), seed=0).ratio),
        _timed("shift", lambda: estimate_shift(values, exposed, frame.cluster, quantile="p95", seed=0).ratio),
        _timed("slices of 3", lambda: _summary(replace(frame, attributes=(frame.attributes[0], *frame.attributes[3:5])))),
        _timed("slices of 7", lambda: _summary(frame)),
    ]


def _summary(frame: SliceFrame) -> str:
    search = search_slices(frame, ratio=2.0, seed=0)
    return f"{search.cells_tested} cells, found {[cell.segment for cell in search.cells]}"


def _timed(title: str, run: Callable[[], object]) -> Step:
    start = time.perf_counter()
    gave = run()
    return Step(title, time.perf_counter() - start, str(gave))


def main() -> None:
    """Print a table."""
    parser = command_line("bench.slices", __doc__, takes="about a minute, nearly all of it for the million")
    parser.add_argument(
        "traces", nargs="*", type=int, default=[10_000, 100_000, 1_000_000], help="default: 10,000, 100,000 and a million"
    )
    for traces in parser.parse_args().traces:
        for step in measure(traces):
            print(f"{traces:>9,} traces  {step.title:<11} {step.seconds:7.2f} s  {step.gave}")
        print(f"{'':>17} peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
