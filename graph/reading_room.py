"""Reads traces for several hypotheses at once: a judge is shown one trace, and asked all questions that are open about it.

All readings of an analysis go through the traces in the same random order, so traces, not questions, cost calls. What is
undecided says which traces are read; a question that has been validated goes along, and so does one whose statement the trace
has suggested, though that answer doesn't count: so naming all affected traces takes few calls of its own. Each answer is
looked up in the trace and kept in the memory before it counts, and counts in the order of the draw, whatever order answers
come in: so a reading that was killed goes on as if it hadn't been.
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from ..tools.errors import MemoryRefused, TraceReadError
from ..tools.insights.models import Judgement, Noticed, Refusal, TraceReading
from ..tools.traces.claims import look_up
from ..tools.traces.views import TraceView
from ..tools.workbench import Workbench
from .context import in_thread
from .open_reading import Ended, OpenReading
from .ports import Claim, Judge, Judged, Remark, Unasked

MOST_QUESTIONS = 8
"""Questions that one call asks about a trace."""
REMARKS = "what else was noted while judging"
"""What a refusal names that is about no question."""


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
    read_on: int = 0
    """Traces that a validated question is asked of after those that decided it, where they are read for another one."""
    open: list[OpenReading] = field(default_factory=lambda: list[OpenReading]())
    going_along: list[OpenReading] = field(default_factory=lambda: list[OpenReading]())
    """Questions that are decided, and are asked where a trace is read anyway."""
    errands: dict["asyncio.Task[None]", Errand] = field(default_factory=lambda: dict["asyncio.Task[None]", Errand]())
    _coming: int = 0
    _spent: bool = False
    """Whether nothing more may be asked."""
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
        self.open.append(reading)
        try:
            self._count(reading)
            self._send_out()
            self._end_spent()
            return await reading.ended
        finally:
            self.open.remove(reading)
            reading.ended.cancel()
            self._call_back()

    def leave(self, hypothesis_id: str) -> None:
        """Nobody wants to know about it any more, so it goes along no longer."""
        self.going_along = [each for each in self.going_along if each.hypothesis_id != hypothesis_id]

    async def close(self) -> None:
        """Ends what is still being read, and waits until what was answered is kept."""
        for task in self.errands:
            task.cancel()
        await asyncio.gather(*self.errands, *self._keeping, return_exceptions=True)

    def _send_out(self) -> None:
        """Sets out for as many traces as may be read at once."""
        while not self._coming and not self._spent and len(self.errands) < self.judge.width and (errand := self._next_errand()):
            task = asyncio.create_task(self._run(errand))
            self.errands[task] = errand
            task.add_done_callback(self._returned)

    def _next_errand(self) -> Errand | None:
        """The first trace of the common order that somebody wants, and those who do."""
        ahead = 2 * self.judge.width
        wanting = [(place, each) for each in self.open if (place := each.wanted(ahead))]
        if not wanting:
            return None
        first = min(place for place, _ in wanting).trace_id
        asking = [*(each for each in self.open if not each.ended.done()), *self.going_along]
        wants, takes = [each for each in asking if each.wants(first)], [each for each in asking if each.takes(first)]
        chosen = [*wants, *takes][:MOST_QUESTIONS]
        for each in chosen:
            each.set_out(first)
        return Errand(first, tuple(chosen))

    async def _run(self, errand: Errand) -> None:
        """Reads one trace for those who want it, and counts what is found when it is kept."""
        trace = await in_thread(lambda: self._open_trace(errand.trace_id))
        heard = (
            Judged([Claim("unclear", reason=trace)] * len(errand.readings))
            if isinstance(trace, str)
            else await self.judge.judge(self.bench, trace, [each.question for each in errand.readings])
        )
        if isinstance(heard, Judged):
            await self._answer(errand, trace, heard)
        elif heard.final:
            self._spent = True
        else:
            self._miss(errand, heard)

    async def _answer(self, errand: Errand, trace: "TraceView | str", heard: Judged) -> None:
        """Keeps what was said, and counts it."""
        checked = [_checked(each, trace, claim) for each, claim in zip(errand.readings, heard.claims, strict=True)]
        remarks = [] if isinstance(trace, str) else [_noticed(trace, remark) for remark in heard.remarks if remark.what.strip()]
        keeping = asyncio.create_task(in_thread(lambda: self._keep(errand.trace_id, checked, remarks)))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        await asyncio.shield(keeping)  # what is answered is paid for: it is kept, though nobody waits for it any more
        for each, found in zip(errand.readings, checked, strict=True):
            each.known[errand.trace_id] = found.judgement
            self._count(each)

    def _miss(self, errand: Errand, heard: Unasked) -> None:
        for each in errand.readings:
            each.missed(errand.trace_id, heard.why)
            self._count(each)

    def _count(self, reading: OpenReading) -> None:
        """Counts what it knows; where that has just validated it, it goes along from now on."""
        if reading not in self.open:
            return
        undecided = not reading.ended.done()
        reading.count()
        self.on_read(reading)
        if undecided and self.read_on and reading.goes_on and reading.rule.stopped == "validated":
            reading.go_on(self.read_on)
            self.going_along.append(reading)

    def _open_trace(self, trace_id: str) -> "TraceView | str":
        """The trace, linked before it is shown; or why it can't be read."""
        bench = self.bench
        try:
            return bench.store.reader.get(trace_id, run_id=bench.run_id, experiment_id=bench.experiment_id)
        except (TraceReadError, MemoryRefused) as error:  # damaged, or deleted since the snapshot
            return str(error)

    def _keep(self, trace_id: str, checked: Sequence["Checked"], remarks: Sequence[Noticed | Refusal]) -> None:
        store, run_id = self.bench.store, self.bench.run_id
        refusals = [refusal for each in checked for refusal in each.refusals]
        refusals += [each for each in remarks if isinstance(each, Refusal)]
        if refusals:
            store.record_refusals(run_id, refusals)
        judgements = tuple(each.judgement for each in checked)
        noticed = tuple(each for each in remarks if isinstance(each, Noticed))
        store.write_reading(run_id, TraceReading(trace_id=trace_id, judgements=judgements, noticed=noticed))

    def _returned(self, task: "asyncio.Task[None]") -> None:
        errand = self.errands.pop(task)
        for each in errand.readings:
            each.came_back(errand.trace_id)
        if not task.cancelled() and (error := task.exception()):
            for each in self.open:
                each.fail(error)
        else:
            self._send_out()
            self._end_spent()

    def _end_spent(self) -> None:
        """Ends everything where nothing more may be asked, once what is under way has come back: that is paid for."""
        if self._spent and not self.errands:
            for each in self.open:
                each.end("budget")

    def _call_back(self) -> None:
        """Cancels the errands whose answers nobody has a use for any more."""
        for task, errand in self.errands.items():
            if not any(each in self.open or each in self.going_along for each in errand.readings):
                task.cancel()


def _noticed(trace: TraceView, remark: Remark) -> Noticed | Refusal:
    """What else the judge noted, where the trace holds the words that it quotes for it."""
    cited = look_up(trace, span_id=remark.span_id, quote=remark.quote)
    why = cited.refused or ("" if cited.quote else "it quotes nothing")
    if why:
        return Refusal(claimed_in=REMARKS, trace_id=trace.trace_id, span_id=remark.span_id, quote=remark.quote, why=why)
    what = " ".join(remark.what.split())
    return Noticed(trace_id=trace.trace_id, what=what, span_id=cited.span_id, quote=cited.quote)


class Checked(NamedTuple):
    """A claim after it was looked up."""

    judgement: Judgement
    refusals: tuple[Refusal, ...] = ()


def _checked(reading: OpenReading, trace: "TraceView | str", claim: Claim) -> Checked:
    """What the judge claims, as far as the trace bears it out: without a quote that stands in it nothing is affected."""
    subject = reading.hypothesis_id
    if isinstance(trace, str):
        return Checked(Judgement(hypothesis_id=subject, answer="unclear", reason=trace))
    cited = look_up(trace, span_id=claim.span_id, quote=claim.quote)
    why = cited.refused or (
        "it calls the trace affected and quotes nothing" if claim.answer == "affected" and not cited.quote else ""
    )
    if why:
        refusal = Refusal(claimed_in=subject, trace_id=trace.trace_id, span_id=claim.span_id, quote=claim.quote, why=why)
        return Checked(Judgement(hypothesis_id=subject, answer="unclear", reason=f"Refused: {why}."), (refusal,))
    judgement = Judgement(
        hypothesis_id=subject, answer=claim.answer, span_id=cited.span_id, quote=cited.quote, reason=claim.reason
    )
    return _with_consequence(judgement, trace, claim)


def _with_consequence(judgement: Judgement, trace: TraceView, claim: Claim) -> Checked:
    """What the failure did to the user, as far as the trace bears it out: without a quote that stands in it, nothing."""
    if judgement.answer != "affected" or claim.consequence == "none":
        return Checked(judgement)
    span_id, quote = claim.consequence_span_id, claim.consequence_quote
    cited = look_up(trace, span_id=span_id, quote=quote)
    why = cited.refused or ("" if cited.quote else "it quotes nothing")
    if why:
        refused = f"the consequence {claim.consequence!r}: {why}"
        subject, seen_in = judgement.hypothesis_id, trace.trace_id
        return Checked(judgement, (Refusal(claimed_in=subject, trace_id=seen_in, span_id=span_id, quote=quote, why=refused),))
    seen = {"consequence": claim.consequence, "consequence_span_id": cited.span_id, "consequence_quote": cited.quote}
    return Checked(judgement.model_copy(update=seen))
