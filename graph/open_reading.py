"""One question on its way through the traces: what is answered, what is wanted next, and when it is enough."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..tools.insights.models import Judgement
from ..tools.testing.execute import Place
from ..tools.testing.sequential import Answer, FullRead, SequentialRead, Stop

TRIES = 2
"""Times that a judge is asked about a trace in one session, each after the retries of its client."""

Ended = Stop | Literal["budget"]


@dataclass(eq=False)
class OpenReading:
    """One hypothesis that is being read for."""

    hypothesis_id: str
    question: str
    rule: SequentialRead | FullRead
    """Counts the answers, and says when they are enough."""
    places: Sequence[Place]
    """The traces that may be read, in their order; the rule may need fewer."""
    known: dict[str, Judgement]
    """What is answered, by trace; more than what counts so far."""
    unasked: dict[str, str] = field(default_factory=lambda: dict[str, str]())
    """Traces that the judge could not be asked about, and why: they count as unclear, and are asked about again another time."""
    goes_on: bool = True
    """Whether it is asked of further traces once it is validated, to name all that are affected."""
    put_aside: frozenset[str] = frozenset()
    """Traces of its population that suggested it and don't count: asked about where they are read anyway, to be named later."""
    ended: "asyncio.Future[Ended]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _under_way: set[str] = field(default_factory=lambda: set[str]())
    _tries: Counter[str] = field(default_factory=lambda: Counter[str]())
    _ids: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Whatever stands in its places is a trace of its population."""
        self._ids = frozenset(place.trace_id for place in self.places)

    @property
    def unasked_counted(self) -> int:
        """How many of the traces that count could not be asked about."""
        return sum(place.trace_id in self.unasked for place in self.places[: self.rule.counted.read])

    @property
    def harm(self) -> int:
        """How many of the traces flagged so far show a consequence."""
        return sum(found.answer == "affected" and found.consequence != "none" for found in self.known.values())

    def wants(self, trace_id: str) -> bool:
        """Whether an answer about this trace would be of use, and nobody is asking for it."""
        return trace_id in self._ids and not self._settled(trace_id) and trace_id not in self._under_way

    def takes(self, trace_id: str) -> bool:
        """Whether an answer about this trace would be of use later, though it doesn't count, and nobody is asking for it."""
        return trace_id in self.put_aside and not self._settled(trace_id) and trace_id not in self._under_way

    def wanted(self, ahead: int) -> Place | None:
        """The next trace to ask about, at most so many after the last that counts; None where there is none."""
        if self.ended.done():
            return None
        within = self.places[self.rule.counted.read : self.rule.counted.read + ahead]
        return next((place for place in within if self.wants(place.trace_id)), None)

    def set_out(self, trace_id: str) -> None:
        """Somebody asks about this trace."""
        self._under_way.add(trace_id)

    def came_back(self, trace_id: str) -> None:
        """Nobody asks about this trace any more, whatever came of it."""
        self._under_way.discard(trace_id)

    def missed(self, trace_id: str, why: str) -> None:
        """The judge could not be asked about this trace."""
        self._tries[trace_id] += 1
        if self._tries[trace_id] >= TRIES:
            self.unasked[trace_id] = why

    def count(self) -> None:
        """Counts what is known, in the order of the draw, until that is enough."""
        while self.rule.stopped is None and (answer := self._answer(self.places[self.rule.counted.read].trace_id)):
            self.rule.take(answer)
        if self.rule.stopped is not None:
            self.end(self.rule.stopped)

    def end(self, how: Ended) -> None:
        """Ends it, unless it has ended."""
        if not self.ended.done():
            self.ended.set_result(how)

    def fail(self, error: BaseException) -> None:
        """Ends it with an error, unless it has ended."""
        if not self.ended.done():
            self.ended.set_exception(error)

    def go_on(self, most: int) -> None:
        """Wants the traces after those that decided it as well, at most so many."""
        self._ids = frozenset(place.trace_id for place in self.places[: self.rule.counted.read + most])

    def _settled(self, trace_id: str) -> bool:
        return trace_id in self.known or trace_id in self.unasked

    def _answer(self, trace_id: str) -> Answer | None:
        if found := self.known.get(trace_id):
            return found.answer
        return "unclear" if trace_id in self.unasked else None
