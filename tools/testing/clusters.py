"""Which traces are independent of each other: clusters by session, user and same first request, and the two halves of them.

Traces of one conversation, of one user, or of one task asked again are not independent evidence. What is connected through any of
these is one cluster; all statistics of the process count clusters.
"""

import hashlib
import os
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from ..sql.catalog import Catalog

COMMONEST = 0.2
"""A key whose commonest value covers a larger share of the traces is a service account or a constant, and joins nothing."""

COLUMNS = ("trace_id", "session_id", "user_id", "request_hash", "request_time")

Codes = NDArray[np.int64]


class Clusters(NamedTuple):
    """The clusters of an experiment's traces."""

    key: str
    """The kinds of key that joined traces, as `session+request`; `trace` where each stands by itself."""
    table: pa.Table
    """`trace_id`, `cluster_id` (0, 1, ... by smallest trace id) and `half` (discovery or confirmation), in order of trace id."""


class _Traces(NamedTuple):
    """The traces of the window in order of their ids, and a code for each key: -1 where there is none."""

    ids: pa.Array
    session: Codes
    user: Codes
    request: Codes
    by_time: Codes
    """Their places from the earliest to the last; of the same time by id."""


def find_clusters(catalog: Catalog, *, salt: str) -> Clusters:
    """Find the clusters of the traces in the catalog's window.

    Each trace has up to three keys: its session, its user, and the first request of its session (its own where it has no
    session). A kind of key whose commonest value covers more than 20% of the traces is left out. So is the request, and then the
    user, while some cluster still covers more than 20%: chains of common requests and users would tie everything to everything.

    Args:
        catalog: Where the traces are, and their window.
        salt: Fixed for the experiment, so that a cluster stays in its half from one analysis to the next.
    """
    traces = _read(catalog)
    keys, count = _keys(traces), traces.by_time.size
    steps = [np.arange(count)]
    for codes in keys.values():
        steps.append(_join(steps[-1], codes))
    while len(steps) > 2 and _commonest(steps[-1]) > COMMONEST * count:
        steps.pop()
    table = pa.table({"trace_id": traces.ids, "cluster_id": steps[-1], "half": _halves(traces, steps[-1], salt)})
    joined = [kind for kind, (before, after) in zip(keys, pairwise(steps), strict=False) if after.max() < before.max()]
    return Clusters("+".join(joined) or "trace", table)


def write_clusters(clusters: Clusters, folder: Path) -> Path:
    """Write the table as Parquet, for `SqlService.extend`; named by its content, so that windows don't overwrite each other.

    Returns:
        The file.
    """
    digest = hashlib.sha256()
    for column in clusters.table.columns:
        digest.update("\n".join(map(str, column.to_pylist())).encode())
    path = folder / f"clusters-{digest.hexdigest()[:16]}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        pq.write_table(clusters.table, unfinished)
        unfinished.replace(path)
    return path


def _read(catalog: Catalog) -> _Traces:
    schema = pa.schema([(name, pa.timestamp("us") if name == "request_time" else pa.string()) for name in COLUMNS])
    parts = [
        pq.ParquetFile(path).read(columns=list(COLUMNS)).select(list(COLUMNS)).cast(schema)
        for path in catalog.files.get("traces", ())
    ]
    traces = pa.concat_tables([schema.empty_table(), *parts])
    # A trace without a time is in no window, as in SQL.
    times: Codes = traces["request_time"].cast(pa.int64()).fill_null(np.iinfo(np.int64).max).to_numpy().astype(np.int64)
    inside = times <= catalog.until_ms * 1000 + 999
    if catalog.since_ms is not None:
        inside &= times >= catalog.since_ms * 1000
    if catalog.kept is not None:
        inside &= pc.call_function(
            "is_in", [traces["trace_id"]], pc.SetLookupOptions(pq.ParquetFile(catalog.kept).read()["trace_id"])
        ).to_numpy()
    traces, times = traces.filter(pa.array(inside)), times[inside]
    ids = traces["trace_id"].combine_chunks()
    order = pc.call_function("array_sort_indices", [ids]).to_numpy()
    session, user, request = (_codes(traces[name].combine_chunks())[order] for name in COLUMNS[1:4])
    return _Traces(ids.take(pa.array(order)), session, user, request, np.argsort(times[order], kind="stable"))


def _codes(texts: pa.Array) -> Codes:
    """A number for each distinct text; -1 for none and for the empty one."""
    found = texts.dictionary_encode()
    numbers = np.array([*(place if text else -1 for place, text in enumerate(found.dictionary.to_pylist())), -1], dtype=np.int64)
    return numbers[found.indices.fill_null(-1).to_numpy(zero_copy_only=False)]


def _keys(traces: _Traces) -> dict[str, Codes]:
    """The kinds of key that may join, strongest first."""
    session = traces.session if _may_join(traces.session) else np.full_like(traces.session, -1)
    keys = {"session": session, "user": traces.user, "request": _of_first(traces.request, session, traces.by_time)}
    return {kind: codes for kind, codes in keys.items() if _may_join(codes)}


def _may_join(codes: Codes) -> bool:
    return 0 < _commonest(codes) <= COMMONEST * codes.size


def _of_first(codes: Codes, session: Codes, by_time: Codes) -> Codes:
    """For a trace of a session the code of the session's first trace, for another its own."""
    result, in_session = codes.copy(), session >= 0
    earliest = _first(session, by_time[in_session[by_time]])
    result[in_session] = codes[earliest[session[in_session]]]
    return result


def _first(labels: Codes, order: Codes) -> Codes:
    """For each label, 0, 1, 2, ..., the first place in the order that has it; 0 where none has."""
    first = np.zeros(int(labels.max(initial=-1)) + 1, dtype=np.int64)
    first[labels[order[::-1]]] = order[::-1]  # of several the one that is written last stays
    return first


def _commonest(codes: Codes) -> int:
    known = codes[codes >= 0]
    return int(np.bincount(known).max()) if known.size else 0


def _join(clusters: Codes, codes: Codes) -> Codes:
    """The cluster of each trace where those with the same code are one; numbered in order of appearance, as those before were."""
    known, nodes = codes >= 0, int(clusters.max(initial=-1)) + 1
    left, right = clusters[known], codes[known] + nodes
    size = nodes + int(codes.max(initial=-1)) + 1
    graph = sparse.coo_array((np.ones(left.size), (left, right)), shape=(size, size))
    labels: Codes = csgraph.connected_components(graph, directed=False)[1][:nodes].astype(np.int64)
    rank = np.empty(int(labels.max(initial=-1)) + 1, dtype=np.int64)
    rank[np.argsort(_first(labels, np.arange(nodes)))] = np.arange(rank.size)
    return rank[labels][clusters]


def _halves(traces: _Traces, labels: Codes, salt: str) -> pa.Array:
    """The half of each trace's cluster.

    A cluster is named by its earliest trace: a session that goes on next week keeps its half, while its smallest trace id,
    a random one, might change.
    """
    earliest = traces.ids.take(pa.array(_first(labels, traces.by_time)))
    odd = np.array([_odd(salt + name) for name in earliest.to_pylist()], dtype=np.int64)
    return pa.array(["discovery", "confirmation"]).take(pa.array(odd[labels]))


def _odd(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[-1] % 2 == 1
