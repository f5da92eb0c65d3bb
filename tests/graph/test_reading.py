"""Reading traces for hypotheses: who is asked what, what is kept, and what counts."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, cycle
from pathlib import Path

import pytest

from analyze_experiment.graph.open_reading import TRIES
from analyze_experiment.graph.ports import Claim, Judged, Remark, Unasked
from analyze_experiment.graph.reading import carry_out, flagged_traces, judgements_of
from analyze_experiment.graph.reading_room import MOST_QUESTIONS, REMARKS, ReadingRoom
from analyze_experiment.tests.conftest import copy_store
from analyze_experiment.tests.sample_traces import SampleTrace, log_traces
from analyze_experiment.tools.errors import ModelError, QueryError
from analyze_experiment.tools.insights.models import Hypothesis, HypothesisDraft
from analyze_experiment.tools.insights.store import InsightStore
from analyze_experiment.tools.testing.execute import Execution
from analyze_experiment.tools.testing.plan import Plan, Read, ReadStep
from analyze_experiment.tools.testing.render import render_plan
from analyze_experiment.tools.traces.snapshot import take_snapshot
from analyze_experiment.tools.traces.views import TraceView
from analyze_experiment.tools.tracking import connect
from analyze_experiment.tools.workbench import Workbench

INSTANT = datetime(2027, 1, 1, tzinfo=UTC)
TRACES = 24
CAP = 6
"""Traces that the shortest readings read."""
PROMISE = "I promise to refund you today."
Rule = Callable[[TraceView, str], Claim]


def promises(trace: TraceView, question: str) -> Claim:
    """What an honest judge says: every second answer holds a promise."""
    if "promise" in question and PROMISE in trace.response:
        return Claim("affected", quote=PROMISE, reason="It promises a refund.")
    return Claim("not", reason="No promise.")


@dataclass
class ScriptedJudge:
    """Answers by a rule, and remembers what it was asked."""

    rule: Rule = promises
    width: int = 3
    dies_after: int | None = None
    broke_after: int | None = None
    held: asyncio.Event | None = None
    """What the second call waits for."""
    pause: Callable[[int], int] = field(default=lambda _: 0)
    """How many turns of the event loop the answer to the n-th call takes."""
    overloaded: Counter[str] = field(default_factory=lambda: Counter[str]())
    """By trace, how often it can't be asked about it."""
    remarks: tuple[Remark, ...] = ()
    calls: list[tuple[str, tuple[str, ...]]] = field(default_factory=lambda: list[tuple[str, tuple[str, ...]]]())

    async def judge(self, bench: Workbench, trace: TraceView, questions: Sequence[str]) -> Judged | Unasked:
        """Claims by the rule."""
        del bench
        self.calls.append((trace.trace_id, tuple(questions)))
        number = len(self.calls)
        if number == 2 and self.held is not None:
            await self.held.wait()
        for _ in range(self.pause(number)):
            await asyncio.sleep(0)
        if self.dies_after is not None and number > self.dies_after:
            raise ModelError("nobody answers any more")
        if self.broke_after is not None and number > self.broke_after:
            return Unasked("the budget is spent", final=True)
        if self.overloaded[trace.trace_id] > 0:
            self.overloaded[trace.trace_id] -= 1
            return Unasked("it asks for fewer requests (429)")
        return Judged([self.rule(trace, question) for question in questions], self.remarks)


@pytest.fixture(scope="module")
def bench(store_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("reading")
    uri = copy_store(store_template, folder / "store")
    log_traces(uri, "refunds", [SampleTrace(f"Order {n}?", PROMISE if n % 2 else f"Order {n} is here.") for n in range(TRACES)])
    store = InsightStore(connect(uri), now=lambda: INSTANT)
    made = store.create_analysis("1", key="k", name="n", run_name="r", analyst="scripted", with_model=True)
    snapshot = take_snapshot(uri, "1", instant=INSTANT, since=None, until=None, cache=folder / "cache", progress=lambda *_: None)
    with Workbench.open(store, made.run_id, snapshot, seed=0) as opened:
        yield opened


_numbers = count()


def ask(
    bench: Workbench, what: str = "promises", *, cap: int | None = None, leave_out: Sequence[str] = (), where: str = "true"
) -> Hypothesis:
    """A hypothesis of its own, whatever was asked before."""
    question = ReadStep(title=what, question=f"Does the agent make {what} that nobody asked for?")
    decision = Read(threshold=0.1, cap=cap, threshold_source="configuration")
    plan = Plan(
        estimand="snapshot",
        population=f"SELECT trace_id FROM traces WHERE {where}",
        steps=(question,),
        decision=decision,
        min_n=5,
        leave_out=tuple(leave_out),
    )
    draft = HypothesisDraft(
        statement=f"It makes {what} ({next(_numbers)}).",
        testing_plan=render_plan(plan),
        plan=plan,
        source="sample",
        kind="quality",
    )
    return bench.store.create_hypothesis(bench.run_id, draft)


async def read(room: ReadingRoom, hypothesis: Hypothesis) -> Execution:
    assert hypothesis.plan is not None
    subject = hypothesis.hypothesis_id
    return await carry_out(room, subject, hypothesis.plan, owner=subject, on_step=lambda *_: None)


def carried_out(bench: Workbench, judge: ScriptedJudge, *hypotheses: Hypothesis, read_on: int = 0) -> list[Execution]:
    async def together() -> list[Execution]:
        room = ReadingRoom(bench, judge, lambda _: None, read_on=read_on)
        try:
            return await asyncio.gather(*(read(room, each) for each in hypotheses))
        finally:
            await room.close()

    return asyncio.run(together())


def test_several_readings_ask_about_the_same_trace_in_one_call(bench: Workbench) -> None:
    judge = ScriptedJudge()
    hypotheses = [ask(bench, what) for what in ("promises", "jokes", "threats")]
    found = carried_out(bench, judge, *hypotheses)

    asked = [trace_id for trace_id, _ in judge.calls]
    assert len(set(asked)) == len(asked)
    assert len(judge.calls[0][1]) == len(hypotheses)
    assert [each.result.reads.stopped for each in found if each.result.reads] == ["validated", "rejected", "rejected"]
    assert [each.result.affected for each in found][1:] == [0, 0]


def test_a_trace_that_suggested_a_statement_is_asked_about_where_it_is_read_anyway_and_does_not_count(bench: Workbench) -> None:
    rows = bench.query("SELECT trace_id FROM traces ORDER BY request_time, trace_id", title="All traces").to_pylist()
    listed = [str(row["trace_id"]) for row in rows]
    suggested, elsewhere = listed[1:9:2], listed[0]
    all_of_them = ask(bench, "jokes", cap=TRACES)
    told = ask(bench, leave_out=[*suggested, elsewhere], where="contains(response_text, 'promise')  -- as a model writes it")
    judge = ScriptedJudge()
    _, found = carried_out(bench, judge, all_of_them, told, read_on=TRACES)

    known = judgements_of(bench, told.hypothesis_id)
    assert Counter(trace_id for trace_id, _ in judge.calls).most_common(1)[0][1] == 1, "no trace is read for it alone"
    assert known.keys() & set(suggested), "those that suggested it are named beside"
    assert elsewhere not in known, "what isn't in its population is never asked"
    assert found.result.population == TRACES // 2 - len(suggested)
    assert found.result.affected == found.result.reads.read if found.result.reads else False
    assert not {each.trace_id for each in found.evidence} & set(suggested)


def test_one_call_asks_no_more_than_eight_questions(bench: Workbench) -> None:
    judge = ScriptedJudge()
    carried_out(bench, judge, *(ask(bench, f"joke {number}", cap=CAP) for number in range(MOST_QUESTIONS + 3)))
    assert max(len(questions) for _, questions in judge.calls) == MOST_QUESTIONS


def test_what_counts_is_the_order_of_the_draw_whatever_order_answers_come_in(bench: Workbench) -> None:
    slow_first = ScriptedJudge(width=5, pause=lambda number: 40 if number % 5 == 1 else 0)
    hypothesis = ask(bench)
    (muddled,) = carried_out(bench, slow_first, hypothesis)
    for name in bench.store.files.names(bench.run_id, "readings"):
        assert re.fullmatch(r"[0-9a-f]{16}\.yaml", name)
    (alone,) = carried_out(bench, ScriptedJudge(width=1, rule=lambda *_: pytest.fail("asked again")), hypothesis)
    assert muddled == alone


def test_a_reading_that_was_killed_goes_on_where_it_was(bench: Workbench) -> None:
    hypothesis, mortal, heir = ask(bench, "jokes"), ScriptedJudge(dies_after=6), ScriptedJudge()
    with pytest.raises(ModelError, match="nobody answers"):
        carried_out(bench, mortal, hypothesis)
    (found,) = carried_out(bench, heir, hypothesis)

    answered = {trace_id for trace_id, _ in mortal.calls[:6]}
    assert not answered & {trace_id for trace_id, _ in heir.calls}
    assert found.result.reads is not None
    assert found.result.reads.read <= len(answered) + len(heir.calls)


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        (Claim("affected", quote="I will pay you tomorrow."), "doesn't stand in the trace"),
        (Claim("affected", span_id="0000", quote=PROMISE), "has no span '0000'"),
        (Claim("affected", reason="Surely."), "quotes nothing"),
        (Claim("not", quote="It was all fine."), "doesn't stand in the trace"),
    ],
)
def test_a_claim_that_the_trace_does_not_bear_out_is_refused_and_counts_as_unclear(
    bench: Workbench, claim: Claim, why: str
) -> None:
    hypothesis = ask(bench, cap=CAP)
    (found,) = carried_out(bench, ScriptedJudge(rule=lambda *_: claim), hypothesis)

    reads = found.result.reads
    assert reads is not None
    assert (found.result.affected, found.result.unreadable, reads.read) == (0, CAP, CAP)
    assert found.evidence == ()
    refused = [each for each in bench.store.list_refusals(bench.run_id) if each.claimed_in == hypothesis.hypothesis_id]
    assert len(refused) == CAP
    assert all(why in each.why for each in refused)


def test_flagged_traces_are_those_that_count_with_their_quotes_as_evidence(bench: Workbench) -> None:
    hypothesis = ask(bench)
    (found,) = carried_out(bench, ScriptedJudge(), hypothesis)
    recorded = bench.store.record_result(bench.run_id, hypothesis.hypothesis_id, found.result, found.evidence)

    supporting = [each for each in recorded.evidence if each.supports]
    assert {each.quote for each in supporting} == {PROMISE}
    assert all(each.span_id for each in supporting)
    flagged = flagged_traces(bench, recorded).traces
    assert len(flagged) == found.result.affected, "where none ended wrongly, all that are flagged"
    assert {each.trace_id for each in supporting} <= {each.trace_id for each in flagged}
    assert {each.trace_id for each in flagged} <= set(bench.store.reader.linked(bench.run_id, experiment_id="1"))


def test_what_came_of_a_failure_is_looked_up_counted_and_shown_worst_first(bench: Workbench) -> None:
    claims = cycle(
        (
            Claim("affected", quote=PROMISE, consequence="misled", consequence_quote=PROMISE),
            Claim("affected", quote=PROMISE, consequence="wrong", consequence_quote=PROMISE),
            Claim("affected", quote=PROMISE, consequence="wrong", consequence_quote="I never said that."),
        )
    )
    hypothesis = ask(bench)

    def rule(trace: TraceView, question: str) -> Claim:
        del question
        return next(claims) if PROMISE in trace.response else Claim("not", consequence="wrong")

    (found,) = carried_out(bench, ScriptedJudge(rule=rule, width=1), hypothesis)
    recorded = bench.store.record_result(bench.run_id, hypothesis.hypothesis_id, found.result, found.evidence)

    flagged = flagged_traces(bench, recorded)
    counts = flagged.consequences
    assert [each.consequence for each in flagged.traces] == ["wrong"] * counts.wrong, "those that ended wrongly"
    assert flagged.share == counts.wrong_share
    assert counts.flagged == found.result.affected
    assert counts.wrong and counts.misled and counts.none, "what no words of the trace show counts as none"
    assert counts.wrong / TRACES <= counts.wrong_share.low < counts.harmed_share.low < counts.harmed_share.high
    assert "ended wrongly: “I promise to refund you today.”" in flagged.evidence[0].rationale
    refused = [each.why for each in bench.store.list_refusals(bench.run_id) if each.claimed_in == hypothesis.hypothesis_id]
    assert len(refused) == counts.none
    assert all(why.startswith("the consequence 'wrong': the quote") for why in refused)


def test_where_the_budget_is_spent_everything_stops_where_it_is(bench: Workbench) -> None:
    judge = ScriptedJudge(broke_after=3, width=1)
    found = carried_out(bench, judge, ask(bench, "jokes"), ask(bench, "threats"))
    assert [(each.result.reads.read, each.result.reads.stopped) for each in found if each.result.reads] == [(3, "budget")] * 2


def test_dropping_one_reading_ends_what_is_done_for_it_alone(bench: Workbench) -> None:
    async def drop_one() -> tuple[ScriptedJudge, Execution]:
        judge = ScriptedJudge(width=1, held=asyncio.Event())
        room = ReadingRoom(bench, judge, lambda _: None)
        dropped, kept = (asyncio.create_task(read(room, ask(bench, what))) for what in ("jokes", "threats"))
        while len(judge.calls) < 2:
            await asyncio.sleep(0.01)
        dropped.cancel()
        await asyncio.wait([dropped])
        assert dropped.cancelled()
        assert judge.held is not None
        judge.held.set()
        return judge, await kept

    judge, found = asyncio.run(drop_one())
    assert found.result.reads is not None
    assert found.result.reads.stopped == "rejected"
    assert {len(questions) for _, questions in judge.calls[2:]} == {1}


def test_an_analysis_begun_without_a_model_reads_nothing(bench: Workbench) -> None:
    store = bench.store
    made = store.create_analysis("1", key="other", name="n", run_name="r", analyst="statistical")
    with Workbench.open(store, made.run_id, bench.snapshot, seed=0) as plain, pytest.raises(QueryError, match="begun without"):
        carried_out(plain, ScriptedJudge(), ask(plain))


def test_a_trace_that_was_deleted_meanwhile_is_unclear_without_asking(bench: Workbench) -> None:
    from mlflow import MlflowClient

    judge, hypothesis = ScriptedJudge(), ask(bench, "jokes")
    assert hypothesis.plan is not None
    drawn = bench.executor.draw(hypothesis.plan, level=0.02, owner="h", on_step=lambda *_: None)
    gone = drawn.places[0].trace_id
    MlflowClient(bench.store.tracking.uri).delete_traces("1", trace_ids=[gone])
    (found,) = carried_out(bench, judge, hypothesis)
    assert found.result.unreadable == 1
    assert gone not in {trace_id for trace_id, _ in judge.calls}


def test_a_validated_question_goes_along_with_those_that_are_still_open(bench: Workbench) -> None:
    judge, flagged, open_ = ScriptedJudge(), ask(bench), ask(bench, "jokes", cap=TRACES)
    never = ScriptedJudge(rule=lambda trace, question: Claim("unclear") if "jokes" in question else promises(trace, question))
    found, _ = carried_out(bench, never, flagged, open_, read_on=TRACES)

    assert found.result.reads is not None
    assert found.result.reads.read < TRACES, "what decides isn't changed by what goes along"
    assert found == carried_out(bench, judge, flagged, read_on=TRACES)[0]
    assert judge.calls == [], "all was known"
    assert len(judgements_of(bench, flagged.hypothesis_id)) == TRACES
    assert len({trace_id for trace_id, _ in never.calls}) == len(never.calls)


def test_what_is_asked_while_a_verdict_falls_is_answered_and_kept_for_reading_on(bench: Workbench) -> None:
    known = ask(bench)
    (first,) = carried_out(bench, ScriptedJudge(), known)
    assert known.plan is not None
    assert first.result.reads is not None and first.result.reads.stopped == "validated"
    _, order = bench.executor.order(known.plan, most=first.result.reads.read)
    needed, later = {place.trace_id for place in order}, asyncio.Event()

    class Slow(ScriptedJudge):
        async def judge(self, bench: Workbench, trace: TraceView, questions: Sequence[str]) -> Judged | Unasked:
            if trace.trace_id not in needed:  # more than the verdict takes
                await later.wait()
            return await super().judge(bench, trace, questions)

    async def decided() -> None:
        room = ReadingRoom(bench, judge, lambda _: None, read_on=TRACES)
        await read(room, hypothesis)
        assert room.errands, "some is asked about further traces"
        later.set()
        await asyncio.gather(*room.errands)
        await room.close()

    judge, hypothesis = Slow(), ask(bench)
    asyncio.run(decided())
    assert len(judge.calls) > len(needed)
    assert {trace_id for trace_id, _ in judge.calls} <= judgements_of(bench, hypothesis.hypothesis_id).keys()


def test_what_goes_along_asks_for_no_more_than_it_may(bench: Workbench) -> None:
    flagged, open_ = ask(bench), ask(bench, "jokes", cap=TRACES)
    never = ScriptedJudge(rule=lambda trace, question: Claim("unclear") if "jokes" in question else promises(trace, question))
    found, _ = carried_out(bench, never, flagged, open_, read_on=1)
    assert found.result.reads is not None
    surplus = len(judgements_of(bench, flagged.hypothesis_id)) - found.result.reads.read
    assert 1 <= surplus <= 1 + never.width, "those that were under way, and one more"


def test_a_trace_that_cannot_be_asked_about_is_tried_again_and_only_then_counts_as_unclear(bench: Workbench) -> None:
    hypothesis = ask(bench, "jokes", cap=CAP)
    assert hypothesis.plan is not None
    _, order = bench.executor.order(hypothesis.plan, most=2)
    once, often = (place.trace_id for place in order)
    judge = ScriptedJudge(overloaded=Counter({once: TRIES - 1, often: TRIES + 1}), rule=lambda *_: Claim("unclear"))
    (found,) = carried_out(bench, judge, hypothesis)

    assert found.result.reads is not None
    assert (found.result.reads.unasked, found.result.unreadable) == (1, CAP)
    assert often not in judgements_of(bench, hypothesis.hypothesis_id), "it isn't kept, so it is asked about another time"
    (again,) = carried_out(bench, ScriptedJudge(), hypothesis)
    assert again.result.reads is not None
    assert (again.result.reads.unasked, again.result.unreadable) == (0, CAP - 1)


def test_what_else_a_judge_notes_is_kept_where_its_quote_stands_in_the_trace(bench: Workbench) -> None:
    hypothesis = ask(bench, "jokes", cap=CAP)
    remarks = (Remark("It promises\n refunds.", "", PROMISE), Remark("It swears.", "", "Not in any trace."))
    carried_out(bench, ScriptedJudge(remarks=remarks, rule=lambda *_: Claim("unclear")), hypothesis)

    kept = [each for reading in bench.store.list_readings(bench.run_id) for each in reading.noticed]
    assert kept and {each.what for each in kept} == {"It promises refunds."}
    assert all(PROMISE in bench.store.reader.get(each.trace_id, run_id=bench.run_id, experiment_id="1").response for each in kept)
    refused = [each for each in bench.store.list_refusals(bench.run_id) if each.claimed_in == REMARKS]
    assert "Not in any trace." in {each.quote for each in refused}
