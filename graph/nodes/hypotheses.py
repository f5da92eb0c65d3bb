"""Hypotheses: what may be wrong, each with a plan that could refute it, stored before anything is tested (workflow 2.3)."""

from typing import Any

from langgraph.runtime import Runtime

from ...tools.errors import UserError
from ...tools.insights.models import Analysis, Hypothesis, Proposals, Question
from ...tools.testing.watching import prior_drafts, without_known
from ..context import Context, enter, in_thread
from ..interventions import drop, restate
from ..ports import Event
from ..questions import pending, text_of
from ..routes import waits
from ..state import Reply, State, run_of


async def hypotheses(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Has the analyst propose, stores the whole list, makes hypotheses of it, and lets a person review them."""
    context, reply, run_id = runtime.context, state.get("reply"), run_of(state)
    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    enter(runtime, "hypotheses", f"{analysis.rev} {reply is None}")
    if reply is not None:
        await _write_review(context, run_id, reply)
    else:
        proposals = await _propose(context, analysis)
        created = await in_thread(lambda: _create(context, run_id, proposals))
        if created and context.options.review and analysis.answer("review") is None:
            return pending("review", [each.hypothesis_id for each in created])
    await in_thread(lambda: context.store.finish_step(run_id, "hypotheses"))
    return {"reply": None}


async def _propose(context: Context, analysis: Analysis) -> Proposals:
    """The stored list where there is one, so that a crash can't mix two generations of proposals."""
    round = analysis.asked_on
    stored = await in_thread(lambda: context.store.read_proposals(analysis.run_id, "hypotheses", round))
    if stored is not None:
        return stored
    context.display.show(Event("step", "What may be wrong", step="hypotheses"))
    bench = await in_thread(lambda: context.bench(analysis))
    counted = await in_thread(lambda: context.store.read_census(analysis.run_id))
    assert counted is not None, "the census comes before the hypotheses"
    listed_issues = await in_thread(lambda: context.store.list_issues(analysis.experiment_id))
    # A further round after the end isn't told what the first has found itself; the first must follow what the census found again.
    earlier = [issue for issue in listed_issues if not (analysis.asked_on and issue.source_run_id == analysis.run_id)]
    proposal = await context.analyst.propose(bench, analysis, counted, earlier)
    record, run_id = bench.snapshot.record, analysis.run_id
    by_query = context.analyst.judge is None
    earlier = [each for each in earlier if each.fingerprint.scope == record.filter and not (by_query and each.needs_reading)]
    known = prior_drafts(earlier, record, run_id=run_id)
    listed = (*without_known(proposal.drafts, earlier, record, run_id=run_id), *known)
    drafts = tuple(draft.model_copy(update={"origin": f"hypotheses/{round}/{index}"}) for index, draft in enumerate(listed))
    proposals = Proposals(step="hypotheses", round=round, drafts=drafts, left_out=tuple(proposal.left_out))
    return await in_thread(lambda: context.store.write_proposals(analysis.run_id, proposals))


def _create(context: Context, run_id: str, proposals: Proposals) -> list[Hypothesis]:
    created = [context.store.create_hypothesis(run_id, draft) for draft in proposals.drafts]
    for hypothesis in created:
        context.display.show(
            Event(
                "hypothesis",
                hypothesis.statement,
                step="hypotheses",
                subject=hypothesis.hypothesis_id,
                detail=hypothesis.blocked,
            )
        )
    for reason in proposals.left_out:
        context.display.show(Event("note", reason, step="hypotheses"))
    return [hypothesis for hypothesis in created if waits(hypothesis)]


async def _write_review(context: Context, run_id: str, reply: Reply) -> None:
    """By the ids that were asked about: others may have been added or dropped while the question waited."""
    for index, subject in enumerate(reply["subjects"]):
        kind = reply["decisions"][index]["type"]
        if kind == "reject":
            await drop(context, run_id, subject, why=text_of(reply, index) or "rejected on review")
        elif kind == "edit":
            await _restate(context, run_id, subject, text_of(reply, index) or "")
    answer = Question(name="review", answer="reviewed", answered_by=reply["answered_by"], answered_at=context.now())
    await in_thread(lambda: context.store.record_answer(run_id, answer))


async def _restate(context: Context, run_id: str, subject: str, text: str) -> None:
    try:
        stated = await restate(context, run_id, subject, text)
    except UserError as error:
        context.display.show(Event("note", f"{subject} stays as it is. {error}", step="hypotheses"))
        return
    context.display.show(
        Event("hypothesis", stated.statement, step="hypotheses", subject=stated.hypothesis_id, detail=stated.blocked)
    )
