"""Closes a batch of tested hypotheses: who is in it is written first, then each gets its verdict. For the graph and by hand."""

from collections.abc import Collection

from ..errors import MemoryRefused
from ..insights.models import Analysis, AnalysisStatus, Closing, Hypothesis
from ..insights.store import InsightStore
from .families import Entry, batch_level, close_families

REOPENED = frozenset({"test", "issues", "report"})
"""Steps that a new batch makes undone: what follows from its verdicts is still to come."""


def close_batch(store: InsightStore, run_id: str, *, only: Collection[str] | None = None) -> list[Hypothesis]:
    """Gives the verdicts of one batch, and returns those who got one; closing again what is closed changes nothing.

    Which hypotheses are in it is written first, so that a crash can't change it: a batch that was begun and not ended is ended.

    Args:
        store: The memory.
        run_id: The analysis.
        only: The hypotheses to close; None: all that were tested since the last closing. Dropped ones count always.
    """
    analysis = store.get_analysis(run_id)
    listed = {each.hypothesis_id: each for each in store.list_hypotheses(run_id)}
    closing = _closing(store, analysis, list(listed.values()), only)
    if closing is None:
        return []
    members = [listed[each] for each in closing.hypotheses]
    entries = [Entry(each.hypothesis_id, each.plan, each.result) for each in members if each.plan and each.result]
    verdicts = close_families(entries, batch=closing.batch, with_model=analysis.with_model)
    decided: list[Hypothesis] = []
    for hypothesis in members:
        by_person = hypothesis.verdict is not None and hypothesis.verdict.by == "person"
        if hypothesis.dropped or by_person:
            continue
        try:  # a verdict written again changes nothing, and mends a lagging index
            verdict = hypothesis.verdict or verdicts[hypothesis.hypothesis_id]
            decided.append(store.decide(run_id, hypothesis.hypothesis_id, verdict))
        except MemoryRefused:
            if not _settled_by_person(store.get_hypothesis(run_id, hypothesis.hypothesis_id)):
                raise
    return decided


def _settled_by_person(hypothesis: Hypothesis) -> bool:
    """Whether a person dropped or decided it since the batch was listed: theirs stands."""
    return hypothesis.dropped or (hypothesis.verdict is not None and hypothesis.verdict.by == "person")


def _closing(store: InsightStore, analysis: Analysis, listed: list[Hypothesis], only: Collection[str] | None) -> Closing | None:
    """The batch that was begun and not ended, or a new one of all that was tested since; a dropped one still counts as tested."""
    undecided = {each.hypothesis_id for each in listed if each.tested and each.verdict is None and not each.dropped}
    if analysis.closings and undecided & set(analysis.closings[-1].hypotheses):
        return analysis.closings[-1]
    if analysis.closings and "test" not in analysis.progress and not undecided:
        return analysis.closings[-1]
    closed = {hypothesis_id for closing in analysis.closings for hypothesis_id in closing.hypotheses}
    wanted = {each.hypothesis_id for each in listed if only is None or each.hypothesis_id in only or each.dropped}
    ids = ({each.hypothesis_id for each in listed if each.tested} - closed) & wanted
    if not undecided & ids:
        return None
    batch = len(analysis.closings) + 1
    closing = Closing(batch=batch, level=batch_level(batch), hypotheses=tuple(sorted(ids)))

    def change(current: Analysis) -> Analysis:
        later = {step: done for step, done in current.progress.items() if step not in REOPENED}
        reopened = {"status": AnalysisStatus.ACTIVE, "completed_at": None}
        return current.model_copy(update={"closings": (*current.closings, closing), "progress": later, **reopened})

    store.update_analysis(analysis.run_id, op=f"test:close:{batch}", change=change)
    return closing
