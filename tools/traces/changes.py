"""What a refresh found: the traces of a copy before and after it, compared by the state that its index keeps of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from .manifest import PARTS, Part, Whole

COUNTS = """SELECT count(*) FILTER (before.trace_id IS NULL),
    count(*) FILTER (before.trace_id IS NULL AND now.timestamp_ms BETWEEN $since_ms AND $until_ms),
    count(*) FILTER (before.state <> now.state), count(*) FILTER (now.trace_id IS NULL)
FROM (FROM read_parquet($before) WHERE NOT excluded) before
    FULL JOIN (FROM read_parquet($now) WHERE NOT excluded) now USING (trace_id)"""
NOTHING = "SELECT '' AS trace_id, 0::BIGINT AS timestamp_ms, true AS excluded, '' AS state"


@dataclass(frozen=True)
class Changes:
    """How many traces differ from the copy as its last whole refresh left it; all are new in a first copy."""

    new: int = 0
    late: int = 0
    """Of the new ones, those whose times were copied before: they came after their time."""
    changed: int = 0
    """Something of them is another: spans, state, tags, metadata or assessments."""
    deleted: int = 0


def changes(folder: Path, before: Whole, now: Whole) -> Changes:
    """What has changed in the copy in this folder; only windows that were copied again are looked at."""
    same = set(before.indexes) & set(now.indexes)
    with duckdb.connect() as duck:
        given: dict[str, object] = {"since_ms": before.since_ms, "until_ms": before.horizon_ms}
        query = COUNTS
        for name, whole in (("before", before), ("now", now)):
            files = _files(folder, (part for part in whole.indexes if part not in same))
            if files:
                given[name] = files
            else:
                query = query.replace(f"read_parquet(${name})", f"({NOTHING})")
        ((new, late, changed, deleted),) = duck.execute(query, given).fetchall()
    return Changes(new, late, changed, deleted)


def _files(folder: Path, parts: Iterable[Part]) -> list[str]:
    """Those that are still whole."""
    paths = ((folder / PARTS / part.name, part.size) for part in parts)
    return [str(path) for path, size in paths if path.is_file() and path.stat().st_size == size]
