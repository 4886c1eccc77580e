"""An operation of the asyncio client for memcached is cancelled at any of its awaits: nobody gets another's answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from cancelling import each_cancellation, within
from lockproof import SASL, ConnectionFailed, ReferenceServer
from lockproof.aio import Memcache
from relay import PATIENCE, Relay, eventually

#: What is cancelled. The keys are those of :func:`prepare`.
OPERATIONS: dict[str, Callable[[Memcache], Coroutine[Any, Any, Any]]] = {
    "get": lambda cache: cache.get("a"),
    "set": lambda cache: cache.set("written", b"new"),
    "incr": lambda cache: cache.incr("count"),
    "get_many": lambda cache: cache.get_many(["a", "b", "c", "d", "e"]),
}
ANSWERS: dict[str, list[Any]] = {
    "get": [b"A" * 10],
    "set": [True],
    "incr": list(range(1, 1000)),
    "get_many": [{"a": b"A" * 10, "b": b"B" * 20, "c": b"C" * 30}],
}


@pytest.fixture
def relay(memcached_server: str) -> Iterator[Relay]:
    with Relay(memcached_server) as relay:
        yield relay


async def prepare(cache: Memcache) -> None:
    """Values that are all different in length, so that a wrong one is seen."""
    await cache.flush_all()
    await cache.set_many({"a": b"A" * 10, "b": b"B" * 20, "c": b"C" * 30, "written": b"old", "count": b"0"})


def neighbours(cache: Memcache) -> asyncio.Future[list[Any]]:
    """Operations of others, under way on the same connection."""
    return asyncio.gather(cache.get("b"), cache.set("own", b"x"), cache.get_many(["c", "d"]))


async def check(cache: Memcache, others: asyncio.Future[list[Any]], when: str) -> None:
    """The neighbours have their answers, and so has whoever comes next."""
    assert await within(PATIENCE, others) == [b"B" * 20, True, {"c": b"C" * 30}], when
    assert await within(PATIENCE, neighbours(cache)) == [b"B" * 20, True, {"c": b"C" * 30}], when
    assert await cache.get("written") in (b"old", b"new"), when


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("connected", [True, False])
async def test_cancelled_at_any_await_it_harms_nobody(either: str, name: str, connected: bool) -> None:
    async with Memcache(either, timeout=PATIENCE, connect_timeout=PATIENCE) as cache:
        await prepare(cache)
        others = neighbours(cache)

        def victim() -> Coroutine[Any, Any, Any]:
            nonlocal others
            others = neighbours(cache)
            return OPERATIONS[name](cache)

        cancelled = 0
        async for when in each_cancellation(victim):
            cancelled += 1
            await check(cache, others, when)
            if not connected:
                await cache.close()
        await check(cache, others, "not cancelled")
        assert cancelled >= (2 if connected else 4)


async def test_cancelled_at_any_await_of_a_login_it_harms_nobody() -> None:
    with ReferenceServer() as server:
        async with Memcache(server.memcached_sasl, sasl=SASL, timeout=PATIENCE) as cache:
            await prepare(cache)
            async for when in each_cancellation(lambda: cache.get("a")):
                await check(cache, neighbours(cache), when)
                await cache.close()


@pytest.mark.parametrize("name", OPERATIONS)
async def test_cancelled_after_each_byte_of_a_reply_it_harms_nobody(relay: Relay, name: str) -> None:
    async with Memcache(relay.address, timeout=PATIENCE, connect_timeout=PATIENCE) as cache:
        await prepare(cache)
        for length in range(1000):
            before = relay.answered
            relay.allow(length)
            victim, others = asyncio.create_task(OPERATIONS[name](cache)), neighbours(cache)
            while relay.answered - before < length and not others.done():
                await asyncio.sleep(0.0005)
            complete = others.done()
            victim.cancel()
            relay.allow(None)
            await check(cache, others, f"after {length} bytes")
            result: Any = (await asyncio.gather(victim, return_exceptions=True))[0]
            assert isinstance(result, asyncio.CancelledError) or result in ANSWERS[name]
            if complete:
                break
        assert complete and length > 100
        assert int(await cache.get("count")) <= length + 1


async def test_a_cancelled_operations_connection_is_not_used_again(relay: Relay) -> None:
    async with Memcache(relay.address, timeout=None) as cache:
        await prepare(cache)
        relay.allow(0)
        victim, other = asyncio.create_task(cache.get("a")), asyncio.create_task(cache.get("b"))
        await asyncio.sleep(0)
        victim.cancel()
        later = asyncio.create_task(cache.get("c"))
        await asyncio.to_thread(eventually, lambda: relay.accepted == 2)
        assert relay.ended == 0, "the other's answer is to come on the first"
        assert not other.done()
        relay.allow(None)
        assert await within(PATIENCE, asyncio.gather(other, later)) == [b"B" * 20, b"C" * 30]
        await asyncio.to_thread(eventually, lambda: relay.ended == 1)


async def test_an_answer_to_a_cancelled_operation_does_not_end_the_others(relay: Relay) -> None:
    async with Memcache(relay.address, timeout=PATIENCE) as cache:
        await prepare(cache)
        relay.allow(0)
        victim, other = asyncio.create_task(cache.get("a")), asyncio.create_task(cache.get("b"))
        await asyncio.sleep(0)
        victim.cancel()
        await asyncio.wait([victim])
        before = relay.answered
        whole = 24 + 4 + 10
        relay.allow(whole)
        await asyncio.to_thread(eventually, lambda: relay.answered == before + whole)
        for _ in range(10):
            await asyncio.sleep(0)
        relay.allow(None)
        assert await within(PATIENCE, other) == b"B" * 20


async def test_a_connection_with_nobody_left_that_waits_is_closed_at_once(relay: Relay) -> None:
    async with Memcache(relay.address, timeout=None) as cache:
        await prepare(cache)
        relay.allow(0)
        victims = [asyncio.create_task(cache.get(key)) for key in "abc"]
        await asyncio.to_thread(eventually, lambda: relay.arrived > relay.answered)
        for victim in victims:
            victim.cancel()
        await asyncio.wait(victims)
        await asyncio.to_thread(eventually, lambda: relay.ended == 1)


async def test_many_of_many_are_cancelled_and_the_others_have_their_answers(relay: Relay) -> None:
    async with Memcache(relay.address, timeout=PATIENCE) as cache:
        keys = [f"key{number}" for number in range(100)]
        await cache.set_many({key: key.encode() * 50 for key in keys})
        for turn in range(1, 8):
            tasks = [asyncio.create_task(cache.get(key)) for key in keys]
            for _ in range(turn):
                await asyncio.sleep(0)
            for task in tasks[::turn]:
                task.cancel()
            values = await within(PATIENCE, asyncio.gather(*tasks, return_exceptions=True))
            for key, value in zip(keys, values, strict=True):
                assert isinstance(value, asyncio.CancelledError) or value == key.encode() * 50
            left = [value for value in values if isinstance(value, bytes)]
            assert len(left) >= 100 - len(tasks[::turn])


async def test_a_cancelled_attempt_to_connect_leaves_it_to_the_others(relay: Relay) -> None:
    async with Memcache(relay.address, timeout=PATIENCE) as cache:
        first, second = asyncio.create_task(cache.get("a")), asyncio.create_task(cache.get("b"))
        await asyncio.sleep(0)
        first.cancel()
        assert await within(PATIENCE, second) is None
        assert first.cancelled()
        assert relay.accepted == 1


async def test_close_gives_up_a_connection_that_is_not_yet_open(relay: Relay) -> None:
    cache = Memcache(relay.address, timeout=PATIENCE)
    waiting = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    await cache.close()
    with pytest.raises(ConnectionFailed, match="the client was closed"):
        await within(PATIENCE, waiting)
    assert await cache.get("a") is None
    await cache.close()


async def test_a_cancelled_client_leaves_no_connection_behind_a_close(relay: Relay) -> None:
    cache = Memcache(relay.address, timeout=PATIENCE)
    waiting = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await cache.close()
    await asyncio.to_thread(eventually, lambda: relay.ended == relay.accepted)
