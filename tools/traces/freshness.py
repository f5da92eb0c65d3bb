"""How true a copy of the traces is to its store, for a program and in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from .changes import Changes


class Count(NamedTuple):
    """The traces of a whole copy, counted twice."""

    in_store: int | None
    """By the store's own statistics; None where it has none."""
    copied: int
    """Those that were listed, judges' and ours too."""

    def in_words(self) -> str:
        """What to make of it where the two disagree; empty where they don't."""
        if self.in_store is None or self.in_store == self.copied:
            return ""
        return (
            f" The store itself counts {self.in_store:,} traces where {self.copied:,} were listed: some came or went meanwhile; "
            "if it stays so, its listing is incomplete."
        )


@dataclass(frozen=True)
class Freshness:
    """When a copy was brought up to date, and what that found."""

    refreshed_at: datetime
    """What was in the store before is in the copy, UTC."""
    changes: Changes
    """What differs from the copy before."""
    count: Count

    def in_words(self, newest: datetime | None) -> str:
        """In a sentence or two; `newest` is when the newest of its traces began."""
        began = f"; the newest trace began {newest:%Y-%m-%d %H:%M:%S} UTC" if newest else ""
        return f"Copied as of {self.refreshed_at:%Y-%m-%d %H:%M:%S} UTC{began}. {self._differs()}{self.count.in_words()}"

    def _differs(self) -> str:
        found = self.changes
        if found.new == self.count.copied > 0:
            return f"All {found.new:,} traces are new to the copy."
        late = f" ({found.late:,} of them came late)" if found.late else ""
        parts = [
            f"{found.new:,} new{late}" if found.new else "",
            f"{found.changed:,} changed" if found.changed else "",
            f"{found.deleted:,} deleted" if found.deleted else "",
        ]
        differs = ", ".join(filter(None, parts))
        return f"Since the copy before: {differs}." if differs else "Nothing differs from the copy before."
