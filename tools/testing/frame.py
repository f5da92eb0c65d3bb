"""What the slice search works on: for each trace its cluster, its outcomes and the values of its attributes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .plan import Quantile
from .shift import exceeds

MAX_VALUES = 50
"""Values of an attribute that make cells: the commonest."""

Flags = NDArray[np.bool_]
Codes = NDArray[np.int64]
Places = NDArray[np.int8]
"""Small numbers, because a search holds one of each trace and attribute."""


@dataclass(frozen=True)
class Outcome:
    """One outcome: which traces are affected, among those that it is about."""

    name: str
    title: str
    affected: Flags
    eligible: Flags
    """Which traces it is about; the others are neither affected nor not."""

    @classmethod
    def of_traces(cls, name: str, title: str, affected: ArrayLike) -> Self:
        """An outcome that every trace either has or hasn't."""
        flags = np.asarray(affected, dtype=bool)
        return cls(name, title, flags, np.ones(flags.size, dtype=bool))

    @classmethod
    def of_numbers(cls, name: str, title: str, values: ArrayLike, quantile: Quantile) -> Self:
        """A number taken as exceeding its pooled quantile; NaN where a trace has none."""
        numbers = np.asarray(values, dtype=np.float64)
        known = ~np.isnan(numbers)
        affected = np.zeros(numbers.size, dtype=bool)
        affected[known] = exceeds(numbers[known], quantile)
        return cls(name, title, affected, known)


@dataclass(frozen=True)
class Attribute:
    """One attribute: a code for each trace, which is a place in `values`, or -1 for no value or one that makes no cell."""

    name: str
    values: tuple[str, ...]
    codes: Codes | Places
    left_out: int = 0
    """Values that make no cell, because fifty others are commoner."""

    @classmethod
    def of_values(cls, name: str, values: Sequence[str | None]) -> Self:
        """Encode the value of each trace; None where it has none. The fifty commonest make cells."""
        known: dict[str | None, int] = {}
        places = np.array([known.setdefault(value, len(known)) for value in values], dtype=np.int64)
        return cls.of_places(name, list(known), places)

    @classmethod
    def of_places(cls, name: str, values: Sequence[str | None], places: Codes) -> Self:
        """The same of the values that there are, and where in them that of each trace stands: -1 where it has none."""
        times = np.bincount(places[places >= 0], minlength=len(values))
        counts: Counter[str] = Counter()
        for value, count in zip(values, times.tolist(), strict=True):
            if value is not None:
                counts[value] += count
        ranked = sorted(counts, key=lambda value: (-counts[value], value))
        kept = tuple(sorted(ranked[:MAX_VALUES]))
        code = {value: place for place, value in enumerate(kept)}
        codes = np.array([*(-1 if value is None else code.get(value, -1) for value in values), -1], dtype=np.int8)
        return cls(name, kept, codes[places], len(ranked) - len(kept))


@dataclass(frozen=True)
class SliceFrame:
    """The traces of a slice search: all columns in the same order of traces."""

    cluster: Codes
    """The cluster of each trace: any integers."""
    outcomes: tuple[Outcome, ...]
    attributes: tuple[Attribute, ...]

    @cached_property
    def index(self) -> Codes:
        """The cluster of each trace as 0, 1, ..."""
        return np.unique(self.cluster, return_inverse=True)[1].astype(np.int64)

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return int(self.index.max(initial=-1)) + 1
