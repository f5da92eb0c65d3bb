"""The verdict of a reading once a person's labels say how its judge errs, and what becomes of the issue that rests on it.

A judge's verdict is about what it flags. Labels of traces that were drawn at random move its threshold by the judge's errors
(`judge_error.py`), and the same traces, in the order in which they were read, are held against that one. So the labels decide
nothing by themselves, and no trace is read again. The draw is fixed before anybody is asked, and all of it is answered before it
counts, so that nobody stops where it suits him.

A reading stops as soon as it has shown its own threshold. Where nothing, or too little, was read on, the same traces can't show a
higher one, however well the judge did; so what it validated stays where the corrected 95% interval is above the plain one.
"""

from typing import NamedTuple

from ..insights.label_rules import Relabelled
from ..insights.models import Correction, Hypothesis, HypothesisStatus, Issue, LabelSet, TestResult, Verdict
from ..insights.store import InsightStore
from ..shares import percent
from .drafting import BY_A_JUDGE, LABELLED
from .labelling import against, correct
from .severity import Rating, rate_consequences

LEAST_LABELS = 30
"""Fewer labels that say something than these are shown and decide nothing, unless all traces that were judged have one."""


class DecidedAgain(NamedTuple):
    """A hypothesis whose verdict the labels have given, and what it was before."""

    before: HypothesisStatus
    hypothesis: Hypothesis
    issue: Issue | None
    """The issue that rests on it, where the analysis made one."""


def decide_by_labels(store: InsightStore, run_id: str) -> list[DecidedAgain]:
    """Gives what was read and labelled its verdict against the judge's errors, and its issue the corrected share.

    An issue whose verdict doesn't hold is no issue; it is one again if later labels say so. Doing it again changes nothing.

    Args:
        store: The memory.
        run_id: The analysis.
    """
    decided: list[DecidedAgain] = []
    analysis, snapshot = store.get_analysis(run_id), store.read_snapshot(run_id)
    issues = {each.hypothesis_id: each for each in store.list_issues(analysis.experiment_id) if each.source_run_id == run_id}
    for hypothesis in store.list_hypotheses(run_id):
        labels = store.read_labels(run_id, hypothesis.hypothesis_id) if _may_change(hypothesis) else None
        found = _settled(labels, hypothesis) if labels is not None else None
        if found is None:
            continue
        verdict = decide_again(found, hypothesis)
        settled = store.decide_by_labels(run_id, hypothesis.hypothesis_id, verdict)
        issue = issues.get(hypothesis.hypothesis_id)
        if issue is not None and snapshot is not None:
            said = _say_of(issue, verdict, found, traces=snapshot.traces)
            issue = store.relabel_issue(issue.issue_id, said)
        decided.append(DecidedAgain(hypothesis.status, settled, issue))
    return decided


def decide_again(found: Correction, hypothesis: Hypothesis) -> Verdict:
    """The verdict of what was read, with both its thresholds moved by the judge's errors."""
    result, before = hypothesis.result, hypothesis.verdict
    assert result is not None and before is not None and before.level, "asked of what a family has decided"
    if found.share is None:
        status, because = HypothesisStatus.INCONCLUSIVE, "The judge is too near to guessing for what it flags to decide anything."
    else:
        status, because = _decided(found, result, before.level)
    interval = before.interval if status is HypothesisStatus.VALIDATED else None
    said = {"status": status, "by": "labels", "reason": f"{_seen(found, result)} {because}", "interval": interval}
    return before.model_copy(update={**said, "p_adjusted": None})


def _may_change(hypothesis: Hypothesis) -> bool:
    """Whether a family has decided it by reading, and no person; a look at an earlier issue is compared with its trend."""
    verdict, result = hypothesis.verdict, hypothesis.result
    read = result is not None and result.reads is not None and hypothesis.source != "prior"
    return read and verdict is not None and verdict.by != "person" and bool(verdict.level)


def _settled(labels: LabelSet, hypothesis: Hypothesis) -> Correction | None:
    """What the labels say, once all that was drawn is answered and it is enough to decide by."""
    assert hypothesis.result is not None, "asked of what was read"
    found = correct(labels, hypothesis.result, hypothesis.verdict)
    if found is None or labels.pending:
        return None
    return found if found.labelled >= min(LEAST_LABELS, found.frame) else None


def _decided(found: Correction, result: TestResult, level: float) -> tuple[HypothesisStatus, str]:
    """By the moved thresholds; what was validated stays so too where the corrected interval lies above the plain one."""
    assert found.interval is not None and result.reads is not None, "asked where both are there"
    shown = against(result, found.moved_threshold, found.moved_material, level=level)
    threshold, least = percent(found.threshold), percent(found.moved_material)
    slips = f"The judge's errors could have {percent(found.moved_threshold)} flagged where {threshold} are affected"
    misses = f"at least {least} would be flagged where {percent(found.material)} are"
    if shown.shown:
        return HypothesisStatus.VALIDATED, f"{slips}; surely more is flagged."
    if shown.ruled_out:
        return HypothesisStatus.REJECTED, f"{slips}, and {misses}; surely less is flagged than that."
    if result.reads.stopped == "validated" and found.interval.low > found.threshold:
        return (
            HypothesisStatus.VALIDATED,
            f"{slips}, and too few were read to show more; the corrected interval is above {threshold}.",
        )
    return HypothesisStatus.INCONCLUSIVE, f"{slips}, and {misses}; what is flagged neither shows the one nor rules out the other."


def _seen(found: Correction, result: TestResult) -> str:
    """What the judge flags, what labels say of it, and the corrected share."""
    reads = result.reads
    assert reads is not None, "asked of what was read"
    on = reads.on
    affected, read = (result.affected or 0, reads.read) if on is None else (on.affected, on.read)
    of = result.population if on is None else on.population
    flagged = f"{affected:,} flagged of {read:,} traces read{f' of {of:,}' if read < of else ', which are all'}."
    right = (
        f"By {found.labelled:,} labels of a person, drawn {found.drawing}, it is right in {found.flagged_affected:,} of "
        f"{found.flagged_labelled:,} that it flags and misses {found.unflagged_affected:,} of {found.unflagged_labelled:,} others"
    )
    if found.share is None or found.interval is None:
        return f"{flagged} {right}."
    bounds = f"95% interval {percent(found.interval.low)} to {percent(found.interval.high)}"
    return f"{flagged} {right}: about {percent(found.share)} of the {found.frame:,} judged are affected ({bounds})."


def _say_of(issue: Issue, verdict: Verdict, found: Correction, *, traces: int) -> Relabelled:
    rating = _rating(issue, found, traces=traces) or Rating(issue.severity, issue.severity_because)
    stands = found.model_copy(update={"holds": verdict.status is HypothesisStatus.VALIDATED})
    return Relabelled(verdict, stands, issue.description.replace(BY_A_JUDGE, LABELLED), rating.severity, rating.because)


def _rating(issue: Issue, found: Correction, *, traces: int) -> Rating | None:
    """The severity with the judge's false flags taken off what ended wrongly; its errors are known now, so nothing caps it."""
    harm, interval = issue.consequences, found.interval
    if harm is None or interval is None or not found.frame_flagged:
        return None
    true = min(interval.low / (found.frame_flagged / found.frame), 1.0)
    wrong, harmed = (share.low * harm.population / traces * true for share in (harm.wrong_share, harm.harmed_share))
    return rate_consequences(wrong_low=wrong, harmed_low=harmed, labelled=True)
