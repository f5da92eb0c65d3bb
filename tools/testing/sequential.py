"""How many traces of a population are affected, known from reading them one by one in random order, at whatever moment one stops.

`n` of `N` traces are read without replacement, `x` of them are affected; `K`, those affected in all, isn't known. The likelihood
of K is that of the draw; betting on a beta-binomial mixture of all K on one side against the best K on the other gives an
e-value: where that other side is true, it exceeds 1/a with probability a at most, however long one goes on and whenever one
stops (Ville's inequality). So it may be looked at after each trace. The interval is all K that the mixture doesn't refute.
(Waudby-Smith and Ramdas 2020: confidence sequences for sampling without replacement.)

A trace that could not be judged counts against whatever is being shown: as not affected for validating, as affected for
rejecting.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Answer = Literal["affected", "not", "unclear"]
Stop = Literal["validated", "rejected", "cap", "all read"]

CAP_FACTOR = 1.5
"""How many traces are read at most, where the plan names no cap, as a multiple of what a fixed sample would need."""
POWER = 0.9
"""Of the fixed sample that a reading is compared with, at the share from which it would matter."""
AGAINST = math.log(10)
"""The logarithm of the e-value from which a reading is stopped as refuted."""
CERTAIN = 999.0
"""A logarithm that stands for certainty: no K of the other side is left."""
_ROUNDING = 1e-9

Floats = NDArray[np.float64]


class ShareBounds(NamedTuple):
    """The two ends of an interval, as shares of the population."""

    low: float
    high: float


class Counted(NamedTuple):
    """What the traces read so far were judged to be."""

    read: int = 0
    affected: int = 0
    unclear: int = 0

    def plus(self, answer: Answer) -> "Counted":
        """With one trace more."""
        return Counted(self.read + 1, self.affected + (answer == "affected"), self.unclear + (answer == "unclear"))


class ReadBound:
    """What answers say about a population of a given size. Each question costs time and memory in proportion to that size."""

    def __init__(self, population: int, *, threshold: float, material: float) -> None:
        """Compares with two shares.

        Args:
            population: Traces that could be read.
            threshold: At most this share is affected, as long as that isn't refuted.
            material: At least this share is affected, as long as that isn't refuted.
        """
        self.population = population
        self.most_null = math.floor(threshold * population + _ROUNDING)
        """The largest K that doesn't exceed the threshold."""
        self.least_material = math.ceil(material * population - _ROUNDING)
        """The smallest K that would matter."""
        self._log_factorial: Floats = special.gammaln(np.arange(population + 1, dtype=np.float64) + 1)
        share = (np.arange(population + 1) + 0.5) / (population + 1)
        self._log_weight: Floats = -0.5 * (np.log(share) + np.log1p(-share))

    def log_for(self, counted: Counted) -> float:
        """The logarithm of the e-value against "no more than the threshold"."""
        return self._log_evidence(counted.read, counted.affected, first=self.most_null + 1, last=self.population)

    def log_against(self, counted: Counted) -> float:
        """The logarithm of the e-value against "at least the share that would matter"."""
        return self._log_evidence(counted.read, counted.affected + counted.unclear, first=0, last=self.least_material - 1)

    def interval(self, counted: Counted, *, level: float = 0.95) -> ShareBounds:
        """Which shares the answers don't refute; it holds at this level at whatever moment it is looked at."""
        low = self._kept(counted.read, counted.affected, level)[0]
        high = self._kept(counted.read, counted.affected + counted.unclear, level)[1]
        return ShareBounds(low / max(self.population, 1), high / max(self.population, 1))

    def _log_likelihood(self, read: int, affected: int) -> Floats:
        """For K = affected, affected + 1, ...: of drawing just these. Every other K is impossible."""
        facts, size, rest = self._log_factorial, self.population, self.population - read
        unread_ways = facts[rest] - facts[: rest + 1] - facts[rest::-1]
        all_ways = facts[size] - facts[affected : affected + rest + 1] - facts[read - affected : size - affected + 1][::-1]
        return unread_ways - all_ways

    def _log_evidence(self, read: int, affected: int, *, first: int, last: int) -> float:
        """The mixture over K = first..last against the best K outside."""
        if first > last:
            return -CERTAIN
        likelihood = self._log_likelihood(read, affected)
        inside = slice(max(first - affected, 0), max(last - affected + 1, 0))
        mixed = likelihood[inside] + self._log_weight[affected : affected + likelihood.size][inside]
        others = np.concatenate((likelihood[: inside.start], likelihood[inside.stop :]))
        if not mixed.size:
            return -CERTAIN
        if not others.size:
            return CERTAIN
        found = special.logsumexp(mixed) - special.logsumexp(self._log_weight[first : last + 1]) - others.max()
        return float(np.clip(found, -CERTAIN, CERTAIN))

    def _kept(self, read: int, affected: int, level: float) -> tuple[int, int]:
        mixture = special.betaln(0.5 + affected, 0.5 + read - affected) - special.betaln(0.5, 0.5)
        kept = np.flatnonzero(mixture - self._log_likelihood(read, affected) < -math.log(1 - level))
        return affected + int(kept[0]), affected + int(kept[-1])


@dataclass
class SequentialRead:
    """One question, asked of one trace after another in random order, until its answer is known well enough."""

    bound: ReadBound
    stop_for: float
    """The logarithm of the e-value from which the statement is validated: of slots / level."""
    cap: int
    """Traces that are read at most."""
    least: int = 1
    """Traces that are read at least, where there are so many: a share of three is proven soon, and known badly."""
    counted: Counted = Counted()

    @property
    def stopped(self) -> Stop | None:
        """Why it needs no further answer; None where it does."""
        if self.counted.read < min(self.least, self.cap, self.bound.population):
            return None
        if self.bound.log_for(self.counted) >= self.stop_for:
            return "validated"
        if self.bound.log_against(self.counted) >= AGAINST:
            return "rejected"
        if self.counted.read >= self.bound.population:
            return "all read"
        return "cap" if self.counted.read >= self.cap else None

    def take(self, answer: Answer) -> None:
        """Counts the next answer, in the order of the draw."""
        self.counted = self.counted.plus(answer)


@dataclass
class FullRead:
    """One question, asked of every trace there is; what is known already was counted elsewhere."""

    cap: int
    """Traces to be read."""
    counted: Counted = Counted()

    @property
    def stopped(self) -> Stop | None:
        """Whether all are read."""
        return "all read" if self.counted.read >= self.cap else None

    def take(self, answer: Answer) -> None:
        """Counts the next answer."""
        self.counted = self.counted.plus(answer)


def fixed_sample(bound: ReadBound, *, level: float, power: float = POWER) -> int:
    """How many traces a sample of fixed size needs, to find the least share that would matter with this power.

    The exact test of the hypergeometric draw has a power that saws up and down with the size; this is one at which it suffices.
    """
    low, high = 0, bound.population
    while high - low > 1:
        middle = (low + high) // 2
        null, material = (
            stats.hypergeom(bound.population, affected, middle) for affected in (bound.most_null, bound.least_material)
        )
        critical = int(null.isf(level)) + 1
        enough = float(material.sf(critical - 1)) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def default_cap(bound: ReadBound, *, level: float) -> int:
    """How many traces are read at most where the plan doesn't say; never more than there are."""
    return min(bound.population, math.ceil(CAP_FACTOR * fixed_sample(bound, level=level)))
