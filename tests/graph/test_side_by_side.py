"""Work on several issues at once: what is decided and written comes in order all the same."""

import asyncio

import pytest

from analyze_experiment.graph.side_by_side import Turn, in_turn


def test_the_next_is_worked_on_meanwhile_and_what_is_decided_and_written_comes_in_order() -> None:
    said: list[str] = []
    next_begun = asyncio.Event()

    async def work(name: str, turn: Turn) -> None:
        said.append(f"{name} begins")
        if name == "b":
            next_begun.set()
        await turn.to_decide()
        said.append(f"{name} decides")
        turn.decided()
        if name == "a":
            await next_begun.wait()  # for ever, were one at a time worked on
        await turn.to_write()
        said.append(f"{name} writes")

    asyncio.run(in_turn("abc", work))
    assert [each for each in said if "decides" in each] == [f"{name} decides" for name in "abc"]
    assert [each for each in said if "writes" in each] == [f"{name} writes" for name in "abc"]
    assert said.index("c begins") > said.index("a writes"), "no more than two are worked on at once"


def test_what_fails_lets_those_in_front_end_and_ends_those_behind() -> None:
    written: list[str] = []

    async def work(name: str, turn: Turn) -> None:
        if name == "b":
            raise ValueError(name)
        await asyncio.sleep(0)
        await turn.to_write()
        written.append(name)

    with pytest.raises(ValueError, match="b"):
        asyncio.run(in_turn("abc", work))
    assert written == ["a"]
