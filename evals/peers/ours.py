"""Our own analyst on a store: with a language model, with one alone, or with counting alone."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from ...agent.analysts.language import LanguageAnalyst
from ...agent.analysts.statistical import StatisticalAnalyst
from ...agent.display import make_display
from ...agent.human import PolicyHuman
from ...agent.model.configured import configured_model
from ...agent.session import run_session
from ...agent.settings import Settings
from ...agent.stop import StopSignal
from ...graph.ports import Proposal
from ...tools.insights.models import Analysis, Census, Issue
from ...tools.insights.store import InsightStore
from ...tools.testing.endings import asks_for_ending
from ...tools.testing.playbooks import load_playbook
from ...tools.tracking import connect
from ...tools.workbench import Workbench
from ..planted.score import OUTCOME, ReportedIssue

Way = Literal["both", "reading", "counting"]


class SilentAnalyst(StatisticalAnalyst):
    """Counts, so that reading has a census to go by, and proposes nothing."""

    async def propose(self, bench: Workbench, analysis: Analysis, census: Census, earlier: Sequence[Issue]) -> Proposal:
        """Nothing."""
        del bench, analysis, census, earlier
        return Proposal(())


def analyse(
    uri: str,
    experiment_id: str,
    way: Way,
    *,
    model: str,
    environ: Mapping[str, str],
    budget_tokens: int,
    folder: Path,
    seed: int,
    parallel: int,
    timeout_s: float,
) -> list[ReportedIssue]:
    """The issues that an analysis with nobody there reports, each with its traces.

    Of reading alone only what came of a hypothesis counts: what the census finds by itself is counting.
    """
    settings = Settings(
        tracking_uri=uri,
        experiment=experiment_id,
        cache=folder / "cache",
        report=folder / "report.md",
        analyst="statistical" if way == "counting" else "language",
        model=model,
        model_parallel=parallel,
        model_timeout=timeout_s,
        budget_tokens=budget_tokens,
        unattended=True,
        seed=seed,
    )
    playbook = load_playbook()
    with make_display("none", sys.stderr) as display:
        counting = SilentAnalyst({}) if way == "reading" else StatisticalAnalyst(playbook)
        asked = configured_model(settings, environ, check_stop=lambda: None, tracking=connect(uri))
        analyst = counting if asked is None else LanguageAnalyst(counting, asked, display, sample=settings.read_sample)
        run_session(settings, display=display, human=PolicyHuman(), stop=StopSignal(), analyst=analyst)
    return _reported(InsightStore(connect(uri)), experiment_id, by_hypothesis=way == "reading")


def _reported(store: InsightStore, experiment_id: str, *, by_hypothesis: bool) -> list[ReportedIssue]:
    issues = [each for each in store.list_issues(experiment_id) if each.source == "hypothesis" or not by_hypothesis]
    tested = {
        each.hypothesis_id: each.plan
        for run_id in {each.source_run_id for each in issues}
        for each in store.list_hypotheses(run_id)
    }
    return [
        ReportedIssue(
            issue.title,
            frozenset(trace.trace_id for trace in store.issue_traces(issue.issue_id)),
            OUTCOME if asks_for_ending(tested.get(issue.hypothesis_id or "")) else issue.kind,
        )
        for issue in issues
    ]
