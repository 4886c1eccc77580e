"""Operations that travel together."""

from __future__ import annotations

from uuid import uuid4

import pytest
from conftest import PATIENCE, free_port

from lockproof import ConnectionFailed, Entry, JsonSerde, KeyInvalid, Memcache, NotANumber, ReferenceServer, TooLarge


def test_each_operation_has_its_own_result(either: str) -> None:
    key = str(uuid4())
    with Memcache(either, timeout=PATIENCE) as cache, cache.pipeline() as pipe:
        pending = [
            pipe.get(key), pipe.get(key, 1), pipe.gets(key), pipe.replace(key, b"r"), pipe.append(key, b"a"),
            pipe.touch(key, 60), pipe.incr(key), pipe.add(key, b"5", flags=7), pipe.add(key, b"6"), pipe.incr(key, 3),
            pipe.decr(key, 7), pipe.prepend(key, b"1"), pipe.get(key), pipe.touch(key, 60), pipe.delete(key),
            pipe.delete(key), pipe.set(key, b"s"), pipe.decr(key + "new", initial=9), pipe.delete(key + "new"),
        ]  # fmt: skip
        assert len(pipe) == len(pending)
        with pytest.raises(RuntimeError, match="not executed"):
            pending[0].result()
    assert [each.result() for each in pending] == [
        None, 1, None, False, False,
        False, None, True, False, 8,
        1, True, b"11", True, True,
        False, True, 9, True,
    ]  # fmt: skip
    assert cache.get(key) == b"s"


def test_execute_returns_the_results_in_order_and_empties_the_pipeline(memcached_server: str) -> None:
    pipe = Memcache(memcached_server, timeout=PATIENCE, serde=JsonSerde()).pipeline()
    pipe.set("key", [1])
    pipe.gets("key")
    stored, entry = pipe.execute()
    assert stored is True
    assert entry == Entry([1], JsonSerde.JSON, entry.cas)
    assert pipe.execute() == []


def test_one_that_fails_stops_none_of_the_rest(either: str) -> None:
    key = str(uuid4())
    pipe = Memcache(either, timeout=PATIENCE).pipeline()
    pipe.set(key, b"text")
    counter = pipe.incr(key)
    large = pipe.set(key, bytes(2 << 20))
    invalid = pipe.get("k" * 251)
    # A value that was refused is gone on a real memcached, by design: a stale one would be worse.
    after = pipe.set(key, b"after")
    results = pipe.execute(raise_on_error=False)
    assert [type(result) for result in results] == [bool, NotANumber, TooLarge, KeyInvalid, bool]
    assert after.result() is True
    for pending, kind in ((counter, NotANumber), (large, TooLarge), (invalid, KeyInvalid)):
        with pytest.raises(kind):
            pending.result()


def test_leaving_the_block_raises_the_first_error(either: str) -> None:
    key = str(uuid4())
    cache = Memcache(either, timeout=PATIENCE)
    with pytest.raises(NotANumber), cache.pipeline() as pipe:
        pipe.set(key, b"text")
        pipe.incr(key)
        stored = pipe.set(key, b"after")
    assert stored.result() is True
    assert cache.get(key) == b"after"


def test_a_block_that_fails_executes_nothing(memcached_server: str) -> None:
    cache = Memcache(memcached_server, timeout=PATIENCE)
    with pytest.raises(ZeroDivisionError), cache.pipeline() as pipe:
        pipe.set("key", b"value")
        raise ZeroDivisionError
    assert pipe.execute() == []
    assert cache.get("key") is None


def test_more_than_any_buffer_holds_goes_through(either: str) -> None:
    key = str(uuid4())
    pipe = Memcache(either, timeout=PATIENCE).pipeline()
    value = bytes(500_000)
    for _ in range(30):
        pipe.set(key, value)
        pipe.get(key)
    assert pipe.execute() == [True, value] * 30


def test_several_servers_get_an_exchange_each() -> None:
    with ReferenceServer() as one, ReferenceServer() as two:
        cache = Memcache([one.memcached, two.memcached], timeout=PATIENCE)
        pipe = cache.pipeline()
        for i in range(100):
            pipe.set(f"key{i}", b"%d" % i)
        for i in range(100):
            pipe.get(f"key{i}")
        assert pipe.execute() == [True] * 100 + [b"%d" % i for i in range(100)]
        counts = [int(cache.stats(server=server)["curr_items"]) for server in cache.servers]
        assert sum(counts) == 100 and min(counts) > 0


def test_a_server_that_is_away_fails_each_of_its_operations() -> None:
    pipe = Memcache(f"127.0.0.1:{free_port()}").pipeline()
    pending = [pipe.get("key"), pipe.set("key", b"value")]
    with pytest.raises(ConnectionFailed):
        pipe.execute()
    for each in pending:
        with pytest.raises(ConnectionFailed):
            each.result()


def test_or_looks_like_a_miss_for_each_of_them(caplog: pytest.LogCaptureFixture) -> None:
    cache = Memcache(f"127.0.0.1:{free_port()}", on_error="miss")
    pipe = cache.pipeline()
    pipe.get("k", 1)
    pipe.gets("k")
    pipe.incr("k")
    pipe.decr("k")
    for store in (pipe.set, pipe.add, pipe.replace, pipe.append, pipe.prepend):
        store("k", b"")
    pipe.delete("k")
    pipe.touch("k", 1)
    assert pipe.execute() == [1, None, None, None] + [False] * 7
    assert cache.forgiven == 11
    assert len(caplog.records) == 11
