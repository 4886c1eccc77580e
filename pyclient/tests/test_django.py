"""The cache backend for Django. Django's own tests of it are in test_upstream.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.core.cache import CacheHandler  # type: ignore[import-untyped]
from django.core.cache.backends.base import InvalidCacheKey  # type: ignore[import-untyped]
from django.core.cache.backends.memcached import PyMemcacheCache  # type: ignore[import-untyped]

from lockproof import (
    SASL,
    AuthFailed,
    ConnectionFailed,
    JsonSerde,
    KeyInvalid,
    Memcache,
    NotANumber,
    OutOfMemory,
    PickleSerde,
    ReferenceServer,
    TooLarge,
)
from lockproof.contrib.django import MemcacheCache

BACKEND = "lockproof.contrib.django.MemcacheCache"

VALUES = {
    "text": "déjà vu",
    "empty text": "",
    "bytes": b"\x00\xff",
    "int": 7,
    "negative": -7,
    "huge": 2**100,
    "true": True,
    "false": False,
    "none": None,
    "float": 1.5,
    "tuple": (1, [2, {"three": 3}]),
    "decimal": Decimal("1.10"),
    "moment": datetime(2024, 2, 29, tzinfo=UTC),
}

TOO_LARGE = "x" * (1 << 20)


def cache_at(location: object, /, **options: object) -> MemcacheCache:
    """The backend as Django makes it."""
    return MemcacheCache(location, {"OPTIONS": options})


@pytest.fixture
def cache(either: str) -> Iterator[MemcacheCache]:
    cache = cache_at(either)
    cache.clear()
    yield cache
    cache._cache.close()


@pytest.fixture
def nobody() -> str:
    """An address where a server was."""
    with ReferenceServer() as server:
        return server.memcached


def test_values_come_back_as_they_were(cache: MemcacheCache) -> None:
    for name, value in VALUES.items():
        cache.set(name.replace(" ", "-"), value)
        got = cache.get(name.replace(" ", "-"), "miss")
        assert (got, type(got)) == (value, type(value))
    assert cache.set_many({number: value for number, value in enumerate(VALUES.values())}) == []
    assert cache.get_many(range(99)) == dict(enumerate(VALUES.values()))


def test_it_and_djangos_pymemcache_backend_read_each_others_values(memcached: str) -> None:
    ours, theirs = cache_at(memcached), PyMemcacheCache(memcached, {})
    ours.clear()
    for writer, reader in ((ours, theirs), (theirs, ours)):
        for value in VALUES.values():
            writer.set("key", value)
            got = reader.get("key", "miss")
            assert (got, type(got)) == (value, type(value))
    theirs._cache.close()


OPERATIONS: dict[str, Callable[[Any], object]] = {
    "get": lambda cache: cache.get("key"),
    "set": lambda cache: cache.set("key", 1),
    "add": lambda cache: cache.add("key", 1),
    "touch": lambda cache: cache.touch("key"),
    "delete": lambda cache: cache.delete("key"),
    "incr": lambda cache: cache.incr("key"),
    "decr": lambda cache: cache.decr("key"),
    "get_many": lambda cache: cache.get_many(["key"]),
    "set_many": lambda cache: cache.set_many({"key": 1}),
    "delete_many": lambda cache: cache.delete_many(["key"]),
    "has_key": lambda cache: cache.has_key("key"),
    "get_or_set": lambda cache: cache.get_or_set("key", 1),
    "clear": lambda cache: cache.clear(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_server_that_is_down_is_no_miss(operation: str, nobody: str) -> None:
    with pytest.raises(ConnectionFailed):
        OPERATIONS[operation](cache_at(nobody))


def test_a_server_that_is_down_looks_like_a_miss_where_that_is_chosen(nobody: str) -> None:
    cache = cache_at(nobody, on_error="miss")
    assert cache.get("key", "default") == "default"
    cache.set("key", 1)
    assert cache.add("key", 1) is False
    assert cache.touch("key") is False
    assert cache.delete("key") is False
    assert cache.get_many(["key"]) == {}
    assert cache.set_many({"key": 1}) == ["key"]
    cache.delete_many(["key"])
    assert cache.has_key("key") is False
    assert cache.get_or_set("key", 1) == 1
    with pytest.raises(ValueError, match="not found"):
        cache.incr("key")


def test_counters_are_memcacheds_own(cache: MemcacheCache) -> None:
    cache.set("hits", 10)
    assert [cache.incr("hits"), cache.incr("hits", -9)] == [11, 2]
    assert [cache.decr("hits", -98), cache.decr("hits", 101)] == [100, 0]
    assert cache.get("hits") == 0
    with pytest.raises(ValueError, match="'.*:missing' not found"):
        cache.incr("missing")
    cache.set("words", "seven")
    with pytest.raises(NotANumber):
        cache.incr("words")


def test_a_timeout_of_zero_or_less_is_at_once(cache: MemcacheCache) -> None:
    for timeout in (0, -1, -0.5):
        cache.set("key", 1, timeout)
        assert cache.get("key") is None
        assert cache.add("key", 1, timeout) is True
        assert cache.get("key") is None
        cache.set("key", 1)
        assert cache.touch("key", timeout) is True
        assert cache.get("key") is None


def test_a_timeout_may_be_none_or_longer_than_thirty_days(cache: MemcacheCache) -> None:
    for timeout in (None, 30 * 86400 + 1, 366 * 86400):
        cache.set("key", 1, timeout)
        assert cache.get("key") == 1
        assert cache.touch("key", timeout) is True
        assert cache.get("key") == 1


def test_the_timeout_of_the_settings_holds_where_none_is_given(either: str) -> None:
    at_once = MemcacheCache(either, {"TIMEOUT": 0})
    at_once.set("key", 1)
    assert at_once.get("key") is None
    at_once.set("key", 1, None)
    assert at_once.get("key") == 1
    at_once.delete("key")
    assert MemcacheCache(either, {"TIMEOUT": None}).get_backend_timeout() == 0


def test_prefix_and_version_are_part_of_the_key(cache: MemcacheCache, either: str) -> None:
    prefixed = MemcacheCache(either, {"KEY_PREFIX": "shop", "VERSION": 2})
    prefixed.set("key", "second")
    prefixed.set("key", "third", version=3)
    assert (prefixed.get("key"), prefixed.get("key", version=3), cache.get("key")) == ("second", "third", None)
    with Memcache(either) as raw:
        assert raw.get_many(["shop:2:key", "shop:3:key"]) == {"shop:2:key": b"second", "shop:3:key": b"third"}
    assert prefixed.incr_version("key", 2) == 4
    assert (prefixed.get("key"), prefixed.get("key", version=4)) == (None, "second")


def test_a_key_that_memcached_can_not_have_is_an_error(cache: MemcacheCache) -> None:
    for key in ("two words", "line\n", "x" * 250):
        with pytest.raises(InvalidCacheKey):
            cache.get(key)
    # Django counts characters, memcached bytes.
    with pytest.raises(KeyInvalid):
        cache.set("é" * 200, 1)


def test_a_value_that_is_too_large_raises_and_leaves_no_older_one(cache: MemcacheCache) -> None:
    cache.set("key", "old")
    with pytest.raises(TooLarge):
        cache.set("key", TOO_LARGE)
    assert cache.get("key") is None


def test_set_many_returns_what_is_too_large_and_leaves_no_older_value(cache: MemcacheCache) -> None:
    cache.set_many({"a": "old", "b": "old"}, version=5)
    assert cache.set_many({"a": TOO_LARGE, "b": "new"}, version=5) == ["a"]
    assert cache.get_many(["a", "b"], version=5) == {"b": "new"}


def test_a_server_that_is_full_leaves_no_older_value() -> None:
    with ReferenceServer() as server:
        cache = cache_at(server.memcached_refuses)
        cache.set("key", "old")
        # A megabyte is all that it has.
        filler = b"x" * 100_000
        with pytest.raises(OutOfMemory):
            for number in range(20):
                cache.set(f"filler-{number}", filler)
        with pytest.raises(OutOfMemory):
            cache.set("key", filler)
        assert cache.get("key") is None


def test_what_a_server_refuses_without_deleting_it_is_deleted(cache: MemcacheCache) -> None:
    cache.set_many({"a": "old", "b": "old"}, version=5)
    with mock.patch.object(Memcache, "set", side_effect=TooLarge("refused")), pytest.raises(TooLarge):
        cache.set("a", "new", version=5)
    with mock.patch.object(Memcache, "set_multi", side_effect=lambda mapping, expire: list(mapping)):
        assert cache.set_many({"b": "new"}, version=5) == ["b"]
    assert cache.get_many(["a", "b"], version=5) == {}


def test_threads_count_together(cache: MemcacheCache, either: str) -> None:
    cache.set("hits", 0)
    together = threading.Barrier(4)

    def count(_: int) -> None:
        mine = cache_at(either)
        together.wait(30)
        for _ in range(100):
            mine.incr("hits")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(4)))
    assert cache.get("hits") == 400


def test_neither_the_end_of_a_request_nor_another_thread_costs_a_connection(memcached_server: str) -> None:
    caches = CacheHandler({"default": {"BACKEND": BACKEND, "LOCATION": memcached_server}})
    backends = []

    def request() -> None:
        backend = caches["default"]
        backend.set("key", "value")
        backends.append(backend)
        caches.close_all()

    for _ in range(5):
        thread = threading.Thread(target=request)
        thread.start()
        thread.join()
    assert len(set(map(id, backends))) == 5
    assert caches["default"]._cache.stats()["total_connections"] == "1"


def test_other_settings_have_a_client_of_their_own(memcached_server: str) -> None:
    every: list[dict[str, object]] = [{}, {"timeout": 2.0}, {"serde": JsonSerde}, {}]
    clients = [cache_at(memcached_server, **options)._cache for options in every]
    assert len(set(map(id, clients))) == 3
    assert clients[0] is clients[3]


@pytest.mark.parametrize("serde", [JsonSerde(), JsonSerde, "lockproof.JsonSerde"], ids=["object", "class", "name"])
def test_another_serde_may_be_chosen(serde: object, memcached_server: str) -> None:
    cache = cache_at(memcached_server, serde=serde)
    cache.set("key", {"a": [1, None]})
    assert cache.get("key") == {"a": [1, None]}
    assert Memcache(memcached_server).get(":1:key") == b'{"a":[1,null]}'
    with pytest.raises(TypeError):
        cache.set("key", object())


def test_it_pickles_unless_told_otherwise(memcached_server: str) -> None:
    cache_at(memcached_server).set("key", VALUES)
    assert Memcache(memcached_server, serde=PickleSerde()).get(":1:key") == VALUES


def test_without_a_serde_it_takes_bytes_only(memcached_server: str) -> None:
    cache = cache_at(memcached_server, serde=None)
    cache.set("key", b"bytes")
    assert cache.get("key") == b"bytes"
    with pytest.raises(TypeError):
        cache.set("key", "text")


@pytest.mark.parametrize("form", ["list", "commas"])
def test_keys_are_spread_over_several_servers(form: str) -> None:
    with ReferenceServer() as one, ReferenceServer() as other:
        addresses = [one.memcached, other.memcached]
        cache = cache_at(addresses if form == "list" else ",".join(addresses))
        values = {f"key-{number}": number for number in range(50)}
        assert cache.set_many(values) == []
        assert cache.get_many(values) == values
        counts = [int(Memcache(address).stats()["curr_items"]) for address in addresses]
        assert sum(counts) == 50 and min(counts) > 0
        cache.clear()
        assert cache.get_many(values) == {}


def test_it_logs_in_by_sasl() -> None:
    with ReferenceServer() as server:
        cache = cache_at(server.memcached_sasl, sasl=SASL)
        cache.set("key", 1)
        assert cache.get("key") == 1
        with pytest.raises(AuthFailed):
            cache_at(server.memcached_sasl, sasl=("user", "wrong")).get("key")


def test_an_option_that_does_not_exist_is_an_error(memcached_server: str) -> None:
    with pytest.raises(TypeError, match="MAX_ENTRIES"):
        cache_at(memcached_server, MAX_ENTRIES=30).get("key")


async def test_the_asynchronous_methods_work(cache: MemcacheCache) -> None:
    await cache.aset("key", 1)
    assert await cache.aincr("key") == 2
    assert await cache.aget_many(["key", "other"]) == {"key": 2}
