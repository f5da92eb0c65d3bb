"""What came of the traces of each issue that was counted, once a judge has said of traces how they ended."""

from collections.abc import Mapping, Sequence

from ..tools.insights.affected import AffectedTrace, ids_of
from ..tools.insights.models import Cause, Hypothesis, Issue, Severity
from ..tools.insights.transitions import SETTLED
from ..tools.testing.endings import asks_for_ending, endings_of, tell_parts
from ..tools.testing.sequential import Answer
from ..tools.testing.severity import LITTLE, is_exception, rate_endings
from ..tools.workbench import Workbench
from .context import Context
from .reading import judgements_of


def judged_endings(bench: Workbench) -> dict[str, Answer]:
    """Of each trace that a judge was asked about whether it ended wrongly. Blocks."""
    listed = bench.store.list_hypotheses(bench.run_id)
    asked = [each.hypothesis_id for each in listed if asks_for_ending(each.plan) and each.source != "prior"]
    return {trace_id: found.answer for subject in asked for trace_id, found in judgements_of(bench, subject).items()}


def is_harmless(bench: Workbench, affected: Sequence[AffectedTrace]) -> bool:
    """Whether these traces show little harm, by what a judge saw of it or of how they ended. Blocks."""
    seen = [each.consequence for each in affected if each.consequence]
    if seen:
        return seen.count("wrong") < LITTLE * bench.snapshot.record.traces
    endings = endings_of(ids_of(affected), judged_endings(bench))
    return endings is not None and is_exception(endings)


def parts_of(bench: Workbench, ended: Sequence[AffectedTrace]) -> Cause:
    """Which other issues of this analysis tell of the traces that ended wrongly. Blocks."""
    about_ends = {each.hypothesis_id for each in bench.store.list_hypotheses(bench.run_id) if asks_for_ending(each.plan)}
    told = [
        (issue.title, list(bench.store.issue_traces(issue.issue_id).ids()))
        for issue in bench.store.list_issues(bench.experiment_id)
        if issue.source_run_id == bench.run_id and issue.hypothesis_id not in about_ends
    ]
    return tell_parts([each.trace_id for each in ended], told)


def rate_by_ending(context: Context, bench: Workbench, hypotheses: Sequence[Hypothesis]) -> None:
    """Keeps with each counted issue of this analysis how its traces ended, and rates it by that. Blocks."""
    judged = judged_endings(bench)
    if not judged:
        return
    by_id = {each.hypothesis_id: each for each in hypotheses}
    for issue in bench.store.list_issues(bench.experiment_id):
        if issue.source_run_id != bench.run_id or issue.consequences is not None or issue.status in SETTLED:
            continue
        endings = endings_of(bench.store.issue_traces(issue.issue_id).ids(), judged)
        if endings is not None and (issue.endings is None or endings.counts != issue.endings.counts):
            rated = rate_endings(*issue.by_share, endings, floor=_floor(context, issue, by_id))
            bench.store.keep_endings(issue.issue_id, endings, rated.severity, rated.because, run_id=bench.run_id)


def _floor(context: Context, issue: Issue, hypotheses: Mapping[str, Hypothesis]) -> Severity | None:
    """The least severity of what the issue and its aspects are about."""
    about = [hypotheses.get(each) for each in (issue.hypothesis_id or "", *(aspect.hypothesis_id for aspect in issue.aspects))]
    entries = [context.playbook.get(each.playbook) for each in about if each is not None]
    floors = [entry.severity_floor for entry in entries if entry is not None and entry.severity_floor is not None]
    return max(floors, key=lambda each: each.rank, default=None)
