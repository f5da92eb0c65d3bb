"""The results of the benchmark, kept in an MLflow experiment: one run a store, with its figures and, as JSON, all of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ...tools.tracking import connect
from .measure import Analysed, StoreResult
from .real import RealResult
from .store import create_store

EXPERIMENT = "planted-issues"
RESULT, ISSUES = "result.json", "issues.json"


class Repeated(BaseModel):
    """How much of what is reported about a store comes again."""

    model_config = ConfigDict(frozen=True)

    agent: str
    again: float
    """Jaccard index of the issues of two analyses of the same store with different seeds."""
    other_half: float | None
    """Share of the issues found in one half of the clusters that are found in the other half too; None where none is found."""


@dataclass(frozen=True)
class Benchmarked:
    """All results."""

    stores: tuple[StoreResult, ...]
    repeats: tuple[Repeated, ...] = ()
    real: tuple[RealResult, ...] = ()


class Results:
    """The experiment that results are kept in, made where it is missing."""

    def __init__(self, database: Path) -> None:
        if not database.exists():
            database.parent.mkdir(parents=True, exist_ok=True)
            create_store(database, (database.absolute().parent / "artifacts").as_uri(), EXPERIMENT)
        self._client: Any = connect(f"sqlite:///{database.absolute()}").client
        self._experiment: str = self._client.get_experiment_by_name(EXPERIMENT).experiment_id

    def holds(self, name: str) -> bool:
        """Whether a result of this name is there."""
        return any(run.info.run_name == name for run in self._runs())

    def log(self, name: str, result: StoreResult | Repeated | RealResult, analysed: Analysed | None = None) -> None:
        """Keeps one result, with its numbers as metrics, and what the analysis left behind."""
        run_id = self._client.create_run(self._experiment, run_name=name).info.run_id
        told: dict[str, object] = json.loads(result.model_dump_json())
        for key, value in told.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self._client.log_metric(run_id, key, float(value))
            elif isinstance(value, str):
                self._client.log_param(run_id, key, value)
        if isinstance(result, StoreResult):
            expected = [row for row in result.faults if row.expected]
            self._client.log_metric(run_id, "expected", len(expected))
            self._client.log_metric(run_id, "found_of_expected", sum(row.found for row in expected))
            self._client.log_metric(run_id, "false", len(result.false_issues))
        if analysed is not None:
            issues = [
                {**issue._asdict(), "trace_ids": sorted(issue.trace_ids), "spans": sorted(issue.spans)}
                for issue in analysed.issues
            ]
            self._client.log_dict(run_id, {"issues": issues, "levels": analysed.levels._asdict()}, ISSUES)
        self._client.log_dict(run_id, {type(result).__name__: told}, RESULT)
        self._client.set_terminated(run_id)

    def read(self) -> Benchmarked:
        """All results, the newest of each name."""
        told = [pair for each in self._told() for pair in each.items()]
        return Benchmarked(
            tuple(StoreResult.model_validate(each) for kind, each in told if kind == StoreResult.__name__),
            tuple(Repeated.model_validate(each) for kind, each in told if kind == Repeated.__name__),
            tuple(RealResult.model_validate(each) for kind, each in told if kind == RealResult.__name__),
        )

    def _told(self) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        for run in self._runs():
            if run.info.run_name not in seen:
                seen.add(run.info.run_name)
                path = Path(str(run.info.artifact_uri).removeprefix("file://")) / RESULT
                yield json.loads(path.read_bytes())

    def _runs(self) -> list[Any]:
        """Those that ended, the newest first."""
        return list(
            self._client.search_runs([self._experiment], filter_string="attributes.status = 'FINISHED'", max_results=1000)
        )
