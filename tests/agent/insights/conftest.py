"""`mlflow-insights` in this process: what it prints, what it says beside, and the code it ends with."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from analyze_experiment.agent.insights_cli import run
from analyze_experiment.tests.sample_traces import SampleExperiment


@dataclass(frozen=True)
class Done:
    """What a verb left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document it printed."""
        return json.loads(self.out)


class Insights:
    """The command, over one store."""

    def __init__(self, uri: str, experiment_id: str, trace_ids: tuple[str, ...], capture: pytest.CaptureFixture[str]) -> None:
        self.uri = uri
        self.experiment_id = experiment_id
        self.trace_ids = trace_ids
        self._capture = capture

    def __call__(self, verb: str, *arguments: str, as_json: bool = False) -> Done:
        """Carries out a verb."""
        output = ("--output", "json") if as_json else ()
        self._capture.readouterr()
        code = run([verb, "--tracking-uri", self.uri, *arguments, *output])
        said = self._capture.readouterr()
        return Done(code, said.out, said.err)

    def do(self, verb: str, *arguments: str) -> Any:
        """Carries out a verb that must succeed, and gives its document."""
        done = self(verb, *arguments, as_json=True)
        assert done.code == 0, done.err
        return done.json

    def begin(self) -> str:
        """Begins an analysis; gives its run id."""
        names = ("--run-name", "Full Analysis", "--name", "All of it", "--description", "Agent: keeps orders. Focus: general.")
        return str(self.do("create-analysis", "--experiment-id", self.experiment_id, *names)["run_id"])


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def insights(sample_experiment: SampleExperiment, capsys: pytest.CaptureFixture[str]) -> Insights:
    return Insights(sample_experiment.uri, sample_experiment.experiment_id, sample_experiment.trace_ids, capsys)


def evidence(trace_id: str, rationale: str = "it is so", **more: object) -> str:
    """The value of --evidence."""
    return json.dumps({"trace_id": trace_id, "rationale": rationale, **more})
