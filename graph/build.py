"""The state machine, drawn: seven steps, five questions, and one rule for what comes next."""

from collections.abc import Hashable
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from .context import Context
from .nodes.census import census
from .nodes.hypotheses import hypotheses
from .nodes.issues import issues
from .nodes.purpose import purpose
from .nodes.report import report
from .nodes.setup import setup
from .nodes.test import test
from .routes import STEPS, next_step
from .state import State

ASKS = ("ask_experiment", "ask_spend", "ask_purpose", "ask_review", "ask_report")
RECURSION_LIMIT = 200
"""Nodes an analysis may enter: some twenty are usual, and each addition by a person costs two more."""


def ask(state: State) -> dict[str, Any]:
    """Asks the pending question, and nothing else: an interrupted node runs again from its top."""
    return {"reply": interrupt(state.get("question")), "question": None}


def build_graph() -> StateGraph[State, Context, State, State]:
    """The graph, uncompiled: callers bring their own checkpointer."""
    builder = StateGraph(State, context_schema=Context)
    for step in (setup, purpose, census, hypotheses, test, issues, report):
        builder.add_node(step.__name__, step)
    for name in ASKS:
        builder.add_node(name, ask)
    targets: dict[Hashable, str] = {name: name for name in (*STEPS, *ASKS)}
    targets["__end__"] = END
    builder.add_conditional_edges(START, next_step, targets)
    for step in STEPS:
        builder.add_conditional_edges(step, next_step, targets)
    for name, answered in zip(ASKS, ("setup", "purpose", "purpose", "hypotheses", "report"), strict=True):
        builder.add_edge(name, answered)
    return builder
