"""Reads traces for several hypotheses at once: a judge is shown one trace, and asked all questions that are open about it.

All readings of an analysis go through the traces in the same random order, so traces, not questions, cost calls. Each answer is
looked up in the trace and kept in the memory before it counts, and counts in the order of the draw, whatever order answers come
in: so a reading that was killed goes on as if it hadn't been.
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ..tools.errors import MemoryRefused, TraceReadError
from ..tools.insights.models import Judgement, Refusal, TraceReading
from ..tools.testing.execute import Drawn, Place
from ..tools.testing.sequential import Stop
from ..tools.traces.claims import look_up
from ..tools.traces.reader import TraceView
from ..tools.workbench import Workbench
from .context import in_thread
from .ports import Claim, Judge

MOST_QUESTIONS = 8
"""Questions that one call asks about a trace."""

Ended = Stop | Literal["budget"]


@dataclass(eq=False)
class OpenReading:
    """One hypothesis that is being read for."""

    hypothesis_id: str
    question: str
    drawn: Drawn
    known: dict[str, Judgement]
    """What is answered, by trace; more than what counts so far."""
    asked: int = 0
    """Places of the draw that were asked about, or need not be."""
    ended: "asyncio.Future[Ended]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def wanted(self, ahead: int) -> Place | None:
        """The next trace to ask about, at most so many after the last that counts; None where there is none."""
        reading, places = self.drawn.reading, self.drawn.places
        while self.asked < len(places) and places[self.asked].trace_id in self.known:
            self.asked += 1
        out_of_reach = self.asked >= min(len(places), reading.counted.read + ahead)
        return None if self.ended.done() or out_of_reach else places[self.asked]

    def count(self) -> None:
        """Counts what is known, in the order of the draw, until that is enough."""
        reading, places = self.drawn.reading, self.drawn.places
        while reading.stopped is None and (found := self.known.get(places[reading.counted.read].trace_id)):
            reading.take(found.answer)
        if reading.stopped is not None:
            self.end(reading.stopped)

    def end(self, how: Ended) -> None:
        """Ends it, unless it has ended."""
        if not self.ended.done():
            self.ended.set_result(how)


class Errand(NamedTuple):
    """One trace, and the readings that want to know about it."""

    trace_id: str
    readings: tuple[OpenReading, ...]


@dataclass(eq=False)
class ReadingRoom:
    """Reads for whoever joins, a few traces at a time."""

    bench: Workbench
    judge: Judge
    on_read: Callable[[OpenReading], None]
    """Is told of each reading that has been given an answer."""
    open: list[OpenReading] = field(default_factory=lambda: list[OpenReading]())
    errands: dict["asyncio.Task[None]", Errand] = field(default_factory=lambda: dict["asyncio.Task[None]", Errand]())
    _coming: int = 0
    _keeping: "set[asyncio.Task[None]]" = field(default_factory=lambda: set["asyncio.Task[None]"]())

    @contextmanager
    def coming(self) -> Generator[None]:
        """Says that somebody is about to join: nobody sets out until then, so that all ask about the same traces."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            asyncio.get_running_loop().call_soon(self._send_out)  # after who came has joined

    async def read(self, reading: OpenReading) -> Ended:
        """Reads until the answers decide; cancelling it ends at once what is done for it alone.

        Raises:
            ModelError: the judge can't be asked any more.
        """
        reading.count()
        self.open.append(reading)
        try:
            self._send_out()
            return await reading.ended
        finally:
            self.open.remove(reading)
            reading.ended.cancel()
            self._call_back()

    async def close(self) -> None:
        """Ends what is still being read, and waits until what was answered is kept."""
        for task in self.errands:
            task.cancel()
        await asyncio.gather(*self.errands, *self._keeping, return_exceptions=True)

    def _send_out(self) -> None:
        """Sets out for as many traces as may be read at once."""
        while not self._coming and len(self.errands) < self.judge.width and (errand := self._next_errand()):
            task = asyncio.create_task(self._run(errand))
            self.errands[task] = errand
            task.add_done_callback(self._returned)

    def _next_errand(self) -> Errand | None:
        """The first trace of the common order that somebody wants, and those who do."""
        ahead = 2 * self.judge.width
        wanting = [(place, each) for each in self.open if (place := each.wanted(ahead))]
        if not wanting:
            return None
        first = min(place for place, _ in wanting)
        chosen = [each for place, each in wanting if place == first][:MOST_QUESTIONS]
        for each in chosen:
            each.asked += 1
        return Errand(first.trace_id, tuple(chosen))

    async def _run(self, errand: Errand) -> None:
        """Reads one trace for those who want it, and counts what is found when it is kept."""
        trace = await in_thread(lambda: self._open_trace(errand.trace_id))
        claims: Sequence[Claim] | None = (
            [Claim("unclear", reason=trace)] * len(errand.readings)
            if isinstance(trace, str)
            else (await self.judge.judge(self.bench, trace, [each.question for each in errand.readings]))
        )
        if claims is None:
            for each in self.open:
                each.end("budget")
            return
        checked = [_checked(each, trace, claim) for each, claim in zip(errand.readings, claims, strict=True)]
        keeping = asyncio.create_task(in_thread(lambda: self._keep(errand.trace_id, checked)))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        await asyncio.shield(keeping)  # what is answered is paid for: it is kept, though nobody waits for it any more
        for each, found in zip(errand.readings, checked, strict=True):
            each.known[errand.trace_id] = found.judgement
            each.count()
            self.on_read(each)

    def _open_trace(self, trace_id: str) -> "TraceView | str":
        """The trace, linked before it is shown; or why it can't be read."""
        bench = self.bench
        try:
            return bench.store.reader.get(trace_id, run_id=bench.run_id, experiment_id=bench.experiment_id)
        except (TraceReadError, MemoryRefused) as error:  # damaged, or deleted since the snapshot
            return str(error)

    def _keep(self, trace_id: str, checked: Sequence["Checked"]) -> None:
        store, run_id = self.bench.store, self.bench.run_id
        if refusals := [each.refusal for each in checked if each.refusal]:
            store.record_refusals(run_id, refusals)
        judgements = tuple(each.judgement for each in checked)
        store.write_reading(run_id, TraceReading(trace_id=trace_id, judgements=judgements))

    def _returned(self, task: "asyncio.Task[None]") -> None:
        del self.errands[task]
        if not task.cancelled() and (error := task.exception()):
            for each in self.open:
                if not each.ended.done():
                    each.ended.set_exception(error)
        else:
            self._send_out()

    def _call_back(self) -> None:
        """Cancels the errands that nobody waits for any more."""
        for task, errand in self.errands.items():
            if not any(each in self.open for each in errand.readings):
                task.cancel()


class Checked(NamedTuple):
    """A claim after it was looked up."""

    judgement: Judgement
    refusal: Refusal | None


def _checked(reading: OpenReading, trace: "TraceView | str", claim: Claim) -> Checked:
    """What the judge claims, as far as the trace bears it out: without a quote that stands in it nothing is affected."""
    subject = reading.hypothesis_id
    if isinstance(trace, str):
        return Checked(Judgement(hypothesis_id=subject, answer="unclear", reason=trace), None)
    cited = look_up(trace, span_id=claim.span_id, quote=claim.quote)
    why = cited.refused or (
        "it calls the trace affected and quotes nothing" if claim.answer == "affected" and not cited.quote else ""
    )
    if why:
        refusal = Refusal(claimed_in=subject, trace_id=trace.trace_id, span_id=claim.span_id, quote=claim.quote, why=why)
        return Checked(Judgement(hypothesis_id=subject, answer="unclear", reason=f"Refused: {why}."), refusal)
    return Checked(
        Judgement(hypothesis_id=subject, answer=claim.answer, span_id=cited.span_id, quote=cited.quote, reason=claim.reason), None
    )
