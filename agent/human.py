"""Who answers the graph's questions: a person at the terminal, a policy where nobody is there.

A question is a payload of the human-in-the-loop convention: `action_requests` and `review_configs` in the same order, beside them
the question's name, its declared default (decisions, or None) and the option that answers it beforehand.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from rich.text import Text

from ..tools.errors import PersonNeeded
from .asking import Asking, Decision, Payload
from .printable import one_line
from .terminal import Terminal


@dataclass(frozen=True)
class Reply:
    """The decisions, one a request and in their order, and who made them."""

    decisions: list[Decision]
    answered_by: Literal["person", "policy", "option"]


class Human(Protocol):
    """Whoever answers."""

    def answer(self, payload: Payload) -> Reply:
        """Answers one question; blocks until it is answered.

        Raises:
            PersonNeeded: nobody is there who could.
        """
        ...


class PolicyHuman:
    """Answers with the declared default; what has none needs a person."""

    def answer(self, payload: Payload) -> Reply:
        """The declared default of the question.

        Raises:
            PersonNeeded: the question has none; the message names the option that answers it.
        """
        default = payload.get("default")
        if default is None:
            asked = one_line(str(payload["action_requests"][0].get("description", "")))
            raise PersonNeeded(
                f"Nobody is here to answer {asked!r}: say it beforehand with {payload.get('option', 'an option')}."
            )
        return Reply([dict(decision) for decision in default], "policy")


class PersonHuman:
    """Asks at the terminal, request by request."""

    def __init__(self, terminal: Terminal, paused: Callable[[], AbstractContextManager[None]]) -> None:
        self._terminal = terminal
        self._paused = paused

    def answer(self, payload: Payload) -> Reply:
        """What the person says.

        Raises:
            PersonNeeded: the input has ended.
            Stopped: the person, or the system, stopped it.
        """
        asking = Asking(payload)
        with self._paused():
            while not asking.done:
                self._ask(asking)
        return Reply(asking.decisions, "person")

    def _ask(self, asking: Asking) -> None:
        """One request of the question, until it has its decision."""
        answered = len(asking.decisions)
        self._terminal.say("", Text(asking.question, style="bold cyan"), *asking.body())
        while len(asking.decisions) == answered:
            said = asking.take(self._terminal.ask(asking.hint))
            if said is not None:
                self._terminal.say(said)
