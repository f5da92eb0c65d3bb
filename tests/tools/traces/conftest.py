"""A store of ten traces, and snapshots of it."""

from pathlib import Path

import pytest

from analyze_experiment.tests.tools.traces.snapshot_bench import TRACES, WINDOW, Bench
from analyze_experiment.tests.tools.traces.store_rows import StoreRows
from analyze_experiment.tools.traces import refresh, workers


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies in this process, by one worker: their unfinished files are told apart by their processes."""
    monkeypatch.setattr(workers, "WORKERS", 1)
    monkeypatch.setattr(workers, "Worker", workers.NearWorker)


@pytest.fixture
def bench(empty_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Ten traces, a minute apart, in windows of four."""
    monkeypatch.setattr(refresh, "WINDOW_TRACES", WINDOW)
    store = StoreRows(empty_store)
    for number in range(TRACES):
        store.add_trace(f"tr-{number}", minute=number)
    return Bench(store, tmp_path / "cache")
