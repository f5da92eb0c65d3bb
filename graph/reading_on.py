"""Reading on after the verdict: what reading has validated is asked of the traces that nobody was asked about yet.

The verdict was given by the rule that stopped the reading, and stays. What is read now names the other affected traces, and
narrows the share: down to a count where all were read. Each trace is looked at once more at most, so no trace is read for more
than what harms most, nor for what has harmed nobody so far: that is asked where a trace is read anyway, and keeps its interval.
"""

import asyncio
from typing import Literal

from ..tools.insights.models import Hypothesis, HypothesisStatus, Reads
from ..tools.testing.plan import Plan
from ..tools.testing.reading_on import result_of_reading_on
from ..tools.testing.sequential import FullRead
from ..tools.workbench import Workbench
from .context import Context, in_thread
from .open_reading import Ended, OpenReading
from .ports import Event
from .reading import judgements_of
from .reading_room import MOST_QUESTIONS, ReadingRoom


async def read_on(context: Context, bench: Workbench) -> None:
    """Reads on for all that reading has validated, side by side, and keeps what was found; once for each.

    Raises:
        ModelError: the judge can't be asked any more.
    """
    judge, most = context.analyst.judge, context.options.read_on
    if judge is None or not most:
        return
    readings = await to_read_on(bench, most=most)
    if not readings:
        return
    context.display.show(Event("step", "Naming all affected traces", step="issues"))
    harmful = sorted((each for each in readings if each.harm), key=lambda each: -each.harm)[:MOST_QUESTIONS]
    room = ReadingRoom(bench, judge, lambda reading: _show(context, reading))
    room.going_along.extend(each for each in readings if each not in harmful)
    try:
        with room.coming():
            tasks = [asyncio.create_task(room.read(each)) for each in harmful]
            await asyncio.sleep(0)  # until all have joined
        ended = dict(zip(harmful, await asyncio.gather(*tasks), strict=True))
    finally:
        await room.close()
    for reading in readings:
        how = ended.get(reading, "cap")
        await in_thread(lambda reading=reading, how=how: _keep(context, bench, reading, how))


async def to_read_on(bench: Workbench, *, most: int) -> list[OpenReading]:
    """What reading has validated and isn't read on for yet, with the traces that are still to be read for it.

    Args:
        bench: The analysis.
        most: Traces that are read at most for each after those that decided it; what was read already counts.
    """
    if not most:
        return []
    listed = await in_thread(lambda: bench.store.list_hypotheses(bench.run_id))
    validated = [(each, each.plan, reads) for each in listed if each.plan is not None and (reads := _reads_to_go_on(each))]
    return [await _open(bench, hypothesis, plan, reads, most) for hypothesis, plan, reads in validated]


def _reads_to_go_on(hypothesis: Hypothesis) -> Reads | None:
    """What was read for it, where that has validated it and nothing was read after."""
    reads = hypothesis.result.reads if hypothesis.result is not None else None
    undecided = hypothesis.status is HypothesisStatus.TESTING
    if (
        reads is None
        or reads.on is not None
        or reads.stopped != "validated"
        or hypothesis.dropped
        or hypothesis.source == "prior"
    ):
        return None
    return reads if undecided or hypothesis.status is HypothesisStatus.VALIDATED else None


async def _open(bench: Workbench, hypothesis: Hypothesis, plan: Plan, reads: Reads, most: int) -> OpenReading:
    """The traces of the whole population without an answer; those that suggested the statement are among them."""
    subject, question = hypothesis.hypothesis_id, plan.reading
    assert question is not None, "what was read has a question"
    known = await in_thread(lambda: judgements_of(bench, subject))
    left = max(most - max(len(known) - reads.read, 0), 0)
    _, order = await in_thread(lambda: bench.executor.order(_whole(plan), most=len(known) + left, owner=subject))
    places = [place for place in order if place.trace_id not in known][:left]
    return OpenReading(subject, question.question, FullRead(len(places)), places, known)


def _whole(plan: Plan) -> Plan:
    """All traces that the statement is about."""
    return plan.model_copy(update={"leave_out": ()})


def _keep(context: Context, bench: Workbench, reading: OpenReading, ended: Ended) -> None:
    """Keeps what was found in all that was read."""
    store, run_id, subject = bench.store, bench.run_id, reading.hypothesis_id
    hypothesis = store.get_hypothesis(run_id, subject)
    plan, result, verdict = hypothesis.plan, hypothesis.result, hypothesis.verdict
    assert plan is not None and result is not None, "what was read has both"
    whole, _ = bench.executor.order(_whole(plan), most=0, owner=subject)
    _, order = bench.executor.order(plan, most=len(reading.known), owner=subject)
    on = result_of_reading_on(
        result,
        {trace_id: found.answer for trace_id, found in reading.known.items()},
        order=[place.trace_id for place in order],
        aside=frozenset(plan.leave_out),
        whole=whole,
        level=verdict.interval.level if verdict and verdict.interval else 0.95,
        unasked=len(reading.unasked),
        stopped=_why(ended, all_read=len(reading.known) + len(reading.unasked) >= whole),
    )
    store.record_read_on(run_id, subject, on)
    found = f"{on.affected:,} flagged in {on.read:,} of {on.population:,} traces"
    context.display.show(Event("result", f"read on: {found}", step="issues", subject=subject))


def _why(ended: Ended, *, all_read: bool) -> Literal["all read", "limit", "budget"]:
    if ended == "budget":
        return "budget"
    return "all read" if all_read else "limit"


def _show(context: Context, reading: OpenReading) -> None:
    done, total = reading.rule.counted.read, reading.rule.cap
    affected = sum(found.answer == "affected" for found in reading.known.values())
    subject, flagged = reading.hypothesis_id, f"{affected:,} flagged in all"
    context.display.show(
        Event("progress", "traces read on", step="issues", subject=subject, detail=flagged, done=done, total=total)
    )
