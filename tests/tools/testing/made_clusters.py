"""Clusters of every shape for tests of the statistics, and the settings under which they are tried."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from analyze_experiment.tools.testing.contrast import ClusterTable

SHORT = settings(max_examples=40, deadline=None, derandomize=True)

COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CLUSTERS = st.lists(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=40)


def singles(affected: int, traces: int) -> tuple[list[int], list[int]]:
    return [1] * affected + [0] * (traces - affected), [1] * traces


def mixed_table(clusters: int, seed: int) -> ClusterTable:
    """Labels that vary within a session, and ones that don't."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(1, 6, clusters))
    exposed = np.where(cluster % 2 == 0, rng.random(cluster.size) < 0.5, cluster % 4 == 1)
    return ClusterTable.of(cluster, exposed, rng.random(cluster.size) < np.where(exposed, 0.5, 0.3))
