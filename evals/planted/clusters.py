"""Which traces of a store are independent: those that share no session, no user and no repeated task, directly or by others."""

from collections.abc import Iterator

from .rows import session_id
from .spans import Trace


class Clusters:
    """Joins traces as they come."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._traces: list[str] = []

    def enter(self, trace: Trace) -> None:
        """Joins a trace with those of its session, user and task."""
        self._traces.append(trace.trace_id)
        for key in _keys(trace):
            self._parents[self._root(key)] = self._root(trace.trace_id)

    def _root(self, key: str) -> str:
        path: list[str] = []
        while self._parents.setdefault(key, key) != key:
            path.append(key)
            key = self._parents[key]
        for each in path:
            self._parents[each] = key
        return key

    def close(self) -> dict[str, int]:
        """Per trace the number of its cluster."""
        numbers: dict[str, int] = {}
        return {trace_id: numbers.setdefault(self._root(trace_id), len(numbers)) for trace_id in self._traces}


def _keys(trace: Trace) -> Iterator[str]:
    slot = trace.story.slot
    if trace.profile.with_users:
        yield f"session {session_id(trace)}"
        yield f"user {slot.user.user_id}"
    if slot.task and slot.position == 0:
        yield f"task {slot.task}"
