"""The live objects that the nodes work with. Context is not checkpointed: it is given anew with every run and every resume."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from langgraph.runtime import Runtime

from ..tools.errors import AnalyzeError, UserError
from ..tools.insights.models import Analysis, Scope, SnapshotRecord
from ..tools.insights.store import InsightStore
from ..tools.sql.engines.base import PUBLISHING, Engine
from ..tools.sql.process import LOCAL
from ..tools.testing.playbooks import Entry
from ..tools.traces.snapshot import Snapshot
from ..tools.tracking import Tracking
from ..tools.workbench import Workbench
from .ports import Analyst, Display, Event
from .state import Reply

if TYPE_CHECKING:
    from .pool import TestPool

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """What the person who starts an analysis may say beforehand."""

    cache: Path
    """Where snapshots are kept (0700)."""
    key: str
    """The thread of the graph, one a session."""
    experiment: str | None = None
    focus: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    scope: Scope = Scope()
    only_new: bool = False
    """Whether the window begins where the last completed analysis of the scope ended."""
    follows: str | None = None
    """The analysis that the one which is resumed goes on from."""
    began: datetime | None = None
    """When the one which is resumed began."""
    unattended: bool = False
    report: Path | None = None
    review: bool = False
    seed: int = 0
    ui_url: str | None = None
    read_on: int = 300
    """Traces that are read at most after a verdict by reading, to name all that are affected."""
    mirror: bool = True
    """Whether issues are shown in MLflow's own pages, and followed there."""
    engine: Engine = LOCAL
    """What answers the queries."""


class Claim(Protocol):
    """Takes an experiment for this analysis."""

    def __call__(self, experiment_id: str, *, create: bool = False) -> None:
        """Takes it; `create` where its first run may be made for that."""
        ...


@dataclass
class Context:
    """What is open while an analysis runs."""

    tracking: Tracking
    store: InsightStore
    analyst: Analyst
    display: Display
    options: Options
    now: Callable[[], datetime]
    claim: Claim
    """Takes an experiment, or raises `AnalysisLocked`; where it is known that something will be written, also for other hosts."""
    release: Callable[[], None]
    """Gives that lock back before the end: an analysis that is done needs no other to wait."""
    check_stop: Callable[[], None]
    """Raises `Stopped` where a stop was asked for; long tools call it as they go."""
    playbook: Mapping[str, Entry]
    """The known failure modes and strengths, by name."""
    entered: set[tuple[str, str]] = field(default_factory=lambda: set[tuple[str, str]]())
    """(step, state of the memory) pairs already entered: the same pair twice means that a step makes no headway."""
    tombstones: dict[str, str] = field(default_factory=lambda: dict[str, str]())
    """Hypotheses that were given up, and why: set before the work on one is cancelled, so that it isn't taken up again."""
    pool: "TestPool | None" = None
    """What tests at this moment, where anything does."""
    _snapshot: Snapshot | None = None
    _bench: Workbench | None = None
    _opening: threading.RLock = field(default_factory=threading.RLock)
    """Snapshot and workbench are opened once, whoever asks first: a node, or a person who looks something up."""

    def snapshot(self, experiment_id: str, recorded: SnapshotRecord | None = None) -> Snapshot:
        """The snapshot of the experiment: as of now, or as it was recorded. Blocks; shows its progress.

        Raises:
            NothingNew: the experiment has no trace in the window.
            UserError: the experiment has no trace at all.
        """
        from .window import nothing_there, take_window  # late: windows are taken for a context

        with self._opening:
            if self._snapshot is None:
                self._snapshot = take_window(self, experiment_id, recorded)
        if not self._snapshot.record.traces:
            name = self.store.experiment_name(experiment_id)
            raise nothing_there(self.options, self._snapshot.record, name) or UserError(
                f"Experiment {name!r} ({experiment_id}) has no traces: log some, or choose another with --experiment."
            )
        return self._snapshot

    def progress(self, step: str, text: str) -> Callable[[int, int], None]:
        """What a long tool calls as it goes: shows how far it is, and stops it where that was asked for."""

        def on_progress(done: int, total: int) -> None:
            self.check_stop()
            self.display.show(Event("progress", text, step=step, done=done, total=total))

        return on_progress

    def bench(self, analysis: Analysis) -> Workbench:
        """The workbench of this analysis, opened once. Blocks."""
        with self._opening:
            if self._bench is None:
                recorded = self.store.read_snapshot(analysis.run_id)
                snapshot = self.snapshot(analysis.experiment_id, recorded)
                self._name_difference(analysis, recorded, snapshot)
                self.options.engine.publish(snapshot.catalog, self.progress("setup", PUBLISHING))
                self._bench = Workbench.open(
                    self.store, analysis.run_id, snapshot, seed=analysis.seed, engine=self.options.engine
                )
            return self._bench

    def _name_difference(self, analysis: Analysis, recorded: SnapshotRecord | None, snapshot: Snapshot) -> None:
        if recorded is None or recorded.digest == snapshot.record.digest:
            return
        note = (
            f"The traces have changed since the analysis began: snapshot {recorded.digest[:12]} had {recorded.traces} traces, "
            f"{snapshot.record.digest[:12]} has {snapshot.record.traces}. What was counted before stands as it was counted."
        )
        self.store.update_analysis(
            analysis.run_id,
            op=f"snapshot:{snapshot.record.digest}",
            change=lambda current: current.model_copy(update={"notes": (*current.notes, note)}),
        )
        self.display.show(Event("note", note, step="setup"))

    def close(self) -> None:
        """Stops what was opened."""
        if self._bench is not None:
            self._bench.close()
            self._bench = None


async def in_thread(call: Callable[[], T]) -> T:
    """Runs a blocking tool beside the event loop."""
    return await asyncio.to_thread(call)


def enter(runtime: Runtime[Context], step: str, mark: str, reply: Reply | None = None) -> None:
    """Notes that a step is entered while the memory stands at `mark`.

    With a person's reply it may be entered at the same mark again: it waits for the person each time, who may say the same twice.

    Raises:
        AnalyzeError: it was entered at the same mark before, so it would go on for ever.
    """
    if reply is not None and reply["answered_by"] == "person":
        return
    if (step, mark) in runtime.context.entered:
        raise AnalyzeError(f"Step {step!r} was entered twice without a new write; this is a defect, please report it.")
    runtime.context.entered.add((step, mark))
