"""A copy of an experiment's traces that a cluster makes of its own tables and keeps: nothing of a trace's content comes here.

Here are, per trace, its id, its time, the digest of its state, and digests of what joins it to others: by these a copy is known
to hold still, and a record and clusters are made. A copy is made anew where any trace of the window is another. Those that nobody
has used for two days are removed by whoever takes the next one.
"""
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import json
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import EngineError, QueryError, StoreError
from ..sql.catalog import Catalog
from ..sql.engines.base import Cluster
from ..sql.relations import SPANS, TRACES
from .changes import Changes, changes
from .freshness import Count
from .manifest import INDEX, PARTS, RETIRED_S, Manifest, Part, Whole, Window
from .on_cluster import RELATION_COLUMNS, STATE_COLUMNS, relations, states
from .refresh import Range
from .sources.base import BEGINNING, Key
from .sources.databricks_rows import CONTENT, HEADER_COLUMNS, TraceView
from .worker import named_by_content

NAME = "there.json"
ROWS = "rows"
DIFFERS = """SELECT count(*) FROM now FULL JOIN (FROM read_parquet($index) WHERE timestamp_ms BETWEEN $since AND $until) held
    USING (trace_id) WHERE now.state IS DISTINCT FROM held.state"""
INDEX_ROWS = "SELECT `index`.* FROM held WHERE relation = 'index' ORDER BY trace_id"
KEYS = """SELECT traces.trace_id, md5(nullif(traces.session_id, '')) AS session_id, md5(nullif(traces.user_id, '')) AS user_id,
    traces.request_hash, traces.request_time FROM held WHERE relation = 'traces' ORDER BY trace_id"""
"""What joins traces, as digests."""


class Copied(NamedTuple):
    """What a copy that is elsewhere leaves here."""

    windows: list[Window]
    """At most one, with the file of its index."""
    changes: Changes
    counted: Count
    catalog: Catalog


@dataclass(frozen=True)
class _Held:
    """One copy at the cluster."""

    address: str
    since_ms: int | None
    until_ms: int
    used: float
    """When it was last taken, seconds since the epoch."""
    index: Part | None = None
    """None: it isn't finished."""
    keys: Part | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """As it stands in the list."""
        index, keys = (data[name] and Part.from_json(data[name]) for name in ("index", "keys"))
        return cls(data["address"], data["since_ms"], data["until_ms"], data["used"], index, keys)


def copy_there(
    view: TraceView,
    cluster: Cluster,
    folder: Path,
    wanted: Range,
    progress: Callable[[int, int], None],
    *,
    anew: bool = False,
) -> Copied:
    """Has the cluster make a copy of the wanted range, unless one that it made still holds.

    Only to be called with the folder locked.

    Args:
        view: Where the traces are.
        cluster: What reads and writes them.
        folder: Where what comes here is kept.
        wanted: Times of the traces.
        progress: Is told how many traces of how many are copied; it may end that by raising.
        anew: No copy that there is is trusted.

    Raises:
        EngineError: The cluster is gone, or its Python lacks something.
        StoreError: It can't read the tables, or not write to its files.
    """
    try:
        return _copied_there(view, cluster, folder, wanted, progress, anew=anew)
    except QueryError as error:
        raise StoreError(
            f"The cluster can't make its copy of the traces in {view.location}_trace_unified: see that whom its token is of may "
            f"SELECT there, and write to {cluster.files}. ({error})"
        ) from error


def _copied_there(
    view: TraceView, cluster: Cluster, folder: Path, wanted: Range, progress: Callable[[int, int], None], *, anew: bool
) -> Copied:
    scope = view.scope(BEGINNING.timestamp_ms if wanted.since_ms is None else wanted.since_ms, wanted.until_ms)
    copies = _swept(_listed(folder), cluster, folder)
    now = cluster.run(f"SELECT {HEADER_COLUMNS} FROM ({scope})", states(view), STATE_COLUMNS, progress=lambda _: progress(0, 0))
    if not now.num_rows:
        nothing: dict[str, tuple[str, ...]] = {TRACES.name: (), SPANS.name: ()}
        return Copied([], Changes(), Count(None, 0), Catalog(view.experiment_id, nothing, *wanted))
    progress(0, now.num_rows)
    last = copies[-1] if copies else None
    held = None if anew else next((each for each in reversed(copies) if _holds(folder, each, now, wanted)), None)
    if held is None:
        held = _made(
            view, cluster, folder, wanted, copies, scope, lambda share: progress(int(share * now.num_rows), now.num_rows)
        )
    held = replace(held, used=time.time())
    _write([*(each for each in copies if each.address != held.address), held], folder)
    progress(now.num_rows, now.num_rows)
    return _copied(view, folder, wanted, held, last)


def _made(
    view: TraceView,
    cluster: Cluster,
    folder: Path,
    wanted: Range,
    copies: Sequence[_Held],
    scope: str,
    progress: Callable[[float], None],
) -> _Held:
    """A new copy; it is listed before there is anything of it, so that none is left behind by a kill."""
    held = _Held(f"{cluster.files}/traces-{uuid.uuid4().hex}", wanted.since_ms, wanted.until_ms, time.time())
    _write([*copies, held], folder)
    rows = f"{held.address}/{ROWS}"
    try:
        statement = f"SELECT {HEADER_COLUMNS}, {CONTENT} FROM ({scope})"
        cluster.write(statement, relations(view), RELATION_COLUMNS, rows, by="relation", progress=progress)
        index, keys = (cluster.query(statement, rows) for statement in (INDEX_ROWS, KEYS))
    except BaseException:
        _swept([held], cluster, folder)
        _write(copies, folder)
        raise
    return replace(held, index=_kept("index", index, folder), keys=_kept("keys", keys, folder))


def _copied(view: TraceView, folder: Path, wanted: Range, held: _Held, last: _Held | None) -> Copied:
    """What there is here of a copy, and what differs from the one that was taken last, where that was of the same range."""
    assert held.index is not None and held.keys is not None, "it is finished"
    index = pq.ParquetFile(folder / PARTS / held.index.name).read(["timestamp_ms", "trace_id"])
    low = min(Key(*each.values()) for each in index.to_pylist())
    whole = _whole(held.since_ms, wanted.until_ms, held.index)
    same_range = last is not None and last.since_ms == held.since_ms and last.until_ms <= wanted.until_ms
    before = _whole(last.since_ms, last.until_ms, last.index) if last and last.index and same_range else Whole()
    window = Window(low, traces=index.num_rows, parts={INDEX: held.index})
    Manifest((window,), wanted.until_ms, whole).write(folder)
    files = {TRACES.name: (str(folder / PARTS / held.keys.name),), SPANS.name: ()}
    catalog = Catalog(view.experiment_id, files, *wanted, there=f"{held.address}/{ROWS}")
    return Copied([window], changes(folder, before, whole), Count(None, index.num_rows), catalog)


def _whole(since_ms: int | None, until_ms: int, index: Part) -> Whole:
    return Whole(BEGINNING.timestamp_ms if since_ms is None else since_ms, until_ms, (index,))


def _holds(folder: Path, held: _Held, now: pa.Table, wanted: Range) -> bool:
    """Whether the copy has all traces of the range as they are now, and no other."""
    path = folder / PARTS / held.index.name if held.index else None
    if path is None or not path.is_file():
        return False
    since = BEGINNING.timestamp_ms if wanted.since_ms is None else wanted.since_ms
    with duckdb.connect() as duck:
        duck.register("now", now)
        ((different,),) = duck.execute(DIFFERS, {"index": str(path), "since": since, "until": wanted.until_ms}).fetchall()
    return not different


def _kept(name: str, rows: pa.Table, folder: Path) -> Part:
    path = folder / PARTS / f"{name}-{os.getpid()}.tmp"
    path.touch(mode=0o600)
    pq.write_table(rows, path, compression="zstd")
    return named_by_content(name, path)


def _listed(folder: Path) -> list[_Held]:
    """The copies that were made from here, the one taken last at the end."""
    try:
        listed = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    return sorted(map(_Held.from_json, listed), key=lambda each: each.used)


def _write(copies: Sequence[_Held], folder: Path) -> None:
    temporary = folder / f"{NAME}-{os.getpid()}.tmp"
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps([asdict(each) for each in copies], indent=1), encoding="utf-8")
    temporary.replace(folder / NAME)


def _swept(copies: Sequence[_Held], cluster: Cluster, folder: Path) -> list[_Held]:
    """The copies without those that are unfinished or were not used for long, which are removed."""
    kept = [each for each in copies if each.index is not None and time.time() - each.used <= RETIRED_S]
    named = {part.name for each in kept for part in (each.index, each.keys) if part}
    for each in copies:
        if each not in kept:
            with suppress(QueryError, EngineError):  # it may be gone, or the cluster
                cluster.remove(each.address)
            for part in (each.index, each.keys):
                if part is not None and part.name not in named:
                    (folder / PARTS / part.name).unlink(missing_ok=True)
    return kept
