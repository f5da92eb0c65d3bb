"""One analysis of an experiment at a time, on this host and on others."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analyze_experiment.tools.errors import AnalysisLocked
from analyze_experiment.tools.insights.lease import FREE, STALE_S, TAG, ExperimentClaim, Lease
from analyze_experiment.tools.insights.models import Analysis
from analyze_experiment.tools.insights.store import InsightStore

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def on_host(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """As if this were another host: another folder of locks."""
    (tmp_path / name).mkdir(exist_ok=True)
    with monkeypatch.context() as context:
        context.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        yield


def claim(store: InsightStore, clock: Clock, lost: list[str] | None = None) -> ExperimentClaim:
    return ExperimentClaim(store, now=clock, on_lost=lambda: (lost if lost is not None else []).append("lost"))


@pytest.fixture
def elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: InsightStore, analysis: Analysis, clock: Clock
) -> Iterator[Lease]:
    """A run on another host that has the experiment."""
    with on_host("other", tmp_path, monkeypatch):
        lease = Lease(store.files, store.make_parent_run(analysis.experiment_id), now=clock, on_lost=lambda: None)
        lease.acquire(analysis.experiment_id)
    yield lease
    lease.release()


def test_other_hosts_are_kept_out_and_told_who_has_it(store: InsightStore, elsewhere: Lease, clock: Clock) -> None:
    with pytest.raises(AnalysisLocked, match="A run on .* analyses experiment '1'") as locked:
        claim(store, clock).take("1")
    assert locked.value.exit_code == 75


def test_released_experiment_is_free_at_once(store: InsightStore, elsewhere: Lease, clock: Clock) -> None:
    elsewhere.release()
    assert store.files.run(store.make_parent_run("1")).tags[TAG].startswith(FREE)
    mine = claim(store, clock)
    mine.take("1")
    mine.take("1")
    mine.release()


def test_claim_that_is_not_renewed_is_taken_over_and_its_holder_learns_of_it(
    store: InsightStore, elsewhere: Lease, clock: Clock
) -> None:
    clock.at += timedelta(seconds=STALE_S - 1)
    with pytest.raises(AnalysisLocked):
        claim(store, clock).take("1")
    assert elsewhere.renew()
    clock.at += timedelta(seconds=STALE_S - 1)
    with pytest.raises(AnalysisLocked):
        claim(store, clock).take("1")
    clock.at += timedelta(seconds=2)
    mine = claim(store, clock)
    mine.take("1")
    assert not elsewhere.renew()
    elsewhere.release()
    assert not store.files.run(store.make_parent_run("1")).tags[TAG].startswith(FREE)
    mine.release()


def test_of_two_that_find_it_free_one_gets_it(store: InsightStore, analysis: Analysis, clock: Clock) -> None:
    """Both have looked, neither has written: the parameter can be written once."""
    assert store.files.claim(analysis.run_id, f"{TAG}.1", "the other")
    assert not store.files.claim(analysis.run_id, f"{TAG}.1", "this one")
    assert store.files.claim(analysis.run_id, f"{TAG}.1", "the other")


def test_run_that_died_on_this_host_is_followed_at_once(store: InsightStore, analysis: Analysis, clock: Clock) -> None:
    dead = Lease(store.files, store.make_parent_run(analysis.experiment_id), now=clock, on_lost=lambda: None)
    dead.acquire("1")
    mine = claim(store, clock)
    mine.take("1")
    mine.release()
    dead.release()


def test_experiment_without_a_run_is_claimed_on_this_host_until_one_is_made(empty_store: str, clock: Clock) -> None:
    from analyze_experiment.tools.tracking import connect

    store = InsightStore(connect(empty_store))
    mine = claim(store, clock)
    mine.take("0")
    assert store.parent_run_id("0") is None
    mine.take("0", create=True)
    parent = store.parent_run_id("0")
    assert parent is not None
    assert not store.files.run(parent).tags[TAG].startswith(FREE)
    mine.release()
    assert store.files.run(parent).tags[TAG].startswith(FREE)
