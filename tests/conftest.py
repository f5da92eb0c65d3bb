"""What all tests share: an empty MLflow store by the copy, a home of their own, and no network."""

import gc
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from filelock import FileLock

from analyze_experiment.agent.command_line import COLLECTED_AT
from analyze_experiment.evals.planted.build import build
from analyze_experiment.tests.forked_workers import open_nursery, quick_workers
from analyze_experiment.tests.quick_stores import copied_stores, quicken_stores, skip_syncing
from analyze_experiment.tests.sample_traces import SampleExperiment, log_traces
from analyze_experiment.tests.spark_servers import spark_server

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
}
FOREIGN = ("MLFLOW_", "ANALYZE_EXPERIMENT_", "OPENAI_", "AZURE_", "LANGSMITH_", "LANGCHAIN_", "DATABRICKS_", "XDG_")
"""Variables that would let the machine's own set-up into a test."""

PLANTED_TRACES = 120
ABOUT_STORES = "tests/evals/planted/test_build.py"
"""Where planted stores are created as they are for users."""
ABOUT_WORKERS = ("tests/tools/sql/", "tests/tools/traces/")
"""Where workers are started as they are for users."""

CREATE_STORE = """
import sys
from mlflow import MlflowClient
from analyze_experiment.tests.quick_stores import quicken_stores
quicken_stores()
MlflowClient(sys.argv[1]).search_experiments(max_results=1)
"""


def pytest_configure() -> None:
    """Stores of tests are gone when the tests are."""
    quicken_stores()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What tests of a module share is made once: they go to one worker, which is told by the group that they are of."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("xdist_group") is None and _shares(item):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(item.config.rootpath).as_posix()))


def _shares(test: pytest.Function) -> bool:
    """Whether it uses a fixture of its module that is there for more than one test."""
    used = [found[-1] for found in test._fixtureinfo.name2fixturedefs.values()]
    return any(each.scope != "function" and test.nodeid.startswith(f"{each.baseid}::") for each in used)


def pytest_collection_finish() -> None:
    """What is imported by now stays: looking for garbage among it again and again took an eighth of all tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED_AT)


def pytest_sessionfinish() -> None:
    """At its end the interpreter takes apart what isn't frozen alone; libraries complain of the rest."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own, and an environment without anybody's settings."""
    folder = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("CACHE_HOME", "CONFIG_HOME", "DATA_HOME", "STATE_HOME", "RUNTIME_DIR"):
        path = folder / name.lower()
        path.mkdir(mode=0o700)
        monkeypatch.setenv(f"XDG_{name}", str(path))
    return folder


@pytest.fixture(scope="session")
def nursery() -> Iterator[socket.socket]:
    """What workers are forked from."""
    with open_nursery() as channel:
        yield channel


@pytest.fixture(scope="module", autouse=True)
def workers_forked(request: pytest.FixtureRequest, nursery: socket.socket) -> Iterator[None]:
    """SQL workers and copiers of traces that take no time to start, but where the tests are about them."""
    if any(folder in request.path.as_posix() for folder in ABOUT_WORKERS):
        yield
        return
    with quick_workers(nursery):
        yield


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test that opens a connection to anything but this machine."""
    connect = socket.socket.connect
    connect_ex = socket.socket.connect_ex

    def refuse_others(opened: socket.socket, address: object) -> None:
        if opened.family != socket.AF_UNIX and not _is_loopback(address):
            pytest.fail(f"a test tried to connect to {address!r}; tests have no network")

    def guarded_connect(self: socket.socket, address: tuple[str, int]) -> None:
        refuse_others(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: tuple[str, int]) -> int:
        refuse_others(self, address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)


def _is_loopback(address: object) -> bool:
    host = str(address[0]) if isinstance(address, tuple) and address else ""
    return host in {"localhost", "::1"} or host.startswith("127.")


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, made once: creating one runs all of MLflow's migrations."""
    folder = tmp_path_factory.getbasetemp().parent
    template = folder / f"mlflow-{version('mlflow')}.db"
    with FileLock(f"{template}.lock"):
        if not template.exists():
            unfinished = folder / f"{template.name}.{os.getpid()}"
            command = [sys.executable, "-W", "ignore", "-c", CREATE_STORE, f"sqlite:///{unfinished}"]
            subprocess.run(command, check=True, capture_output=True, cwd=folder, env={**os.environ, **QUIET})
            unfinished.rename(template)
    return template


@pytest.fixture(scope="module", autouse=True)
def stores_copied(request: pytest.FixtureRequest, store_template: Path) -> Iterator[None]:
    """Planted stores that take no time to create, but where the tests are about that."""
    if ABOUT_STORES in request.path.as_posix():
        yield
        return
    with copied_stores(store_template):
        yield


@pytest.fixture
def empty_store(store_template: Path, tmp_path: Path) -> str:
    """The URI of an MLflow store of the test's own, which holds nothing but an empty experiment `Default`."""
    return copy_store(store_template, tmp_path / "store")


@pytest.fixture(scope="session")
def sample_template(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleExperiment:
    """The experiment `support-agent` with five simple traces, logged once; tests get copies."""
    uri = copy_store(store_template, tmp_path_factory.mktemp("sample") / "store")
    return log_traces(uri, "support-agent")


@pytest.fixture(scope="session")
def planted_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a planted store of 120 traces."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    database = folder / "planted" / "mlflow.db"
    with FileLock(folder / "planted.lock"):
        if not database.exists():
            build(database, traces=PLANTED_TRACES)
    return database


@pytest.fixture(scope="session")
def spark_remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark Connect server, started once for all tests that ask for it: all of the group `spark`."""
    with spark_server(tmp_path_factory.mktemp("spark")) as address:
        yield address


@pytest.fixture
def sample_experiment(sample_template: SampleExperiment, tmp_path: Path) -> SampleExperiment:
    """The experiment `support-agent` with five simple traces, in a store of the test's own."""
    template = Path(sample_template.uri.removeprefix("sqlite:///"))
    return replace(sample_template, uri=copy_store(template, tmp_path / "store"))


def copy_store(template: Path, folder: Path) -> str:
    """Copies a store into a folder that is made for it, gives its experiments artifacts beside it, and returns its URI."""
    folder.mkdir(parents=True)
    database = folder / "mlflow.db"
    shutil.copyfile(template, database)
    artifacts = (folder / "artifacts").as_uri()
    with closing(sqlite3.connect(database)) as connection:
        skip_syncing(connection)
        connection.execute("UPDATE experiments SET artifact_location = ? || '/' || experiment_id", (artifacts,))
        connection.commit()
    return f"sqlite:///{database}"
