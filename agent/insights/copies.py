"""The copy of an experiment's traces by hand: taken, brought up to date or made anew, and how fresh it is."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...tools.tracking import find_experiment
from .benches import copy_traces
from .opened import Insights


@dataclass(frozen=True)
class Synced:
    """The copy, and what the refresh found; counts are of traces where nothing else is said."""

    experiment_id: str
    refreshed_at: datetime
    """What was in the store before is in the copy, UTC."""
    newest_trace: datetime | None
    """When the newest copied trace began; None where there is none."""
    traces: int
    spans: int
    assessments: int
    excluded: int
    """Made by judges or by this product, so no part of what is analysed."""
    unreadable: int
    """Copied without spans, because these can't be read."""
    new: int
    """Not in the copy before; all of them in a first copy."""
    late: int
    """Of the new ones, those that began before the last refresh and came after it."""
    changed: int
    deleted: int
    digest: str
    """The same for the same traces, however the copy came about."""
    folder: Path
    summary: str
    """How fresh it is, in words."""


def sync(insights: Insights, *, experiment_id: str, full: bool = False) -> Synced:
    """Brings the copy of an experiment's traces up to date, or makes it anew; SQL and analyses do the former by themselves.

    Killed, it goes on where it was the next time. Two at once are well: the second waits, and finds the copy fresh.

    Args:
        insights: The memory.
        experiment_id: The experiment, by id or name.
        full: Copy everything again, whatever was copied before.

    Raises:
        UserError: there is no such experiment.
        StoreError: the traces can't be copied.
    """
    place = find_experiment(insights.store.tracking, experiment_id).experiment_id
    snapshot = copy_traces(insights, place, insights.engine(), anew=full)
    record, changes = snapshot.record, snapshot.freshness.changes
    return Synced(
        experiment_id=place,
        refreshed_at=snapshot.freshness.refreshed_at,
        newest_trace=record.last_trace,
        traces=record.traces,
        spans=record.spans,
        assessments=record.assessments,
        excluded=record.excluded,
        unreadable=record.unreadable,
        new=changes.new,
        late=changes.late,
        changed=changes.changed,
        deleted=changes.deleted,
        digest=record.digest,
        folder=snapshot.folder,
        summary=snapshot.freshness.in_words(record.last_trace),
    )
