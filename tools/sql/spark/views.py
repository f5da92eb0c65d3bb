"""The relations of a catalog as views of a Spark session: the snapshot's files, cut to the analysis's window.

The rows are those of `tools/sql/engines/duckdb.py`, relation by relation.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from filelock import FileLock

from ..catalog import Catalog
from ..relations import RELATIONS, Relation, ddl
from .session import SparkSession

Locate = Callable[[Sequence[str]], list[str]]
"""From the paths of files here to where the server finds them."""


def make_views(session: SparkSession, catalog: Catalog, locate: Locate) -> None:
    """Makes one view for each relation; those of an earlier catalog are replaced.

    Raises:
        QueryError: The server can't read the files.
    """
    if catalog.there is not None:
        locate = partial(_brought, session, catalog.there)
    frames = {relation.name: _frame(session, relation, catalog, locate) for relation in RELATIONS}
    kept = session.parquet(locate([catalog.kept])) if catalog.kept else None
    outside = None if kept is not None else _outside(frames["traces"], catalog)
    for name, frame in frames.items():
        session.name(_cut(name, frame, kept, outside), name)
    for name, paths in sorted(catalog.files.items()):
        if name not in frames and paths:
            session.name(session.parquet(locate(paths)), name)


def _brought(session: SparkSession, there: str, paths: Sequence[str]) -> list[str]:
    """Where the server finds files that were made here, beside the relations that it made itself; with which they go."""
    addresses = [f"{there.rpartition('/')[0]}/{Path(path).stem}" for path in paths]
    for path, address in zip(paths, addresses, strict=True):
        with FileLock(Path(path).with_name("bringing.lock"), mode=0o600):  # several workers begin over the same files
            session.put(pq.ParquetFile(path).read(), address)
    return addresses


def _frame(session: SparkSession, relation: Relation, catalog: Catalog, locate: Locate) -> Any:
    if catalog.there is not None:
        columns = f"relation STRING, `{relation.name}` STRUCT<{ddl(relation)}>"
        rows = session.parquet([catalog.there], columns).where(f"relation = '{relation.name}'")
        return rows.selectExpr(f"`{relation.name}`.*")
    paths = catalog.files.get(relation.name, ())
    return session.parquet(locate(paths), ddl(relation)) if paths else session.nothing(ddl(relation))


def _outside(traces: Any, catalog: Catalog) -> Any:
    """The ids of the traces that began before or after the window; None where there are none."""
    ids = traces.where(_is_outside(catalog)).select("trace_id")
    return None if ids.isEmpty() else ids


def _is_outside(catalog: Catalog) -> str:
    after = f"request_time > timestamp_millis({catalog.until_ms})"
    return after if catalog.since_ms is None else f"{after} OR request_time < timestamp_millis({catalog.since_ms})"


def _cut(name: str, frame: Any, kept: Any, outside: Any) -> Any:
    """A relation's rows of traces within the window; `kept` is inside of it."""
    if kept is not None:
        return frame.join(kept, "trace_id", "left_semi")
    return frame if outside is None else frame.join(outside, "trace_id", "left_anti")
