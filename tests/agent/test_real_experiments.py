"""Real experiments from end to end, against the labels that came with them."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyze_experiment.agent.outcome import Outcome, exit_code
from analyze_experiment.tests.agent.whole import analyse, memory_of
from analyze_experiment.tools.insights.models import AnalysisStatus

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (DATA / "unpack.py").exists(), reason="the real experiments are not beside the repository"),
]


def unpack(name: str, folder: Path) -> str:
    """Writes the experiment out; its URI."""
    spec = importlib.util.spec_from_file_location("unpack", DATA / "unpack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.unpack(name, folder))


@dataclass(frozen=True)
class Real:
    """A real experiment, analysed."""

    name: str
    folder: Path
    uri: str
    outcome: Outcome

    def labelled(self, issue_id: str) -> set[str]:
        """The traces that the labels name for this issue."""
        truth = json.loads((self.folder / "truth.json").read_text(encoding="utf-8"))
        (found,) = [issue for issue in truth["issues"]["issues"] if issue["id"] == issue_id]
        return set(found["trace_ids"])

    def affected(self, kind: str) -> set[str]:
        """The traces that the issues of this kind name."""
        store = memory_of(self.uri)
        ids = [issue.issue_id for issue in self.outcome.issues if issue.kind == kind]
        return {trace.trace_id for issue_id in ids for trace in store.issue_traces(issue_id)}


def of(*names: str) -> pytest.MarkDecorator:
    """The test is about these experiments; each is analysed once, by one worker."""
    groups = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]
    return pytest.mark.parametrize("real", groups, indirect=True)


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Real:
    folder = tmp_path_factory.mktemp(request.param)
    uri = unpack(request.param, folder)
    return Real(request.param, folder, uri, analyse(uri, experiment="1", unattended=True))


@of("retail", "airline", "airline-turns", "airline-voice")
def test_analysis_completes(real: Real) -> None:
    analysis = memory_of(real.uri).get_analysis(real.outcome.run_id)
    assert exit_code(real.outcome, None) in {0, 4}
    assert analysis.status is AnalysisStatus.COMPLETED
    assert (real.folder / "report.md").read_text(encoding="utf-8") == memory_of(real.uri).read_report(real.outcome.run_id)


@of("retail", "airline", "airline-voice")  # the labels of airline-turns are per session, and name no tool errors
def test_operational_issues_cover_the_traces_whose_tools_fail(real: Real) -> None:
    assert real.affected("operational") == real.labelled("O_tool_error")


@of("retail", "airline", "airline-turns")  # the durations of airline-voice were measured
def test_durations_that_were_set_make_no_issue(real: Real) -> None:
    titles = [issue.title for issue in real.outcome.issues]
    assert [title for title in titles if "latency" in title.lower() or "slow" in title.lower()] == []
