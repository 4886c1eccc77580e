"""The asyncio client for memcached: what its methods do, many at once, and what happens when a server misbehaves."""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from cancelling import within
from lockproof import (
    SASL,
    ArgumentInvalid,
    AuthFailed,
    ConnectionFailed,
    Error,
    JsonSerde,
    KeyInvalid,
    NotANumber,
    ProtocolError,
    ReferenceServer,
    Timeout,
    TooLarge,
)
from lockproof.aio import Memcache
from relay import PATIENCE, Relay, eventually, host_and_port


@pytest.fixture
async def cache(either: str) -> AsyncIterator[Memcache]:
    async with Memcache(either, timeout=PATIENCE, connect_timeout=PATIENCE) as cache:
        await cache.flush_all()
        yield cache


@pytest.fixture
def relay(memcached_server: str) -> Iterator[Relay]:
    with Relay(memcached_server) as relay:
        yield relay


# What the methods do.


async def test_a_value_is_stored_and_found(cache: Memcache) -> None:
    assert await cache.get("key") is None
    assert await cache.get("key", b"default") == b"default"
    assert await cache.set("key", b"value", flags=7) is True
    assert await cache.get("key") == b"value"
    entry = await cache.gets(b"key")
    assert entry is not None and (entry.value, entry.flags) == (b"value", 7)


async def test_add_and_replace_look_whether_there_is_one(cache: Memcache) -> None:
    assert await cache.replace("key", b"1") is False
    assert await cache.add("key", b"2") is True
    assert await cache.add("key", b"3") is False
    assert await cache.replace("key", b"4") is True
    assert await cache.get("key") == b"4"


async def test_cas_stores_where_nobody_has_since(cache: Memcache) -> None:
    await cache.set("key", b"1")
    entry = await cache.gets("key")
    assert entry is not None
    assert await cache.cas("key", b"2", entry.cas) is True
    assert await cache.cas("key", b"3", entry.cas) is False
    assert await cache.cas("missing", b"3", entry.cas) is None
    assert await cache.get("key") == b"2"


async def test_append_and_prepend_need_a_value(cache: Memcache) -> None:
    assert await cache.append("key", b"x") is False
    assert await cache.prepend("key", b"x") is False
    await cache.set("key", b"b")
    assert await cache.append("key", b"c") is True
    assert await cache.prepend("key", b"a") is True
    assert await cache.get("key") == b"abc"


async def test_delete_and_touch_tell_whether_there_was_one(cache: Memcache) -> None:
    assert await cache.delete("key") is False
    assert await cache.touch("key", 100) is False
    await cache.set("key", b"value", timedelta(hours=1))
    assert await cache.touch("key", 100) is True
    assert await cache.gat("key", 200) == b"value"
    assert await cache.gat("missing", 200) is None
    assert await cache.delete("key") is True
    assert await cache.get("key") is None


async def test_counters_count(cache: Memcache) -> None:
    assert await cache.incr("key") is None
    assert await cache.decr("key") is None
    assert await cache.incr("key", initial=5) == 5
    assert await cache.incr("key", 10) == 15
    assert await cache.decr("key", 20) == 0
    await cache.set("text", b"text")
    with pytest.raises(NotANumber):
        await cache.incr("text")


async def test_many_keys_go_in_one_exchange(cache: Memcache) -> None:
    assert await cache.set_many({"a": b"1", b"b": b"2"}) == []
    assert await cache.get_many(["a", b"b", "c"]) == {"a": b"1", b"b": b"2"}
    entries = await cache.gets_many(["a", "c"])
    assert list(entries) == ["a"] and entries["a"].value == b"1"
    assert await cache.delete_many(["a", "c"]) == ["c"]
    assert await cache.get_multi(["a", b"b"]) == {b"b": b"2"}
    assert await cache.get_many([]) == {}


async def test_a_value_that_is_too_large_raises_and_stores_nothing(cache: Memcache) -> None:
    with pytest.raises(TooLarge):
        await cache.set("key", bytes(2 << 20))
    assert await cache.set_many({"key": bytes(2 << 20), "small": b"1"}) == ["key"]
    assert await cache.get_many(["key", "small"]) == {"small": b"1"}


async def test_version_and_stats_are_text(cache: Memcache) -> None:
    assert (await cache.version())[0].isdigit()
    assert (await cache.stats())["version"] == await cache.version()


async def test_flush_all_makes_misses(cache: Memcache) -> None:
    await cache.set("key", b"value")
    await cache.flush_all()
    assert await cache.get("key") is None


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 1_000_000])
async def test_values_of_every_size_come_back_as_they_went(cache: Memcache, size: int) -> None:
    value = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    assert await cache.set("key", value)
    assert await cache.get("key") == value


async def test_a_serde_makes_objects_of_bytes(either: str) -> None:
    async with Memcache(either, serde=JsonSerde(), key_prefix="json:", timeout=PATIENCE) as cache:
        await cache.set("key", {"a": [1, None]})
        assert await cache.get("key") == {"a": [1, None]}
        assert await cache.get_many(["key"]) == {"key": {"a": [1, None]}}


async def test_what_can_not_be_sent_raises_and_harms_nobody(cache: Memcache) -> None:
    await cache.set("key", b"value")
    other = asyncio.create_task(cache.get("key"))
    for key in ("", "x" * 251):
        with pytest.raises(KeyInvalid):
            await cache.get(key)
    with pytest.raises(ArgumentInvalid):
        await cache.incr("key", -1)
    with pytest.raises(TypeError):
        await cache.set("key", 5)
    assert await other == b"value"


@pytest.mark.parametrize("name", ["timeout", "connect_timeout"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_no_time_at_all_is_no_timeout(name: str, seconds: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Memcache(**{name: seconds})  # type: ignore[arg-type]


# Many at once.


async def mixed(cache: Memcache, number: int) -> None:
    """One of several kinds of work, on keys of its own, with its answers checked."""
    key, value = f"key {number}".replace(" ", "-"), b"%d" % number * (number % 50 + 1)
    match number % 5:
        case 0:
            assert await cache.set(key, value)
            assert await cache.get(key) == value
        case 1:
            assert await cache.incr(key, initial=number) == number
            assert await cache.incr(key, 2) == number + 2
        case 2:
            assert await cache.get(key) is None
            assert await cache.delete(key) is False
        case 3:
            keys = [f"{key}-{place}" for place in range(7)]
            assert await cache.set_many(dict.fromkeys(keys[:4], value)) == []
            assert await cache.get_many(keys) == dict.fromkeys(keys[:4], value)
        case 4:
            assert await cache.add(key, value)
            with pytest.raises(NotANumber):
                await cache.append(key, b"x")
                await cache.incr(key)


async def test_two_hundred_operations_at_once_have_the_right_answers(cache: Memcache) -> None:
    await asyncio.gather(*(mixed(cache, number) for number in range(200)))


async def test_all_tasks_share_one_connection(relay: Relay) -> None:
    async with Memcache(relay.address, timeout=PATIENCE) as cache:
        await asyncio.gather(*(mixed(cache, number) for number in range(100)))
        assert relay.accepted == 1


async def test_replies_may_come_byte_by_byte(relay: Relay) -> None:
    relay.allow(0)

    async def let_through() -> None:
        for _ in range(2000):
            relay.allow(1)
            await asyncio.sleep(0)
        relay.allow(None)

    async with Memcache(relay.address, timeout=PATIENCE) as cache:
        await asyncio.gather(let_through(), *(mixed(cache, number) for number in range(20)))


def test_a_client_works_in_one_loop_after_the_other(memcached_server: str) -> None:
    cache = Memcache(memcached_server, timeout=PATIENCE)

    async def first() -> None:
        await cache.set("key", b"value")
        await cache.close()

    async def second() -> Any:
        async with cache:
            return await asyncio.gather(cache.get("key"), cache.get("key"))

    asyncio.run(first())
    assert asyncio.run(second()) == [b"value", b"value"]


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_client_that_was_not_closed_works_in_the_next_loop(memcached_server: str) -> None:
    cache = Memcache(memcached_server, timeout=PATIENCE)
    asyncio.run(cache.set("key", b"value"))

    async def second() -> Any:
        async with cache:
            return await cache.get("key")

    assert asyncio.run(second()) == b"value"
    del cache
    gc.collect()


async def test_close_ends_the_connection_and_the_next_operation_opens_another(relay: Relay) -> None:
    cache = Memcache(relay.address, timeout=PATIENCE)
    await cache.set("key", b"value")
    await cache.close()
    await asyncio.to_thread(eventually, lambda: relay.ended == 1)
    assert await cache.get("key") == b"value"
    assert relay.accepted == 2
    await cache.close()


async def test_close_lets_what_is_under_way_finish(relay: Relay) -> None:
    cache = Memcache(relay.address, timeout=PATIENCE)
    await cache.set("key", b"value")
    relay.allow(0)
    under_way = asyncio.create_task(cache.get("key"))
    await asyncio.sleep(0)
    await cache.close()
    relay.allow(None)
    assert await within(PATIENCE, under_way) == b"value"
    await asyncio.to_thread(eventually, lambda: relay.ended == 1)


# SASL, and several servers.


async def test_sasl_logs_in() -> None:
    with ReferenceServer() as server:
        async with Memcache(server.memcached_sasl, sasl=SASL, timeout=PATIENCE) as cache:
            await asyncio.gather(*(mixed(cache, number) for number in range(20)))
        for sasl in (None, ("user", "wrong")):
            async with Memcache(server.memcached_sasl, sasl=sasl, timeout=PATIENCE) as cache:
                with pytest.raises(AuthFailed) as raised:
                    await cache.get("key")
                assert raised.value.status == 0x20


async def test_several_servers_share_the_keys() -> None:
    with ReferenceServer() as one, ReferenceServer() as two:
        servers = [one.memcached, two.memcached]
        async with Memcache(servers, timeout=PATIENCE) as cache:
            await asyncio.gather(*(mixed(cache, number) for number in range(100)))
            keys = [f"spread-{number}" for number in range(50)]
            assert await cache.set_many(dict.fromkeys(keys, b"x")) == []
            assert await cache.get_many(keys) == dict.fromkeys(keys, b"x")
            counts = [int((await cache.stats(server=server))["curr_items"]) for server in servers]
            assert all(counts)
            with pytest.raises(ValueError, match="name one"):
                await cache.version()
            assert await cache.delete_many([*keys, "missing"]) == ["missing"]


async def test_one_server_gone_leaves_the_others_keys() -> None:
    with ReferenceServer() as one:
        with ReferenceServer() as two:
            servers = [one.memcached, two.memcached]
        async with Memcache(servers, timeout=PATIENCE, on_error="miss") as cache:
            keys = [f"spread-{number}" for number in range(50)]
            failed = await cache.set_many(dict.fromkeys(keys, b"x"))
            assert 0 < len(failed) < 50
            assert await cache.get_many(keys) == dict.fromkeys(set(keys) - set(failed), b"x")
            assert cache.forgiven == 2


# A server that misbehaves.


@pytest.mark.parametrize("mutating", [False, True])
async def test_a_silent_server_is_a_timeout_for_everyone(relay: Relay, mutating: bool) -> None:
    async with Memcache(relay.address, timeout=0.2) as cache:
        relay.allow(0)
        work = [cache.set("key", b"value") if mutating else cache.get("key") for _ in range(5)]
        raised = await asyncio.gather(*work, return_exceptions=True)
        assert [type(error) for error in raised] == [Timeout] * 5
        assert [error.maybe_applied for error in raised if isinstance(error, Error)] == [mutating] * 5
        relay.allow(None)
        assert await cache.get("key") == (b"value" if mutating else None)
        assert relay.accepted == 2


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
        async with Memcache(relay.address, timeout=PATIENCE) as cache:
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
        async with Memcache(relay.address, timeout=PATIENCE) as cache:
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
        async with Memcache("{}:{}".format(*listener.getsockname()), timeout=PATIENCE) as cache:
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


async def test_those_who_waited_are_served_when_the_server_reads_again(memcached_server: str, deaf: socket.socket) -> None:
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
