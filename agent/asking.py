"""A question as a conversation: its requests one after another, what is said back, and the decisions that come of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from .printable import one_line, printable

Payload = Mapping[str, Any]
Decision = dict[str, Any]

YES = {"y", "yes", "ok"}
NO = {"n", "no"}
LISTED = 30
"""Experiments shown at once; of more, a part of the name finds the rest."""


@dataclass
class Asking:
    """One question of the graph while it is being answered, request by request."""

    payload: Payload
    decisions: list[Decision] = field(default_factory=lambda: list[Decision]())
    _denied: bool = False
    """Whether the description was only said to be wrong."""

    @property
    def done(self) -> bool:
        """Whether every request has its decision."""
        return len(self.decisions) == len(self.payload["action_requests"])

    @property
    def question(self) -> str:
        """The request at hand, in one line."""
        return one_line(str(self._request.get("description", "")))

    def body(self) -> list[RenderableType]:
        """What is to be read before the request at hand can be answered."""
        match self._request["name"]:
            case "choose_experiment":
                return list(_listing(self._candidates))
            case "confirm_description":
                return [Padding(Text(printable(str(self._request["args"]["description"]))), (0, 2))]
            case _:
                return []

    @property
    def hint(self) -> str:
        """What may be typed."""
        arguments = self._request["args"]
        match self._request["name"]:
            case "choose_experiment":
                return "Number, name, a part of the name, or 'id N':"
            case "confirm_description":
                return "What is it for, then?" if self._denied else "Enter if that is right, or type the right description:"
            case "choose_focus":
                enter = f"Enter for {one_line(self._preset)!r}" if self._preset else "Enter for a general report"
                return f"{enter}, or type it, several separated by ';':"
            case "save_report":
                return f"Enter for {one_line(str(arguments['path']))!r}, or type a path:"
            case _:
                return ", ".join(hint for kind, hint in _CHOICES.items() if kind in self._allowed) + ":"

    def take(self, text: str) -> Text | None:
        """Takes what was typed as the answer to the request at hand, or says why it can't be one; may confirm what it took."""
        match self._request["name"]:
            case "choose_experiment":
                return self._choose(text)
            case "confirm_description":
                self._confirm(text)
            case "choose_focus":
                self.decisions.append(_free(self._request, self._allowed, text or self._preset))
            case "save_report":
                self.decisions.append(self._free_or_approved(text))
            case _:
                self._decide(text)
        return None

    @property
    def _request(self) -> Payload:
        return self.payload["action_requests"][len(self.decisions)]

    @property
    def _allowed(self) -> Sequence[str]:
        return self.payload["review_configs"][len(self.decisions)]["allowed_decisions"]

    @property
    def _preset(self) -> str:
        return "; ".join(str(each) for each in self._request["args"].get("focus", ()))

    @property
    def _candidates(self) -> list[tuple[str, str]]:
        return [(str(each["experiment_id"]), str(each["name"])) for each in self._request["args"]["candidates"]]

    def _choose(self, text: str) -> Text:
        found = find_candidates(text, self._candidates)
        if len(found) != 1:
            return Text(_not_one(text, found), style="yellow")
        self.decisions.append({"type": "respond", "message": found[0][0]})
        return Text(f"  {one_line(found[0][1])} (id {one_line(found[0][0])})", style="dim")

    def _confirm(self, text: str) -> None:
        if text.lower() in NO or (self._denied and not text):
            self._denied = True
        else:
            self.decisions.append(self._free_or_approved("" if text.lower() in YES else text))
            self._denied = False

    def _decide(self, text: str) -> None:
        """Any other request: Enter takes it as it stands, 'n' rejects it, text answers it; as far as each is allowed."""
        if (not text or text.lower() in YES) and "approve" in self._allowed:
            self.decisions.append({"type": "approve"})
        elif text.lower() in NO and "reject" in self._allowed:
            self.decisions.append({"type": "reject"})
        elif text and {"respond", "edit"} & set(self._allowed):
            self.decisions.append(_free(self._request, self._allowed, text))

    def _free_or_approved(self, text: str) -> Decision:
        """Free text; without any, approval, or where that isn't offered, the request's own text as the answer."""
        if text:
            return _free(self._request, self._allowed, text)
        if "approve" in self._allowed:
            return {"type": "approve"}
        return _free(self._request, self._allowed, str(next(iter(self._request["args"].values()), "")))


_CHOICES = {
    "approve": "Enter for yes",
    "reject": "'n' for no",
    "respond": "or type an answer",
    "edit": "or type it as it should be",
}


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


def _listing(candidates: Sequence[tuple[str, str]]) -> list[RenderableType]:
    width = len(str(len(candidates)))
    lines: list[RenderableType] = [
        Text.assemble(f"  {number:>{width}}  {one_line(name)}", (f"  id {one_line(experiment_id)}", "dim"))
        for number, (experiment_id, name) in enumerate(candidates[:LISTED], start=1)
    ]
    if len(candidates) > LISTED:
        lines.append(Text(f"  ... and {len(candidates) - LISTED} more: type a part of the name to find them"))
    return lines


def _not_one(text: str, found: Sequence[tuple[str, str]]) -> str:
    if not found:
        return f"Nothing in the list fits {one_line(text)!r}."
    shown = ", ".join(f"{one_line(name)!r} (id {one_line(experiment_id)})" for experiment_id, name in found[:LISTED])
    return f"{one_line(text)!r} can mean {shown}: type the whole name."


def _free(request: Payload, allowed: Sequence[str], text: str) -> Decision:
    """Free text: a response, or where only edits are allowed, the request with its first argument replaced."""
    if "respond" in allowed or "edit" not in allowed:
        return {"type": "respond", "message": text}
    arguments = {**request["args"], next(iter(request["args"])): text}
    return {"type": "edit", "edited_action": {"name": request["name"], "args": arguments}}
