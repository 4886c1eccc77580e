"""The asyncio client for memcached: what its methods do, one at a time and many at once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from cancelling import within
from lockproof import (
    SASL,
    ArgumentInvalid,
    AuthFailed,
    JsonSerde,
    KeyInvalid,
    NotANumber,
    ReferenceServer,
    TooLarge,
)
from lockproof._common import Protocol
from lockproof.aio import Memcache
from relay import PATIENCE, Relay, eventually


@pytest.fixture
async def cache(either: str, protocol: Protocol) -> AsyncIterator[Memcache]:
    async with Memcache(either, timeout=PATIENCE, connect_timeout=PATIENCE, protocol=protocol) as cache:
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


async def create(cache: Memcache, key: str, number: int) -> None:
    """A counter; text has no other way to create one."""
    try:
        assert await cache.incr(key, initial=number) == number
    except ArgumentInvalid:
        assert cache.protocol() == "text"
        assert await cache.add(key, b"%d" % number)


async def test_counters_count(cache: Memcache) -> None:
    assert await cache.incr("key") is None
    assert await cache.decr("key") is None
    await create(cache, "key", 5)
    assert await cache.incr("key", 10) == 15
    assert await cache.decr("key", 20) == 0
    await cache.set("text", b"text")
    with pytest.raises(NotANumber):
        await cache.incr("text")


async def test_many_keys_go_in_one_exchange(cache: Memcache) -> None:
    assert await cache.set_many({"a": b"1", "b": b"2"}) == []
    assert await cache.get_many(["a", "b", "c"]) == {"a": b"1", "b": b"2"}
    entries = await cache.gets_many(["a", "c"])
    assert list(entries) == ["a"] and entries["a"].value == b"1"
    assert await cache.delete_many(["a", "c"]) == ["c"]
    assert await cache.get_multi([b"a", b"b"]) == {b"b": b"2"}
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
            await create(cache, key, number)
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


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
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
