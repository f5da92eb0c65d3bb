"""Two searches about the same issue, each with an SQL worker to itself."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

AT_ONCE = 2
"""Searches that are made at the same time: as many as there are SQL workers."""

One = TypeVar("One")
Other = TypeVar("Other")


async def side_by_side(one: Coroutine[Any, Any, One], other: Coroutine[Any, Any, Other]) -> tuple[One, Other]:
    """What both give; where only one is made at a time, in this order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def made(search: Coroutine[Any, Any, Any]) -> Any:
        async with gate:
            return await search

    first, second = await asyncio.gather(made(one), made(other))
    return first, second
