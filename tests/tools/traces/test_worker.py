"""The process that copies: pieces of bounded size, and an end that is told."""

import pytest

from analyze_experiment.tests.tools.traces.snapshot_bench import TRACES, Bench, windows
from analyze_experiment.tests.tools.traces.store_rows import EXPERIMENT
from analyze_experiment.tools.errors import StoreError
from analyze_experiment.tools.traces import worker
from analyze_experiment.tools.traces.sources.base import Key
from analyze_experiment.tools.traces.worker import splits
from analyze_experiment.tools.traces.workers import Worker


@pytest.mark.parametrize(
    ("sizes", "starts"),
    [([], []), ([9], []), ([1, 1], []), ([6, 4, 1], [2]), ([99, 1, 99], [1, 2]), ([1, 1, 99, 1], [2, 3]), ([5, 5, 5, 5], [2])],
)
def test_pieces_hold_no_more_than_is_allowed_unless_one_trace_does(
    sizes: list[int], starts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WINDOW_BYTES", 10)
    keys = [Key(place, f"tr-{place}") for place in range(len(sizes))]
    assert list(splits(list(zip(keys, sizes, strict=True)))) == [keys[place] for place in starts]


@pytest.mark.usefixtures("near")
def test_window_with_much_content_is_copied_in_pieces(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bench.take(cache=bench.cache / "whole")
    monkeypatch.setattr(worker, "WINDOW_BYTES", 1500)
    pieces = bench.take()
    assert len(windows(pieces)) > len(windows(whole))
    assert sum(window.traces for window in windows(pieces)) == TRACES
    assert pieces.record.digest == whole.record.digest
    assert bench.take() == pieces


def test_end_of_the_process_is_told(bench: Bench) -> None:
    copying = Worker(bench.store.uri, EXPERIMENT)
    try:
        assert EXPERIMENT in copying.identity()
        copying.process.kill()
        with pytest.raises(StoreError, match="broke off"):
            copying.identity()
    finally:
        copying.close()


def test_complaint_of_the_process_is_passed_on(bench: Bench) -> None:
    copying = Worker(bench.store.uri, EXPERIMENT)
    try:
        with pytest.raises(StoreError, match="unknown request"):
            copying._ask(do="nothing")
    finally:
        copying.close()
