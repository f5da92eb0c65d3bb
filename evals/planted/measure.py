"""Has a planted store analysed as `run-analysis --unattended` would, and says what was found, missed, and not to be found."""

import json
import sqlite3
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from ...agent.analysts.statistical import StatisticalAnalyst
from ...agent.display import make_display
from ...agent.human import PolicyHuman
from ...agent.session import run_session
from ...agent.settings import Settings
from ...agent.stop import StopSignal
from ...tools.insights.models import Hypothesis, HypothesisStatus, Issue
from ...tools.insights.store import InsightStore
from ...tools.testing.families import family_levels
from ...tools.testing.fingerprints import entry_of
from ...tools.testing.playbooks import load_playbook
from ...tools.tracking import connect
from .build import build
from .conditions import Conditions
from .power import ENOUGH, Levels, power
from .score import ReportedIssue, Score, score
from .truth import Truth


class Analysed(NamedTuple):
    """What an analysis left behind."""

    issues: tuple[ReportedIssue, ...]
    levels: Levels
    seconds: float


class FaultRow(BaseModel):
    """One planted fault, and what became of it."""

    model_config = ConfigDict(frozen=True)

    fault_id: str
    category: str
    kind: str
    way: str
    n: int
    population: int
    power: float | None
    found: bool
    found_without_entry: bool
    """Whether it is still found where its entry of the playbook is withheld."""
    f1: float | None
    localised: float | None
    cause_right: bool | None
    covered: bool | None
    title: str

    @property
    def expected(self) -> bool:
        """Whether it has to be found."""
        return self.power is not None and self.power >= ENOUGH


class FalseRow(BaseModel):
    """One false issue."""

    model_config = ConfigDict(frozen=True)

    title: str
    why: str
    about: str


class StoreResult(BaseModel):
    """What came of one store."""

    model_config = ConfigDict(frozen=True)

    agent: str
    variant: str
    traces: int
    seed: int
    icc: float
    faults: tuple[FaultRow, ...]
    facts: int
    false_issues: tuple[FalseRow, ...]
    reported: int
    precision: float | None
    seconds: float
    identities: tuple[str, ...]
    """What its issues are about, to be found again."""


def analyse(database: Path, experiment_id: str, *, seed: int, folder: Path, without: Collection[str] = ()) -> Analysed:
    """Has a store analysed; cache and report go into `folder`.

    Args:
        database: The store.
        experiment_id: The experiment.
        seed: Of the analysis.
        folder: For the cache and the report.
        without: Entries of the playbook that are withheld.
    """
    uri = f"sqlite:///{database.absolute()}"
    settings = Settings(
        tracking_uri=uri,
        experiment=experiment_id,
        cache=folder / "cache",
        report=folder / "report.md",
        analyst="statistical",
        unattended=True,
        seed=seed,
    )
    analyst = StatisticalAnalyst({name: entry for name, entry in load_playbook().items() if name not in without})
    began = time.perf_counter()
    with make_display("none", sys.stderr) as display:
        outcome = run_session(settings, display=display, human=PolicyHuman(), stop=StopSignal(), analyst=analyst)
    seconds = time.perf_counter() - began
    store = InsightStore(connect(uri))
    return Analysed(tuple(read_issues(store, experiment_id)), _levels(store.list_hypotheses(outcome.run_id)), seconds)


def read_issues(store: InsightStore, experiment_id: str) -> list[ReportedIssue]:
    """The issues that the memory holds about an experiment, with all their traces."""
    return [_reported(store, issue) for issue in store.list_issues(experiment_id)]


def _reported(store: InsightStore, issue: Issue) -> ReportedIssue:
    listed = store.issue_traces(issue.issue_id)
    spans = {trace.span_id for trace in listed} | {each.span_id for each in issue.evidence if each.span_id}
    is_share = issue.estimand == "process" and issue.interval is not None and issue.interval.high <= 1
    identity = issue.fingerprint.model_dump_json()
    return ReportedIssue(
        issue.title,
        frozenset(trace.trace_id for trace in listed),
        issue.kind,
        issue.affected,
        frozenset(spans - {""}),
        " ".join((issue.cause.text, *(aspect.title for aspect in issue.aspects))),
        entry_of(issue.fingerprint),
        identity,
        (issue.interval.low, issue.interval.high) if is_share and issue.interval else None,
        issue.population,
    )


def _levels(hypotheses: Sequence[Hypothesis]) -> Levels:
    families = family_levels(1)
    tested = [each for each in hypotheses if each.result is not None and each.result.eligible]
    planned = [each for each in tested if each.result and each.result.family == "P"]
    cells = sum(each.result.cells_tested for each in tested if each.result and each.result.family == "S")
    validated = sum(each.status is HypothesisStatus.VALIDATED for each in planned)
    step = min(len(planned), validated + 1) / max(1, len(planned))
    return Levels(families.planned * step, families.slices / max(1, cells))


def read_durations(database: Path) -> Mapping[str, float]:
    """Milliseconds of each trace that ended OK."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT request_id, execution_time_ms FROM trace_info WHERE status = 'OK'").fetchall()
    return {str(trace_id): float(duration) for trace_id, duration in rows if duration is not None}


def measure(
    agent: str, conditions: Conditions, folder: Path, *, analysis_seed: int = 0, without: Collection[str] = ()
) -> tuple[StoreResult, Analysed]:
    """Builds a store, has it analysed, and compares."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "mlflow.db"
    truth = build(database, agent=agent, **conditions._asdict())
    durations = read_durations(database)
    analysed = analyse(database, truth.experiment_id, seed=analysis_seed, folder=folder, without=without)
    return compare(truth, analysed, durations), analysed


def compare(truth: Truth, analysed: Analysed, durations: Mapping[str, float]) -> StoreResult:
    """The result of a store: its issues against the truth."""
    result = score(truth, analysed.issues)
    return StoreResult(
        agent=truth.agent,
        variant=truth.variant,
        traces=truth.traces,
        seed=truth.seed,
        icc=truth.icc,
        faults=tuple(_fault_rows(result, truth, analysed, durations)),
        facts=len(result.facts),
        false_issues=tuple(FalseRow(title=each.issue.title, why=each.why, about=each.about) for each in result.false_issues),
        reported=result.reported,
        precision=result.precision,
        seconds=analysed.seconds,
        identities=tuple(sorted(identities(analysed.issues))),
    )


def identities(issues: Sequence[ReportedIssue]) -> set[str]:
    """What the issues are about, the same in every analysis that finds them."""
    return {_identity(issue) for issue in issues}


def _identity(issue: ReportedIssue) -> str:
    told: dict[str, str] = json.loads(issue.identity)
    return " / ".join(told[part] for part in ("measure", "segment") if told.get(part))


def _fault_rows(result: Score, truth: Truth, analysed: Analysed, durations: Mapping[str, float]) -> Sequence[FaultRow]:
    withheld: dict[str, Score] = {
        entry: score(truth, [issue for issue in analysed.issues if issue.entry != entry])
        for entry in {fault.entry for fault in truth.faults if fault.entry}
    }
    rows: list[FaultRow] = []
    for match in result.matches:
        fault, issue = match.fault, match.issue
        other = withheld.get(fault.entry, result)
        rows.append(
            FaultRow(
                fault_id=fault.fault_id,
                category=fault.category,
                kind=fault.kind,
                way=fault.way,
                n=fault.n,
                population=fault.population,
                power=power(fault, truth, analysed.levels, durations),
                found=match.found,
                found_without_entry=any(each.found for each in other.matches if each.fault is fault),
                f1=match.fit.f1 if issue else None,
                localised=match.localised,
                cause_right=match.cause_right,
                covered=match.covered,
                title=issue.title if issue else "",
            )
        )
    return rows
