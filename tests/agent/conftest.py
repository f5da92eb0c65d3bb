"""A store with planted faults, a copy for each test."""

from pathlib import Path

import pytest

from analyze_experiment.tests.conftest import copy_store


@pytest.fixture
def planted_store(planted_template: Path, tmp_path: Path) -> str:
    """The URI of a planted store of the test's own; its one experiment with traces is number 1."""
    return copy_store(planted_template, tmp_path / "store")
