"""The memory of one store, opened: what every verb works with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...tools.insights.store import InsightStore
from ...tools.instants import utc_now
from ...tools.sql.engines.base import Engine
from ...tools.sql.process import LOCAL
from ...tools.tracking import connect

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and how much there is."""


Tell = Callable[[str], None]
"""Is told what is being done now."""


def tell_nobody(_text: str) -> None:
    """Nobody listens: the default."""


def no_progress(_text: str, _done: int, _total: int) -> None:
    """Nobody watches: the default."""


def here() -> Engine:
    """Queries run on this machine: the default."""
    return LOCAL


@dataclass(frozen=True)
class Insights:
    """The memory, and where copies of the traces are kept; memory verbs need no copy."""

    store: InsightStore
    cache: Path
    """Folder of the copies of traces (0700)."""
    ui_url: str | None = None
    """Where people open this store's pages."""
    now: Callable[[], datetime] = utc_now
    progress: Progress = no_progress
    tell: Tell = tell_nobody
    mirror: bool = True
    """Whether issues that are made or changed are shown in MLflow's own pages."""
    engine: Callable[[], Engine] = here
    """Gives what answers queries over the traces; called when one is asked."""


def open_insights(
    tracking_uri: str,
    *,
    cache: Path,
    ui_url: str | None = None,
    now: Callable[[], datetime] = utc_now,
    progress: Progress = no_progress,
    tell: Tell = tell_nobody,
    mirror: bool = True,
    engine: Callable[[], Engine] = here,
) -> Insights:
    """Opens the memory of a store.

    Raises:
        UserError: the URI isn't one.
        StoreError: the store isn't there, isn't MLflow's, or doesn't answer.
    """
    return Insights(InsightStore(connect(tracking_uri), now=now), cache, ui_url, now, progress, tell, mirror, engine)
