"""Sign flips of independent clusters: the one engine behind the score test and the max-T of the slice search.

Each cluster contributes a score with mean zero under the null hypothesis, so its sign is exchangeable: the sum over clusters
with random signs is a draw from the null distribution, whatever the clusters hold inside (Hemerik, Goeman and Finos 2020). A
p-value counts the observed arrangement among the draws (Phipson and Smyth 2010), so it is never zero.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FLIPS = 9_999
"""Draws of a test: p-values come in steps of 1 / 10,000."""

CHUNK = 4_000_000
"""Signs held in memory at once."""

MAX_UNITS = 5_000
"""Independent units whose signs are drawn one by one; more than these are first joined at random."""

MAX_SIZES = 500
"""Distinct scores up to which clusters are drawn together: from here on that costs more than the signs of all units."""

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


def flip_p_value(scores: Floats, *, shrink: float = 1.0, seed: int, flips: int = FLIPS) -> float:
    """One-sided p-value that the scores of independent clusters sum to more than zero.

    The denominator of the statistic doesn't change with the signs, so sums are compared. Clusters of the same absolute score are
    drawn together, by how many of them are flipped: the same distribution, at the cost of the distinct scores. Where more than
    `MAX_SIZES` are distinct, the clusters are flipped one by one, more than `MAX_UNITS` of them joined at random into as many
    units, which costs hardly any power: a statistic t becomes t / sqrt(1 + t^2 / MAX_UNITS).

    Args:
        scores: One score a cluster.
        shrink: How much of the observed sum counts: less than all where the scores understate their own variance.
        seed: The same seed gives the same p-value.
        flips: How many arrangements are drawn.
    """
    observed = shrink * float(scores.sum())
    told = np.sort(scores[scores != 0])  # in their order, so that the same scores give the same units
    if not told.size:
        return 1.0
    rng = np.random.Generator(np.random.PCG64(seed))
    sizes, counts = np.unique(np.abs(told), return_counts=True)
    if sizes.size > MAX_SIZES:
        units = np.bincount(join_units(np.arange(told.size), MAX_UNITS, seed), told).astype(np.float64)
        sums = _distinct(units, rng, flips)
    else:
        sums = _repeated(sizes[counts > 1], counts[counts > 1], rng, flips) + _distinct(sizes[counts == 1], rng, flips)
    # An arrangement equal to the observed one counts, though its sum was rounded on another way.
    rounding = 1e-9 * float(sizes @ counts)
    return (1 + int(np.count_nonzero(sums >= observed - rounding))) / (flips + 1)


def join_units(cluster: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """The independent unit of each row, 0, 1, ...: its cluster, or the random union of clusters that holds it.

    A union of independent clusters is as independent of the others, and which are joined doesn't depend on what they hold: a test
    stays valid, and knows the variance a little less well.

    Args:
        cluster: The cluster of each row: any integers.
        most: Units that there may be.
        seed: Of the joining.
    """
    index = np.unique(cluster, return_inverse=True)[1].astype(np.int64)
    clusters = int(index.max()) + 1
    if clusters <= most:
        return index
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(clusters)
    return (shuffled % most)[index]


def largest_by_flip(scores: Singles, *, seed: int, flips: int = FLIPS) -> Singles:
    """The largest of all statistics under each of the same random sign flips: the null distribution of max-T.

    Args:
        scores: A row a cluster, a column a test, each column of length 1, so that its sum is its statistic.
        seed: The same seed gives the same flips.
        flips: How many arrangements are drawn.

    Returns:
        One largest statistic a flip, in ascending order.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    largest = [(signs @ scores).max(axis=1) for signs in _signs(rng, flips, scores.shape[0])]
    return np.sort(np.concatenate(largest))


def _repeated(sizes: Floats, counts: NDArray[np.int64], rng: np.random.Generator, flips: int) -> Floats:
    sums = np.zeros(flips)
    step = max(1, CHUNK // flips)
    for start in range(0, sizes.size, step):
        part = slice(start, start + step)
        kept = rng.binomial(counts[part], 0.5, size=(flips, sizes[part].size))
        sums += (2 * kept - counts[part]) @ sizes[part]
    return sums


def _distinct(sizes: Floats, rng: np.random.Generator, flips: int) -> Floats:
    if not sizes.size:
        return np.zeros(flips)
    return np.concatenate([signs @ sizes for signs in _signs(rng, flips, sizes.size)])


def _signs(rng: np.random.Generator, flips: int, clusters: int) -> Iterator[Singles]:
    """All flips in chunks of bounded size, a row a flip: +1 or -1 for each cluster."""
    step = max(1, CHUNK // clusters)
    width = -(-clusters // 8)
    for start in range(0, flips, step):
        rows = min(step, flips - start)
        packed = np.frombuffer(rng.bytes(rows * width), dtype=np.uint8).reshape(rows, width)
        signs = np.unpackbits(packed, axis=1, count=clusters).astype(np.float32)
        signs *= 2
        signs -= 1
        yield signs
