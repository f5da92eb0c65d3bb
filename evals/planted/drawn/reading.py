"""Kinds of faults that only reading can see: every span is in order, and the answer is wrong all the same."""

import re

from ..faults import READ, Story
from .scene import Act, Change, Kind, Scene, drawn


def _unseen(key: str, title: str, cause: str, category: str, needs: str, rates: tuple[float, float], change: Change) -> Kind:
    """A fault of the answer that is possible where the turn has what it needs."""
    return Kind(
        *(key, title),
        kind="quality",
        category=category,
        cause=cause,
        population=drawn(key),
        population_title=f"traces whose answer names a {needs}",
        finding=READ,
        shows_in="answer",
        where=lambda turn, story: bool(getattr(turn, needs)) and getattr(turn, needs) in (turn.answer or ""),
        rates=rates,
        change=change,
    )


def wrong_figure(rates: tuple[float, float]) -> Kind:
    """The answer names another number than the one that was returned."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        wrong = re.sub(r"\d+", lambda found: str(int(found[0]) + scene.number(3, 40)), turn.figure)
        turn.answer = (turn.answer or "").replace(turn.figure, wrong)

    title = "Answers name other numbers than the tools returned"
    return _unseen(
        "wrong_figure", title, "The model recalls numbers instead of copying them.", "wrong fact", "figure", rates, change
    )


def ignored_condition(rates: tuple[float, float], other: str) -> Kind:
    """The answer is for another condition than the one that was asked about."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.answer = (turn.answer or "").replace(turn.condition, other)

    title = f"Answers are about {other}, whatever was asked"
    cause = "The model answers the usual case and leaves the condition of the request out."
    return _unseen("ignored_condition", title, cause, "ignored condition", "condition", rates, change)


def invented_source(rates: tuple[float, float], names: tuple[str, ...]) -> Kind:
    """The answer cites a document that wasn't retrieved."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.answer = (turn.answer or "").replace(turn.source, scene.pick([name for name in names if name != turn.source]))

    title = "Answers cite documents that weren't retrieved"
    return _unseen("invented_source", title, "The model makes the citation up.", "invented source", "source", rates, change)


def says_the_opposite(rates: tuple[float, float], right: str, wrong: str) -> Kind:
    """The answer turns the result round."""

    def change(scene: Scene, turn: Act, before: Story | None) -> None:
        turn.answer = (turn.answer or "").replace(right, wrong)

    key = "says_the_opposite"
    return Kind(
        *(key, f"Answers say “{wrong}” where the steps say “{right}”"),
        kind="quality",
        category="misreported result",
        cause="The model writes its summary before it reads the last result.",
        population=drawn(key),
        population_title=f"traces whose answer says “{right}”",
        finding=READ,
        shows_in="answer",
        where=lambda turn, story: right in (turn.answer or ""),
        rates=rates,
        change=change,
    )
