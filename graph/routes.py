"""Which step comes next: read from the memory, never from the graph's own state."""

from typing import Literal

from langgraph.runtime import Runtime

from ..tools.insights.models import Analysis, AnalysisStatus, Hypothesis, HypothesisStatus
from .context import Context, in_thread
from .state import State

Step = Literal["setup", "purpose", "census", "hypotheses", "test", "issues", "report"]
Ask = Literal["ask_experiment", "ask_spend", "ask_purpose", "ask_review", "ask_report"]
STEPS: tuple[Step, ...] = ("setup", "purpose", "census", "hypotheses", "test", "issues", "report")


async def next_step(state: State, runtime: Runtime[Context]) -> Step | Ask | Literal["__end__"]:
    """The pending question if there is one, else the first step that isn't done, else the end."""
    question = state.get("question")
    if question is not None:
        return f"ask_{question['name']}"  # type: ignore[return-value]  # the payloads' names are those of Ask
    run_id = state.get("run_id")
    if not run_id:
        return "setup"
    analysis = await in_thread(lambda: runtime.context.store.get_analysis(run_id))
    hypotheses = await in_thread(lambda: runtime.context.store.list_hypotheses(run_id))
    return first_open_step(analysis, hypotheses)


def first_open_step(analysis: Analysis, hypotheses: list[Hypothesis]) -> Step | Literal["__end__"]:
    """The first step that isn't done; `test` again while something waits to be tested; the end when the analysis is complete."""
    if "hypotheses" in analysis.progress and any(is_open(hypothesis) for hypothesis in hypotheses):
        return "test"
    for step in STEPS:
        if step not in analysis.progress:
            return step
    return "__end__" if analysis.status is not AnalysisStatus.ACTIVE else "report"


def is_open(hypothesis: Hypothesis) -> bool:
    """Whether there is work to do on a hypothesis: it waits to be tested, or for its plan."""
    return waits(hypothesis) or wants_plan(hypothesis)


def wants_plan(hypothesis: Hypothesis) -> bool:
    """Whether a plan is to be written for a hypothesis that a person stated in words; one that can't be had is blocked."""
    return hypothesis.status is HypothesisStatus.TESTING and hypothesis.plan is None and not hypothesis.blocked


def waits(hypothesis: Hypothesis) -> bool:
    """Whether a hypothesis waits to be tested: it has a plan, no result, and nobody has given it up."""
    return (
        hypothesis.status is HypothesisStatus.TESTING
        and not hypothesis.blocked
        and hypothesis.plan is not None
        and not hypothesis.tested
    )
