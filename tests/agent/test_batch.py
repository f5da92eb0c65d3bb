"""Several scopes in a row: each whatever became of those before it, one table, the worst code."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from analyze_experiment.agent.batch import run_batch
from analyze_experiment.evals.month.traffic import Rates, new_store, tag_day, write_day
from analyze_experiment.tests.agent import killed_batch
from analyze_experiment.tests.agent.console import PATIENCE_S, SCRIPT
from analyze_experiment.tests.agent.whole import memory_of
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.insights.locks import ExperimentLock
from analyze_experiment.tools.insights.models import AnalysisStatus

CONFIG = """\
tracking-uri: {uri}
since: last
cache: {folder}/cache
report: {folder}/report.md
notify: http://127.0.0.1:{port}/nobody-reads-this
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
def deaf() -> Iterator[int]:
    """The port of a web service that knows no address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of traces, the second of another environment; a tool fails in many."""
    database = tmp_path_factory.mktemp("template") / "mlflow.db"
    new_store(database)
    for day, env in enumerate(("prod", "staging")):
        write_day(database, day, Rates(tool_fails=0.4), traces=20)
        tag_day(database, day, {"env": env})
    return database


@pytest.fixture
def config(template: Path, deaf: int, tmp_path: Path) -> Path:
    uri = copy_store(template, tmp_path / "store")
    path = tmp_path / "store" / "analyses.yaml"
    path.write_text(CONFIG.format(uri=uri, folder=path.parent, port=deaf), encoding="utf-8")
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
    notes = memory_of(f"sqlite:///{config.parent / 'mlflow.db'}").list_analyses("1")[0].notes
    assert notes == ("Nobody was notified: the address of --notify answers 404.",)  # and that changed no code
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


@pytest.mark.timeout(900)
def test_batch_that_is_killed_anywhere_finds_in_the_end_what_an_undisturbed_one_does(template: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", killed_batch.__file__, str(template), str(tmp_path / "trials")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    undisturbed, *killed = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(undisturbed["findings"]["issues"]) == 2
    assert [trial["point"] for trial in killed] == list(killed_batch.POINTS)
    for trial in killed:
        assert trial["ended"] == -signal.SIGKILL
        assert set(trial["codes"]) == {0}
        assert trial["findings"] == undisturbed["findings"], trial["point"]


def test_second_process_of_a_scope_ends_with_75_and_the_first_loses_nothing(config: Path) -> None:
    """The first is held still in the middle of its work while the second comes."""
    shared = config.read_text(encoding="utf-8").split("scopes:")[0]
    config.write_text(f'{shared}scopes:\n  - name: support\n    experiment: "1"\n', encoding="utf-8")
    command = [str(SCRIPT), "batch", str(config), "--output", "json"]
    first = subprocess.Popen(command, cwd=config.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert first.stderr is not None
    try:
        while '"step": "census"' not in first.stderr.readline():
            assert first.poll() is None
        os.kill(first.pid, signal.SIGSTOP)
        code, told = batch(config)
    finally:
        os.kill(first.pid, signal.SIGCONT)
        out, _ = first.communicate(timeout=PATIENCE_S)
    assert (code, told[0]["exit_code"], told[0]["scope"]) == (75, 75, "support")
    assert first.returncode == 0
    assert json.loads(out.splitlines()[0])["status"] == "done"
    analyses = memory_of(f"sqlite:///{config.parent / 'mlflow.db'}").list_analyses("1")
    assert [(each.status, each.resumptions) for each in analyses] == [(AnalysisStatus.COMPLETED, ())]
