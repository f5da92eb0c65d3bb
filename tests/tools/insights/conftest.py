"""A memory over a store with five traces."""

from datetime import UTC, datetime, timedelta

import pytest

from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tools.insights.models import Analysis
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


class Ticking:
    """A clock that goes on by a second each time it is read."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self) -> datetime:
        self.reads += 1
        return NOON + timedelta(seconds=self.reads)


@pytest.fixture
def store(sample_experiment: SampleExperiment) -> InsightStore:
    return InsightStore(connect(sample_experiment.uri), now=Ticking())


@pytest.fixture
def analysis(store: InsightStore, sample_experiment: SampleExperiment) -> Analysis:
    return store.create_analysis(
        sample_experiment.experiment_id,
        key="session 1",
        name="All traces",
        run_name="support agent analysis",
        analyst="statistical",
    )


@pytest.fixture
def run_id(analysis: Analysis) -> str:
    return analysis.run_id


@pytest.fixture
def trace_ids(sample_experiment: SampleExperiment) -> tuple[str, ...]:
    return sample_experiment.trace_ids
