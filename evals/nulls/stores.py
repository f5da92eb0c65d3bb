"""Made-up stores for whole analyses in process: traces by session, with everything that the tested families look at.

Each store has 20 rates, 10 labels that are compared, and attributes that are searched for segments. Which are true is known:

- boundary: every rate is AT its threshold and every ratio AT 1;
- shuffled: sessions and faults hang together as in a real store (long sessions fail more, kinds of session differ), and then the
  labels and attributes are dealt anew to whole sessions, so that none means anything;
- mixed: 8 rates are three times their threshold, 3 labels and one segment triple a fault, and all else is at the boundary.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analyze_experiment.tools.testing.slices import Attribute, Outcome, SliceFrame

Kind = Literal["boundary", "shuffled", "mixed"]

THRESHOLDS = (0.01, 0.02, 0.05, 0.1) * 5
TRUE_RATES = 8
LABELS, TRUE_LABELS = 10, 3
TIMES = 3.0
"""How much more of a fault there is where there is one."""
BASE = 0.12
"""The share of a fault that labels and segments are compared for."""
VALUES = (2, 3, 4, 4, 5)
"""Values of each attribute."""
PLANTED = (2, 1)
"""The segment that is worse in a mixed store: attribute and value."""
LARGEST = 12

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Fault:
    """One outcome, with the threshold of its rate or the label that it is compared by, and whether it is truly so."""

    affected: Flags
    true: bool
    threshold: float = 0.0
    label: Flags | None = None


@dataclass(frozen=True)
class Store:
    """The traces of one store."""

    cluster: Integers
    rates: tuple[Fault, ...]
    contrasts: tuple[Fault, ...]
    frame: SliceFrame
    planted: bool
    """Whether a segment is worse."""

    @property
    def blind(self) -> "Store":
        """The same traces, each taken as independent."""
        alone = np.arange(self.cluster.size)
        return replace(self, cluster=alone, frame=replace(self.frame, cluster=alone))


class _Maker:
    """Draws what sessions have in common and what their traces do."""

    def __init__(self, rng: np.random.Generator, kind: Kind, *, sessions: int, icc: float) -> None:
        self.rng, self.kind, self.sessions, self.icc = rng, kind, sessions, icc
        sizes = rng.integers(1, LARGEST + 1, sessions)
        self.cluster = np.repeat(np.arange(sessions), sizes)
        # Long sessions, and some kinds of session, have more of every fault in a store whose labels are shuffled.
        self.factor = sizes / LARGEST * rng.choice((0.5, 1.5), sessions) + 0.3 if kind == "shuffled" else np.ones(sessions)

    def affected(self, rate: float, times: NDArray[np.float64] | float = 1.0) -> Flags:
        """Which traces have a fault, at a rate by session that spreads around `rate` with the store's correlation."""
        share = np.clip(rate * self.factor, 0.0, 0.5)
        if self.icc:
            strength = 1 / self.icc - 1
            share = self.rng.beta(share * strength, (1 - share) * strength)
        return self.rng.random(self.cluster.size) < np.clip(share[self.cluster] * times, 0.0, 1.0)

    def label(self, place: int) -> Flags:
        """Three of ten: whole sessions, and in a boundary or mixed store every other label by trace."""
        if place % 2 and self.kind != "shuffled":
            return self.rng.random(self.cluster.size) < 0.3
        return (self.rng.random(self.sessions) < 0.3)[self.cluster]

    def rates(self) -> tuple[Fault, ...]:
        if self.kind == "shuffled":
            return ()  # dealing labels anew leaves a rate what it is
        true = [self.kind == "mixed" and place < TRUE_RATES for place in range(len(THRESHOLDS))]
        return tuple(
            Fault(self.affected(threshold * (TIMES if more else 1)), more, threshold=threshold)
            for threshold, more in zip(THRESHOLDS, true, strict=True)
        )

    def contrasts(self) -> tuple[Fault, ...]:
        made: list[Fault] = []
        for place in range(LABELS):
            label, true = self.label(place), self.kind == "mixed" and place < TRUE_LABELS
            made.append(Fault(self.affected(BASE, np.where(label, TIMES, 1.0) if true else 1.0), true, label=label))
        return tuple(made)

    def frame(self) -> SliceFrame:
        codes = [self.rng.integers(0, size, self.sessions)[self.cluster] for size in VALUES]
        attributes = tuple(
            Attribute(f"a{place}", tuple(f"v{value}" for value in range(size)), each.astype(np.int64))
            for place, (size, each) in enumerate(zip(VALUES, codes, strict=True))
        )
        attribute, value = PLANTED
        times = np.where(codes[attribute] == value, TIMES, 1.0) if self.kind == "mixed" else 1.0
        slow = np.exp(self.rng.normal(scale=np.sqrt(self.icc), size=self.sessions)[self.cluster])
        outcomes = (
            Outcome.of_traces("planted", "planted", self.affected(BASE, times)),
            Outcome.of_traces("null", "null", self.affected(BASE)),
            Outcome.of_numbers("slow", "slow", slow * self.rng.lognormal(size=self.cluster.size), "p95"),
        )
        return SliceFrame(self.cluster, outcomes, attributes)


def make_store(rng: np.random.Generator, kind: Kind, *, sessions: int, icc: float) -> Store:
    """One store of a kind, with so many sessions of 1 to 12 traces each, alike inside by the intraclass correlation."""
    maker = _Maker(rng, kind, sessions=sessions, icc=icc)
    return Store(maker.cluster, maker.rates(), maker.contrasts(), maker.frame(), kind == "mixed")
