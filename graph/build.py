"""The state machine, drawn: seven steps, five questions, and one rule for what comes next."""

from collections.abc import Callable, Hashable
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from .context import Context
from .nodes.census import census
from .nodes.hypotheses import hypotheses
from .nodes.issues import issues
from .nodes.purpose import purpose
from .nodes.report import report
from .nodes.setup import setup
from .nodes.test import test
from .questions import as_reply, pose
from .routes import STEPS, Ask, Step, next_step
from .state import State, run_of

ASKED_BY: dict[Ask, Step] = {
    "ask_experiment": "setup",
    "ask_spend": "purpose",
    "ask_purpose": "purpose",
    "ask_review": "hypotheses",
    "ask_report": "report",
}
"""Per question the step that asks it, and writes the answer."""
RECURSION_LIMIT = 200
"""Nodes an analysis may enter: some twenty are usual, and each addition by a person costs two more."""


def as_it_is(node: Any) -> Any:
    """The node, whose context comes with the run."""
    return node


async def ask(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Asks the pending question and writes nothing: an interrupted node runs again from its top. The next writes the answer."""
    asked = state.get("question")
    assert asked is not None, "an ask is entered with a question"
    payload = await pose(asked, runtime.context, run_of(state))
    reply = as_reply(asked, interrupt(payload), requests=len(payload["action_requests"]))
    return {} if reply is None else {"reply": reply, "question": None}


def answered(step: Step) -> Callable[[State], str]:
    """Where a question leads: to the step that asked, or to itself where the answer was none."""

    def next_of(state: State) -> str:
        asked = state.get("question")
        return step if asked is None else f"ask_{asked['name']}"

    return next_of


def build_graph(*, serve: Callable[[Any], Any] = as_it_is) -> StateGraph[State, Context, State, State]:
    """The graph, uncompiled: callers bring their own checkpointer.

    Args:
        serve: Gives each node, and the rule for what comes next, what it works with, where that can't come with the run.
    """
    builder: StateGraph[State, Context, State, State] = StateGraph(State)
    for step in (setup, purpose, census, hypotheses, test, issues, report):
        builder.add_node(step.__name__, serve(step))
    for name in ASKED_BY:
        builder.add_node(name, serve(ask))
    following = serve(next_step)
    targets: dict[Hashable, str] = {name: name for name in (*STEPS, *ASKED_BY)}
    targets["__end__"] = END
    builder.add_conditional_edges(START, following, targets)
    for step in STEPS:
        builder.add_conditional_edges(step, following, targets)
    for name, step in ASKED_BY.items():
        builder.add_conditional_edges(name, answered(step), [name, step])
    return builder
