"""Whole analyses in this process: of a copy of a store, by a fixed clock, watched by a display that keeps what it is shown."""

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from analyze_experiment.agent.analysts.statistical import StatisticalAnalyst
from analyze_experiment.agent.human import Human, PolicyHuman
from analyze_experiment.agent.outcome import Outcome
from analyze_experiment.agent.session import run_session
from analyze_experiment.agent.settings import Settings
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.graph.ports import Analyst, Event, Proposal
from analyze_experiment.tools.insights.models import Analysis, Census, HypothesisDraft, Issue
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.playbooks import load_playbook
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2027, 1, 1, 12, tzinfo=UTC)
"""The present of all these analyses: after every trace of the samples, of the planted store and of the real experiments."""


@dataclass
class Watcher:
    """A display that keeps every event, and has something done about some."""

    react: Callable[[Event], object] = field(default=lambda _: None)
    events: list[Event] = field(default_factory=lambda: list[Event]())

    def show(self, event: Event) -> None:
        """Keeps the event."""
        self.events.append(event)
        self.react(event)

    def steps(self) -> list[str]:
        """The steps in the order in which they were entered, each once in a row."""
        entered = [event.step for event in self.events if event.kind == "step"]
        return [step for index, step in enumerate(entered) if index == 0 or entered[index - 1] != step]


class GivenAnalyst(StatisticalAnalyst):
    """Proposes what it is given and nothing else, so that an analysis takes no longer than its test needs."""

    def __init__(self, drafts: Iterable[HypothesisDraft]) -> None:
        super().__init__(load_playbook())
        self._drafts = tuple(drafts)

    async def propose(self, bench: Workbench, analysis: Analysis, census: Census, earlier: Sequence[Issue]) -> Proposal:
        """The given drafts."""
        del bench, analysis, census, earlier
        return Proposal(self._drafts)


def entries(*names: str) -> list[HypothesisDraft]:
    """Drafts of these entries of the playbook."""
    playbook = load_playbook()
    return [playbook[name].draft() for name in names]


def analyse(
    uri: str,
    *,
    human: Human | None = None,
    stop: StopSignal | None = None,
    watcher: Watcher | None = None,
    analyst: Analyst | None = None,
    now: datetime = INSTANT,
    **settings: object,
) -> Outcome:
    """Analyses the store, with its cache and report beside it where nothing else is said."""
    folder = folder_of(uri)
    given = {"tracking_uri": uri, "cache": folder / "cache", "report": folder / "report.md", **settings}
    return run_session(
        Settings.model_validate(given),
        display=watcher or Watcher(),
        human=human or PolicyHuman(),
        stop=stop or StopSignal(),
        now=lambda: now,
        analyst=analyst,
    )


def folder_of(uri: str) -> Path:
    """The folder of an SQLite store."""
    return Path(uri.removeprefix("sqlite:///")).parent


def memory_of(uri: str, *, now: datetime = INSTANT) -> InsightStore:
    """The memory as another process would see it."""
    return InsightStore(connect(uri), now=lambda: now)


def copy_analysed(uri: str, folder: Path) -> str:
    """Copies a store whose runs have artifacts beside it, and returns the URI of the copy."""
    template = folder_of(uri)
    shutil.copytree(template, folder)
    database = folder / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(template), str(folder)))
    return f"sqlite:///{database}"
