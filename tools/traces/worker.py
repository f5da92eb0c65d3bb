"""Copies windows of traces, as a process of its own: two of them use two cores, and no SQLite but theirs is in their process.

    python -m analyze_experiment.tools.traces.worker

Requests and answers are lines of JSON. The first is {"uri": ..., "experiment_id": ...} and has no answer: others may read a
command line, and an address may hold a password. A request is {"do": "identity" | "bounds" | "count" | "check" | "copy" ...}; it
is answered by one line, `copy` by one a piece and an empty one. {"error": text, "kind": name of the error} answers what could not
be done, and is the last. The process ends with its stdin, so it doesn't outlive who started it.
"""

import json
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import file_digest
from pathlib import Path
from typing import TextIO, TypeAlias, cast

import duckdb

from ..errors import AnalyzeError, StoreError
from .extract import Extractor
from .manifest import PARTS, Part, Window
from .sources.base import Headers, Key, Oversized, RawWindow, TraceSource, WholeTables
from .sources.choose import open_source
from .surveying import Piece, look_at_rows

WINDOW_BYTES = 128 * 2**20
"""Span content that a piece may hold, so that memory stays bounded; a single larger trace is a piece of its own."""
NAME_DIGITS = 20

Request: TypeAlias = Mapping[str, object]


def serve() -> None:
    """Answers requests until there are no more."""
    with answers_alone() as out:
        opened = json.loads(sys.stdin.readline())
        try:
            with open_source(opened["uri"], opened["experiment_id"]) as source, Extractor() as extractor:
                for line in sys.stdin:
                    for answer in attend(source, extractor, json.loads(line)):
                        say(out, answer)
        except AnalyzeError as error:
            say(out, {"error": str(error), "kind": type(error).__name__})


@contextmanager
def answers_alone() -> Generator[TextIO]:
    """Standard output for the answers; whatever else is printed, by MLflow for one, goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out


def attend(source: TraceSource, extractor: Extractor, request: Mapping[str, object]) -> Iterator[object]:
    """The answers to one request."""
    match request:
        case {"do": "identity"}:
            yield {"identity": source.identity}
        case {"do": "bounds", "low": [int(ms), str(trace_id)], "high": [int(end_ms), str(end_id)], "size": int(size)}:
            yield {"bounds": source.bounds(Key(ms, trace_id), Key(end_ms, end_id), size)}
        case {"do": "count", "until_ms": int(until_ms)}:
            yield {"count": source.count(until_ms)}
        case {"do": "check", "low": [int(ms), str(trace_id)], "high": [int(end_ms), str(end_id)]}:
            yield check(extractor, source.headers(Key(ms, trace_id), Key(end_ms, end_id)), known=str(request["glance"]))
        case {"do": "copy", "low": [int(ms), str(trace_id)], "high": [int(end_ms), str(end_id)], "folder": str(folder)}:
            yield from copy(source, extractor, Key(ms, trace_id), Key(end_ms, end_id), Path(folder))
            yield {}
        case {"do": str(do)} if do in SURVEYING and (tables := source.tables) is not None:
            yield SURVEYING[do](tables, request)
        case {"do": "standing"}:
            yield {"standing": None}
        case _:
            raise ValueError(f"unknown request {request!r}")


def stand(tables: WholeTables, *_: object) -> Mapping[str, object]:
    """How the tables stand."""
    return {"standing": tables.standing()}


def tell_version(tables: WholeTables, *_: object) -> Mapping[str, object]:
    """Another number whenever somebody has written."""
    return {"version": tables.version()}


def find_made_under(tables: WholeTables, request: Request) -> Mapping[str, object]:
    """Traces of runs."""
    return {"trace_ids": tables.made_under(cast("list[str]", request["runs"]))}


def survey_rows(tables: WholeTables, request: Request) -> Mapping[str, object]:
    """What pieces of the tables are like."""
    pieces = [Piece(*each) for each in cast("list[tuple[str, int, int, str, str, str]]", request["pieces"])]
    now, found = look_at_rows(tables, pieces, Path(cast(str, request["folder"])), compared=bool(request["compared"]))
    return {"pieces": now, **found.to_json()}


SURVEYING: Mapping[str, Callable[[WholeTables, Request], Mapping[str, object]]] = {
    "standing": stand,
    "version": tell_version,
    "made under": find_made_under,
    "survey rows": survey_rows,
}
"""What only a store can be asked whose tables are read from end to end."""


def check(extractor: Extractor, headers: Headers, *, known: str) -> Mapping[str, object]:
    """The state of a range; its fingerprint only where the rows aren't those that are known, because it takes longer."""
    glance = headers.digest()
    fingerprint = "" if glance == known else extractor.fingerprint(headers)
    return {"fingerprint": fingerprint, "glance": glance, "traces": headers.traces.num_rows}


def copy(source: TraceSource, extractor: Extractor, low: Key, high: Key, folder: Path) -> Iterator[Mapping[str, object]]:
    """Copies a range of traces in pieces of bounded size; per piece its window, as soon as its files are there."""
    extractor.spill_into(folder / "spill")
    try:
        yield piece(extractor, source.read(low, high, most_bytes=WINDOW_BYTES), low, high, folder)
    except Oversized:
        starts = [low, *splits(source.sizes(low, high))]
        for start, end in zip(starts, [*starts[1:], high], strict=True):
            yield piece(extractor, source.read(start, end), start, end, folder)


def splits(sizes: list[tuple[Key, int]]) -> Iterator[Key]:
    """Where a range must be cut so that no piece holds more than `WINDOW_BYTES`."""
    held = 0
    for key, size in sizes:
        if held and held + size > WINDOW_BYTES:
            yield key
            held = 0
        held += size


def piece(extractor: Extractor, raw: RawWindow, low: Key, high: Key, folder: Path) -> Mapping[str, object]:
    """Writes one piece; what is said of it."""
    try:
        fingerprint, paths = extractor.extract(raw, folder / PARTS)
        parts = {name: named_by_content(name, path) for name, path in paths.items()}
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        what = f"The copy of the traces can't be written to {str(folder)!r}."
        raise StoreError(f"{what} Make room there, or name another cache folder. ({error})") from error
    window = Window(low, fingerprint, raw.headers.digest(), raw.headers.traces.num_rows, len(raw.unreadable), parts)
    return {"window": asdict(window), "high": high}


def named_by_content(relation: str, path: Path) -> Part:
    """Gives a finished file its name."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    final = path.replace(path.with_name(f"{relation}-{digest[:NAME_DIGITS]}.parquet"))
    return Part(final.name, digest, final.stat().st_size)


def say(out: TextIO, answer: object) -> None:
    """Writes one line."""
    out.write(json.dumps(answer) + "\n")
    out.flush()


if __name__ == "__main__":
    serve()
