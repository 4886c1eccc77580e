"""Cancels an operation at each of its awaits in turn."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Any, Literal

#: When the cancellation comes: as soon as the operation waits, or together with what it waits for.
Moment = Literal["at once", "with the answer"]


@types.coroutine
def _cancelled_at(await_number: int, moment: Moment, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, bool]:
    """Drives ``work``, and cancels its task at that await. Whether it came to that."""
    task = asyncio.current_task()
    assert task is not None
    awaits = 0
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            awaited = work.send(answer) if error is None else work.throw(error)
        except StopIteration:
            return awaits > await_number
        if awaits == await_number:
            if moment == "at once" or awaited is None:
                task.cancel()
            else:
                # Before the task's own callback: the future is done and the task has not heard of it.
                awaited.add_done_callback(lambda _: task.cancel())
        awaits += 1
        try:
            answer, error = (yield awaited), None
        except BaseException as raised:
            answer, error = None, raised


async def cancelled_at(await_number: int, moment: Moment, work: Coroutine[Any, Any, Any]) -> bool:
    """Runs ``work`` as a task that is cancelled at its n-th await. False: it had ended by then."""

    async def drive() -> bool:
        return await _cancelled_at(await_number, moment, work)

    task = asyncio.create_task(drive())
    await asyncio.wait([task])
    return True if task.cancelled() else task.result()


async def nothing() -> None:
    """What there is to prepare for most operations."""


async def each_cancellation(
    make: Callable[[], Coroutine[Any, Any, Any]], prepare: Callable[[], Awaitable[Any]] = nothing
) -> AsyncIterator[str]:
    """Cancels at the first await, at the second, …, until an operation ends by itself; yields after each.

    ``prepare`` is awaited before each operation.
    """
    moments: tuple[Moment, ...] = ("at once", "with the answer")
    for moment in moments:
        for await_number in range(1000):
            await prepare()
            if not await cancelled_at(await_number, moment, make()):
                assert await_number, "it has no await"
                break
            yield f"cancelled {moment} at await {await_number}"
        else:
            raise AssertionError("it never ends by itself")


async def within(seconds: float, work: Awaitable[Any]) -> Any:
    """Its result; a test that would hang fails."""
    async with asyncio.timeout(seconds):
        return await work
