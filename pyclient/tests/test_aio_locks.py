"""The asyncio client for locker, and its cancellation at any await."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from cancelling import each_cancellation, within
from lockproof import (
    ConnectionFailed,
    KeyInvalid,
    LockError,
    LockLost,
    LockNotHeld,
    LockTimeout,
    ReferenceServer,
    Timeout,
)
from lockproof.aio import Lock, Locks
from relay import PATIENCE, Relay, eventually


@pytest.fixture
def relay(locker_server: str) -> Iterator[Relay]:
    with Relay(locker_server) as relay:
        yield relay


@pytest.fixture
async def locks(locker_server: str) -> AsyncIterator[Locks]:
    async with Locks(locker_server, timeout=PATIENCE) as locks:
        yield locks


@pytest.fixture
async def others(locker_server: str) -> AsyncIterator[Locks]:
    async with Locks(locker_server, timeout=PATIENCE) as others:
        yield others


async def test_a_lock_is_acquired_released_and_acquired_again(locks: Locks, others: Locks) -> None:
    lock = locks.lock("name")
    for _ in range(2):
        assert not lock.held
        assert await lock.acquire()
        assert lock.held
        lock.ensure_held()
        assert not await others.query("name")
        await lock.release()
        assert await others.query("name")


async def test_with_holds_it_for_the_block_only(locks: Locks, others: Locks) -> None:
    async with locks.lock("name"):
        assert not await others.lock("name").acquire(0)
    with pytest.raises(ZeroDivisionError):
        async with locks.lock("name"):
            raise ZeroDivisionError
    async with others.lock("name", wait=0.05):
        pass


async def test_a_wait_that_ends_is_false_or_a_timeout(locks: Locks, others: Locks) -> None:
    async with locks.lock("name"):
        assert await others.lock("name").acquire(0.05) is False
        assert await locks.lock("name").acquire(0) is False
        with pytest.raises(LockTimeout):
            async with others.lock("name", wait=0.05):
                pytest.fail("it is held")


async def test_a_waiter_is_granted_what_is_released(locks: Locks, others: Locks) -> None:
    lock = locks.lock("name")
    await lock.acquire()
    later = others.lock("name")
    waiter = asyncio.create_task(later.acquire())
    await asyncio.sleep(0)
    await lock.release()
    assert await within(PATIENCE, waiter)
    await later.release()


async def test_many_names_are_granted_together_or_not_at_all(locks: Locks, others: Locks) -> None:
    both = others.lock_many(["a", "b"])
    assert both.names == ["a", "b"]
    async with locks.lock("b"):
        assert not await both.acquire(0)
        assert await others.query("a")
        assert not await others.query("a", "b")
    async with both:
        assert not await locks.query("a")
    with pytest.raises(ValueError, match="no name"):
        locks.lock_many([])


async def test_misuse_is_told(locks: Locks) -> None:
    lock = locks.lock("name")
    with pytest.raises(LockNotHeld):
        await lock.release()
    with pytest.raises(LockNotHeld):
        lock.ensure_held()
    async with lock:
        with pytest.raises(LockError, match="already"):
            await lock.acquire(0)
        other = locks.lock("name")
        waiting = asyncio.create_task(other.acquire())
        await asyncio.sleep(0)
        with pytest.raises(LockError, match="another task"):
            await other.acquire()
    assert await within(PATIENCE, waiting)
    await other.release()


async def test_a_lock_whose_connection_died_is_lost(relay: Relay, others: Locks) -> None:
    lock = Locks(relay.address).lock("name")
    await lock.acquire()
    relay.cut()
    await asyncio.to_thread(eventually, lambda: not lock.held)
    with pytest.raises(LockLost):
        lock.ensure_held()
    with pytest.raises(LockLost):
        await lock.release()
    other = others.lock("name")
    assert await other.acquire(PATIENCE)
    await other.release()


async def test_a_block_is_told_of_the_loss(relay: Relay) -> None:
    locks = Locks(relay.address)
    with pytest.raises(LockLost):
        async with locks.lock("name"):
            relay.cut()
    with pytest.raises(ZeroDivisionError) as raised:
        async with locks.lock("name"):
            relay.cut()
            raise ZeroDivisionError
    assert "gone" in raised.value.__notes__[0]
    with pytest.raises(ZeroDivisionError) as raised:
        async with locks.lock("name") as lock:
            await lock.release()
            raise ZeroDivisionError
    assert "not held" in raised.value.__notes__[0]
    await locks.close()


async def test_a_release_that_is_not_answered_is_a_lost_lock(relay: Relay, others: Locks) -> None:
    lock = Locks(relay.address, timeout=0.1).lock("name")
    await lock.acquire()
    relay.allow(0)
    with pytest.raises(LockLost, match="name"):
        await lock.release()
    async with others.lock("name", wait=PATIENCE):
        pass


async def test_a_silent_server_is_a_timeout(relay: Relay) -> None:
    async with Locks(relay.address, timeout=0.1) as locks:
        relay.allow(0)
        with pytest.raises(Timeout):
            await locks.query("name")
        with pytest.raises(Timeout):
            await locks.lock("name").acquire(0)
        relay.allow(None)
        assert await locks.query("other")


@pytest.mark.parametrize("name", ["", "a#!@^^$#b", "x" * 1025])
async def test_a_name_that_would_be_read_as_another_is_not_sent(relay: Relay, name: str) -> None:
    async with Locks(relay.address) as locks:
        for work in (locks.lock(name).acquire(), locks.lock_many(["good", name]).acquire(), locks.query(name)):
            with pytest.raises(KeyInvalid):
                await work
        assert relay.asked == 0
        assert await locks.query("good")
        assert relay.accepted == 1


async def test_nobody_there_is_a_failed_connection() -> None:
    with ReferenceServer() as server:
        gone = server.locker
    with pytest.raises(ConnectionFailed):
        await Locks(gone).lock("name").acquire()


async def test_tasks_under_a_lock_lose_no_update(locks: Locks) -> None:
    counter = 0

    async def count() -> None:
        nonlocal counter
        for _ in range(10):
            async with locks.lock("counter"):
                seen = counter
                await asyncio.sleep(0)
                counter = seen + 1

    await within(3 * PATIENCE, asyncio.gather(*(count() for _ in range(8))))
    assert counter == 80


def test_a_client_works_in_one_loop_after_the_other(locker_server: str) -> None:
    locks = Locks(locker_server, timeout=PATIENCE)

    async def work() -> None:
        async with locks, locks.lock("name"):
            pass

    asyncio.run(work())
    asyncio.run(work())


# Cancellation.


async def acquire_and_release(lock: Lock) -> None:
    """A block that ends by itself."""
    async with lock:
        pass


@pytest.mark.parametrize("connected", [True, False])
async def test_a_block_that_is_cancelled_at_any_await_holds_nothing(
    locks: Locks, others: Locks, connected: bool
) -> None:
    lock = locks.lock("name")
    cancelled = 0
    async for when in each_cancellation(lambda: acquire_and_release(lock)):
        cancelled += 1
        assert not lock.held, when
        async with others.lock("name", wait=PATIENCE):
            assert not lock.held, when
        if not connected:
            await locks.close()
    assert cancelled >= 4
    assert await others.query("name")


async def test_a_wait_that_is_cancelled_at_any_await_holds_nothing(locks: Locks, others: Locks) -> None:
    holder, lock = others.lock("name"), locks.lock("name")
    await holder.acquire()
    async for when in each_cancellation(lambda: lock.acquire(0.02)):
        assert not lock.held, when
        await holder.release()
        assert await holder.acquire(PATIENCE), when
    await holder.release()


async def test_a_release_that_is_cancelled_at_any_await_frees_the_lock(locks: Locks, others: Locks) -> None:
    lock = locks.lock("name")
    cancelled = 0
    async for when in each_cancellation(lock.release, prepare=lock.acquire):
        cancelled += 1
        assert not lock.held, when
        async with others.lock("name", wait=PATIENCE):
            pass
    assert cancelled >= 2
    assert await others.query("name")


async def test_cancelled_after_each_byte_of_the_grant_the_lock_is_free(relay: Relay, others: Locks) -> None:
    async with Locks(relay.address, timeout=PATIENCE) as locks:
        for length in range(1000):
            relay.allow(None)
            assert await locks.query("other")
            before = relay.answered
            relay.allow(length)
            lock = locks.lock("name")
            victim = asyncio.create_task(lock.acquire())
            while relay.answered - before < length and not victim.done():
                await asyncio.sleep(0.0005)
            if victim.done():
                break
            victim.cancel()
            await asyncio.wait([victim])
            if lock.held:
                break
            async with others.lock("name", wait=PATIENCE):
                pass
        assert length > 1
        relay.allow(None)
        await lock.release()
