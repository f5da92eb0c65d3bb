"""A budget is never exceeded by more than the questions in flight, goes on counting, and says what it cost."""

import asyncio
from dataclasses import dataclass

import pytest

from analyze_experiment.agent.model import Budget, GivenUp, Limits, Price
from analyze_experiment.agent.model.budget import BudgetSpent
from analyze_experiment.tests.agent.model.conftest import Desk
from analyze_experiment.tests.agent.model.test_asking import GOOD, KETCH, Boat, asked, attached, other
from analyze_experiment.tools.insights.models import Spend, Usage


def use(prompt: int, completion: int = 0) -> Usage:
    return Usage(prompt_tokens=prompt, completion_tokens=completion)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_held_counts_as_spent_until_it_settles_for_less() -> None:
    async def run() -> None:
        budget = Budget(Limits(tokens=1000))
        first = await budget.reserve(use(400, 300))
        second = asyncio.create_task(budget.reserve(use(400, 100)))
        await asyncio.sleep(0)
        assert not second.done(), "it doesn't fit beside the first, and waits"
        await budget.settle(first, use(300, 50), billed=True)
        await budget.settle(await second, use(400, 100), billed=True)
        with pytest.raises(BudgetSpent, match="850 of the 1,000 tokens"):
            await budget.reserve(use(100, 100))
        assert budget.spend.calls == 2

    asyncio.run(run())


def test_after_the_first_refusal_nothing_is_asked_however_small() -> None:
    async def run() -> None:
        budget = Budget(Limits(tokens=100))
        with pytest.raises(BudgetSpent):
            await budget.reserve(use(200))
        with pytest.raises(BudgetSpent):
            await budget.reserve(use(1))

    asyncio.run(run())


def test_money_is_counted_by_the_price_given_with_what_was_cached() -> None:
    async def run() -> None:
        budget = Budget(Limits(usd=1.0), Price(prompt=2.0, completion=8.0, cached=0.5))
        number = await budget.reserve(use(100_000, 10_000))
        used = Usage(prompt_tokens=100_000, cached_tokens=80_000, completion_tokens=5_000)
        await budget.settle(number, used, billed=True)
        assert budget.spend.usd == pytest.approx(0.02 * 2 + 0.08 * 0.5 + 0.005 * 8)
        with pytest.raises(BudgetSpent, match=r"0\.12 of the 1\.00 USD"):
            await budget.reserve(use(500_000))

    asyncio.run(run())


def test_without_a_price_there_is_no_sum() -> None:
    assert Budget().spend.usd is None


def test_time_counts_over_all_sessions() -> None:
    async def run() -> None:
        clock = Clock()
        budget = Budget(Limits(minutes=2), clock=clock)
        budget.go_on_from("run", Spend(seconds=90))
        await budget.settle(await budget.reserve(use(1)), use(1), billed=True)
        assert budget.seconds_left == 30
        clock.now += 31
        with pytest.raises(BudgetSpent, match="2 minutes"):
            await budget.reserve(use(1))

    asyncio.run(run())


def test_a_spent_budget_is_said_of_every_question_and_a_larger_one_goes_on(desk: Desk) -> None:
    desk.server.script("Boat", GOOD, repeat=True)
    answers = asked(desk, desk.model(Limits(tokens=180)), *other(*"abcdef"))
    answered = [answer for answer in answers if answer == KETCH]
    refused = [answer for answer in answers if isinstance(answer, GivenUp)]
    assert 0 < len(answered) < 6 and len(answered) + len(refused) == 6
    assert all(answer.final and "of the 180 tokens allowed" in answer.why for answer in refused)
    kept = desk.store.get_analysis(desk.run_id).spend
    assert kept.skipped == {"boats": len(refused)} and kept.usage.tokens <= 180
    assert asked(desk, desk.model(Limits(tokens=10_000)), *other(*"abcdef")) == [KETCH] * 6
    again = desk.store.get_analysis(desk.run_id).spend
    assert (again.calls, again.skipped) == (6, {})
    assert again.usage.tokens > kept.usage.tokens


def test_questions_asked_side_by_side_stay_within_the_budget(desk: Desk) -> None:
    desk.server.script("Boat", GOOD, repeat=True)

    async def run() -> list[Boat | GivenUp]:
        async with attached(desk, desk.model(Limits(tokens=220))) as model:
            return await asyncio.gather(*(model.ask(prompt, Boat, purpose="boats") for prompt in other(*"abcdefghij")))

    answers = asyncio.run(run())
    assert KETCH in answers and any(isinstance(answer, GivenUp) for answer in answers)
    assert desk.store.get_analysis(desk.run_id).spend.usage.tokens <= 220
