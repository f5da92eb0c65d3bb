"""Digests of the pages of a SQLite file in which rows lie: whether they are as they were is told faster than by reading them.

The file's format (sqlite.org/fileformat2.html) is fixed for good, and only as much of it is known here as finds the pages:
those of a table's tree, and those on which its long rows go on. What is not exactly as known has no digest, so that the rows are
read; nor has a store in WAL mode, whose newest pages are in another file.

To be asked only while SQLite itself holds a read lock on the file: a writer then waits before it changes a page. The file isn't
closed before, because closing any handle on it drops all locks that the process has (howtocorrupt.html, 2.2).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .base import RowRange

MAGIC = b"SQLite format 3\0"
HEADER = 100
ROLLBACK = b"\x01\x01"
"""The versions of a file that is written through a rollback journal; of one in WAL mode they are 2."""
INTERIOR, LEAF = 5, 13
INTERIOR_HEAD, LEAF_HEAD = 12, 8
DEEPEST = 20
CELLS, RIGHTMOST = 3, 8
"""Where a page says how many cells it has, and an interior one which page comes after those of its cells."""
LEAST_CELL = 4
VARINT_BYTES, SEVERAL_BYTES = 9, 0x80
LAST_ROW = 2**63 - 1
WHEREABOUTS = slice(24, 40)
"""Of the header: the change counter, the file's pages and the free ones; what SQLite itself looks at for changes."""

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]


class NotKnown(Exception):
    """The file is not as it is known here."""


class Header(NamedTuple):
    """What the file says of itself."""

    page_bytes: int
    usable: int
    pages: int
    whereabouts: bytes

    @classmethod
    def of(cls, head: bytes, size: int) -> "Header":
        """As it stands in the first bytes of a file of this size.

        Raises:
            NotKnown: It isn't that of a file in rollback mode.
        """
        page_bytes = int.from_bytes(head[16:18])
        page_bytes = 2**16 if page_bytes == 1 else page_bytes
        if len(head) < HEADER or head[:16] != MAGIC or head[18:20] != ROLLBACK or page_bytes < 512 or size % page_bytes:
            raise NotKnown
        return cls(page_bytes, page_bytes - head[20], size // page_bytes, head[WHEREABOUTS])


class Level(NamedTuple):
    """Pages of one level of a tree, in order, and the rows below each: after `lower`, up to `upper`."""

    pages: Numbers
    lower: Numbers
    upper: Numbers

    def within(self, after: int, last: int) -> "Level":
        """Those of them that rows of a range may lie in or below."""
        first, end = np.searchsorted(self.upper, after, "right"), np.searchsorted(self.lower, last, "left")
        return Level(*(each[first:end] for each in self))


class PageReader:
    """Reads pages of one file."""

    def __init__(self, path: str) -> None:
        """To be made before SQLite opens the file: if its name leads to the same one after that, too, SQLite has that one."""
        self.path = Path(path)
        try:
            self.file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # for SQLite to complain of
            self.file = -1

    def stamp(self) -> str:
        """Another whenever the file has been written to; empty where that can't be told."""
        try:
            header, state = self._header(), os.fstat(self.file)
        except NotKnown:
            return ""
        return f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_ctime_ns} {header.whereabouts.hex()}"

    def digests(self, root: int, ranges: Sequence[RowRange]) -> list[str]:
        """Of the pages that hold the rows of each range; all empty where they aren't known.

        `root` is the first page of the rows' table. The ranges are in order, and none overlaps the next.
        """
        try:
            header = self._header()
            leaves = self._leaves(header, root, ranges[0].after, ranges[-1].last)
            self._expect(header, leaves.pages)
            return [self._digest(header, leaves.within(each.after, each.last), each.pages) for each in ranges]
        except (NotKnown, IndexError):  # the latter where a damaged page leads out of what was read
            return [""] * len(ranges)

    def close(self) -> None:
        """Lets go of the file; to be called after SQLite's own connection is closed."""
        if self.file >= 0:
            os.close(self.file)

    def _header(self) -> Header:
        try:
            state, named = os.fstat(self.file), self.path.stat()
        except OSError as error:
            raise NotKnown from error
        if not os.path.samestat(state, named):
            raise NotKnown
        return Header.of(os.pread(self.file, HEADER, 0), state.st_size)

    def _leaves(self, header: Header, root: int, after: int, last: int) -> Level:
        """The pages of the table in which the rows of this range lie."""
        level = Level(np.array([root]), np.array([-LAST_ROW - 1]), np.array([LAST_ROW]))
        for _ in range(DEEPEST):
            if self._read(header, level.pages[:1])[0, 0] == LEAF:  # and so are the others: all are equally deep
                return level
            level = children(self._pages_of(header, level, INTERIOR), level).within(after, last)
        raise NotKnown

    def _digest(self, header: Header, leaves: Level, known: str) -> str:
        """That of the leaves; after it, where rows go on elsewhere, that of what is there."""
        read = self._pages_of(header, leaves, LEAF)
        digest = sha256(read.data).hexdigest()
        if digest == known:  # then none of them goes on elsewhere
            return digest
        rest = sha256()
        for page, length in (follow := continued(read, header.usable)):
            self._follow(header, page, length, rest.update)
        return f"{digest} {rest.hexdigest()}" if follow else digest

    def _pages_of(self, header: Header, level: Level, kind: int) -> Bytes:
        read = self._read(header, level.pages)
        if not (read[:, 0] == kind).all():
            raise NotKnown
        return read

    def _follow(self, header: Header, page: int, length: int, take: Callable[[bytes], None]) -> None:
        """What is left of a long row, page after page."""
        while length > 0:
            content = self._read(header, np.array([page]))[0].tobytes()
            take(content)
            page, length = int.from_bytes(content[:4]), length - (header.usable - 4)

    def _expect(self, header: Header, pages: Numbers) -> None:
        """Has the system fetch pages from the disk side by side, before they are read one after the other."""
        if hasattr(os, "posix_fadvise"):
            for first, end in runs(pages, header):
                place, length = (int(pages[first]) - 1) * header.page_bytes, (end - first) * header.page_bytes
                os.posix_fadvise(self.file, place, length, os.POSIX_FADV_WILLNEED)

    def _read(self, header: Header, pages: Numbers) -> Bytes:
        """The pages one below the other; those that lie together are read at once."""
        read = np.empty((len(pages), header.page_bytes), np.uint8)
        for first, end in runs(pages, header):
            got = os.preadv(self.file, [read[first:end].data], (int(pages[first]) - 1) * header.page_bytes)
            if got != (end - first) * header.page_bytes:
                raise NotKnown
        return read


def runs(pages: Numbers, header: Header) -> Iterator[tuple[int, int]]:
    """From where to where pages lie together."""
    if len(pages) and not (pages.min() >= 1 and pages.max() <= header.pages):
        raise NotKnown
    breaks = (np.flatnonzero(np.diff(pages) != 1) + 1).tolist()
    return pairwise([0, *breaks, len(pages)])


def cells(read: Bytes, head: int) -> tuple[Numbers, Numbers]:
    """How many cells each of these pages has, and where each of them all begins, counted from the first page's beginning."""
    counts = big_endian(read, starts(read) + CELLS, 2)
    most, page_bytes = int(counts.max(initial=0)), read.shape[1]
    if head + 2 * most > page_bytes:
        raise NotKnown
    pointers = np.ascontiguousarray(read[:, head : head + 2 * most]).view(">u2").astype(np.int64)
    found = (pointers + starts(read)[:, None])[np.arange(most) < counts[:, None]]
    if (found % page_bytes > page_bytes - LEAST_CELL).any():
        raise NotKnown
    return counts, found


def children(read: Bytes, level: Level) -> Level:
    """The pages below interior ones: one a cell, with the last row that is below it, and one for the rows after all cells'."""
    counts, places = cells(read, INTERIOR_HEAD)
    ends = np.cumsum(counts)
    below = np.insert(big_endian(read, places, 4), ends, big_endian(read, starts(read) + RIGHTMOST, 4))
    upper = np.insert(varints(read, places + 4)[0], ends, level.upper)
    if (np.diff(upper) <= 0).any():
        raise NotKnown
    return Level(below, np.concatenate([level.lower[:1], upper[:-1]]), upper)


def continued(read: Bytes, usable: int) -> list[tuple[int, int]]:
    """The rows of leaves that are too long for them: the page on which each goes on, and how many bytes of it follow."""
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    _, places = cells(read, LEAF_HEAD)
    places = places[read.reshape(-1)[places] >= SEVERAL_BYTES]
    two = big_endian(read, places, 2) - (SEVERAL_BYTES << 8)
    places = places[(two & SEVERAL_BYTES != 0) | ((two >> 8 << 7) + (two & 0x7F) > most)]
    lengths, taken = varints(read, places)
    places = places + taken
    here = least + (lengths - least) % (usable - 4)
    here = np.where(here <= most, here, least)
    follows = places + varints(read, places)[1] + here
    if (follows // read.shape[1] != places // read.shape[1]).any():
        raise NotKnown
    return list(zip(big_endian(read, follows, 4).tolist(), (lengths - here).tolist(), strict=True))


def starts(read: Bytes) -> Numbers:
    """Where each page begins."""
    return np.arange(len(read)) * read.shape[1]


def big_endian(read: Bytes, places: Numbers, size: int) -> Numbers:
    """The whole numbers of so many bytes there."""
    flat = read.reshape(-1)
    found = np.zeros(len(places), np.int64)
    for offset in range(size):
        found = (found << 8) | flat[places + offset]
    return found


def varints(read: Bytes, places: Numbers) -> tuple[Numbers, Numbers]:
    """The numbers of SQLite's own variable length there, and how many bytes each takes."""
    flat = read.reshape(-1)
    found, taken = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
    going = np.arange(len(places))
    for offset in range(VARINT_BYTES):
        byte = flat[places[going] + offset].astype(np.int64)
        last = offset == VARINT_BYTES - 1
        found[going] = (found[going] << 8) | byte if last else (found[going] << 7) | (byte & 0x7F)
        taken[going] += 1
        going = going[byte >= SEVERAL_BYTES]
    return found, taken
