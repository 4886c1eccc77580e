"""What a blocking client is told when it is made: prefix, serde, timeouts, ``on_error``, user; and its connections."""

from __future__ import annotations

import array
import logging
import threading
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from conftest import PATIENCE, free_port

from lockproof import SASL, AuthFailed, ConnectionFailed, JsonSerde, KeyInvalid, Memcache, ReferenceServer, TooLarge
from lockproof._common import OnError

TOO_LARGE = bytes(2 << 20)


@pytest.fixture
def cache(either: str) -> Iterator[Memcache]:
    with Memcache(either, timeout=PATIENCE) as cache:
        yield cache


@pytest.fixture
def key() -> str:
    """A key that nobody else has: the real memcached is everybody's."""
    return str(uuid4())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline


def test_a_closed_client_opens_again(cache: Memcache, key: str) -> None:
    cache.set(key, b"value")
    cache.close()
    cache.close()
    assert cache.get(key) == b"value"
    with cache as same:
        assert same is cache


def test_idle_connections_are_closed_by_close_and_at_most_pool_size() -> None:
    def connections(server: str) -> int:
        with Memcache(server, timeout=PATIENCE) as other:
            return int(other.stats()["curr_connections"])

    with ReferenceServer() as server:
        before = connections(server.memcached)
        cache = Memcache(server.memcached, timeout=PATIENCE, pool_size=2)
        at_once = threading.Barrier(8)

        def use() -> None:
            at_once.wait(PATIENCE)
            for _ in range(20):
                cache.get("key")

        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: connections(server.memcached) <= before + 2)
        cache.close()
        wait_until(lambda: connections(server.memcached) <= before)


def test_a_prefix_is_put_before_every_key_and_seen_by_nobody(either: str, key: str) -> None:
    plain, cache = Memcache(either, timeout=PATIENCE), Memcache(either, timeout=PATIENCE, key_prefix="é:")
    assert cache.set(key, b"1") and cache.append(key, b"2")
    assert plain.get("é:" + key) == b"12"
    assert plain.get(key) is None
    assert cache.get_many([key]) == {key: b"12"}
    assert cache.set_many({key + "large": TOO_LARGE}) == [key + "large"]
    assert cache.delete_many([key, key + "missing"]) == [key + "missing"]
    with pytest.raises(KeyInvalid):
        cache.get("k" * 248)
    assert cache.get("k" * 247) is None


@pytest.mark.parametrize(
    "value",
    [bytearray(b"1234"), memoryview(b"1234"), array.array("H", [1, 2]), memoryview(b"1.2.3.4.")[::2]],
    ids=["bytearray", "memoryview", "array", "strided"],
)
def test_a_buffer_is_stored_as_its_bytes(cache: Memcache, key: str, value: bytearray) -> None:
    assert cache.set(key, value)
    assert cache.get(key) == bytes(value)
    assert cache.set_many({key: value}) == []
    assert cache.append(key, value)
    assert cache.get(key) == bytes(value) * 2


@pytest.mark.parametrize("value", ["text", 1, None, {"a": 1}, ["a"]])
def test_no_other_object_is_a_value_without_a_serde(cache: Memcache, key: str, value: object) -> None:
    for store in (cache.set, cache.add, cache.replace, cache.append, cache.prepend):
        with pytest.raises(TypeError, match="a value is bytes or another buffer"):
            store(key, value)
    with pytest.raises(TypeError, match="a value is bytes or another buffer"):
        cache.set_many({key: value})
    assert cache.get(key) is None


def test_a_serde_is_used_by_every_method(either: str, key: str) -> None:
    cache = Memcache(either, timeout=PATIENCE, serde=JsonSerde())
    assert cache.set(key, {"a": 1})
    assert cache.get(key) == {"a": 1}
    assert cache.gat(key, 60) == {"a": 1}
    entry = cache.gets(key)
    assert entry is not None and entry[:2] == ({"a": 1}, JsonSerde.JSON)
    assert cache.cas(key, "text", entry.cas) is True
    assert cache.get_many([key]) == {key: "text"}
    assert cache.set_many({key: [1]}) == []
    assert cache.gets_many([key])[key].value == [1]
    with pytest.raises(TypeError, match="the flags are the serde's"):
        cache.set(key, 1, flags=1)
    with pytest.raises(TypeError):
        Memcache(either, serde=object())  # type: ignore[arg-type]


def test_an_operation_may_find_its_server_by_any_way_of_writing(either: str, key: str) -> None:
    host, port = either.split(":")
    assert Memcache((host, int(port)), timeout=PATIENCE).set(key, b"1")
    assert Memcache([either], timeout=PATIENCE).get(key) == b"1"
    assert repr(Memcache(either)) == f"<lockproof.Memcache {either}>"


def test_a_failure_taken_for_a_miss_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    cache = Memcache(f"127.0.0.1:{free_port()}", on_error="miss")
    results = [
        cache.get("k"), cache.get("k", 1), cache.gets("k"), cache.gat("k", 1), cache.set("k", b""), cache.add("k", b""),
        cache.replace("k", b""), cache.cas("k", b"", 1), cache.append("k", b""), cache.prepend("k", b""),
        cache.delete("k"), cache.touch("k", 1), cache.incr("k"), cache.decr("k"), cache.get_many(["k"]),
        cache.gets_many(["k"]), cache.set_many({"k": b""}), cache.delete_many(["k"]),
    ]  # fmt: skip
    assert results == [
        None, 1, None, None, False, False, False, False, False, False, False, False, None, None, {}, {}, ["k"], ["k"],
    ]  # fmt: skip
    assert cache.forgiven == len(results)
    logged = [record for record in caplog.records if record.name == "lockproof"]
    assert [record.levelno for record in logged] == [logging.WARNING] * len(results)
    assert all("no connection to memcached at 127.0.0.1:" in record.getMessage() for record in logged)


def test_only_a_server_that_is_away_is_taken_for_a_miss(either: str, key: str) -> None:
    cache = Memcache(either, timeout=PATIENCE, on_error="miss")
    with pytest.raises(TooLarge):
        cache.set(key, TOO_LARGE)
    with pytest.raises(KeyInvalid):
        cache.get("")
    assert cache.forgiven == 0
    with pytest.raises(ConnectionFailed):
        Memcache(f"127.0.0.1:{free_port()}", on_error="miss").version()
    with pytest.raises(ValueError, match="on_error is"):
        Memcache(either, on_error="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_timeout_is_a_positive_number(seconds: float) -> None:
    with pytest.raises(ValueError, match="a timeout is a positive number"):
        Memcache(timeout=seconds)
    with pytest.raises(ValueError, match="a timeout is a positive number"):
        Memcache(connect_timeout=seconds)


def test_without_timeouts_it_works_as_well(either: str, key: str) -> None:
    cache = Memcache(either, timeout=None, connect_timeout=None)
    assert cache.set(key, b"1") and cache.get(key) == b"1"


def test_user_and_password_open_the_server() -> None:
    with ReferenceServer() as server, Memcache(server.memcached_sasl, timeout=PATIENCE, sasl=SASL) as cache:
        assert SASL == ("user", "password")
        assert cache.set("key", b"value")
        assert cache.get("key") == b"value"


@pytest.mark.parametrize("sasl", [("user", "wrong"), ("nobody", "password"), ("", ""), None])
@pytest.mark.parametrize("on_error", ["raise", "miss"])
def test_a_wrong_user_or_password_is_told(sasl: tuple[str, str] | None, on_error: OnError) -> None:
    with (
        ReferenceServer() as server,
        Memcache(server.memcached_sasl, timeout=PATIENCE, sasl=sasl, on_error=on_error) as cache,
    ):
        with pytest.raises(AuthFailed) as caught:
            cache.get("key")
        assert caught.value.status == 0x20
        with pytest.raises(AuthFailed):
            cache.set_many({"key": b"value"})
