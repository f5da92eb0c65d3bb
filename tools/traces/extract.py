"""Turns the raw rows of a window into the relations as Parquet, inside DuckDB with bounded memory."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from ..sql.relations import ASSESSMENTS, SPANS, TRACES
from . import extract_statements as sql
from .columns import in_order, text_column
from .failures import error_in_output
from .manifest import INDEX
from .places import Places
from .sources.base import SPAN_SCHEMA, Headers, RawWindow
from .texts import Json, request_text, response_text

MEMORY_LIMIT = "1GB"
"""What DuckDB may hold before it spills; a window's content is about a tenth of it."""
FILES = (TRACES.name, SPANS.name, ASSESSMENTS.name, INDEX)
ROW_GROUP = 16_384
"""Rows that are written together: all of a window's would have to be held as often as the writer handles them."""
DISTINCT = 4_000
"""Of a column with more different values no dictionary is made: ids of traces have one, payloads none."""
PARQUET = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT {DISTINCT}, ROW_GROUP_SIZE {ROW_GROUP}"
UNWANTED = ("statistics_propagation", "join_order", "build_side_probe_side")
"""Optimizers that are off. What the first learns it writes into the schema: a file that happens to hold no NULL would say NOT
NULL. The others exchange the sides of a join, and so change the order of rows."""
TEXTS: dict[str, Callable[[str | None], str | None]] = {
    "request_text": request_text,
    "response_text": response_text,
    "error_in_output": error_in_output,
}
"""Done in Python, because the shapes they know are many and easier read there."""


class Extractor:
    """A DuckDB session that extracts one window after the other."""

    def __init__(self) -> None:
        # One thread: a window is too small to be shared out, and the same window gives the same bytes.
        threads = {"threads": 1, "async_threads": 0}
        self.duck = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": "", **threads})
        self.spill: Path | None = None
        self.duck.execute(f"SET disabled_optimizers = '{','.join(UNWANTED)}'")
        for name, function in TEXTS.items():
            self.duck.create_function(name, over_column(function), ["VARCHAR"], "VARCHAR", type=ARROW, null_handling=SPECIAL)
        for statement in sql.MACROS:
            self.duck.execute(statement)

    def spill_into(self, folder: Path) -> None:
        """Where what is too much for memory goes; until this is said nowhere, least of all into the working folder."""
        if folder != self.spill:
            self.duck.execute("SET temp_directory = $folder", {"folder": str(folder)})
            self.spill = folder

    def fingerprint(self, headers: Headers) -> str:
        """What identifies the state of these traces in their source; '' where there are none."""
        self._register(headers)
        return self._fingerprint()

    def states(self, headers: Headers) -> pa.Table:
        """Of each trace its id, its time, whether it is excluded, and what identifies its state."""
        self._register(headers)
        return self.duck.sql(sql.STATE_ROWS).to_arrow_table()

    def extract(self, window: RawWindow, folder: Path) -> tuple[str, dict[str, Path]]:
        """Writes the window as Parquet, one file each of `FILES`; gives its fingerprint, and where they are."""
        paths = {name: folder / f"{name}-{os.getpid()}.tmp" for name in FILES}
        traces, places = self._register(window.headers), self._write_spans(window, paths[SPANS.name])
        for statement in sql.SUMS:
            self.duck.execute(statement, {"spans": str(paths[SPANS.name])} if "$spans" in statement else None)
        spans = self.duck.sql(sql.LIGHT_SPANS, params={"spans": str(paths[SPANS.name])}).to_arrow_table()
        lists = places.lists(spans, traces.column("trace_id").to_pylist())
        self.duck.register("listed_now", traces.append_column("light_spans", lists))
        for name, statement in sql.OUTPUT.items():
            self._write(statement, paths[name])
        self.duck.unregister("spans_now")  # so that it isn't held any longer while the next window is read
        return self._fingerprint(), paths

    def interrupt(self) -> None:
        """Has a statement that another thread waits for come to its end."""
        self.duck.interrupt()

    def close(self) -> None:
        """Ends the session."""
        self.duck.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _register(self, headers: Headers) -> pa.Table:
        """Works out the states; gives the traces in order."""
        for name, table in vars(headers).items():
            self.duck.register(f"{name}_now", table)
        traces = self._in_order(headers.traces, sql.TRACE_ORDER)
        self.duck.register("traces_now", traces)
        for statement in sql.HEADERS:
            self.duck.execute(statement)
        return traces

    def _fingerprint(self) -> str:
        ((fingerprint,),) = self.duck.execute(sql.FINGERPRINT).fetchall()
        return fingerprint

    def _write_spans(self, window: RawWindow, path: Path) -> Places:
        """Optimistic: broken spans are rare."""
        unreadable = set(window.unreadable)
        places = self._place(window.spans, unreadable)
        if not self._written_as_they_are(path):
            places = self._place(self._mended(window.spans, unreadable), unreadable)
            self._write(sql.TRIED_SPAN_OUTPUT, path)
        return places

    def _written_as_they_are(self, path: Path) -> bool:
        """Whether that can be: a broken span makes it fail, or shows in what was written."""
        try:
            self._write(sql.SPAN_OUTPUT, path)
        except (duckdb.ProgrammingError, duckdb.DataError):
            return False
        ((broken,),) = self.duck.execute(sql.ANY_BROKEN, {"path": str(path)}).fetchall()
        return not broken

    def _place(self, spans: pa.Table, unreadable: set[str]) -> Places:
        self.duck.register("spans_now", spans)
        spans = self._in_order(spans, sql.SPAN_ORDER)
        places = Places.of(spans)
        self.duck.register("spans_now", places.marked(spans))
        self.duck.register("unreadable", pa.table({"trace_id": text_column(sorted(unreadable))}))
        return places

    def _in_order(self, rows: pa.Table, statement: str) -> pa.Table:
        """The registered rows in the order that a statement tells; mostly they are in it."""
        return in_order(rows, self.duck.sql(statement).to_arrow_table().column("number").combine_chunks())

    def _mended(self, spans: pa.Table, unreadable: set[str]) -> pa.Table:
        """Mends what Python reads and DuckDB doesn't; a trace with a span that neither reads is left without spans."""
        broken = self.duck.sql(sql.BROKEN).to_arrow_table().cast(SPAN_SCHEMA).to_pylist()
        mended = [{**span, "content": mend(span["content"])} for span in broken]
        unreadable.update(str(span["trace_id"]) for span in mended if span["content"] is None)
        again = {(span["trace_id"], span["span_id"]) for span in broken}
        keys = zip(spans["trace_id"].to_pylist(), spans["span_id"].to_pylist(), strict=True)
        kept = spans.filter(pa.array([key not in again and key[0] not in unreadable for key in keys], pa.bool_()))
        readable = [span for span in mended if span["trace_id"] not in unreadable]
        return pa.concat_tables([kept, pa.Table.from_pylist(readable, schema=SPAN_SCHEMA)])

    def _write(self, statement: str, path: Path) -> None:
        self.duck.execute(f"COPY ({statement}) TO $path ({PARQUET})", {"path": str(path)})
        path.chmod(0o600)


def over_column(function: Callable[[str | None], str | None]) -> Callable[[pa.ChunkedArray], pa.Array]:
    """The function over a column of texts."""
    return lambda column: text_column([function(text) for text in column.to_pylist()])


def mend(content: str | None) -> str | None:
    """A span's JSON as DuckDB takes it: attributes, no half characters, no key twice; None where Python can't read it either."""
    try:
        span: Json = json.loads(content or "")
    except (ValueError, RecursionError):
        return None
    if isinstance(span, dict) and not isinstance(span.get("attributes"), dict):
        span["attributes"] = {}
    return json.dumps(span, ensure_ascii=False).encode("utf-8", "replace").decode() if isinstance(span, dict) else None
