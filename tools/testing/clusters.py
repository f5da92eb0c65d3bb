"""Which traces are independent of each other: clusters by session, user and same first request, and the two halves of them.

Traces of one conversation, of one user, or of one task asked again are not independent evidence. What is connected through any of
these is one cluster; all statistics of the process count clusters.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
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

    ids: list[str]
    session: Codes
    user: Codes
    request: Codes
    times: Codes


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
    count = len(traces.ids)
    keys = _keys(traces)
    labels = _components(keys, count)
    while len(keys) > 1 and _commonest(labels) > COMMONEST * count:
        keys.popitem()
        labels = _components(keys, count)
    halves = _halves(traces, labels, salt)
    table = pa.table({"trace_id": pa.array(traces.ids, pa.string()), "cluster_id": labels, "half": pa.array(halves, pa.string())})
    return Clusters(_name(keys, count), table)


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
    traces = pa.concat_tables([schema.empty_table(), *parts]).sort_by("trace_id")
    # A trace without a time is in no window, as in SQL.
    times: Codes = traces["request_time"].cast(pa.int64()).fill_null(np.iinfo(np.int64).max).to_numpy().astype(np.int64)
    inside = times <= catalog.until_ms * 1000 + 999
    if catalog.since_ms is not None:
        inside &= times >= catalog.since_ms * 1000
    if catalog.kept is not None:
        kept = pq.ParquetFile(catalog.kept).read()["trace_id"].to_numpy()
        inside &= np.isin(traces["trace_id"].to_numpy().astype(str), kept.astype(str))
    traces = traces.filter(pa.array(inside))
    session, user, request = (_codes(traces[name].combine_chunks()) for name in COLUMNS[1:4])
    return _Traces(traces["trace_id"].to_pylist(), session, user, request, times[inside])


def _codes(texts: pa.Array) -> Codes:
    """A number for each distinct text; -1 for none and for the empty one."""
    found = texts.dictionary_encode()
    numbers = np.array([*(place if text else -1 for place, text in enumerate(found.dictionary.to_pylist())), -1], dtype=np.int64)
    return numbers[found.indices.fill_null(-1).to_numpy(zero_copy_only=False)]


def _keys(traces: _Traces) -> dict[str, Codes]:
    """The kinds of key that may join, strongest first."""
    session = traces.session if _may_join(traces.session) else np.full_like(traces.session, -1)
    keys = {"session": session, "user": traces.user, "request": _of_first(traces.request, session, traces.times)}
    return {kind: codes for kind, codes in keys.items() if _may_join(codes)}


def _may_join(codes: Codes) -> bool:
    return 0 < _commonest(codes) <= COMMONEST * codes.size


def _of_first(codes: Codes, session: Codes, times: Codes) -> Codes:
    """For a trace of a session the code of the session's first trace, for another its own."""
    order = np.lexsort((np.arange(times.size), times))
    seen, first = np.unique(session[order], return_index=True)
    result = codes.copy()
    in_session = session >= 0
    result[in_session] = codes[order[first]][np.searchsorted(seen, session[in_session])]
    return result


def _commonest(codes: Codes) -> int:
    known = codes[codes >= 0]
    return int(np.bincount(known).max()) if known.size else 0


def _components(keys: dict[str, Codes], traces: int) -> Codes:
    """The cluster of each trace: what the keys connect, numbered in order of appearance, that is of the smallest trace id."""
    rows, columns, nodes = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], traces
    for codes in keys.values():
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        columns.append(codes[known] + nodes)
        nodes += int(codes.max()) + 1
    left, right = np.concatenate(rows), np.concatenate(columns)
    graph = sparse.coo_array((np.ones(left.size, dtype=np.int8), (left, right)), shape=(nodes, nodes))
    labels = csgraph.connected_components(graph, directed=False)[1][:traces]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse]


def _name(keys: dict[str, Codes], traces: int) -> str:
    """The kinds of key that joined something that those before them had not."""
    joined: list[str] = []
    tried: dict[str, Codes] = {}
    clusters = traces
    for kind, codes in keys.items():
        tried[kind] = codes
        left = int(_components(tried, traces).max(initial=-1)) + 1
        if left < clusters:
            joined.append(kind)
        clusters = left
    return "+".join(joined) or "trace"


def _halves(traces: _Traces, labels: Codes, salt: str) -> list[str]:
    """The half of each trace's cluster.

    A cluster is named by its earliest trace: a session that goes on next week keeps its half, while its smallest trace id,
    a random one, might change.
    """
    order = np.lexsort((np.arange(labels.size), traces.times))
    earliest = order[np.unique(labels[order], return_index=True)[1]]
    halves = ["confirmation" if _odd(salt + traces.ids[row]) else "discovery" for row in earliest]
    return [halves[label] for label in labels]


def _odd(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[-1] % 2 == 1
