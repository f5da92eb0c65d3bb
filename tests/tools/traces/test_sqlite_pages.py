"""Digests of a SQLite file's pages: no row changes without a change of the digest of its range."""

import os
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from analyze_experiment.tools.traces.sources.base import RowRange
from analyze_experiment.tools.traces.sources.sqlite_pages import PageReader

ROWS = 1_500
RANGES = list(pairwise([0, 350, 351, 800, 1_490, 2_000]))
LONGEST = 3_000
"""Characters; at a page of 512 bytes such a row goes on over six more."""

Row = tuple[int, str, str]


@pytest.fixture(params=[(512, "NONE"), (512, "FULL"), (4_096, "NONE"), (65_536, "NONE")], ids=str)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Two tables with rows of all lengths, written in turn, so that their pages lie among each other."""
    page_bytes, vacuum = request.param
    draw = random.Random(page_bytes)
    with closing(sqlite3.connect(tmp_path / "some.db", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.execute(f"PRAGMA auto_vacuum = {vacuum}")
        connection.execute("BEGIN")
        for name in ("one", "other"):
            connection.execute(f"CREATE TABLE {name} (a TEXT, b TEXT)")
        for _ in range(ROWS):
            for name in ("one", "other"):
                length = draw.choice([draw.randint(0, 60)] * 9 + [draw.randint(0, LONGEST)])
                connection.execute(f"INSERT INTO {name} VALUES (?, ?)", ("ä" * draw.randint(0, 9), "x" * length))
        connection.execute("COMMIT")
        yield connection


def path_of(database: sqlite3.Connection) -> Path:
    return Path(database.execute("PRAGMA database_list").fetchone()[2])


def digests(
    database: sqlite3.Connection, ranges: Sequence[tuple[int, int]] = RANGES, known: Sequence[str] = [""] * len(RANGES)
) -> list[str]:
    (root,) = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'one'").fetchone()
    reader = PageReader(str(path_of(database)))
    try:
        return reader.digests(root, [RowRange(*each, pages) for each, pages in zip(ranges, known, strict=False)])
    finally:
        reader.close()


def rows(database: sqlite3.Connection) -> list[list[Row]]:
    found = "SELECT rowid, a, b FROM one WHERE rowid > ? AND rowid <= ?"
    return [database.execute(found, each).fetchall() for each in RANGES]


def test_change_of_any_row_changes_the_digest_of_its_range(database: sqlite3.Connection) -> None:
    draw = random.Random(1)
    long = [rowid for (rowid,) in database.execute("SELECT rowid FROM one WHERE length(b) > 600").fetchall()]
    changes = [
        ("UPDATE one SET b = substr(b, 1, length(b) - 1) || 'y' WHERE rowid = ?", long),  # in its last byte, in place
        ("UPDATE one SET a = 'z' WHERE rowid = ?", range(1, ROWS + 1)),
        ("UPDATE one SET b = b || b || 'z' WHERE rowid = ?", range(1, ROWS + 1)),
        ("DELETE FROM one WHERE rowid = ?", range(1, ROWS + 1)),
        ("INSERT OR REPLACE INTO one (rowid, a, b) VALUES (?, 'n', 'n')", range(1, 2_000)),
    ]
    before = rows(database), digests(database)
    for _ in range(40):
        statement, rowids = draw.choice(changes)
        database.execute(statement, (draw.choice(rowids),))
        now = rows(database), digests(database, known=before[1])
        assert now[1] == digests(database)
        differs = [held != holds for held, holds in zip(before[0], now[0], strict=True)]
        assert "" not in now[1]
        assert all(was != is_now for was, is_now, changed in zip(before[1], now[1], differs, strict=True) if changed)
        before = now


def test_what_is_written_elsewhere_changes_no_digest(database: sqlite3.Connection) -> None:
    before = digests(database)
    database.execute("UPDATE other SET b = b || 'more'")
    assert digests(database) == before


def test_range_is_the_same_whichever_others_are_asked_for(database: sqlite3.Connection) -> None:
    assert [digests(database, [each])[0] for each in RANGES] == digests(database)


@pytest.mark.parametrize("database", [(4_096, "NONE")], indirect=True)
class TestUnknown:
    """What isn't known has no digest, and the rows are read."""

    def test_store_in_wal_mode(self, database: sqlite3.Connection) -> None:
        database.execute("PRAGMA journal_mode = WAL")
        assert set(digests(database)) == {""}
        assert self.stamp(database) == ""

    def test_page_that_is_none_of_a_table(self, database: sqlite3.Connection) -> None:
        path = path_of(database)
        content = bytearray(path.read_bytes())
        (root,) = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'one'").fetchone()
        content[(root - 1) * 4_096] = 10
        path.write_bytes(content)
        assert set(digests(database)) == {""}

    def test_child_that_is_no_page_of_the_file(self, database: sqlite3.Connection) -> None:
        path = path_of(database)
        content = bytearray(path.read_bytes())
        (root,) = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'one'").fetchone()
        content[(root - 1) * 4_096 + 8 : (root - 1) * 4_096 + 12] = b"\xff\xff\xff\xff"
        path.write_bytes(content)
        assert set(digests(database, [(0, 2_000)])) == {""}

    def test_file_that_has_taken_the_place_of_the_one_that_was_opened(self, database: sqlite3.Connection) -> None:
        path = path_of(database)
        reader = PageReader(str(path))
        copy = path.with_suffix(".copy")
        copy.write_bytes(path.read_bytes())
        assert reader.stamp()
        copy.replace(path)
        assert reader.digests(2, [RowRange(0, 10, "")]) == [""]
        assert reader.stamp() == ""
        reader.close()

    def test_file_that_is_no_database(self, tmp_path: Path, database: sqlite3.Connection) -> None:
        other = tmp_path / "other"
        other.write_bytes(os.urandom(8_192))
        reader = PageReader(str(other))
        assert (reader.stamp(), reader.digests(2, [RowRange(0, 10, "")])) == ("", [""])
        reader.close()
        assert self.stamp(database) != ""

    def test_every_commit_makes_another_stamp(self, database: sqlite3.Connection) -> None:
        before = self.stamp(database)
        times = path_of(database).stat()
        database.execute("UPDATE one SET a = 'q' WHERE rowid = 1")
        os.utime(path_of(database), ns=(times.st_atime_ns, times.st_mtime_ns))
        assert self.stamp(database) != before
        assert self.stamp(database) == self.stamp(database)

    def stamp(self, database: sqlite3.Connection) -> str:
        reader = PageReader(str(path_of(database)))
        try:
            return reader.stamp()
        finally:
            reader.close()
