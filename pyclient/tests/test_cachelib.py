"""The cache for cachelib. cachelib's own tests of it are in test_upstream.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from lockproof import SASL, ConnectionFailed, JsonSerde, KeyInvalid, Memcache, PickleSerde, ReferenceServer, TooLarge
from lockproof.contrib.cachelib import MemcacheCache

VALUES: dict[str, object] = {
    "text": "déjà vu",
    "bytes": b"\x00\xff",
    "int": 7,
    "negative": -7,
    "true": True,
    "false": False,
    "float": 1.5,
    "nested": (1, [2, {"three": 3}]),
}

#: Keys that memcached can't have.
IMPOSSIBLE = ["", "x" * 251, "é" * 126, "\ud800"]

TOO_LARGE = "x" * (1 << 20)


@pytest.fixture
def cache(either: str) -> Iterator[MemcacheCache]:
    cache = MemcacheCache(either)
    cache.clear()
    yield cache
    cache._client.close()


@pytest.fixture
def nobody() -> str:
    """An address where a server was."""
    with ReferenceServer() as server:
        return server.memcached


def test_values_come_back_as_they_were(cache: MemcacheCache) -> None:
    for name, value in VALUES.items():
        assert cache.set(name, value) is True
        got = cache.get(name)
        assert (got, type(got)) == (value, type(value))
    cache.clear()
    assert cache.set_many(VALUES) == list(VALUES)
    assert cache.get_dict(*VALUES, "miss") == {**VALUES, "miss": None}
    assert cache.get_many("miss", *VALUES, "int") == [None, *VALUES.values(), 7]


OPERATIONS: dict[str, Callable[[MemcacheCache], object]] = {
    "get": lambda cache: cache.get("key"),
    "get_many": lambda cache: cache.get_many("key"),
    "get_dict": lambda cache: cache.get_dict("key"),
    "set": lambda cache: cache.set("key", 1),
    "set_many": lambda cache: cache.set_many({"key": 1}),
    "add": lambda cache: cache.add("key", 1),
    "delete": lambda cache: cache.delete("key"),
    "delete_many": lambda cache: cache.delete_many("key"),
    "has": lambda cache: cache.has("key"),
    "inc": lambda cache: cache.inc("key"),
    "dec": lambda cache: cache.dec("key"),
    "clear": lambda cache: cache.clear(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_server_that_is_down_is_no_miss(operation: str, nobody: str) -> None:
    with pytest.raises(ConnectionFailed):
        OPERATIONS[operation](MemcacheCache(nobody))


def test_a_server_that_is_down_looks_like_a_miss_where_that_is_chosen(nobody: str) -> None:
    cache = MemcacheCache(nobody, on_error="miss")
    assert cache.get("key") is None
    assert cache.get_many("key", "other") == [None, None]
    assert cache.get_dict("key") == {"key": None}
    assert cache.set("key", 1) is False
    assert cache.set_many({"key": 1}) == []
    assert cache.add("key", 1) is False
    assert cache.delete("key") is False
    assert cache.has("key") is False
    assert cache.inc("key") is None
    assert cache.dec("key") is None


def test_a_key_that_memcached_can_not_have_is_a_miss_to_who_reads_it(cache: MemcacheCache) -> None:
    cache.set("key", 1)
    for key in IMPOSSIBLE:
        assert cache.get(key) is None
        assert cache.get_many(key, "key") == [None, 1]
        assert cache.get_dict(key, "key") == {key: None, "key": 1}
        assert cache.has(key) is False
        assert cache.delete(key) is False
    assert cache.delete_many(*IMPOSSIBLE, "key") == ["key"]


def test_a_key_that_memcached_can_not_have_raises_when_it_is_stored(cache: MemcacheCache) -> None:
    for key in ("", "x" * 251, "é" * 126):
        with pytest.raises(KeyInvalid):
            cache.set(key, 1)
        with pytest.raises(KeyInvalid):
            cache.add(key, 1)
        with pytest.raises(KeyInvalid):
            cache.set_many({key: 1})


def test_the_prefix_counts_for_the_length_of_a_key(either: str) -> None:
    cache = MemcacheCache(either, key_prefix="p" * 100)
    assert cache.set("x" * 150, 1)
    assert cache.get("x" * 150) == 1
    assert cache.get("x" * 151) is None


def test_a_prefix_keeps_caches_apart(cache: MemcacheCache, either: str) -> None:
    prefixed = MemcacheCache(either, key_prefix="shop:")
    prefixed.set("key", "prefixed")
    cache.set("key", "bare")
    assert prefixed.get_dict("key") == {"key": "prefixed"}
    assert cache.get_many("key", "shop:key") == ["bare", "prefixed"]


def test_threads_lose_no_step(cache: MemcacheCache, either: str) -> None:
    together = threading.Barrier(4)

    def count(_: int) -> None:
        together.wait(30)
        for _ in range(50):
            cache.inc("hits", 3)
            cache.dec("hits", 1)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(4)))
    assert cache.get("hits") == 400


def test_numbers_go_below_zero(cache: MemcacheCache) -> None:
    assert [cache.dec("n", 5), cache.inc("n", 2), cache.inc("n", 10), cache.get("n")] == [-5, -3, 7, 7]


def test_zero_and_none_are_counted_from(cache: MemcacheCache) -> None:
    cache.set_many({"zero": 0, "none": None})
    assert [cache.inc("zero", 2), cache.get("zero"), cache.dec("none", 2), cache.get("none")] == [2, 2, -2, -2]


def test_what_is_no_number_can_not_be_counted(cache: MemcacheCache) -> None:
    cache.set("words", "seven")
    with pytest.raises(TypeError):
        cache.inc("words")
    assert cache.get("words") == "seven"


def test_add_and_delete_say_what_they_did(cache: MemcacheCache) -> None:
    assert [cache.add("key", 1), cache.add("key", 2), cache.get("key")] == [True, False, 1]
    assert [cache.delete("key"), cache.delete("key"), cache.has("key")] == [True, False, False]


def test_delete_many_returns_also_what_was_not_there(cache: MemcacheCache) -> None:
    cache.set_many({"a": 1, "b": 2})
    assert cache.delete_many("a", "miss") == ["a", "miss"]
    assert cache.get_many("a", "b") == [None, 2]


@pytest.mark.parametrize("timeout", [0, timedelta(), 31 * 86400, timedelta(days=366)])
def test_a_timeout_is_of_any_length_and_zero_is_for_ever(timeout: int | timedelta, cache: MemcacheCache) -> None:
    cache.set("key", 1, timeout)
    assert cache.get("key") == 1
    assert cache.add("other", 2, timeout) is True
    assert cache.get("other") == 2
    assert cache.set_many({"third": 3}, timeout) == ["third"]
    assert cache.get("third") == 3


def test_the_default_timeout_holds_where_none_is_given(either: str) -> None:
    # Nothing lives for less than no time.
    past = MemcacheCache(either, default_timeout=timedelta(seconds=-1))
    steps: list[Callable[..., object]] = [
        lambda *timeout: past.set("key", 1, *timeout),
        lambda *timeout: past.add("key", 1, *timeout),
        lambda *timeout: past.set_many({"key": 1}, *timeout),
    ]
    for step in steps:
        past.delete("key")
        assert step()
        assert past.get("key") is None
        assert step(300)
        assert past.get("key") == 1


def test_counting_begins_the_time_to_live_again(either: str) -> None:
    past = MemcacheCache(either, default_timeout=timedelta(seconds=-1))
    past.delete("key")
    assert [past.inc("key"), past.get("key")] == [1, None]
    past.set("key", 1, 300)
    assert [past.inc("key"), past.get("key")] == [2, None]


def test_a_value_that_is_too_large_raises(cache: MemcacheCache) -> None:
    with pytest.raises(TooLarge):
        cache.set("key", TOO_LARGE)
    assert cache.set_many({"key": TOO_LARGE, "other": 1}) == ["other"]
    assert cache.get_many("key", "other") == [None, 1]


def test_it_pickles_unless_told_otherwise(memcached_server: str) -> None:
    MemcacheCache(memcached_server).set("key", VALUES)
    assert Memcache(memcached_server, serde=PickleSerde()).get("key") == VALUES


def test_another_serde_may_be_chosen(memcached_server: str) -> None:
    cache = MemcacheCache(memcached_server, serde=JsonSerde())
    cache.set("key", {"a": [1, None]})
    assert cache.get("key") == {"a": [1, None]}
    assert Memcache(memcached_server).get("key") == b'{"a":[1,null]}'
    assert [cache.inc("n", 2), cache.dec("n", 3)] == [2, -1]
    with pytest.raises(TypeError):
        cache.set("key", object())


def test_clear_empties_all_servers() -> None:
    with ReferenceServer() as one, ReferenceServer() as other:
        cache = MemcacheCache([one.memcached, other.memcached])
        values = {f"key-{number}": number for number in range(50)}
        assert cache.set_many(values) == list(values)
        assert cache.get_dict(*values) == values
        assert all(Memcache(address).stats()["curr_items"] != "0" for address in (one.memcached, other.memcached))
        assert cache.clear() is True
        assert not any(map(cache.has, values))


def test_the_connection_may_be_checked_at_once(nobody: str) -> None:
    with ReferenceServer() as server:
        assert MemcacheCache(server.memcached_sasl, sasl=SASL, check_connection=True).set("key", 1)
        with pytest.raises(RuntimeError, match="could not connect"):
            MemcacheCache([server.memcached, nobody], check_connection=True)
