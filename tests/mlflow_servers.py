"""An MLflow server as a test starts it: on this machine alone, over a store of the test's, ended by who started it."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests
import requests.adapters
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def requests_sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that this process sends from now on: a list that grows."""
    sent: list[str] = []
    send = requests.adapters.HTTPAdapter.send

    def counted(self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **options: object) -> object:
        sent.append(f"{request.method} {request.path_url}")
        return send(self, request, **options)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", counted)
    return sent


@contextmanager
def mlflow_server(store_uri: str, folder: Path) -> Generator[str]:
    """The address of a server over a SQLite store, which keeps the artifacts of its experiments behind it."""
    with closing(sqlite3.connect(store_uri.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/' || experiment_id")
        connection.commit()
    port = free_port()
    where = ["--backend-store-uri", store_uri, "--artifacts-destination", str(folder / "served")]
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command = [sys.executable, "-W", "ignore", "-m", "mlflow", "server", *where, *options]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


@retry(stop=stop_after_delay(120), wait=wait_fixed(0.1), retry=retry_if_exception_type(requests.RequestException), reraise=True)
def wait_for(address: str) -> None:
    """Waits until the address answers."""
    requests.get(address, timeout=5).raise_for_status()
