"""Going on with a complete analysis whose model could not be asked everything: what was left out then is asked now.

Nothing is asked twice: answers are kept by what was asked. What depends on them is done again, proposals as a further round,
readings from where they stood; a verdict that data gave stays.
"""

from ..tools.insights.models import Analysis, AnalysisStatus, Hypothesis, HypothesisStatus
from ..tools.insights.store import InsightStore

PROPOSING = frozenset({"open reading", "grouping", "exploration", "merging", "plans"})
"""What is asked before anything is tested."""
STAYS = frozenset({"purpose"})
"""A description that counting made stands: with another one every question would be another, and be paid for again."""


def is_left_to_ask(analysis: Analysis) -> bool:
    """Whether it is complete and its model was not asked, or did not answer, something that it may still be asked."""
    declined = (answered := analysis.answer("spend")) is not None and answered.answer == "no"
    return analysis.status is AnalysisStatus.COMPLETED and bool(analysis.spend.left.keys() - STAYS) and not declined


def ask_on(store: InsightStore, run_id: str) -> Analysis:
    """Makes the steps undone that what was left out belongs to; whoever drives the analysis goes on from there."""
    analysis = store.get_analysis(run_id)
    broken_off = [each.hypothesis_id for each in store.list_hypotheses(run_id) if _is_broken_off(each)]
    for hypothesis_id in broken_off:
        store.go_on_reading(run_id, hypothesis_id)
    undone = {"test", "issues", "report"} | ({"hypotheses"} if PROPOSING & analysis.spend.left.keys() else set[str]())

    def change(current: Analysis) -> Analysis:
        # Who reads on was never decided: it is in the next closing, not in the one that found it undecided.
        closings = tuple(
            each.model_copy(update={"hypotheses": tuple(one for one in each.hypotheses if one not in broken_off)})
            for each in current.closings
        )
        progress = {step: done for step, done in current.progress.items() if step not in undone}
        spend = current.spend.model_copy(update={"skipped": {}, "unanswered": {}, "stopped_because": ""})
        reopened = {"status": AnalysisStatus.ACTIVE, "completed_at": None, "asked_on": current.asked_on + 1}
        return current.model_copy(update={**reopened, "spend": spend, "closings": closings, "progress": progress})

    return store.update_analysis(run_id, op=f"ask on:{analysis.asked_on + 1}", change=change)


def _is_broken_off(hypothesis: Hypothesis) -> bool:
    """Whether a reading, before its verdict or after, ended for want of answers."""
    reads = hypothesis.result.reads if hypothesis.result is not None else None
    if reads is None or hypothesis.dropped or hypothesis.verdict is None or hypothesis.verdict.by == "person":
        return False
    if hypothesis.status is HypothesisStatus.INCONCLUSIVE:
        return reads.stopped == "budget" or reads.unasked > 0
    return reads.on is not None and (reads.on.stopped == "budget" or reads.on.unasked > 0)
