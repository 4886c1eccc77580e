"""The asyncio client for memcached where the server misbehaves, is gone, or does not read."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import Iterator

import pytest

from cancelling import within
from lockproof import ConnectionFailed, Error, ProtocolError, ReferenceServer, Timeout
from lockproof.aio import Memcache
from relay import PATIENCE, Relay, eventually, host_and_port


@pytest.fixture
def relay(memcached_server: str) -> Iterator[Relay]:
    with Relay(memcached_server) as relay:
        yield relay


# A server that misbehaves.


@pytest.mark.parametrize("mutating", [False, True])
async def test_a_silent_server_is_a_timeout_for_everyone(relay: Relay, mutating: bool) -> None:
    async with Memcache(relay.address, protocol="binary", timeout=0.2) as cache:
        relay.allow(0)
        work = [cache.set("key", b"value") if mutating else cache.get("key") for _ in range(5)]
        raised = await asyncio.gather(*work, return_exceptions=True)
        assert [type(error) for error in raised] == [Timeout] * 5
        assert [error.maybe_applied for error in raised if isinstance(error, Error)] == [mutating] * 5
        relay.allow(None)
        assert await cache.get("key") == (b"value" if mutating else None)
        assert relay.accepted == 2


async def test_a_timeout_is_for_one_operation_and_not_for_the_connection(relay: Relay) -> None:
    timeout = 2.0
    async with Memcache(relay.address, timeout=timeout) as cache:
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.2 * timeout
        while loop.time() < end:
            assert await cache.get("key") is None
        assert relay.accepted == 1


async def test_no_timeout_waits_for_ever(relay: Relay) -> None:
    async with Memcache(relay.address, timeout=None, connect_timeout=None) as cache:
        relay.allow(0)
        waiting = asyncio.create_task(cache.get("key"))
        await asyncio.to_thread(eventually, lambda: relay.arrived > 0)
        assert not waiting.done()
        relay.allow(None)
        assert await within(PATIENCE, waiting) is None


async def test_a_connection_that_breaks_fails_what_is_under_way_and_nothing_else(relay: Relay) -> None:
    async with Memcache(relay.address, timeout=PATIENCE) as cache:
        await cache.set("key", b"value")
        relay.allow(0)
        arrived = relay.arrived
        under_way = [asyncio.create_task(work) for work in (cache.get("key"), cache.set("key", b"other"))]
        await asyncio.to_thread(eventually, lambda: relay.arrived > arrived)
        relay.cut()
        raised = await asyncio.gather(*under_way, return_exceptions=True)
        assert [type(error) for error in raised] == [ConnectionFailed] * 2
        assert [error.maybe_applied for error in raised if isinstance(error, Error)] == [False, True]
        relay.allow(None)
        assert await cache.get("key") == b"other"


async def test_a_connection_that_ends_while_nobody_uses_it_is_no_error(relay: Relay) -> None:
    async with Memcache(relay.address, timeout=PATIENCE) as cache:
        await cache.set("key", b"value")
        relay.cut()
        await asyncio.to_thread(eventually, lambda: relay.ended == 1)
        assert await cache.get("key") == b"value"


async def test_a_broken_protocol_is_told_to_all_who_wait(memcached_server: str) -> None:
    broken = True

    def change(reply: bytes) -> bytes:
        return b"\x80" + reply[1:] if broken else reply

    with Relay(memcached_server, change) as relay:
        async with Memcache(relay.address, protocol="binary", timeout=PATIENCE) as cache:
            work = [cache.get("a"), cache.set("key", b"value"), cache.get("b"), cache.incr("c", initial=1)]
            raised = await asyncio.gather(*work, return_exceptions=True)
            assert [type(error) for error in raised] == [ProtocolError] * 4
            assert [error.maybe_applied for error in raised if isinstance(error, Error)] == [False, True, False, True]
            broken = False
            assert await cache.get("key") == b"value"
            assert relay.accepted == 2


async def test_bytes_that_nobody_asked_for_end_the_connection(memcached_server: str) -> None:
    surplus = b"\x81"

    def change(reply: bytes) -> bytes:
        return reply + surplus

    with Relay(memcached_server, change) as relay:
        async with Memcache(relay.address, protocol="binary", timeout=PATIENCE) as cache:
            for _ in range(3):
                try:
                    assert await cache.get("key") is None
                except ProtocolError:
                    pass
            await asyncio.to_thread(eventually, lambda: relay.ended >= 1)
            surplus = b""
            await cache.close()
            assert await cache.set("key", b"value")
            assert await cache.get("key") == b"value"


async def test_nobody_there_is_a_failed_connection() -> None:
    with ReferenceServer() as server:
        gone = server.memcached
    cache = Memcache(gone, timeout=PATIENCE)
    for error in await asyncio.gather(cache.get("a"), cache.set("b", b"1"), return_exceptions=True):
        assert isinstance(error, ConnectionFailed) and not error.maybe_applied
    await cache.close()


async def test_on_error_miss_takes_a_server_that_is_gone_for_a_miss(caplog: pytest.LogCaptureFixture) -> None:
    with ReferenceServer() as server:
        gone = server.memcached
    async with Memcache(gone, on_error="miss") as cache:
        assert await cache.get("key", b"default") == b"default"
        assert await cache.gets("key") is None
        assert await cache.set("key", b"value") is False
        assert await cache.incr("key") is None
        assert await cache.get_many(["key"]) == {}
        assert await cache.set_many({"key": b"value"}) == ["key"]
        assert cache.forgiven == 6 == len(caplog.records)


async def test_a_server_that_closes_at_once_is_a_failed_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted = 0

        def close_each() -> None:
            nonlocal accepted
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return
                accepted += 1

        closer = threading.Thread(target=close_each, daemon=True)
        closer.start()
        async with Memcache("{}:{}".format(*listener.getsockname()), protocol="binary", timeout=PATIENCE) as cache:
            for tries in range(1, 6):
                with pytest.raises(ConnectionFailed):
                    await within(PATIENCE, cache.get("key"))
                assert accepted <= tries
        listener.shutdown(socket.SHUT_RDWR)
    closer.join(PATIENCE)


# A server that does not read.


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """Connections are made, and nothing is read."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener


def megabytes_at_most() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


async def test_a_server_that_does_not_read_does_not_fill_our_memory(deaf: socket.socket) -> None:
    cache = Memcache("{}:{}".format(*deaf.getsockname()), timeout=1)
    value, count = bytes(1_000_000), 300
    before = megabytes_at_most()
    work = asyncio.gather(*(cache.set(f"key{n}", value) for n in range(count)), return_exceptions=True)
    raised = await within(PATIENCE, work)
    assert {type(error) for error in raised} == {Timeout}
    assert any(not error.maybe_applied for error in raised), "most were never sent"
    assert megabytes_at_most() - before < count + 150, "more than the operations themselves"
    await cache.close()


async def test_those_who_wait_for_a_deaf_server_can_be_cancelled(deaf: socket.socket) -> None:
    cache = Memcache("{}:{}".format(*deaf.getsockname()), timeout=None)
    value = bytes(1_000_000)
    tasks = [asyncio.create_task(cache.set(f"key{n}", value)) for n in range(100)]
    done, _ = await asyncio.wait(tasks, timeout=0.2)
    assert not done
    for task in tasks:
        task.cancel()
    await within(PATIENCE, asyncio.wait(tasks))
    assert all(task.cancelled() for task in tasks)
    await cache.close()


async def test_those_who_wait_for_a_deaf_server_are_told_that_it_is_gone(deaf: socket.socket) -> None:
    cache = Memcache("{}:{}".format(*deaf.getsockname()), timeout=None, connect_timeout=None)
    tasks = [asyncio.create_task(cache.set(f"key{n}", bytes(1_000_000))) for n in range(40)]
    done, _ = await asyncio.wait(tasks, timeout=0.2)
    assert not done
    deaf.shutdown(socket.SHUT_RDWR)
    deaf.close()
    raised = await within(PATIENCE, asyncio.gather(*tasks, return_exceptions=True))
    assert {type(error) for error in raised} == {ConnectionFailed}
    await cache.close()


async def test_those_who_waited_are_served_when_it_reads_again(memcached_server: str, deaf: socket.socket) -> None:
    def read_late() -> None:
        with deaf.accept()[0] as client, socket.create_connection(host_and_port(memcached_server)) as server:
            served.wait(PATIENCE)
            back = threading.Thread(target=pump, args=(server, client))
            back.start()
            pump(client, server)
            back.join(PATIENCE)

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 20):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    served = threading.Event()
    reader = threading.Thread(target=read_late, daemon=True)
    reader.start()
    async with Memcache("{}:{}".format(*deaf.getsockname()), timeout=PATIENCE) as cache:
        tasks = [asyncio.create_task(cache.set(f"key{n}", b"%d" % n * 100_000)) for n in range(40)]
        done, _ = await asyncio.wait(tasks, timeout=0.1)
        assert not done
        served.set()
        assert all(await within(2 * PATIENCE, asyncio.gather(*tasks)))
        values = await cache.get_many([f"key{n}" for n in range(40)])
        assert values == {f"key{n}": b"%d" % n * 100_000 for n in range(40)}
    await asyncio.to_thread(reader.join, PATIENCE)
