"""Purpose: what the agent is for, confirmed or corrected by a person, and what to focus on (workflow 2.1.5, 2.1.6)."""

from typing import Any

from langgraph.runtime import Runtime

from ...tools.insights.models import Analysis, Question
from ..context import Context, enter, in_thread
from ..naming import name_analysis
from ..ports import Event
from ..questions import pending, text_of
from ..state import Reply, State, run_of


async def purpose(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Describes the agent, asks whether that is right, writes the answer."""
    context, reply, run_id = runtime.context, state.get("reply"), run_of(state)
    analysis = await in_thread(lambda: context.store.get_analysis(run_id))
    enter(runtime, "purpose", f"{analysis.rev} {reply and reply['question']}")
    if reply is not None and reply["question"] == "spend":
        said, reply = reply, None
        analysis = await in_thread(lambda: _write_spending(context, analysis, said))
    if not analysis.agent_description:
        context.display.show(Event("step", "What the agent is for", step="purpose"))
        bench = await in_thread(lambda: context.bench(analysis))
        if analysis.answer("spend") is None and (estimate := await context.analyst.estimate(bench, analysis)) is not None:
            context.display.show(Event("note", estimate.text, step="purpose"))
            return {**pending("spend"), "reply": None}
        description = await context.analyst.describe(bench)
        analysis = await in_thread(lambda: _write_description(context, analysis, description))
    if reply is None and analysis.answer("purpose") is None:
        return pending("purpose")
    if reply is not None:
        analysis = await in_thread(lambda: _write_answer(context, analysis, reply))
    await in_thread(lambda: _write_name(context, analysis))
    await in_thread(lambda: context.store.finish_step(run_id, "purpose"))
    return {"reply": None}


def _write_spending(context: Context, analysis: Analysis, reply: Reply) -> Analysis:
    """A rejection leaves the model out of this analysis for good; the counting goes on."""
    said = "no" if reply["decisions"][0].get("type") == "reject" else "yes"
    answer = Question(name="spend", answer=said, answered_by=reply["answered_by"], answered_at=context.now())
    return context.store.record_answer(analysis.run_id, answer)


def _write_description(context: Context, analysis: Analysis, description: str) -> Analysis:
    return context.store.update_analysis(
        analysis.run_id,
        op="purpose:describe",
        change=lambda current: current.model_copy(update={"agent_description": description, "agent_description_by": "analyst"}),
    )


def _write_answer(context: Context, analysis: Analysis, reply: Reply) -> Analysis:
    """A correction is kept verbatim; several focuses are separated by semicolons; the question is answered last."""
    correction = text_of(reply, 0)
    focus = tuple(part.strip() for part in (text_of(reply, 1) or "").split(";") if part.strip())
    description = correction or analysis.agent_description

    def change(current: Analysis) -> Analysis:
        answer = Question(
            name="purpose",
            answer="; ".join(focus) or "general analysis",
            answered_by=reply["answered_by"],
            answered_at=context.now(),
        )
        return current.model_copy(
            update={
                "agent_description": description,
                "agent_description_by": "person" if correction else current.agent_description_by,
                "focus": focus,
                "questions": (*current.questions, answer),
            }
        )

    return context.store.update_analysis(analysis.run_id, op="purpose:answer", change=change)


def _write_name(context: Context, analysis: Analysis) -> Analysis:
    snapshot = context.bench(analysis).snapshot.record
    experiment = context.store.experiment_name(analysis.experiment_id)
    named = name_analysis(analysis.experiment_id, experiment, analysis.focus, analysis.created_at)
    description = (
        f"Agent: {analysis.agent_description} Focus: {'; '.join(analysis.focus) or 'general analysis'}. "
        f"Initial observations: {snapshot.traces:,} traces, {snapshot.spans:,} spans."
    )
    return context.store.update_analysis(
        analysis.run_id,
        op="purpose:name",
        change=lambda current: current.model_copy(
            update={"run_name": named.run_name, "name": named.name, "description": description}
        ),
    )
