"""What the graph remembers between its nodes: ids, a pending question and its answer. Never a finding."""

from typing import Any, Literal

from typing_extensions import TypedDict

QuestionName = Literal["experiment", "spend", "purpose", "review", "report"]


class Pending(TypedDict):
    """A question that is to be asked: its name, and the ids of what it is about. Its text is made when it is asked."""

    name: QuestionName
    subjects: list[str]


class Reply(TypedDict):
    """What came back from a question: decisions in the order of its requests, and who gave them."""

    question: QuestionName
    subjects: list[str]
    """The ids of what the requests were about, where they were about something that has an id."""
    decisions: list[dict[str, Any]]
    answered_by: Literal["person", "policy", "option"]


class State(TypedDict, total=False):
    """The cursor; everything else is read from the memory again."""

    experiment_id: str
    """The experiment, once it is chosen."""
    run_id: str
    """The analysis run, once it exists."""
    question: Pending | None
    """The question that is to be asked next."""
    reply: Reply | None
    """The answer that the next node is to write."""


def run_of(state: State) -> str:
    """The analysis run; every step but setup has one."""
    return state.get("run_id", "")
