"""Plans that are decided by reading: carried out in the reading room, from the draw to the result; and what they flagged."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ..tools.census.feedback import PEOPLE_SQL
from ..tools.census.literals import quote
from ..tools.errors import QueryError
from ..tools.insights.models import Agreement, Evidence, Hypothesis, Judgement
from ..tools.sql.intermediate import nested
from ..tools.testing.compose import REFUTING, SUPPORTING
from ..tools.testing.consequences import Flagged, weigh_flagged
from ..tools.testing.execute import Execution
from ..tools.testing.families import family_levels
from ..tools.testing.plan import Plan, Read
from ..tools.testing.queries import NOTE_CHARS, OnStep
from ..tools.testing.results import result_of_reading
from ..tools.workbench import Workbench
from .context import in_thread
from .open_reading import OpenReading
from .reading_room import ReadingRoom


def is_read(hypothesis: Hypothesis) -> bool:
    """Whether a hypothesis is decided by reading."""
    return hypothesis.plan is not None and isinstance(hypothesis.plan.decision, Read)


async def carry_out(
    room: ReadingRoom, hypothesis_id: str, plan: Plan, *, owner: str, on_step: OnStep, goes_on: bool = True
) -> Execution:
    """Carries out a plan that is decided by reading; what was read for it before isn't read again.

    Args:
        room: Where it is read.
        hypothesis_id: What it is read for.
        plan: Its plan.
        owner: Of its queries.
        on_step: Is told each step.
        goes_on: Whether it is asked of further traces once it is validated.

    Raises:
        QueryError: its population fails, or no error is set aside for readings in this analysis.
        ModelError: the judge can't be asked any more.
    """
    bench, question, decision = room.bench, plan.reading, plan.decision
    assert question is not None and isinstance(decision, Read), "a plan that is decided by reading has a question"
    beyond = room.read_on if goes_on else 0
    with room.coming():
        level = await in_thread(lambda: _level(bench))
        drawn = await in_thread(lambda: bench.executor.draw(plan, level=level, owner=owner, on_step=on_step, beyond=beyond))
        known = await in_thread(lambda: judgements_of(bench, hypothesis_id))
        put_aside = await in_thread(lambda: _put_aside(bench, plan, owner)) if beyond else frozenset[str]()
    reading = OpenReading(
        hypothesis_id, question.question, drawn.reading, drawn.places, known, goes_on=goes_on, put_aside=put_aside
    )
    ended = await room.read(reading)
    counted = [place.trace_id for place in drawn.places[: drawn.reading.counted.read]]
    agreement = await in_thread(lambda: _agreement(bench, {each: known[each] for each in counted if each in known}, owner))
    result = result_of_reading(decision, drawn.reading, stopped=ended, unasked=reading.unasked_counted, agreement=agreement)
    return Execution(result.model_copy(update={"query_ids": drawn.query_ids}), _evidence(counted, reading.known, question.title))


def _put_aside(bench: Workbench, plan: Plan, owner: str) -> frozenset[str]:
    """The traces of its population that suggested the statement: it isn't tested on them, and they may be affected too."""
    if not plan.leave_out:
        return frozenset()
    ids = ", ".join(quote(each) for each in plan.leave_out)
    population = f"SELECT trace_id FROM {nested(plan.population)} WHERE trace_id IN ({ids})"
    suggested = plan.model_copy(update={"population": population, "leave_out": ()})
    _, places = bench.executor.order(suggested, most=len(plan.leave_out), owner=owner)
    return frozenset(place.trace_id for place in places)


def _agreement(bench: Workbench, judged: Mapping[str, Judgement], owner: str) -> tuple[Agreement, ...]:
    """What people said of the traces that the judge calls affected or not."""
    rows = bench.query(PEOPLE_SQL, title="Feedback of people", owner=owner).to_pylist()
    flags = {trace_id: said.answer == "affected" for trace_id, said in judged.items() if said.answer != "unclear"}
    pairs = [(str(row["name"]), flags[str(row["trace_id"])], bool(row["bad"])) for row in rows if str(row["trace_id"]) in flags]
    return tuple(
        Agreement(
            name=name,
            flagged_bad=found[True, True],
            flagged_good=found[True, False],
            unflagged_bad=found[False, True],
            unflagged_good=found[False, False],
        )
        for name in dict.fromkeys(name for name, _, _ in pairs)
        for found in [Counter((flagged, bad) for each, flagged, bad in pairs if each == name)]
    )


def judgements_of(bench: Workbench, hypothesis_id: str) -> dict[str, Judgement]:
    """What was judged for a hypothesis so far, by trace."""
    return {
        reading.trace_id: judgement
        for reading in bench.store.list_readings(bench.run_id)
        for judgement in reading.judgements
        if judgement.hypothesis_id == hypothesis_id
    }


def flagged_traces(bench: Workbench, hypothesis: Hypothesis) -> Flagged:
    """What its judge flagged: of all that was read, or of what its verdict rests on."""
    plan, result, subject = hypothesis.plan, hypothesis.result, hypothesis.hypothesis_id
    reads = result.reads if result is not None else None
    assert plan is not None and plan.reading is not None and result is not None and reads is not None, "asked of what was read"
    known = judgements_of(bench, subject)
    most = reads.read if reads.on is None else len(known)
    _, places = bench.executor.order(plan, most=most, owner=subject)
    order = [place.trace_id for place in places]
    if reads.on is None:
        known = {trace_id: known[trace_id] for trace_id in order if trace_id in known}
    return weigh_flagged(
        known,
        result,
        order=order,
        aside=frozenset() if reads.on is None else frozenset(plan.leave_out),
        whole=result.population if reads.on is None else reads.on.population,
        step=plan.reading.title,
    )


def _level(bench: Workbench) -> float:
    """What the readings of the closing to come may spend."""
    analysis = bench.store.get_analysis(bench.run_id)
    if not analysis.with_model:
        raise QueryError("the analysis was begun without a model, so no error is set aside for readings: begin a new one.")
    return family_levels(len(analysis.closings) + 1, with_model=True).reads


def _evidence(counted: Sequence[str], known: Mapping[str, Judgement], step: str) -> tuple[Evidence, ...]:
    """The first traces for and against, in the order of the draw."""
    sides = {"affected": SUPPORTING, "not": REFUTING}
    found = [(trace_id, known[trace_id]) for trace_id in counted if trace_id in known]
    return tuple(
        Evidence(
            trace_id=trace_id,
            span_id=said.span_id or None,
            quote=said.quote[:500] or None,
            rationale=said.reason[:NOTE_CHARS],
            supports=answer == "affected",
            step=step,
        )
        for answer, places in sides.items()
        for trace_id, said in [each for each in found if each[1].answer == answer][:places]
    )
