"""Intermediate results: the rows of a SELECT that stands inside several queries, answered once and read by each of them.

What a plan's step finds is asked for again and again: to show it, to count it, for traces that show it, by time, beside other
circumstances. Its SELECT may search every text there is, while what it finds is mostly a short list. So its rows are put aside in
a Parquet file of the service's own, and a query that holds that SELECT in brackets is answered over the file. What is recorded
is the query as it was written, which gives the same rows without any of this.
"""

import hashlib
import threading
from collections.abc import Callable, Collection
from typing import NamedTuple

from sqlglot import exp

from ..scratch import ScratchFolder
from .engines.duckdb import INTERMEDIATE


class Reduced(NamedTuple):
    """A query over intermediate results, and their names; the query as it was written and none where it holds nothing of them."""

    sql: str
    names: frozenset[str]


class Intermediates:
    """The intermediate results of one service: which there are, which are made just now, and how much room is left."""

    def __init__(self, changed: threading.Condition, *, max_bytes: int) -> None:
        """Makes nothing yet.

        Args:
            changed: Guards all of this, and is told of every change.
            max_bytes: What all files together may take on disk; where it is used up, queries are answered as they are written.
        """
        self._changed = changed
        self._room = max_bytes
        self._kept: dict[str, str] = {}
        self._made: set[str] = set()
        self._settled: set[str] = set()
        self._scratch = ScratchFolder()
        self.folder = self._scratch.path
        """Where the files are; open to its owner only."""

    @property
    def room(self) -> int:
        """Bytes that a further result may take."""
        return self._room

    def claim(self, part: str, gone: Callable[[], bool]) -> str | None:
        """The name under which the caller is to make the rows of a SELECT; waits while somebody else makes them.

        None where they are there, can't be kept, or `gone` says that nobody wants them any more. Who gets a name calls `settle`
        or `leave`.
        """
        name = name_of(part)
        with self._changed:
            self._changed.wait_for(lambda: name not in self._made or gone())
            if name in self._made or name in self._settled or self._room <= 0:
                return None
            self._made.add(name)
            return name

    def settle(self, name: str, part: str, *, kept: bool) -> None:
        """Notes what came of making one: it is there for the queries that follow, or is never tried again."""
        with self._changed:
            self._made.discard(name)
            self._settled.add(name)
            if kept:
                self._room -= (self.folder / f"{name}.parquet").stat().st_size
                self._kept[name] = nested(part)
            self._changed.notify_all()

    def leave(self, name: str) -> None:
        """Notes that making one was given up, so that somebody else may; removes what a killed worker has left of it."""
        for unfinished in self.folder.glob(f"{name}.[0-9]*"):
            unfinished.unlink(missing_ok=True)
        with self._changed:
            self._made.discard(name)
            self._changed.notify_all()

    def reduce(self, sql: str) -> Reduced:
        """A query with each SELECT whose rows are there replaced by them; one that names such rows itself stays as it is."""
        if INTERMEDIATE.search(sql):
            return Reduced(sql, frozenset())
        with self._changed:
            kept = sorted(self._kept.items(), key=lambda each: (-len(each[1]), each[0]))
        text = sql
        for name, part in kept:  # the longest first: what is inside of one that is there isn't looked at
            text = text.replace(part, f"(\nSELECT * FROM {name}\n)")
        return Reduced(text, frozenset(INTERMEDIATE.findall(text)))

    def clear(self) -> None:
        """Forgets all, because the relations are others now."""
        with self._changed:
            self._kept.clear()
            self._settled.clear()

    def close(self) -> None:
        """Removes the files."""
        self._scratch.close()


def nested(sql: str) -> str:
    """A SELECT in brackets; the line break keeps a comment at its end from swallowing the bracket."""
    return f"(\n{sql.strip().rstrip(';')}\n)"


def name_of(part: str) -> str:
    """The name of the intermediate result that holds the rows of a SELECT."""
    return f"intermediate_{hashlib.sha256(nested(part).encode()).hexdigest()[:16]}"


def stands_for(tree: exp.Query, reduced: Reduced, relations: Collection[str]) -> bool:
    """Whether a reduced query means what the query does that was written.

    A SELECT found in a text may be a piece of a literal there, so each name must stand as a relation; and where a query calls a
    table of its own `traces`, that is what a SELECT inside of it reads.
    """
    hidden = {"traces", "spans", "assessments", *relations}
    named = sum(table.name in reduced.names for table in tree.find_all(exp.Table))
    return named == len(INTERMEDIATE.findall(reduced.sql)) and not any(
        each.alias.lower() in hidden for each in tree.find_all(exp.CTE)
    )
