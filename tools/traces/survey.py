"""What a store's tables said when their traces were last copied: so that a refresh looks only at the windows that changed.

Looking up the rows of each trace takes long, for those of a million traces lie in twenty million places. So each table is divided
into pieces of rows that lie together, and digests of them are kept. A piece whose pages in the store's file are the same bytes is
the same; the others are read. Of one with other rows all traces that it has, and that it had, are taken to have changed, and
their windows are looked at closely (`refresh.checked`). It errs on that side alone: where nobody knows what it had, all are.

Spans aren't surveyed: whenever MLflow 3.17 writes some it raises their trace's `db_payload_generation`
(`SqlAlchemyStore._advance_db_payload_generations_for_db_span_writes`), and that is in the trace's own row. Spans that somebody
changes in the database by hand are only seen when their window is looked at for another reason, or copied anew.

What a window was found to be while somebody wrote to the store needn't be what the survey found: it is looked at again next time.
"""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from .columns import text_column
from .manifest import INDEX, PARTS, Manifest, Window, complete
from .sources.base import Key
from .surveying import NAME_DIGITS, PIECE_ROWS, Differences, Piece
from .workers import Worker, Workers

SURVEY = "survey"
"""The folder, in a copy's, of its last survey."""
LEAST_TRACES = 50_000
"""Fewer are looked at closely in less than a second."""
SHARE = 4
"""Where the tables hold more traces than so many times those that were copied, looking these up is faster than reading all."""
PIECES_AT_ONCE = 16
LAST_ID = chr(0x10FFFF)
"""After every trace id."""


@dataclass(frozen=True)
class Survey:
    """What the tables said."""

    runs: tuple[str, ...]
    pieces: tuple[Piece, ...] = ()
    stamp: str = ""
    """That of a store that says nothing else; empty where it isn't sure that this one doesn't."""

    @classmethod
    def read(cls, folder: Path, name: str) -> "Survey | None":
        """The survey of this name in a copy's folder; None where there is none that can be read."""
        try:
            data = json.loads((folder / SURVEY / name).read_text(encoding="utf-8")) if name else {}
            return cls(tuple(data["runs"]), tuple(Piece(*each) for each in data["pieces"]), data.get("stamp", ""))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path) -> str:
        """Keeps it beside the one before; gives its name."""
        text = json.dumps({"runs": self.runs, "pieces": self.pieces, "stamp": self.stamp})
        path = folder / SURVEY / f"{hashlib.sha256(text.encode()).hexdigest()[:NAME_DIGITS]}.json"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path.name


class Compared(NamedTuple):
    """A survey, and what differs from the one before it."""

    survey: Survey
    found: Differences


class Surveyor:
    """Surveys a store in the course of one refresh."""

    def __init__(self, workers: Workers, folder: Path, name: str) -> None:
        """`name` is the last survey's; the store's version counts from here."""
        self.workers, self.folder = workers, folder
        self.began = workers.standings()
        self.known = Survey.read(folder, name)

    def is_quiet(self) -> bool:
        """Whether nobody has written to the store since the refresh began, as far as it says."""
        began = [each.version for each in self.began if each is not None]
        return len(began) == len(self.workers.started) and began == [each.version() for each in self.workers.started]

    def compare(self, windows: Sequence[Window], looking: Callable[[], None]) -> Compared | None:
        """A survey of now beside the last one; None where there is none, or where it isn't worth while."""
        if self.known is None or not self._is_worth_while(windows):
            return None
        if self.known.stamp and self.began[0] is not None and self.began[0].stamp == self.known.stamp:
            return Compared(self.known, Differences())
        return self._survey(self.known, looking, compared=True)

    def first(self, windows: Sequence[Window], looking: Callable[[], None]) -> Survey | None:
        """A survey of what these windows were copied from; None where that isn't sure, or where it isn't worth while."""
        if not (self._is_worth_while(windows) and self.is_quiet()):
            return None
        return self._survey(Survey(()), looking, compared=False).survey if self.is_quiet() else None

    def keep(self, survey: Survey | None, *, sure: bool) -> str:
        """Writes it, and gives its name; empty where there is none. `sure`: nobody has written since the refresh began."""
        stands = self.began[0]
        if survey is None or stands is None:
            return ""
        return replace(survey, stamp=stands.stamp if sure else "").write(self.folder)

    def tidy(self, name: str) -> None:
        """Removes all surveys but the one of this name."""
        survey = Survey.read(self.folder, name)
        named = {name, *(piece.traces_file for piece in survey.pieces)} if survey is not None else set[str]()
        for path in (self.folder / SURVEY).glob("*"):
            if path.name not in named:
                path.unlink(missing_ok=True)

    def _is_worth_while(self, windows: Sequence[Window]) -> bool:
        traces = sum(window.traces for window in windows)
        stands = self.began[0]
        return stands is not None and traces >= LEAST_TRACES and stands.last_rows["trace_info"] <= SHARE * traces

    def _survey(self, known: Survey, looking: Callable[[], None], *, compared: bool) -> Compared:
        stands = self.began[0]
        assert stands is not None
        (self.folder / SURVEY).mkdir(mode=0o700, exist_ok=True)
        pieces: list[Piece] = []
        found = Differences()

        def look(worker: Worker, item: list[Piece]) -> Iterator[Differences]:
            read, differs = worker.survey_rows(item, self.folder / SURVEY, compared=compared)
            pieces.extend(read)
            yield differs

        for differs in self.workers.each(look, list(batches(pieces_until(known.pieces, stands.last_rows)))):
            looking()
            found.add(differs)
        runs = set(known.runs) ^ set(stands.runs)
        if compared and runs:
            found.add(self.workers.started[0].made_under(sorted(runs)))
        return Compared(Survey(tuple(stands.runs), tuple(sorted(pieces))), found)


def pieces_until(known: Sequence[Piece], last_rows: Mapping[str, int]) -> list[Piece]:
    """The known pieces, then those that the tables have come to have."""
    pieces = list(known)
    for table, last in last_rows.items():
        after = max((piece.last for piece in known if piece.table == table), default=0)
        pieces += [Piece(table, first, min(first + PIECE_ROWS[table], last)) for first in range(after, last, PIECE_ROWS[table])]
    return pieces


def batches(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces, as many as are looked at together: of one table each, in order."""
    for _, of_table in groupby(sorted(pieces), key=lambda piece: piece.table):
        together = list(of_table)
        yield from (together[first : first + PIECES_AT_ONCE] for first in range(0, len(together), PIECES_AT_ONCE))


def windows_that_hold(workers: Workers, folder: Path, known: Manifest, compared: Compared | None, horizon_ms: int) -> set[Key]:
    """Those of a copy's windows that hold what the store holds, as far as the survey tells; none without one."""
    if compared is None:
        return set()
    later = workers.started[0].bounds(Key(known.horizon_ms + 1, ""), Key(horizon_ms + 1, ""), LEAST_TRACES)
    open_end = known.windows[-1].low if later else None
    windows = [window for window in known.windows if window.surveyed and not window.missing and complete(window, folder)]
    return {window.low for window in windows} - touched(folder, windows, compared.found) - {open_end}


def touched(folder: Path, windows: Sequence[Window], found: Differences) -> set[Key]:
    """Which of these windows, in order, may hold a trace that differs, or held it when they were copied."""
    lows = [window.low for window in windows]
    if found.unknown:
        return set(lows)
    by_time = (slice(max(0, bisect_left(lows, Key(ms, "")) - 1), bisect_right(lows, Key(ms, LAST_ID))) for ms in found.times_ms)
    return {low for places in by_time for low in lows[places]} | holding(folder, windows, found.trace_ids)


def holding(folder: Path, windows: Sequence[Window], trace_ids: set[str]) -> set[Key]:
    """The windows whose copies hold some of these traces."""
    if not trace_ids or not windows:
        return set()
    lows = {Path(name).name: window.low for name, window in zip(index_files(folder, windows), windows, strict=True)}
    with duckdb.connect() as duck:
        duck.register("wanted", pa.table({"trace_id": text_column(sorted(trace_ids))}))
        query = "SELECT DISTINCT filename FROM read_parquet($files, filename = true) SEMI JOIN wanted USING (trace_id)"
        files = duck.execute(query, {"files": index_files(folder, windows)}).fetchall()
    return {lows[Path(name).name] for (name,) in files}


def index_files(folder: Path, windows: Sequence[Window]) -> list[str]:
    """The files that say which traces these windows hold."""
    return [str(folder / PARTS / window.parts[INDEX].name) for window in windows]
