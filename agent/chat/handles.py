"""Short names for long ids: H1, H2, ... for hypotheses and I1, I2, ... for issues, in order of creation, so they never change."""

import re
import threading
from collections.abc import Sequence

from ...tools.errors import UserError
from ...tools.insights.store import InsightStore


class Handles:
    """The handles of one analysis. Threads may share it."""

    def __init__(self) -> None:
        self.store: InsightStore | None = None
        """Where ids are looked up; none is known before it is open."""
        self._lock = threading.Lock()
        self._ids: dict[str, list[str]] = {"H": [], "I": []}
        self.run_id = ""
        self.experiment_id = ""

    def of(self, subject: str) -> str:
        """The handle of an id; the id itself where it is none of a hypothesis or an issue."""
        kind = subject[:1]
        if not self.run_id or kind not in self._ids:
            return subject
        with self._lock:
            if subject not in self._ids[kind]:
                self._refresh(kind)
            known = self._ids[kind]
            return f"{kind}{known.index(subject) + 1}" if subject in known else subject

    def known_as(self, subject: str) -> str:
        """The handle of an id as far as it is known; asks nobody, so it may be called while drawing."""
        known = self._ids.get(subject[:1], [])
        return f"{subject[:1]}{known.index(subject) + 1}" if subject in known else subject

    def find(self, text: str, kind: str) -> str:
        """The id that a handle, an id or the beginning of an id means.

        Raises:
            UserError: it means nothing here, or several.
        """
        what = "hypothesis" if kind == "H" else "issue"
        if not text:
            raise UserError(f"Say which {what}: /show {'hypotheses' if kind == 'H' else 'issues'} lists them.")
        with self._lock:
            self._refresh(kind)
            ids = list(self._ids[kind])
        place = re.fullmatch(rf"{kind}?(\d+)", text, re.IGNORECASE)
        if place and 0 < int(place[1]) <= len(ids):
            return ids[int(place[1]) - 1]
        fitting = [each for each in ids if each.lower().startswith(text.lower())]
        if len(fitting) == 1:
            return fitting[0]
        known = (
            f"{kind}1 to {kind}{len(ids)} are known" if len(ids) > 1 else f"only {kind}1 is known" if ids else "none is there yet"
        )
        raise UserError(f"{text!r} is no {what} of this analysis: {known}.")

    def known(self, kind: str) -> Sequence[str]:
        """The handles that have been given, for completion; asks nobody."""
        return [f"{kind}{place}" for place in range(1, len(self._ids[kind]) + 1)]

    def _refresh(self, kind: str) -> None:
        if self.run_id and self.store is not None:
            found = self.store.hypothesis_ids(self.run_id) if kind == "H" else self.store.issue_ids(self.experiment_id)
            self._ids[kind] = list(found)
