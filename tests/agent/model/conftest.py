"""A scripted model, and an analysis whose memory keeps what it answers."""

from collections.abc import Generator
from dataclasses import dataclass

import pytest

from analyze_experiment.agent.model import Budget, Endpoint, LanguageModel, Limits
from analyze_experiment.tests.sample_traces import SampleExperiment
from analyze_experiment.tests.scripted_model import ScriptedModel
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.tracking import connect, find_experiment


@dataclass(frozen=True)
class Desk:
    """An analysis of the simple traces, and a model that answers for it."""

    store: InsightStore
    run_id: str
    server: ScriptedModel

    def model(self, limits: Limits | None = None, **changes: object) -> LanguageModel:
        """A model as another process would open it."""
        given = {"model": "small", "base_url": self.server.url, "api_key": "k", "timeout_s": 20.0, "retries": 2}
        endpoint = Endpoint(**{**given, **{key: changes.pop(key) for key in list(changes) if key in given}})  # type: ignore[arg-type]  # as below
        return LanguageModel(endpoint, Budget(limits or Limits()), **changes)  # type: ignore[arg-type]  # a fixture takes what both take


@pytest.fixture
def server() -> Generator[ScriptedModel]:
    """A model that says what is scripted; anything else fails the test."""
    with ScriptedModel() as scripted:
        yield scripted
    assert scripted.unscripted == [], "requests that no script expects"


@pytest.fixture
def desk(sample_experiment: SampleExperiment, server: ScriptedModel) -> Desk:
    """An analysis that was just begun."""
    store = InsightStore(connect(sample_experiment.uri))
    experiment_id = find_experiment(store.tracking, "support-agent").experiment_id
    analysis = store.create_analysis(experiment_id, key="k", name="n", run_name="r", analyst="language")
    return Desk(store, analysis.run_id, server)
