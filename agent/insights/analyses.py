"""Analyses by hand: begun, described, completed, archived, reopened; and which ones nobody works on any more."""

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ...tools.errors import UserError
from ...tools.insights.locks import ExperimentLock
from ...tools.insights.models import Analysis, AnalysisStatus
from ...tools.tracking import find_experiment
from .opened import Insights

BY_HAND = "person"
"""The analyst of an analysis that a person or a coding agent drives."""
RUN_NAME_WORDS = 4
UNTOUCHED = timedelta(days=1)
"""An analysis by hand that nothing was written to for so long is probably forgotten."""

Standing = Literal["", "at work", "abandoned", "untouched"]


@dataclass(frozen=True)
class ListedAnalysis:
    """An analysis as a list shows it."""

    analysis: Analysis
    hypotheses: int
    issues: int
    """Issues that it found, or found again."""
    standing: Standing
    """Of an ACTIVE one: `at work` where a run holds its experiment, `abandoned` where its run is gone, `untouched` where it is
    driven by hand and nothing was written to it for a day."""


def create_analysis(insights: Insights, *, experiment_id: str, run_name: str, name: str, description: str) -> Analysis:
    """Begins an analysis that is driven by hand.

    Args:
        insights: The memory.
        experiment_id: The experiment, by id or name.
        run_name: Three or four words, as "Latency Analysis".
        name: The full name, with its context.
        description: What the agent is for, the focus, what was seen at first sight.

    Raises:
        UserError: a text is empty, or there is no such experiment.
        StoreError: its artifacts can't be written.
    """
    for what, text in (("run name", run_name), ("name", name), ("description", description)):
        require_text(what, text)
    experiment = find_experiment(insights.store.tracking, experiment_id)
    run_id = insights.store.create_analysis(
        experiment.experiment_id, key=uuid.uuid4().hex, name=name.strip(), run_name=run_name.strip(), analyst=BY_HAND
    ).run_id
    # The purpose is known: who begins an analysis by hand has described the agent already.
    said = {"description": description.strip(), "agent_description": description.strip(), "agent_description_by": "person"}
    return insights.store.update_analysis(
        run_id,
        op="created by hand",
        change=lambda current: current.model_copy(
            update={**said, "progress": {**current.progress, "purpose": current.created_at}}
        ),
    )


def update_analysis(
    insights: Insights,
    *,
    run_id: str,
    name: str | None = None,
    description: str | None = None,
    status: AnalysisStatus | None = None,
) -> Analysis:
    """Changes an analysis; what is None stays. COMPLETED ends its run, ACTIVE opens it again.

    Raises:
        UserError: nothing is to be changed, a text is empty, or there is no such analysis.
    """
    wanted = {"name": name, "description": description, "status": status}
    changes = {field: value for field, value in wanted.items() if value is not None}
    if not changes:
        raise UserError("Nothing is to be changed: give --name, --description or --status.")
    for field in ("name", "description"):
        if field in changes:
            require_text(field, str(changes[field]))
    return insights.store.update_analysis(run_id, op="", change=lambda current: current.model_copy(update=changes))


def get_analysis(insights: Insights, *, run_id: str) -> Analysis:
    """One analysis.

    Raises:
        UserError: there is no such analysis.
    """
    return insights.store.get_analysis(run_id)


def list_analyses(insights: Insights, *, experiment_id: str) -> list[ListedAnalysis]:
    """The analyses of an experiment, newest first, with what became of those that are still ACTIVE.

    Raises:
        UserError: there is no such experiment.
    """
    store, found = insights.store, find_experiment(insights.store.tracking, experiment_id)
    held = ExperimentLock(store.tracking.uri).is_held(found.experiment_id)
    counts = store.count_hypotheses(found.experiment_id)
    issues = Counter(issue.source_run_id for issue in store.list_issues(found.experiment_id))
    return [
        ListedAnalysis(each, counts.get(each.run_id, 0), issues[each.run_id], standing(each, held=held, now=insights.now()))
        for each in store.list_analyses(found.experiment_id)
    ]


def standing(analysis: Analysis, *, held: bool, now: datetime) -> Standing:
    """What became of an analysis that is ACTIVE; whether a run on another host works on it can't be seen from here."""
    if analysis.status is not AnalysisStatus.ACTIVE:
        return ""
    if analysis.analyst == BY_HAND:
        return "untouched" if now - analysis.updated_at > UNTOUCHED else ""
    return "at work" if held else "abandoned"


def archive(insights: Insights, *, run_id: str) -> Analysis:
    """Puts an analysis away: its run ends, and everything in it stays.

    Raises:
        UserError: there is no such analysis.
    """
    return update_analysis(insights, run_id=run_id, status=AnalysisStatus.ARCHIVED)


def reopen(insights: Insights, *, run_id: str) -> Analysis:
    """Opens a completed or archived analysis again.

    Raises:
        UserError: there is no such analysis.
    """
    return update_analysis(insights, run_id=run_id, status=AnalysisStatus.ACTIVE)


def advise_run_name(run_name: str) -> str:
    """What to make better about a run name; empty where it is short enough."""
    words = len(run_name.split())
    return "" if words <= RUN_NAME_WORDS else f"The run name has {words} words; three or four are easier to find in a list."


def require_text(what: str, text: str) -> str:
    """Passes a text that isn't empty, without the space around it.

    Raises:
        UserError: it is empty.
    """
    if not text.strip():
        raise UserError(f"The {what} is empty: give it some words.")
    return text.strip()
