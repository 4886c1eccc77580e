"""Of many callers that look for a value one computes it: leases, and what is given to the others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from conftest import PATIENCE, free_port

from lockproof import ArgumentInvalid, JsonSerde, Memcache, Timeout, aio

CALLERS = 50


@pytest.fixture
def cache(either: str) -> Iterator[Memcache]:
    with Memcache(either, timeout=PATIENCE, connect_timeout=PATIENCE) as cache:
        yield cache


@pytest.fixture
def key() -> str:
    """A key that nobody else has: the real memcached is everybody's."""
    return str(uuid4())


class Work:
    """Something that should be done once: it counts."""

    def __init__(self, value: bytes = b"value") -> None:
        self.value = value
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.value


def everybody(cache: Memcache, key: str, compute: Work, **terms: int) -> list[bytes]:
    """What so many threads are given, which all ask at the same time."""
    start = threading.Barrier(CALLERS)

    def ask() -> bytes:
        start.wait(PATIENCE)
        value: bytes = cache.get_or_lease(key, compute, 60, wait=PATIENCE, **terms)
        return value

    with ThreadPoolExecutor(CALLERS) as threads:
        return [asked.result(PATIENCE) for asked in [threads.submit(ask) for _ in range(CALLERS)]]


def test_of_fifty_threads_one_computes_what_is_absent(cache: Memcache, key: str) -> None:
    class Slow(Work):
        def __call__(self) -> bytes:
            # So that most of the others find it under way; those that come later find the value.
            time.sleep(0.2)
            return super().__call__()

    slow = Slow()
    assert everybody(cache, key, slow) == [b"value"] * CALLERS
    assert slow.times == 1
    assert cache.get(key) == b"value"


def test_of_fifty_threads_one_computes_what_is_stale_and_nobody_waits(cache: Memcache, key: str) -> None:
    cache.set(key, b"old", 60)
    assert cache.invalidate(key) is True
    new = Work(b"new")
    values = everybody(cache, key, new)
    assert new.times == 1
    assert set(values) <= {b"old", b"new"} and b"new" in values
    assert cache.get_or_lease(key, new) == b"new"
    assert new.times == 1


def test_while_one_computes_the_others_have_the_stale_value(cache: Memcache, key: str) -> None:
    cache.set(key, b"old", 60)
    cache.invalidate(key, 30)
    seen = []

    def compute() -> bytes:
        seen.append(cache.get_or_lease(key, Work(b"never")))
        return b"new"

    assert cache.get_or_lease(key, compute, 60) == b"new"
    assert seen == [b"old"]


def test_behind_its_time_a_value_is_stale_for_as_long_as_was_said(cache: Memcache, key: str) -> None:
    old, new = Work(b"old"), Work(b"new")
    # It has an hour to live; of the last two hours it is known that it should be computed anew.
    assert cache.get_or_lease(key, old, 3600) == b"old"
    assert cache.get_or_lease(key, new, 3600) == b"old"
    assert cache.get_or_lease(key, new, 3600, stale_ttl=7200) == b"new"
    # Three hours now, of which two are for being stale.
    assert cache.get_or_lease(key, old, 3600, stale_ttl=7200) == b"new"
    assert (old.times, new.times) == (1, 1)


def test_a_winner_that_dies_is_followed_by_another(cache: Memcache, key: str) -> None:
    class Dead(BaseException):
        """Nothing gives the lease back."""

    def die() -> bytes:
        raise Dead

    with pytest.raises(Dead):
        cache.get_or_lease(key, die, 60, lease_ttl=1)
    values = everybody(cache, key, work := Work(), lease_ttl=30)
    assert values == [b"value"] * CALLERS
    assert work.times == 1


def test_a_lease_that_has_run_out_stores_nothing(cache: Memcache, key: str) -> None:
    def slow() -> bytes:
        # Whoever finds the lease run out computes in between.
        while cache.get(key) is not None:
            time.sleep(0.05)
        assert cache.get_or_lease(key, Work(b"theirs"), 60) == b"theirs"
        return b"mine"

    assert cache.get_or_lease(key, slow, 60, lease_ttl=1) == b"mine"
    assert cache.get(key) == b"theirs"


@pytest.mark.parametrize("stale", [False, True])
def test_a_winner_that_fails_raises_and_the_next_computes_at_once(cache: Memcache, key: str, stale: bool) -> None:
    if stale:
        cache.set(key, b"old", 60)
        cache.invalidate(key)

    def fail() -> bytes:
        raise RuntimeError("no value")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="no value"):
            cache.get_or_lease(key, fail, 60, wait=0)
    assert cache.get_or_lease(key, Work(), 60, wait=0) == b"value"


def test_a_value_that_can_not_be_stored_gives_the_lease_back(cache: Memcache, key: str) -> None:
    with pytest.raises(TypeError):
        cache.get_or_lease(key, lambda: 5, wait=0)
    assert cache.get_or_lease(key, Work(), wait=0) == b"value"


def test_who_has_waited_long_enough_is_told(cache: Memcache, key: str) -> None:
    def compute() -> bytes:
        with pytest.raises(Timeout, match="nobody has stored a value"):
            cache.get_or_lease(key, Work(), wait=0.05)
        return b"value"

    assert cache.get_or_lease(key, compute) == b"value"


def test_objects_and_prefixes_are_as_ever(either: str, key: str) -> None:
    with Memcache(either, timeout=PATIENCE, serde=JsonSerde(), key_prefix="a b:") as cache:
        assert cache.get_or_lease(key, lambda: {"a": [1]}) == {"a": [1]}
        assert cache.get_or_lease(key, lambda: None) == {"a": [1]}
        assert cache.get(key) == {"a": [1]}


@pytest.mark.parametrize("protocol", ["binary", "text"])
def test_other_protocols_have_no_leases(either: str, key: str, protocol: str) -> None:
    with Memcache(either, timeout=PATIENCE, protocol=protocol) as cache:  # type: ignore[arg-type]
        with pytest.raises(ArgumentInvalid, match="need the meta protocol"):
            cache.get_or_lease(key, Work())
        with pytest.raises(ArgumentInvalid, match="need the meta protocol"):
            cache.invalidate(key)
        assert cache.get(key) is None


@pytest.mark.parametrize("terms", [{"lease_ttl": 0}, {"lease_ttl": 31 * 24 * 3600}, {"stale_ttl": -1}, {"wait": -1}])
def test_terms_that_make_no_sense_are_refused(cache: Memcache, key: str, terms: dict[str, int]) -> None:
    with pytest.raises(ArgumentInvalid):
        cache.get_or_lease(key, Work(), **terms)


def test_a_server_that_is_away_may_be_a_miss() -> None:
    cache = Memcache(f"127.0.0.1:{free_port()}", on_error="miss")
    assert cache.get_or_lease("key", Work()) == b"value"
    assert cache.invalidate("key") is False
    assert cache.forgiven == 2


async def test_of_fifty_tasks_one_computes(either: str, key: str) -> None:
    times = 0

    async def compute() -> bytes:
        nonlocal times
        times += 1
        await asyncio.sleep(0.1)
        return b"value"

    async with aio.Memcache(either, timeout=PATIENCE, connect_timeout=PATIENCE) as cache:
        asked = (cache.get_or_lease(key, compute, 60) for _ in range(CALLERS))
        assert await asyncio.gather(*asked) == [b"value"] * CALLERS
        assert times == 1
        assert await cache.invalidate(key) is True
        assert await cache.get_or_lease(key, compute, 60) == b"value"
        assert times == 2
        with pytest.raises(RuntimeError):
            await cache.get_or_lease(key + "2", failing, wait=0)
        assert await cache.get_or_lease(key + "2", compute, wait=0) == b"value"


async def failing() -> bytes:
    raise RuntimeError("no value")
