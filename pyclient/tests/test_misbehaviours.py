"""What other clients get silently wrong against a memcached: ours is right, and theirs is wrong still."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import bmemcached  # type: ignore[import-untyped]
import pylibmc  # type: ignore[import-untyped]
import pytest
from conftest import PATIENCE, free_port
from fakes import FakeServer, silent
from pymemcache.client.base import Client as PymemcacheClient  # type: ignore[import-untyped]

from lockproof import ConnectionFailed, KeyInvalid, Memcache, NotANumber, Timeout, TooLarge

LARGE = bytes(2 << 20)


@pytest.fixture
def cache(either: str) -> Iterator[Memcache]:
    with Memcache(either, timeout=PATIENCE) as cache:
        yield cache


@pytest.fixture
def key() -> str:
    return str(uuid4())


# Ours.


def test_a_value_that_is_too_large_raises_and_stores_nothing(cache: Memcache, key: str) -> None:
    with pytest.raises(TooLarge):
        cache.set(key, LARGE)
    assert cache.get(key) is None


def test_a_condition_that_does_not_hold_is_false(cache: Memcache, key: str) -> None:
    assert cache.replace(key, b"new") is False
    assert cache.delete(key) is False
    cache.set(key, b"old")
    assert cache.add(key, b"new") is False
    assert cache.get(key) == b"old"


def test_a_missing_counter_is_none_and_nothing_is_created(cache: Memcache, key: str) -> None:
    assert cache.incr(key) is None
    assert cache.get(key) is None


def test_a_counter_that_is_no_number_raises_and_the_next_calls_work(cache: Memcache, key: str) -> None:
    cache.set(key, b"text")
    with pytest.raises(NotANumber):
        cache.incr(key)
    assert cache.get(key) == b"text"
    assert cache.set(key, b"1") is True
    assert cache.incr(key) == 2


def test_a_key_that_is_too_long_raises_and_the_next_get_hits(cache: Memcache, key: str) -> None:
    cache.set(key, b"value")
    with pytest.raises(KeyInvalid):
        cache.get("k" * 251)
    with pytest.raises(KeyInvalid):
        cache.set("k" * 251, b"value")
    assert cache.get(key) == b"value"


@pytest.mark.parametrize("odd", [" ", "\n", "\r\n", "\0", "é"], ids=repr)
def test_a_key_with_a_space_is_a_key(cache: Memcache, key: str, odd: str) -> None:
    assert cache.set(f"a{odd}b{key}", b"value") is True
    assert cache.get(f"a{odd}b{key}") == b"value"
    assert cache.get_many([f"a{odd}b{key}", key]) == {f"a{odd}b{key}": b"value"}


def test_a_dict_is_no_value_and_nothing_is_stored(cache: Memcache, key: str) -> None:
    with pytest.raises(TypeError):
        cache.set(key, {"a": 1})
    assert cache.get(key) is None


def test_a_memoryview_is_stored_as_its_bytes(cache: Memcache, key: str) -> None:
    assert cache.set(key, memoryview(b"value")) is True
    assert cache.get(key) == b"value"


def test_a_touch_is_answered(cache: Memcache, key: str) -> None:
    assert cache.touch(key, 60) is False
    cache.set(key, b"value")
    assert cache.touch(key, 60) is True
    assert cache.get(key) == b"value"


def test_a_server_that_is_away_is_no_miss() -> None:
    cache = Memcache(f"127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionFailed):
        cache.get("key")
    with pytest.raises(ConnectionFailed):
        cache.set("key", b"value")


def test_a_server_that_never_answers_is_no_miss() -> None:
    with FakeServer(silent) as server:
        cache = Memcache(server.address, protocol="binary", timeout=0.2)
        with pytest.raises(Timeout):
            cache.get("key")
        with pytest.raises(Timeout):
            cache.set("key", b"value")


# Theirs, by default settings. If one of these fails, that client has become better: strike its row in the table.


@pytest.fixture
def pymemcache(memcached: str) -> Iterator[PymemcacheClient]:
    client = PymemcacheClient(memcached, timeout=PATIENCE)
    yield client
    client.close()


@pytest.fixture
def bmem(memcached: str) -> Iterator[Any]:
    client = bmemcached.Client((memcached,))
    yield client
    client.disconnect_all()


@pytest.fixture
def libmemcached(memcached: str) -> Any:
    return pylibmc.Client([memcached], binary=True)


def test_pymemcache_says_that_a_value_that_is_too_large_is_stored(pymemcache: PymemcacheClient, key: str) -> None:
    assert pymemcache.set(key, LARGE) is True
    assert pymemcache.get(key) is None


def test_pymemcache_says_that_every_condition_holds(pymemcache: PymemcacheClient, key: str) -> None:
    assert pymemcache.replace(key, b"new") is True
    assert pymemcache.delete(key) is True
    assert pymemcache.touch(key, 60) is True
    pymemcache.set(key, b"old")
    assert pymemcache.add(key, b"new") is True
    assert pymemcache.get(key) == b"old"


def test_pymemcache_stores_the_name_of_an_object(pymemcache: PymemcacheClient, key: str) -> None:
    assert pymemcache.set(key, {"a": 1}) is True
    assert pymemcache.get(key) == b"{'a': 1}"
    assert pymemcache.set(key, memoryview(b"value")) is True
    assert pymemcache.get(key).startswith(b"<memory at 0x")


def test_python_binary_memcached_creates_a_missing_counter(bmem: Any, key: str) -> None:
    assert bmem.incr(key, 1) == 0
    assert bmem.get(key) is not None


def test_python_binary_memcached_says_that_what_is_missing_was_deleted(bmem: Any, key: str) -> None:
    assert bmem.delete(key) is True


def test_python_binary_memcached_misses_what_is_there_after_a_key_that_is_too_long(bmem: Any, key: str) -> None:
    assert bmem.set(key, b"value") is True
    with pytest.raises(bmemcached.exceptions.MemcachedException):
        bmem.get("k" * 251)
    assert bmem.get(key) is None


def test_python_binary_memcached_takes_a_server_that_is_away_for_a_miss() -> None:
    client = bmemcached.Client((f"127.0.0.1:{free_port()}",))
    assert client.get("key") is None
    assert client.set("key", b"value") is False


def test_pylibmc_loses_its_connection_by_a_counter_that_is_no_number(libmemcached: Any, key: str) -> None:
    libmemcached.set(key, b"text")
    with pytest.raises(pylibmc.Error):
        libmemcached.incr(key)
    with pytest.raises(pylibmc.Error):
        libmemcached.get(key)
