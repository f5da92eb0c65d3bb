"""Several searches at once, each with an SQL worker to itself: two about one issue, and those of the next beside them."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from ..tools.memory import give_back

AT_ONCE = 2
"""Searches, and issues, that are worked on at the same time: as many as there are SQL workers."""

One = TypeVar("One")
Other = TypeVar("Other")
Item = TypeVar("Item")


async def side_by_side(one: Coroutine[Any, Any, One], other: Coroutine[Any, Any, Other]) -> tuple[One, Other]:
    """What both give; where only one is made at a time, in this order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def made(search: Coroutine[Any, Any, Any]) -> Any:
        async with gate:
            return await search

    first, second = await asyncio.gather(made(one), made(other))
    return first, second


class Turn:
    """The place of a piece of work in a row of them: what must not come before the one in front waits for it."""

    def __init__(self, front: "Turn | None") -> None:
        """`front` is the turn of the one in front."""
        self._front = front
        self._decided = asyncio.Event()
        self._ended = asyncio.Event()

    async def to_decide(self) -> None:
        """Waits until the one in front has decided, or ended."""
        if self._front is not None:
            await self._front._decided.wait()

    def decided(self) -> None:
        """Says that what comes next may decide."""
        self._decided.set()

    async def to_write(self) -> None:
        """Waits until all in front have ended."""
        if self._front is not None:
            await self._front._ended.wait()

    def ended(self) -> None:
        """Says that nothing more is written."""
        self._decided.set()
        self._ended.set()


async def in_turn(items: Iterable[Item], work: Callable[[Item, Turn], Coroutine[Any, Any, None]]) -> None:
    """Works on the items in their order, on the next one while one isn't done yet; what fails ends the later ones."""
    running: deque[asyncio.Task[None]] = deque()

    async def worked_on(item: Item, turn: Turn) -> None:
        await work(item, turn)
        turn.ended()
        await asyncio.to_thread(give_back)

    turn = None
    try:
        for item in items:
            turn = Turn(turn)
            running.append(asyncio.create_task(worked_on(item, turn)))
            if len(running) >= AT_ONCE:
                await running[0]
                running.popleft()
        while running:
            await running[0]
            running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
