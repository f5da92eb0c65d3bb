"""A store with planted faults, made once for all workers; tests get copies."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from analyze_experiment.evals.planted.build import build
from analyze_experiment.tests.conftest import copy_store

TRACES = 120


@pytest.fixture(scope="session")
def planted_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a planted store of 120 traces."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    database = folder / "planted" / "mlflow.db"
    with FileLock(folder / "planted.lock"):
        if not database.exists():
            build(database, traces=TRACES)
    return database


@pytest.fixture
def planted_store(planted_template: Path, tmp_path: Path) -> str:
    """The URI of a planted store of the test's own; its one experiment with traces is number 1."""
    return copy_store(planted_template, tmp_path / "store")
