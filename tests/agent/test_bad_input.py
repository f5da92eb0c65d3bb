"""What can be wrong with what `run-analysis` is given: each is told in one line that says what to change, and nothing is made."""

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from analyze_experiment.tests.agent.console import Console, contents
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.insights.locks import ExperimentLock
from analyze_experiment.tools.insights.models import Analysis, AnalysisStatus
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect


@dataclass(frozen=True)
class Place:
    """A folder for one case, and the stores that it may copy into it."""

    folder: Path
    empty: Path
    sample: Path

    @property
    def database(self) -> Path:
        return self.folder / "store" / "mlflow.db"

    @property
    def cwd(self) -> Path:
        return self.folder / "cwd"


@pytest.fixture
def place(tmp_path: Path, store_template: Path, sample_template: SampleExperiment) -> Place:
    (tmp_path / "cwd").mkdir()
    return Place(tmp_path, store_template, database_of(sample_template.uri))


def database_of(uri: str) -> Path:
    return Path(uri.removeprefix("sqlite:///"))


def execute(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(sql)


def nothing(place: Place) -> None:
    del place


def sample(place: Place) -> None:
    copy_store(place.sample, place.database.parent)


def no_traces(place: Place) -> None:
    copy_store(place.empty, place.database.parent)


def folder(place: Place) -> None:
    place.database.mkdir(parents=True)


def text(place: Place) -> None:
    place.database.parent.mkdir()
    place.database.write_text("This is no database, however long the text may be.\n" * 20, encoding="utf-8")


def other_database(place: Place) -> None:
    place.database.parent.mkdir()
    execute(place.database, "CREATE TABLE orders (id)")


def other_schema(place: Place) -> None:
    sample(place)
    execute(place.database, "UPDATE alembic_version SET version_num = 'cafe12345678'")


def read_only(place: Place) -> None:
    """Says in the file's header that it may only be read (byte 18, the write version), which holds for root too."""
    sample(place)
    with place.database.open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")


def foreign_run(place: Place) -> None:
    sample(place)
    columns = "run_uuid, name, user_id, status, start_time, lifecycle_stage, experiment_id, artifact_uri"
    values = f"'{RUN}', 'training', 'somebody', 'FINISHED', 0, 'active', 1, '/nowhere'"
    execute(place.database, f"INSERT INTO runs ({columns}) VALUES ({values})")


def env_file(place: Place) -> None:
    (place.cwd / ".env").write_text("MLFLOW_EXPERIMENT_ID=1\nthis is not a setting\n", encoding="utf-8")


RUN = "0123456789abcdef0123456789abcdef"
ONE = ("--experiment", "1")


@dataclass(frozen=True)
class Wrong:
    says: tuple[str, ...]
    prepare: Callable[[Place], None] = sample
    arguments: tuple[str, ...] = ONE
    code: int = 1
    environ: dict[str, str] = field(default_factory=dict[str, str])
    with_store: bool = True


WRONG = {
    "no such experiment": Wrong(
        ("There is no experiment 'suport-agent'", "Near: 'support-agent' (id 1)", "run-analysis --list"),
        arguments=("--experiment", "suport-agent"),
        code=2,
    ),
    "no traces": Wrong(
        ("Experiment 'Default' (0) has no traces", "choose another with --experiment"), no_traces, ("--experiment", "0"), code=2
    ),
    "no database": Wrong(("There is no MLflow store at", "Nothing was created"), nothing),
    "a folder": Wrong(("is no file", "Name the SQLite database itself"), folder),
    "no database at all": Wrong(("can't be read as an SQLite database",), text),
    "not MLflow's": Wrong(("is an SQLite database, but not MLflow's",), other_database),
    "another schema": Wrong(("'cafe12345678'", "We never migrate a store", "mlflow db upgrade"), other_schema),
    "read only": Wrong(("can't be written", "readonly", "work on a copy"), read_only),
    "no store given": Wrong(("No MLflow store is given", "--tracking-uri", "--demo"), nothing, code=2, with_store=False),
    "a broken env file": Wrong(("Line 2 of", "is no NAME=value"), env_file, code=2, with_store=False),
    "an unknown key": Wrong(
        ("'ANALYZE_EXPERIMENT_EXPERIMNT'", "Did you mean 'ANALYZE_EXPERIMENT_EXPERIMENT'?"),
        nothing,
        code=2,
        environ={"ANALYZE_EXPERIMENT_EXPERIMNT": "1"},
        with_store=False,
    ),
    "a run that is no analysis": Wrong(
        (f"Run '{RUN}' ('training') is no analysis", "run-analysis --list"), foreign_run, ("--resume", RUN), code=2
    ),
    "an analyst that isn't there": Wrong(
        ("The language analyst needs a model", "--model"),
        arguments=(*ONE, "--analyst", "language"),
        code=2,
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_made(place: Place, case: Wrong, console: Console) -> None:
    case.prepare(place)
    before = contents(place.folder)
    store = ("--tracking-uri", f"sqlite:///{place.database}") if case.with_store else ()
    done = console.run(place.cwd, *store, *case.arguments, "--unattended", "--output", "none", **case.environ)
    assert (done.returncode, done.stdout) == (case.code, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert [part for part in case.says if part not in line] == []
    assert {name: digest for name, digest in contents(place.folder).items() if not name.startswith("home")} == before


def test_debug_shows_where_an_error_came_from(place: Place, console: Console) -> None:
    done = console.run(place.cwd, "--tracking-uri", f"sqlite:///{place.database}", "--debug", "--unattended")
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert "Traceback (most recent call last):" in lines
    assert any("in connect" in line for line in lines)
    assert lines[-1].startswith("Error: There is no MLflow store at")


def test_experiment_under_analysis_is_left_to_who_came_first(place: Place, console: Console) -> None:
    sample(place)
    uri, cache = f"sqlite:///{place.database}", place.folder / "cache"
    lock = ExperimentLock(connect(uri).uri)
    lock.claim("1")
    before = contents(place.database.parent)
    try:
        options = ("--tracking-uri", uri, *ONE, "--cache", str(cache), "--unattended", "--output", "none")
        done = console.run(place.cwd, *options, XDG_CACHE_HOME=os.environ["XDG_CACHE_HOME"])
    finally:
        lock.release()
    assert (done.returncode, done.stdout) == (75, "")
    assert re.fullmatch("Error: Another run analyses experiment '1' of this store: .*\n", done.stderr)
    assert contents(place.database.parent) == before


@dataclass(frozen=True)
class Refused:
    """An analysis of a store with a damaged trace, whose report had nowhere to go."""

    uri: str
    broken: str
    done: "subprocess.CompletedProcess[str]"
    cwd: Path

    @property
    def store(self) -> InsightStore:
        return InsightStore(connect(self.uri))

    @property
    def analysis(self) -> Analysis:
        (analysis,) = self.store.list_analyses("1")
        return analysis


@pytest.fixture(scope="module")
def refused(sample_template: SampleExperiment, tmp_path_factory: pytest.TempPathFactory, console: Console) -> Refused:
    place = tmp_path_factory.mktemp("refused")
    uri, cwd, broken = copy_store(database_of(sample_template.uri), place / "store"), place / "cwd", sample_template.trace_ids[0]
    cwd.mkdir()
    execute(database_of(uri), f"UPDATE spans SET content = substr(content, 1, 40) WHERE trace_id = '{broken}'")
    nowhere = database_of(uri) / "report.md"
    done = console.run(cwd, "--tracking-uri", uri, *ONE, "--unattended", "--report", str(nowhere))
    return Refused(uri, broken, done, cwd)


@pytest.mark.xdist_group("refused")
def test_report_that_can_not_be_written_is_kept_in_the_run(refused: Refused) -> None:
    assert refused.done.returncode == 2
    error = refused.done.stderr.splitlines()[-1]
    assert error.startswith("Error: The report can't be written to")
    assert f"choose another path with --report. It is kept in the analysis run {refused.analysis.run_id}" in error
    assert refused.analysis.status is AnalysisStatus.ACTIVE
    assert (refused.store.read_report(refused.analysis.run_id) or "").startswith("# Experiment 1")


@pytest.mark.xdist_group("refused")
def test_trace_that_can_not_be_parsed_is_counted_and_named(refused: Refused) -> None:
    run_id = refused.analysis.run_id
    snapshot = refused.store.read_snapshot(run_id)
    assert snapshot is not None
    assert (snapshot.traces, snapshot.unreadable) == (5, 1)
    assert "1 without readable spans" in (refused.store.read_report(run_id) or "")
    assert "test" in refused.analysis.progress


@pytest.mark.xdist_group("refused")
def test_resume_writes_the_kept_report_elsewhere(refused: Refused, console: Console) -> None:
    run_id, elsewhere = refused.analysis.run_id, refused.cwd / "new" / "report.md"
    done = console.run(refused.cwd, "--tracking-uri", refused.uri, "--resume", run_id, "--report", str(elsewhere), "--unattended")
    assert done.returncode == 0, done.stderr
    assert refused.store.read_report(run_id) == elsewhere.read_text(encoding="utf-8")
    assert (refused.analysis.status, refused.analysis.report_path) == (AnalysisStatus.COMPLETED, str(elsewhere))
    assert f"Report: {elsewhere}" in done.stdout.splitlines()
    assert [name for name in contents(refused.cwd) if name not in {"new", "new/report.md", "new/report.html"}] == []
