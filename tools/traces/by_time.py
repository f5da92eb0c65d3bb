"""All traces of a search in order of time: by where the last page ended, never by MLflow's offsets.

An offset costs more the further it goes, so that reading all pages is quadratic, and shifts when traces arrive.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities import TraceInfo

ORDER = ("timestamp_ms ASC", "request_id ASC")
"""The order in which pages are to come."""
LATEST_MS = 2**53
"""Later than every trace."""

Page = Callable[[str, str | None], "tuple[list[TraceInfo], str | None]"]
"""Given a condition on times, and the token of an earlier answer: some traces in order, and a token where there are more."""


def by_time(page: Page, first_ms: int = 0, last_ms: int = LATEST_MS) -> "Iterator[TraceInfo]":
    """The traces of these times, both included."""
    while first_ms <= last_ms:
        found, more = page(f"timestamp_ms >= {first_ms} AND timestamp_ms <= {last_ms}", None)
        if more is None:
            yield from found
            return
        end_ms = int(found[-1].request_time)
        yield from (info for info in found if info.request_time < end_ms)
        if end_ms == first_ms:  # more traces of one millisecond than a page holds
            yield from _of_moment(page, first_ms)
            end_ms += 1
        first_ms = end_ms


def _of_moment(page: Page, timestamp_ms: int) -> "Iterator[TraceInfo]":
    token: str | None = None
    while True:
        found, token = page(f"timestamp_ms = {timestamp_ms}", token)
        yield from found
        if token is None:
            return
