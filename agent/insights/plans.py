"""Typed plans by hand: looked over before they are used, carried out over all traces, decided together."""

from collections.abc import Sequence

from ...tools.errors import QueryError, UserError
from ...tools.insights.locks import ExperimentLock
from ...tools.insights.models import Hypothesis, HypothesisStatus
from ...tools.testing.checking import check_plan as look_over
from ...tools.testing.closing import close_batch
from ...tools.testing.plan import Plan
from ...tools.workbench import Workbench
from .benches import open_bench, open_sql
from .opened import Insights
from .traces import place_of


def check_plan(insights: Insights, *, plan: Plan, experiment_id: str | None = None, run_id: str | None = None) -> list[str]:
    """What is wrong with a plan over these traces, one sentence each; nothing of how many are affected.

    Args:
        insights: The memory.
        plan: The plan.
        experiment_id: Whose traces, by id or name; those of the analysis where it isn't given.
        run_id: The analysis that it is meant for.

    Raises:
        UserError: no experiment, or no such analysis.
        StoreError: the traces can't be copied.
    """
    place = place_of(insights, experiment_id, run_id)
    analysis = insights.store.get_analysis(run_id) if run_id else None
    with open_sql(insights, place, analysis, kept=False) as sql:
        return look_over(sql, plan)


def run_plans(insights: Insights, *, run_id: str, hypothesis_ids: Sequence[str] = ()) -> list[Hypothesis]:
    """Carries out typed plans and decides them together, as one batch whose error is controlled.

    What is decided already stays; a plan that can't be carried out blocks its hypothesis and says why.

    Args:
        insights: The memory.
        run_id: The analysis.
        hypothesis_ids: Which hypotheses; all that wait where none is named.

    Returns:
        The hypotheses as they stand then.

    Raises:
        UserError: a hypothesis has no typed plan, is dropped, or is decided by reading; or there is none to test.
        AnalysisLocked: a run works on the experiment.
        StoreError: the traces can't be copied.
    """
    analysis = insights.store.get_analysis(run_id)
    lock = ExperimentLock(insights.store.tracking.uri)
    lock.claim(analysis.experiment_id)
    try:
        wanted = _wanted(insights, run_id, hypothesis_ids)
        untested = [each for each in wanted if each.status is HypothesisStatus.TESTING and not each.tested]
        if untested:
            with open_bench(insights, analysis) as bench:
                for place, hypothesis in enumerate(untested):
                    insights.progress("hypotheses tested", place, len(untested))
                    _carry_out(insights, bench, hypothesis)
        only = [each.hypothesis_id for each in wanted]
        close_batch(insights.store, run_id, only=only)
        return [insights.store.get_hypothesis(run_id, each) for each in only]
    finally:
        lock.release()


def _wanted(insights: Insights, run_id: str, hypothesis_ids: Sequence[str]) -> list[Hypothesis]:
    if not hypothesis_ids:
        listed = insights.store.list_hypotheses(run_id)
        waiting = [each for each in listed if _waits(each)]
        if not waiting:
            raise UserError(f"Analysis {run_id!r} has no typed plan that waits: create a hypothesis with --plan FILE.yaml.")
        return waiting
    named = [insights.store.get_hypothesis(run_id, each) for each in dict.fromkeys(hypothesis_ids)]
    for each in named:
        _require_testable(each)
    return named


def _waits(hypothesis: Hypothesis) -> bool:
    plan = hypothesis.plan
    return hypothesis.status is HypothesisStatus.TESTING and not hypothesis.blocked and plan is not None and plan.reading is None


def _require_testable(hypothesis: Hypothesis) -> None:
    subject = f"Hypothesis {hypothesis.hypothesis_id!r}"
    if hypothesis.dropped:
        raise UserError(f"{subject} was given up: state it anew to have it tested.")
    if hypothesis.plan is None:
        raise UserError(
            f"{subject} has its plan in words: carry it out by hand and say what came of it with update-hypothesis, "
            "or give it a typed one with update-hypothesis --plan FILE.yaml."
        )
    if hypothesis.plan.reading is not None and not hypothesis.tested:
        raise UserError(f"{subject} is decided by reading traces, which takes run-analysis with a language model.")


def _carry_out(insights: Insights, bench: Workbench, hypothesis: Hypothesis) -> None:
    store, subject, plan = insights.store, hypothesis.hypothesis_id, hypothesis.plan
    assert plan is not None, "only typed plans are carried out"
    insights.tell(f"{subject}: {hypothesis.statement}\n{hypothesis.testing_plan}")

    def on_step(title: str, _sql: str, rows: int) -> None:
        insights.tell(f"{subject}: {title}: {rows:,}")

    try:
        execution = bench.executor.run(plan, owner=subject, on_step=on_step)
    except QueryError as error:
        store.block_hypothesis(bench.run_id, subject, why=f"Its plan can't be carried out: {error}")
        insights.tell(f"{subject}: its plan can't be carried out: {error}")
        return
    store.record_result(bench.run_id, subject, execution.result, execution.evidence)
