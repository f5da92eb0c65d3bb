"""The set-up at a pseudo-terminal: what is secret isn't shown while it is typed, nor printed later."""

import json
import os
import pty
import re
import select
import threading
from collections.abc import Callable, Generator, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from analyze_experiment.agent.environment import read_env_file
from analyze_experiment.agent.set_up.conversation import SetUp, set_up
from analyze_experiment.agent.set_up.entrance import AtTerminal
from analyze_experiment.agent.stop import StopSignal
from analyze_experiment.agent.terminal import Terminal
from analyze_experiment.tests.agent.test_terminal import CONTROL
from analyze_experiment.tests.agent.whole import folder_of
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.errors import PersonNeeded

PATIENCE_S = 60
END = "\x04"
"""Ctrl-D."""
TOKEN, PASSWORD = "dapi-geheim", "p@ss/wort"


@dataclass
class Person:
    """Sits at the other end of a pseudo-terminal, and sees all that stands on it."""

    end: int
    _shown: bytearray = field(default_factory=bytearray)
    _seen: int = 0

    @property
    def screen(self) -> str:
        """All that was shown so far, without colours."""
        return CONTROL.sub("", self._shown.decode("utf-8", "replace")).replace("\r", "")

    def answer(self, prompt: str, text: str) -> None:
        """Types a line once the prompt is shown, and after it nothing."""
        while not (found := re.compile(rf"(?:{prompt})[^\n]*: $").search(self.screen, self._seen)):
            assert select.select([self.end], [], [], PATIENCE_S)[0], f"waited for {prompt!r} after {self.screen[self._seen :]!r}"
            self._shown += os.read(self.end, 65536)
        self._seen = found.end()
        os.write(self.end, f"{text}\n".encode())

    def rest(self) -> None:
        """Reads what is left."""
        while select.select([self.end], [], [], 0)[0]:
            self._shown += os.read(self.end, 65536)


@contextmanager
def seated(cwd: Path, environ: MutableMapping[str, str]) -> Generator[tuple[Person, Callable[[], "SetUp | BaseException"]]]:
    """A person at a pseudo-terminal where the set-up runs, and what comes of it."""
    outside, inside = pty.openpty()
    ended: list[SetUp | BaseException] = []
    stop = StopSignal()

    def run(out_descriptor: int) -> None:
        with os.fdopen(out_descriptor, "w", encoding="utf-8") as out:
            try:
                ended.append(set_up(AtTerminal(Terminal(inside, out, stop)), cwd, environ))
            except BaseException as error:  # whatever ends it, the test is told
                ended.append(error)

    thread = threading.Thread(target=run, args=(os.dup(inside),))
    thread.start()
    person = Person(outside)

    def outcome() -> "SetUp | BaseException":
        thread.join(PATIENCE_S)
        person.rest()
        return ended[0]

    try:
        yield person, outcome
    finally:
        stop.request("SIGTERM")
        thread.join(PATIENCE_S)
        os.close(inside)
        os.close(outside)


@dataclass
class Workspace:
    """A Databricks workspace, as far as its list of experiments goes: it knows one token."""

    server: ThreadingHTTPServer
    asked: list[str]

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.path)
            right = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            found = {"experiments": [{"experiment_id": "7", "name": "/Users/me/agent", "lifecycle_stage": "active"}]}
            data = json.dumps(found if right else {"error_code": "401", "message": "Invalid access token."}).encode()
            self.send_response(200 if right else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield Workspace(server, asked)
        server.shutdown()


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "cwd").mkdir()
    return tmp_path / "cwd"


def test_token_is_typed_unseen_tried_and_never_printed(
    workspace: Workspace, cwd: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.setenv(key, "")  # so that what the set-up adds is taken away again
        monkeypatch.delenv(key)
    with seated(cwd, os.environ) as (person, outcome):
        for token in ("dapi-wrong-one", TOKEN):
            person.answer("1 to 3", "2")
            person.answer("1 or 2", "1")
            person.answer("Host", workspace.host)
            person.answer("Token", token)
            person.answer("Id of the SQL warehouse", "")
        person.answer("1 to 3|Number, name", END)
        assert isinstance(outcome(), PersonNeeded)
    assert "Databricks can't be reached as you said: " in person.screen
    assert "Invalid access token" in person.screen
    assert "Databricks answers, and lists 1 experiment." in person.screen
    assert workspace.host in person.screen, "what isn't secret is seen while it is typed"
    for secret in ("dapi-wrong-one", TOKEN):
        assert secret not in person.screen + caplog.text


def test_password_of_a_database_is_typed_unseen(cwd: Path) -> None:
    with seated(cwd, {}) as (person, outcome):
        person.answer("1 to 3", "1")
        person.answer("Tracking URI", "postgresql://me@127.0.0.1:1/mlflow")
        person.answer("Password of me", PASSWORD)
        person.answer("1 to 3", "1")
        person.answer("Tracking URI", str(cwd))
        person.answer("1 to 3", END)
        assert isinstance(outcome(), PersonNeeded)
    assert PASSWORD not in person.screen
    assert "p%40ss" not in person.screen
    assert "127.0.0.1" in person.screen
    assert list(cwd.iterdir()) == []


def test_answers_at_a_terminal_lead_to_an_env_file(sample_experiment: SampleExperiment, cwd: Path) -> None:
    database = folder_of(sample_experiment.uri) / "mlflow.db"
    with seated(cwd, {}) as (person, outcome):
        person.answer("1 to 3", "9")
        person.answer("1 to 3", "1")
        person.answer("Tracking URI", str(database))
        person.answer("Number, name", "support")
        person.answer("Keep this in an env file", "")
        assert outcome() == SetUp(sample_experiment.uri, "1", cwd / ".env")
    assert "'9' is none of these" in person.screen
    assert read_env_file(cwd / ".env") == {"MLFLOW_TRACKING_URI": sample_experiment.uri, "MLFLOW_EXPERIMENT_ID": "1"}
