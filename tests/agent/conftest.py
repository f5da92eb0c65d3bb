"""A store with planted faults, a copy for each test; and the console script, quick to start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analyze_experiment.tests.agent.console import Console, open_console
from analyze_experiment.tests.agent.refunds import Refunds, logged_refunds
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tools.traces import workers


@pytest.fixture
def planted_store(planted_template: Path, tmp_path: Path) -> str:
    """The URI of a planted store of the test's own; its one experiment with traces is number 1."""
    return copy_store(planted_template, tmp_path / "store")


@pytest.fixture
def refunds(store_template: Path, tmp_path: Path) -> Refunds:
    """A store of the test's own in which every second trace promises a refund."""
    return logged_refunds(store_template, tmp_path)


@pytest.fixture(scope="session", autouse=True)
def one_copier() -> Iterator[None]:
    """One process that copies traces, not one a core: for some dozens of traces a second takes longer to start than to copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "WORKERS", 1)
        yield


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """What `run-analysis` is run with where only its beginning and its end are looked at."""
    with open_console(tmp_path_factory.mktemp("console")) as opened:
        yield opened
