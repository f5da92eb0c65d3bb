"""Two halves of a store, for what is found in one to be found again in the other."""

import shutil
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from .truth import Truth

TABLES = {"spans": "trace_id", "assessments": "trace_id", "trace_tags": "request_id", "trace_request_metadata": "request_id"}
"""Tables of a trace, and the column that names it; `trace_info` comes last, for the others refer to it."""


def halve(database: Path, truth: Truth, folder: Path) -> tuple[Path, Path]:
    """Copies a store twice, each with every second of its clusters."""
    halves: list[Path] = []
    for side in (0, 1):
        half = folder / f"half-{side}" / database.name
        half.parent.mkdir(parents=True)
        shutil.copyfile(database, half)
        _remove(half, [each for each, cluster in truth.clusters.items() if cluster % 2 != side])
        halves.append(half)
    return halves[0], halves[1]


def _remove(database: Path, trace_ids: Collection[str]) -> None:
    artifacts = (database.parent / "artifacts").as_uri()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = ? || '/' || experiment_id", (artifacts,))
        connection.execute("CREATE TEMP TABLE gone (trace_id TEXT PRIMARY KEY)")
        connection.executemany("INSERT INTO gone VALUES (?)", [(each,) for each in trace_ids])
        for table, column in {**TABLES, "trace_info": "request_id"}.items():
            connection.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT trace_id FROM gone)")
