"""Strata in which traces are alike whatever the issue: the same version of the agent, first tool called, and days."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .results import cluster_codes
from .stratified import StratifiedEstimate, StratifiedRows, estimate_stratified

FLIPS = 1_999
"""Enough for a circumstance among a dozen: .05 / 12 is eight of them."""
DAYS_TRACES = 50
"""Days are joined to periods of equal length until so many traces are in one on average."""
WORDS = {"version": "version", "tool": "first tool", "day": "days"}

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class WithinStrata:
    """What comparing the traces with a mark to others of the same stratum gave."""

    estimate: StratifiedEstimate | None
    """None where too few traces of the same stratum are on both sides."""
    alike: str
    """What the traces of a stratum have in common, in words."""


@dataclass(frozen=True)
class MarkedTraces:
    """Traces by cluster, dimension and the marks that they carry."""

    cluster: Integers
    dimensions: dict[str, Integers]
    marks: Integers
    """A sum of 2^place over the marks."""
    traces: NDArray[np.float64]
    affected: NDArray[np.float64]
    first_at: Integers
    """When the first of these traces began, in microseconds; `last_at` the last."""
    last_at: Integers

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Reads the rows of `compose.marked_rows`."""
        traces = table["traces"].to_numpy().astype(np.float64)
        codes = {name: _in_order(table[name]) for name in WORDS}
        codes["day"] = _periods(codes["day"], traces)
        dimensions = {name: each for name, each in codes.items() if each.size and each.max()}
        affected = table["affected"].to_numpy().astype(np.float64)
        times = [table[name].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy() for name in ("first_at", "last_at")]
        return cls(cluster_codes(table["cluster"]), dimensions, table["marks"].to_numpy(), traces, affected, *times)

    def within(self, place: int, *, seed: int) -> WithinStrata:
        """The traces with one of the marks against others of the same stratum.

        Only the time in which there are both is compared: a version that took over from another can't be told from its time. Of
        the strata no part is a dimension, but for the days, that by itself decides who carries the mark.
        """
        exposed = (self.marks >> place & 1).astype(bool)
        if exposed.all() or not exposed.any():
            return WithinStrata(None, "")
        kept = [name for name, codes in self.dimensions.items() if name == "day" or not _decides(codes, exposed)]
        stratum = np.zeros_like(self.marks)
        for name in kept:
            stratum = stratum * (int(self.dimensions[name].max()) + 1) + self.dimensions[name]
        begins = max(self.first_at[exposed].min(), self.first_at[~exposed].min())
        ends = min(self.last_at[exposed].max(), self.last_at[~exposed].max())
        both = (self.last_at >= begins) & (self.first_at <= ends)
        rows = StratifiedRows(self.cluster[both], stratum[both], exposed[both], self.traces[both], self.affected[both])
        return WithinStrata(estimate_stratified(rows, seed=seed, flips=FLIPS), _words(kept))


def _in_order(column: pa.ChunkedArray) -> Integers:
    """The place of each text among the different ones, in their order."""
    found = column.combine_chunks().dictionary_encode()
    places = np.unique(np.array(found.dictionary.to_pylist(), dtype=str), return_inverse=True)[1]
    return places[found.indices.to_numpy(zero_copy_only=False)]


def _periods(day: Integers, traces: NDArray[np.float64]) -> Integers:
    days = int(day.max(initial=0)) + 1
    periods = min(days, max(1, int(traces.sum()) // DAYS_TRACES))
    return day * periods // days


def _decides(codes: Integers, exposed: NDArray[np.bool_]) -> bool:
    with_mark = np.bincount(codes, exposed)
    return bool(((with_mark == 0) | (with_mark == np.bincount(codes))).all())


def _words(names: list[str]) -> str:
    words = [WORDS[name] for name in names]
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)
