"""What `connect` lets pass, what it refuses and why, and how an experiment is found."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools import sqlite_file
from analyze_experiment.tools.errors import AnalyzeError, StoreError, UserError
from analyze_experiment.tools.sqlite_file import installed_schema_version, try_a_change
from analyze_experiment.tools.tracking import (
    Tracking,
    connect,
    experiments_with_traces,
    find_experiment,
    list_experiments,
    page_token,
)


def database(uri: str) -> Path:
    return Path(uri.removeprefix("sqlite:///"))


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


@dataclass(frozen=True)
class Refused:
    uri: str
    error: type[AnalyzeError]
    says: str


@pytest.mark.parametrize(
    "case",
    [
        Refused("", UserError, "No MLflow tracking URI"),
        Refused("  ", UserError, "No MLflow tracking URI"),
        Refused("mlflow.db", UserError, "sqlite:///mlflow.db"),
        Refused("sqlite://", UserError, "names no file"),
        Refused("sqlite:///:memory:", UserError, "names no file"),
        Refused("sqlite:///nowhere/mlflow.db", StoreError, "Nothing was created"),
        Refused("file:///srv/mlruns", StoreError, "no MLflow file store at '/srv/mlruns'. Nothing was created"),
        Refused("mssql://me:secret@db/mlflow", StoreError, "this is 'mssql'"),
        Refused("postgresql://me:secret@127.0.0.1:1/mlflow", StoreError, "postgresql://127.0.0.1:1/mlflow' can't be opened"),
        Refused("postgresql://me:sec/ret@db/mlflow", UserError, "can't be understood"),
        Refused("mysql+pymysql://me:secret@127.0.0.1:1/mlflow", StoreError, "mysql://127.0.0.1:1/mlflow' can't be opened"),
        Refused("mysql+nodriver://me:secret@db/mlflow", UserError, r"analyze-experiment\[mysql\]"),
        Refused("databricks", UserError, "No SQL warehouse is named"),
        Refused("http://127.0.0.1:9", StoreError, "could not open the store"),
    ],
    ids=lambda case: case.uri or "empty",
)
def test_uri_that_is_no_usable_store_is_refused(case: Refused) -> None:
    with pytest.raises(case.error, match=case.says) as refusal:
        connect(case.uri)
    assert "secret" not in str(refusal.value)


def write_text(path: Path) -> None:
    path.write_text("This is no database, however long the text may be.\n" * 20, encoding="utf-8")


@dataclass(frozen=True)
class BadFile:
    name: str
    make: Callable[[Path], object]
    says: str


@pytest.mark.parametrize(
    "case",
    [
        BadFile("folder", Path.mkdir, "is no file"),
        BadFile("text", write_text, "can't be read as an SQLite database"),
        BadFile("empty", Path.touch, "not MLflow's"),
        BadFile("other database", lambda path: execute(path, "CREATE TABLE orders (id)"), "not MLflow's"),
    ],
    ids=lambda case: case.name,
)
def test_file_that_is_no_mlflow_store_is_refused_and_left_alone(tmp_path: Path, case: BadFile) -> None:
    path = tmp_path / "mlflow.db"
    case.make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=case.says):
        connect(f"sqlite:///{path}")
    assert (path.read_bytes() if path.is_file() else None) == before
    assert list(tmp_path.iterdir()) == [path]


def test_missing_file_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no MLflow store"):
        connect(f"sqlite:///{tmp_path}/mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_store_of_another_schema_is_not_migrated(empty_store: str) -> None:
    execute(database(empty_store), "UPDATE alembic_version SET version_num = 'cafe12345678'")
    before = database(empty_store).read_bytes()
    with pytest.raises(StoreError) as refusal:
        connect(empty_store)
    for part in ("'cafe12345678'", repr(installed_schema_version()), f"mlflow db upgrade {empty_store}"):
        assert part in str(refusal.value)
    assert database(empty_store).read_bytes() == before


def test_store_from_before_traces_is_refused(empty_store: str) -> None:
    execute(database(empty_store), "DROP TABLE spans")
    with pytest.raises(StoreError, match="no table spans"):
        connect(empty_store)


def test_installed_schema_is_the_one_that_mlflow_writes(store_template: Path) -> None:
    with closing(sqlite3.connect(store_template)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(installed_schema_version(),)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
@pytest.mark.parametrize(("target", "mode", "says"), [("file", 0o400, "write the file"), ("folder", 0o500, "journal")])
def test_store_that_can_only_be_read_is_refused(empty_store: str, target: str, mode: int, says: str) -> None:
    path = database(empty_store) if target == "file" else database(empty_store).parent
    path.chmod(mode)
    try:
        with pytest.raises(StoreError, match=says):
            connect(empty_store)
    finally:
        path.chmod(0o700)


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_change_is_tried_and_taken_back(empty_store: str, mode: str) -> None:
    path = database(empty_store)
    before = path.read_bytes()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True)) as connection:
        if mode == "ro":
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                try_a_change(connection)
        else:
            try_a_change(connection)
    assert path.read_bytes() == before
    assert not path.with_name("mlflow.db-journal").exists()


def test_store_that_another_program_is_writing_to_says_so(empty_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "LOCK_TIMEOUT_S", 0)
    with closing(sqlite3.connect(database(empty_store), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program is writing"):
            connect(empty_store)


def test_relative_uri_becomes_absolute(empty_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(database(empty_store).parent)
    assert connect("sqlite:///mlflow.db").uri == empty_store


def test_connecting_is_silent_and_imports_mlflow_late(empty_store: str, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from analyze_experiment.tools.tracking import connect\n"
        "assert 'mlflow' not in sys.modules\n"
        "connect(sys.argv[1])\n"
        "from mlflow.telemetry.client import get_telemetry_client\n"
        "assert get_telemetry_client() is None\n"
    )
    cwd = tmp_path / "elsewhere"
    cwd.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DO_NOT_TRACK", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-c", code, empty_store], cwd=cwd, env=kept, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(cwd.iterdir()) == []


@pytest.fixture
def tracking(sample_experiment: SampleExperiment) -> Tracking:
    client = MlflowClient(sample_experiment.uri)
    for name in ("support-agent-old", "9"):
        client.create_experiment(name)
    client.delete_experiment(client.create_experiment("gone"))
    return connect(sample_experiment.uri)


def test_experiment_is_found_by_id_and_by_name(tracking: Tracking, sample_experiment: SampleExperiment) -> None:
    by_name = find_experiment(tracking, "support-agent")
    assert by_name == find_experiment(tracking, sample_experiment.experiment_id)
    assert (by_name.experiment_id, by_name.name) == (sample_experiment.experiment_id, "support-agent")
    assert find_experiment(tracking, "9").name == "9"


def test_unknown_experiment_names_the_near_ones(tracking: Tracking) -> None:
    with pytest.raises(UserError) as refusal:
        find_experiment(tracking, "Suport-Agent")
    assert "'support-agent' (id 1), 'support-agent-old' (id 2)" in str(refusal.value)
    assert "run-analysis --list" in str(refusal.value)


def test_unknown_id_is_refused_like_an_unknown_name(tracking: Tracking) -> None:
    with pytest.raises(UserError, match="There is no experiment '77' among the 4 here"):
        find_experiment(tracking, "77")


def test_part_of_a_name_is_near(tracking: Tracking) -> None:
    with pytest.raises(UserError, match="Near: 'support-agent-old'"):
        find_experiment(tracking, "old")


@pytest.mark.parametrize("id_or_name", ["gone", "4"])
def test_deleted_experiment_says_so(tracking: Tracking, id_or_name: str) -> None:
    with pytest.raises(UserError, match=r"'gone' \(id 4\) is deleted.*mlflow experiments restore --experiment-id 4"):
        find_experiment(tracking, id_or_name)


def test_name_that_is_another_experiments_id_is_ambiguous(tracking: Tracking) -> None:
    tracking.client.create_experiment("2")
    with pytest.raises(UserError, match="the id of one experiment and the name of another"):
        find_experiment(tracking, "2")


def test_experiments_are_listed_by_name_without_deleted_ones(tracking: Tracking) -> None:
    assert [each.name for each in list_experiments(tracking)] == ["9", "Default", "support-agent", "support-agent-old"]


def test_experiments_with_traces_are_told_from_empty_ones(tracking: Tracking) -> None:
    assert [each.name for each in experiments_with_traces(tracking)] == ["support-agent"]


def test_page_token_is_text_whatever_the_store_gives() -> None:
    assert [page_token(token) for token in (b"abc", "abc", "", None)] == ["abc", "abc", None, None]
