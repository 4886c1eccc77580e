"""The asyncio client for NetMem, and its cancellation at any await."""

from __future__ import annotations

import array
import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

import lockproof
from cancelling import each_cancellation, within
from lockproof import (
    ArgumentInvalid,
    ConnectionFailed,
    Error,
    LockLost,
    LockTimeout,
    NoSuchPage,
    ProtocolError,
    ReferenceServer,
    Timeout,
)
from lockproof.aio import Pages
from relay import PATIENCE, Relay, eventually


@pytest.fixture
def relay(netmem_server: str) -> Iterator[Relay]:
    with Relay(netmem_server) as relay:
        yield relay


@pytest.fixture
async def pages(netmem_server: str) -> AsyncIterator[Pages]:
    async with Pages(netmem_server, timeout=PATIENCE) as pages:
        yield pages


@pytest.fixture
async def others(netmem_server: str) -> AsyncIterator[Pages]:
    async with Pages(netmem_server, timeout=PATIENCE) as others:
        yield others


async def test_params_tell_how_many_pages_there_are_and_how_long(pages: Pages) -> None:
    assert await pages.params() == (16, 4096)


async def test_pages_are_read_and_written(pages: Pages) -> None:
    page = await pages.read(5)
    assert (bytes(page), page.number, page.version) == (bytes(4096), 5, 1)
    for data in (b"abc", bytearray(b"abc"), memoryview(b"abc"), array.array("b", b"abc")):
        await pages.write(5, data)
    assert await pages.update(5, b"x", version=70) == 70
    page = await pages.read(5)
    assert (page[:4], page.version) == (b"xbc\0", 70)


async def test_read_into_fills_a_writable_buffer(pages: Pages) -> None:
    buffer = bytearray(b"x" * 5000)
    assert await pages.read_into(1, buffer) == 1
    assert buffer == bytes(4096) + b"x" * 904
    with pytest.raises(ValueError, match="4095"):
        await pages.read_into(1, bytearray(4095))
    with pytest.raises(ValueError, match="read-only"):
        await pages.read_into(1, bytes(4096))


async def test_an_unchanged_page_is_not_sent_again(relay: Relay, pages: Pages) -> None:
    async with Pages(relay.address) as reader:
        clone = reader.clone()
        await reader.read(1)
        before = relay.arrived
        assert await reader.read(1) == bytes(4096)
        assert await clone.read(1) == bytes(4096)
        assert relay.arrived - before < 200
        assert relay.accepted == 2
        await pages.write(1, b"new")
        assert (await clone.read(1))[:3] == b"new"
        await clone.close()


async def test_what_can_not_be_asked_is_told_and_harms_nobody(relay: Relay) -> None:
    async with Pages(relay.address) as pages:
        await pages.params()
        before = relay.asked
        with pytest.raises(ArgumentInvalid):
            await pages.write(0, b"x" * 4097)
        with pytest.raises(ArgumentInvalid):
            await pages.write(0, b"x", version=-1)
        with pytest.raises(TypeError):
            await pages.write(0, "text")  # type: ignore[arg-type]
        assert relay.asked == before
        for work in (pages.read(16), pages.write(16, b"x")):
            with pytest.raises(NoSuchPage):
                await work
        with pytest.raises(NoSuchPage):
            async with pages.locked(16):
                pytest.fail("there is no such page")
        assert await pages.read(0) == bytes(4096)
        assert relay.accepted == 1


async def test_a_locked_pages_buffer_is_written_back(pages: Pages) -> None:
    async with pages.locked(3) as page:
        page[:5] = b"hello"
        with pytest.raises(BufferError):
            page.append(1)
        assert await pages.read(3) == bytes(4096)
    assert page.version == 2
    assert (await pages.read(3))[:6] == b"hello\0"


async def test_after_an_exception_the_page_is_as_it_was_and_free(pages: Pages, others: Pages) -> None:
    with pytest.raises(ZeroDivisionError):
        async with pages.locked(3) as page:
            page[:5] = b"never"
            raise ZeroDivisionError
    async with others.locked(3, wait=PATIENCE) as page:
        assert (bytes(page), page.version) == (bytes(4096), 1)


async def test_waiting_for_a_page_ends_and_it_is_had_when_it_is_free(pages: Pages, others: Pages) -> None:
    async with pages.locked(3):
        with pytest.raises(LockTimeout):
            async with others.locked(3, wait=0.05):
                pytest.fail("it is held")
        with pytest.raises(Timeout) as raised:
            await others.write(3, b"x", wait=0.05)
        assert raised.value.maybe_applied
    async with others.locked(3, wait=PATIENCE):
        pass


@pytest.mark.parametrize("seconds", [0, -1])
async def test_no_time_at_all_is_no_timeout(pages: Pages, seconds: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Pages("127.0.0.1:1", timeout=seconds)
    with pytest.raises(ValueError, match="positive"):
        await pages.write(0, b"x", wait=seconds)
    with pytest.raises(ValueError, match="positive"):
        async with pages.locked(0, wait=seconds):
            pytest.fail("not locked")


async def test_tasks_that_share_a_client_contend_for_a_page(pages: Pages) -> None:
    async def count() -> None:
        for _ in range(20):
            async with pages.locked(7) as page:
                seen = int.from_bytes(page[:8], "big")
                await asyncio.sleep(0)
                page[:8] = (seen + 1).to_bytes(8, "big")

    await within(3 * PATIENCE, asyncio.gather(*(count() for _ in range(8))))
    assert int.from_bytes((await pages.read(7))[:8], "big") == 160


async def test_a_connection_that_is_lost_while_the_page_is_held_is_told_at_the_end(relay: Relay, others: Pages) -> None:
    async with Pages(relay.address, timeout=PATIENCE) as pages:
        with pytest.raises(Error) as raised:
            async with pages.locked(3) as page:
                page[:5] = b"never"
                relay.cut()
                await asyncio.to_thread(eventually, lambda: relay.ended == 1)
        assert isinstance(raised.value, (ConnectionFailed, LockLost))
        async with others.locked(3, wait=PATIENCE) as page:
            assert page.version == 1


async def test_an_answer_that_is_lost_leaves_it_open_whether_the_page_was_written(relay: Relay, others: Pages) -> None:
    async with Pages(relay.address, timeout=0.2) as pages:
        with pytest.raises(Timeout) as raised:
            async with pages.locked(3) as page:
                page[:4] = b"done"
                relay.allow(0)
        assert raised.value.maybe_applied
    assert (await others.read(3))[:4] == b"done"


@pytest.mark.parametrize("mutating", [False, True])
async def test_a_connection_that_breaks_before_the_answer_tells_what_may_be(relay: Relay, mutating: bool) -> None:
    async with Pages(relay.address, timeout=PATIENCE) as pages:
        await pages.params()
        relay.allow(0)
        arrived = relay.arrived
        under_way = asyncio.create_task(pages.write(3, b"x") if mutating else pages.read(3))
        await asyncio.to_thread(eventually, lambda: relay.arrived > arrived)
        relay.cut()
        with pytest.raises(ConnectionFailed) as raised:
            await within(PATIENCE, under_way)
        assert raised.value.maybe_applied is mutating


async def test_a_server_that_does_not_answer_is_not_taken_for_a_page_that_is_held(relay: Relay) -> None:
    async with Pages(relay.address, timeout=0.1) as pages:
        relay.allow(0)
        with pytest.raises(Timeout):
            async with pages.locked(3, wait=PATIENCE):
                pytest.fail("there was no answer")


async def test_a_broken_protocol_is_told_and_the_next_operation_connects_anew(netmem_server: str) -> None:
    broken = False

    def change(reply: bytes) -> bytes:
        return b"\x09" + reply[1:] if broken else reply

    with Relay(netmem_server, change) as relay:
        async with Pages(relay.address, timeout=PATIENCE) as pages:
            await pages.params()
            broken = True
            with pytest.raises(ProtocolError):
                await pages.read(0)
            broken = False
            assert await pages.read(0) == bytes(4096)
            assert relay.accepted == 2


async def test_nobody_there_is_a_failed_connection() -> None:
    with ReferenceServer() as server:
        gone = server.netmem
    with pytest.raises(ConnectionFailed):
        await Pages(gone).read(0)


def test_a_client_works_in_one_loop_after_the_other(netmem_server: str) -> None:
    pages = Pages(netmem_server, timeout=PATIENCE)

    async def work(expected: bytes, data: bytes) -> None:
        async with pages:
            assert (await pages.read(0))[:1] == expected
            await pages.write(0, data)

    asyncio.run(work(b"\0", b"1"))
    asyncio.run(work(b"1", b"2"))


# Another server behind the same address: the same version numbers, other pages.


@pytest.fixture
def successor() -> Iterator[str]:
    """A server whose page 0 has version 2, and another content."""
    with ReferenceServer() as server, lockproof.Pages(server.netmem) as pages:
        assert pages.write(0, b"new") == 2
        yield server.netmem


async def first_write(pages: Pages) -> None:
    """Page 0 in its version 2, in the cache."""
    assert await pages.write(0, b"old") == 2
    assert (await pages.read(0))[:3] == b"old"


async def test_another_server_at_the_same_address_is_read_anew(relay: Relay, successor: str) -> None:
    async with Pages(relay.address) as pages:
        await first_write(pages)
        relay.switch(successor)
        await asyncio.to_thread(eventually, lambda: relay.ended == 1)
        page = await pages.read(0)
        assert (page[:3], page.version) == (b"new", 2)


async def test_another_server_is_read_anew_by_a_clone_without_a_connection(relay: Relay, successor: str) -> None:
    async with Pages(relay.address) as pages, pages.clone() as clone:
        await first_write(pages)
        relay.switch(successor)
        assert (await clone.read(0))[:3] == b"new"


@pytest.mark.parametrize("pool_size", [0, 4])
async def test_another_server_is_read_anew_after_a_close(relay: Relay, successor: str, pool_size: int) -> None:
    async with Pages(relay.address, pool_size=pool_size) as pages:
        await first_write(pages)
        await pages.close()
        relay.switch(successor)
        assert (await pages.read(0))[:3] == b"new"


async def test_another_server_is_read_anew_while_a_lost_page_is_thought_held(relay: Relay, successor: str) -> None:
    async with Pages(relay.address) as pages:
        await first_write(pages)
        with pytest.raises((ConnectionFailed, LockLost)):
            async with pages.locked(5):
                relay.switch(successor)
                assert (await pages.read(0))[:3] == b"new"
        assert (await pages.read(0))[:3] == b"new"


# Cancellation.


async def lock_and_write(pages: Pages) -> None:
    """Fills page 3."""
    async with pages.locked(3) as page:
        page[:] = b"L" * 4096
        await asyncio.sleep(0)


OPERATIONS: dict[str, Callable[[Pages], Coroutine[Any, Any, Any]]] = {
    "read": lambda pages: pages.read(3),
    "write": lambda pages: pages.write(3, b"W" * 4096),
    "locked": lock_and_write,
}


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("name", OPERATIONS)
async def test_cancelled_at_any_await_it_leaves_the_page_free_and_whole(
    pages: Pages, others: Pages, name: str, connected: bool
) -> None:
    cancelled, version = 0, 1
    async for when in each_cancellation(lambda: OPERATIONS[name](pages)):
        cancelled += 1
        async with others.locked(3, wait=PATIENCE) as page:
            assert bytes(page) in (bytes(4096), b"W" * 4096, b"L" * 4096), when
            # What is not cancelled is applied too, before the first cancellation with an answer.
            assert version <= page.version <= version + 2, when
        version = page.version
        seen = await pages.read(3)
        assert seen.version > version or (bytes(seen), seen.version) == (bytes(page), version), when
        if not connected:
            await pages.close()
    assert cancelled >= 2


async def test_a_cancelled_waiter_is_never_granted_the_page(relay: Relay, others: Pages) -> None:
    pages = Pages(relay.address, timeout=PATIENCE)
    async with others.locked(3):
        waiters = [asyncio.create_task(lock_and_write(pages)) for _ in range(5)]
        # Each has asked for the parameters, the version, and the lock.
        await asyncio.to_thread(eventually, lambda: relay.asked == 5 * 3 * 13)
        for waiter in waiters:
            waiter.cancel()
        await asyncio.wait(waiters)
    async with others.locked(3, wait=PATIENCE) as page:
        assert (bytes(page), page.version) == (bytes(4096), 2)


async def test_cancelled_after_each_byte_of_the_grant_the_page_is_free(relay: Relay, others: Pages) -> None:
    async with Pages(relay.address, timeout=PATIENCE) as pages:
        # A handshake of 26 bytes, a header of 13, a page: the last byte never comes.
        for length in [*range(45), 1000, 4000, 26 + 13 + 4095]:
            before = relay.answered
            relay.allow(length)
            victim = asyncio.create_task(lock_and_write(pages))
            while relay.answered - before < length:
                await asyncio.sleep(0.0005)
            victim.cancel()
            await asyncio.wait([victim])
            relay.allow(None)
            async with others.locked(3, wait=PATIENCE) as page:
                assert bytes(page) == bytes(4096), length
        assert (await pages.read(3)).version == page.version
