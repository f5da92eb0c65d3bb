"""Which traces an analysis is about: the window that was asked for, or all that came since its scope was last analysed."""

from collections.abc import Mapping
from datetime import datetime

from ..tools.errors import NothingNew
from ..tools.insights.models import SnapshotRecord
from ..tools.insights.scopes import Mark
from ..tools.insights.store import InsightStore
from ..tools.instants import to_ms
from ..tools.sql.engines.base import Engine
from ..tools.traces.cut import recent_times
from ..tools.traces.snapshot import OTHERS_COPY, Snapshot
from ..tools.windows import OVERLAP, Window
from ..tools.windows import take_window as take
from .context import Context, Options
from .ports import Event


def window_of(
    store: InsightStore, options: Options, experiment_id: str, *, recorded: SnapshotRecord | None, now: datetime
) -> Window:
    """The window of an analysis: as it was recorded, or as it is asked for."""
    if recorded is not None:
        return Window.of(recorded)
    mark = store.last_mark(experiment_id, options.scope) if options.only_new else None
    condition = options.scope.filter
    if mark is not None:
        return Window(now, mark.until - OVERLAP, options.until, condition, mark.run_id)
    return Window(options.began or now, options.since, options.until, condition, options.follows)


def take_window(context: Context, experiment_id: str, recorded: SnapshotRecord | None) -> Snapshot:
    """Copies the traces of the window, cut to what is asked for and isn't counted yet. Blocks; shows its progress."""
    window = window_of(context.store, context.options, experiment_id, recorded=recorded, now=context.now())
    if window.since is not None and window.since > window.instant:
        raise NothingNew(
            f"Nothing new: the window begins at {window.since:%Y-%m-%d %H:%M:%S} UTC, and the clock of this host says "
            f"{window.instant:%Y-%m-%d %H:%M:%S}. Was it set back?"
        )
    return take(
        context.store,
        experiment_id,
        window,
        cache=context.options.cache,
        engine=context.options.engine,
        progress=context.progress("setup", "copying traces"),
        waiting=lambda: context.display.show(Event("note", OTHERS_COPY, step="setup")),
    )


def nothing_there(options: Options, record: SnapshotRecord, name: str) -> NothingNew | None:
    """Why a window without traces is well; None where no window was asked for, so that the experiment itself is empty."""
    if record.follows is not None:
        return NothingNew(f"Nothing new in experiment {name!r} since its last analysis ({record.follows}).")
    if record.since is None and record.until is None and not options.scope.filter:
        return None
    met = f" that meets {options.scope.filter!r}" if options.scope.filter else ""
    window = " to ".join(f"{each:%Y-%m-%d %H:%M} UTC" for each in (record.since, record.until) if each)
    return NothingNew(
        f"Experiment {name!r} has no trace{met} in this window{f' ({window})' if window else ''}: nothing to analyse."
    )


def watermark(store: InsightStore, options: Options, experiment_id: str, record: SnapshotRecord) -> datetime | None:
    """Up to where the scope is analysed once this analysis is done; None where it leaves a gap behind the one before."""
    mark = store.last_mark(experiment_id, options.scope)
    if record.last_trace is None:
        return None
    if mark is None:
        return record.last_trace
    if record.follows is None and record.since is not None and record.since > mark.until:
        return None
    return max(mark.until, record.last_trace)


def keep_counted(store: InsightStore, run_id: str, snapshot: Snapshot, mark: Mark | None, engine: Engine) -> None:
    """Writes down which traces of the last hour are counted, for the analysis that follows."""
    record = snapshot.record
    assert record.last_trace is not None, "an analysis has traces"
    end = record.last_trace if mark is None else max(mark.until, record.last_trace)
    horizon_ms = to_ms(end - OVERLAP)
    earlier: Mapping[str, int] = store.read_counted(record.follows) if record.follows else {}
    kept = {trace_id: ms for trace_id, ms in earlier.items() if ms >= horizon_ms}
    store.write_counted(run_id, kept | recent_times(snapshot.catalog, horizon_ms, engine))
