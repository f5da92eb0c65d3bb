"""Who answers the graph's questions: a person at the terminal, a policy where nobody is there, a script in tests.

A question is a payload of the human-in-the-loop convention: `action_requests` and `review_configs` in the same order, beside them
the question's name, its declared default (decisions, or None) and the option that answers it beforehand.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from rich.padding import Padding
from rich.text import Text

from ..tools.errors import PersonNeeded
from .printable import one_line, printable
from .terminal import Terminal

Payload = Mapping[str, Any]
Decision = dict[str, Any]

YES = {"y", "yes", "ok"}
NO = {"n", "no"}
LISTED = 30
"""Experiments shown at once; of more, a part of the name finds the rest."""


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


class ScriptHuman:
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, answers: Iterable[Sequence[Decision]]) -> None:
        self._answers = iter(answers)
        self.asked: list[Payload] = []

    def answer(self, payload: Payload) -> Reply:
        """The next answer of the list.

        Raises:
            PersonNeeded: the list has come to its end.
        """
        self.asked.append(payload)
        decisions = next(self._answers, None)
        if decisions is None:
            raise PersonNeeded(f"The script has no answer to the question {payload.get('question')!r}.")
        return Reply(list(decisions), "person")


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
        with self._paused():
            pairs = zip(payload["action_requests"], payload["review_configs"], strict=True)
            decisions = [self._ask(request, config["allowed_decisions"]) for request, config in pairs]
        return Reply(decisions, "person")

    def _ask(self, request: Payload, allowed: Sequence[str]) -> Decision:
        self._terminal.say("", Text(one_line(str(request.get("description", ""))), style="bold cyan"))
        match request["name"]:
            case "choose_experiment":
                return self._choose(request)
            case "confirm_description":
                return self._confirm(request, allowed)
            case "choose_focus":
                return self._focus(request, allowed)
            case "save_report":
                return self._save(request, allowed)
            case _:
                return self._decide(request, allowed)

    def _choose(self, request: Payload) -> Decision:
        candidates = [(str(each["experiment_id"]), str(each["name"])) for each in request["args"]["candidates"]]
        width = len(str(len(candidates)))
        for number, (experiment_id, name) in enumerate(candidates[:LISTED], start=1):
            self._terminal.say(
                Text.assemble(f"  {number:>{width}}  {one_line(name)}", (f"  id {one_line(experiment_id)}", "dim"))
            )
        if len(candidates) > LISTED:
            self._terminal.say(f"  ... and {len(candidates) - LISTED} more: type a part of the name to find them")
        while True:
            text = self._terminal.ask("Number, name, a part of the name, or 'id N':")
            found = find_candidates(text, candidates)
            if len(found) == 1:
                self._terminal.say(Text(f"  {one_line(found[0][1])} (id {one_line(found[0][0])})", style="dim"))
                return {"type": "respond", "message": found[0][0]}
            self._terminal.say(Text(_not_one(text, found), style="yellow"))

    def _confirm(self, request: Payload, allowed: Sequence[str]) -> Decision:
        self._terminal.say(Padding(Text(printable(str(request["args"]["description"]))), (0, 2)))
        text = self._terminal.ask("Enter if that is right, or type the right description:")
        while text.lower() in NO:
            text = self._terminal.ask("What is it for, then?") or "no"
        return _approve(request, allowed) if not text or text.lower() in YES else _free(request, allowed, text)

    def _focus(self, request: Payload, allowed: Sequence[str]) -> Decision:
        preset = "; ".join(str(each) for each in request["args"].get("focus", ()))
        enter = f"Enter for {one_line(preset)!r}" if preset else "Enter for a general report"
        text = self._terminal.ask(f"{enter}, or type it, several separated by ';':")
        return _free(request, allowed, text or preset)

    def _save(self, request: Payload, allowed: Sequence[str]) -> Decision:
        text = self._terminal.ask(f"Enter for {one_line(str(request['args']['path']))!r}, or type a path:")
        return _free(request, allowed, text) if text else _approve(request, allowed)

    def _decide(self, request: Payload, allowed: Sequence[str]) -> Decision:
        """Any other request: Enter takes it as it stands, 'n' rejects it, text answers it; as far as each is allowed."""
        choices = {"approve": "Enter for yes", "reject": "'n' for no", "respond": "or type an answer"}
        while True:
            text = self._terminal.ask(", ".join(hint for kind, hint in choices.items() if kind in allowed) + ":")
            if (not text or text.lower() in YES) and "approve" in allowed:
                return _approve(request, allowed)
            if text.lower() in NO and "reject" in allowed:
                return {"type": "reject"}
            if text and {"respond", "edit"} & set(allowed):
                return _free(request, allowed, text)


def find_candidates(text: str, candidates: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The (id, name) pairs that a text can mean.

    A number of the list comes before an id, because it is what the eye has just read, and ids are small numbers too; then the
    whole name, then a part of it.
    """
    by_id = re.fullmatch(r"id\W*(\S+)", text, re.IGNORECASE)
    if text.isdecimal() and 0 < int(text) <= len(candidates):
        return [candidates[int(text) - 1]]
    exact = [each for each in candidates if text in each or (by_id and by_id[1] == each[0])]
    return exact or [each for each in candidates if text and text.casefold() in each[1].casefold()]


def _not_one(text: str, found: Sequence[tuple[str, str]]) -> str:
    if not found:
        return f"Nothing in the list fits {one_line(text)!r}."
    shown = ", ".join(f"{one_line(name)!r} (id {one_line(experiment_id)})" for experiment_id, name in found[:LISTED])
    return f"{one_line(text)!r} can mean {shown}: type the whole name."


def _approve(request: Payload, allowed: Sequence[str]) -> Decision:
    """Approval; where that isn't offered, the request's own text as the answer."""
    if "approve" in allowed:
        return {"type": "approve"}
    return _free(request, allowed, str(next(iter(request["args"].values()), "")))


def _free(request: Payload, allowed: Sequence[str], text: str) -> Decision:
    """Free text: a response, or where only edits are allowed, the request with its first argument replaced."""
    if "respond" in allowed or "edit" not in allowed:
        return {"type": "respond", "message": text}
    arguments = {**request["args"], next(iter(request["args"])): text}
    return {"type": "edit", "edited_action": {"name": request["name"], "args": arguments}}
