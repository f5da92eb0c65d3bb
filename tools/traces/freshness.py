"""How true a copy of the traces is to its store, for a program and in words."""

from dataclasses import dataclass
from datetime import datetime

from .changes import Changes


@dataclass(frozen=True)
class Freshness:
    """When a copy was brought up to date, and what that found."""

    refreshed_at: datetime
    """What was in the store before is in the copy, UTC."""
    changes: Changes
    """What differs from the copy before."""

    def in_words(self, newest: datetime | None) -> str:
        """In a sentence or two; `newest` is when the newest of its traces began."""
        began = f"; the newest trace began {newest:%Y-%m-%d %H:%M:%S} UTC" if newest else ""
        return f"Copied as of {self.refreshed_at:%Y-%m-%d %H:%M:%S} UTC{began}. {self._differs()}"

    def _differs(self) -> str:
        found = self.changes
        late = f" ({found.late:,} of them came late)" if found.late else ""
        parts = [
            f"{found.new:,} new{late}" if found.new else "",
            f"{found.changed:,} changed" if found.changed else "",
            f"{found.deleted:,} deleted" if found.deleted else "",
        ]
        differs = ", ".join(filter(None, parts))
        return f"Since the copy before: {differs}." if differs else "Nothing differs from the copy before."
