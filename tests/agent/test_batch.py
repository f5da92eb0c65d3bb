"""Several scopes in a row: each whatever became of those before it, one table, the worst code."""

import io
import json
from pathlib import Path

import pytest

from analyze_experiment.agent.batch import run_batch
from analyze_experiment.evals.month.traffic import Rates, new_store, write_day
from analyze_experiment.tests.agent.whole import memory_of
from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.insights.locks import ExperimentLock

CONFIG = """\
tracking-uri: {uri}
since: last
cache: {folder}/cache
report: {folder}/report.md
scopes:
  - name: down
    tracking-uri: sqlite:///{folder}/nowhere.db
    experiment: "1"
  - name: support
    experiment: "1"
  - name: unknown
    experiment: nobody
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    database = tmp_path / "mlflow.db"
    new_store(database)
    write_day(database, 0, Rates(), traces=20)
    path = tmp_path / "analyses.yaml"
    path.write_text(CONFIG.format(uri=f"sqlite:///{database}", folder=tmp_path), encoding="utf-8")
    return path


def batch(path: Path) -> tuple[int, list[dict[str, object]]]:
    stdout = io.StringIO()
    code = run_batch(path, {"output": "json"}, stdout)
    return code, [json.loads(line) for line in stdout.getvalue().splitlines()]


def test_scope_that_fails_stops_no_other_and_the_worst_code_is_told(config: Path) -> None:
    code, told = batch(config)
    assert code == 1
    assert [(line.get("scope"), line["exit_code"]) for line in told[:-1]] == [("down", 1), ("support", 0), ("unknown", 2)]
    assert "nowhere.db" in str(told[0]["error"])
    assert told[-1] == {"event": "batch", "scopes": 3, "exit_code": 1}
    again, later = batch(config)
    assert (again, later[1]["status"]) == (1, "empty")
    uri = f"sqlite:///{config.parent / 'mlflow.db'}"
    assert len(memory_of(uri).list_analyses("1")) == 1
    lock = ExperimentLock(uri)
    lock.claim("1")
    try:
        stdout = io.StringIO()
        run_batch(config, {"output": "none"}, stdout)
    finally:
        lock.release()
    rows = [line.split() for line in stdout.getvalue().splitlines()]
    assert rows[0][:4] == ["Scope", "Code", "Result", "Issues"]
    assert [row[:3] for row in rows[1:4]] == [["down", "1", "failed"], ["support", "75", "busy"], ["unknown", "2", "failed"]]


def test_nothing_is_run_where_a_scope_is_not_understood(config: Path) -> None:
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace('experiment: "1"\n  - name: unknown', 'experiment: "1"\n    filter: env = 1\n  - name: unknown'),
        encoding="utf-8",
    )
    with pytest.raises(UserError, match="'env = 1' is no condition on traces"):
        batch(config)
    config.write_text(text.replace("    experiment: nobody\n", "    seed: 3\n"), encoding="utf-8")
    with pytest.raises(UserError, match="Scope 'unknown' of .* has no experiment"):
        batch(config)
    assert memory_of(f"sqlite:///{config.parent / 'mlflow.db'}").list_analyses("1") == []
