"""Every method of the blocking client, against the embedded server and a real memcached."""

from __future__ import annotations

import array
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from conftest import PATIENCE, free_port

from lockproof import (
    SASL,
    ArgumentInvalid,
    AuthFailed,
    ConnectionFailed,
    Entry,
    JsonSerde,
    KeyInvalid,
    Memcache,
    NotANumber,
    ReferenceServer,
    TooLarge,
)

TOO_LARGE = bytes(2 << 20)

#: Expired already.
PAST = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.fixture
def cache(either: str) -> Iterator[Memcache]:
    with Memcache(either, timeout=PATIENCE) as cache:
        yield cache


@pytest.fixture
def key() -> str:
    """A key that nobody else has: the real memcached is everybody's."""
    return str(uuid4())


def test_get_gives_the_value_or_the_default(cache: Memcache, key: str) -> None:
    assert cache.get(key) is None
    assert cache.get(key, b"default") == b"default"
    assert cache.set(key, b"value") is True
    assert cache.get(key, b"default") == b"value"


def test_an_empty_value_is_a_hit(cache: Memcache, key: str) -> None:
    cache.set(key, b"")
    assert cache.get(key, b"default") == b""


def test_a_key_is_text_or_its_bytes(cache: Memcache, key: str) -> None:
    cache.set(key + "é", b"value")
    assert cache.get((key + "é").encode()) == b"value"
    with pytest.raises(TypeError, match="a key is str or bytes, not bytearray"):
        cache.get(bytearray(b"key"))  # type: ignore[arg-type]


def test_gets_gives_value_flags_and_a_token_that_changes(cache: Memcache, key: str) -> None:
    assert cache.gets(key) is None
    cache.set(key, b"1", flags=0xDEADBEEF)
    first = cache.gets(key)
    assert first is not None and first == Entry(b"1", 0xDEADBEEF, first.cas)
    cache.set(key, b"1")
    second = cache.gets(key)
    assert second is not None and second.flags == 0 and second.cas != first.cas


def test_flags_are_32_bits(cache: Memcache, key: str) -> None:
    for flags in (-1, 2**32):
        with pytest.raises(ArgumentInvalid):
            cache.set(key, b"", flags=flags)
    assert cache.get(key) is None


def test_gat_gives_the_value_and_a_new_expiry(cache: Memcache, key: str) -> None:
    assert cache.gat(key, 60) is None
    assert cache.gat(key, 60, b"default") == b"default"
    cache.set(key, b"value")
    assert cache.gat(key, 60) == b"value"
    assert cache.gat(key, PAST) == b"value"
    assert cache.get(key) is None


@pytest.mark.parametrize("expire", [-1, PAST, timedelta(0), timedelta(seconds=-5), -0.1])
def test_what_has_expired_already_is_a_miss(cache: Memcache, key: str, expire: int | datetime | timedelta) -> None:
    assert cache.set(key, b"value", expire) is True
    assert cache.get(key) is None


@pytest.mark.parametrize("expire", [0, None, 60, 31 * 24 * 3600, timedelta(days=400), 10**400, 0.5])
def test_what_has_not_expired_is_a_hit(cache: Memcache, key: str, expire: int | timedelta | None) -> None:
    assert cache.set(key, b"value", expire) is True
    assert cache.get(key) == b"value"


def test_add_stores_only_where_there_is_none(cache: Memcache, key: str) -> None:
    assert cache.add(key, b"1", flags=7) is True
    assert cache.add(key, b"2") is False
    entry = cache.gets(key)
    assert entry is not None and entry[:2] == (b"1", 7)


def test_replace_stores_only_where_there_is_one(cache: Memcache, key: str) -> None:
    assert cache.replace(key, b"1") is False
    assert cache.get(key) is None
    cache.set(key, b"1")
    assert cache.replace(key, b"2", flags=7) is True
    entry = cache.gets(key)
    assert entry is not None and entry[:2] == (b"2", 7)


def test_append_and_prepend_want_a_value(cache: Memcache, key: str) -> None:
    assert cache.append(key, b"c") is False
    assert cache.prepend(key, b"a") is False
    assert cache.get(key) is None
    cache.set(key, b"b", flags=7)
    assert cache.append(key, b"c") is True
    assert cache.prepend(key, b"a") is True
    entry = cache.gets(key)
    assert entry is not None and entry[:2] == (b"abc", 7)


def test_append_and_prepend_to_more_than_fits_change_nothing(cache: Memcache, key: str) -> None:
    half = bytes(600 * 1024)
    cache.set(key, half)
    assert cache.append(key, half) is False
    assert cache.prepend(key, half) is False
    assert cache.get(key) == half


def test_cas_stores_unless_it_changed_or_went_away(cache: Memcache, key: str) -> None:
    cache.set(key, b"1")
    entry = cache.gets(key)
    assert entry is not None
    assert cache.cas(key, b"2", entry.cas, flags=7) is True
    assert cache.cas(key, b"3", entry.cas) is False
    stored = cache.gets(key)
    assert stored is not None and stored[:2] == (b"2", 7)
    cache.delete(key)
    assert cache.cas(key, b"4", entry.cas) is None
    assert cache.get(key) is None


def test_cas_of_token_0_is_no_cas(cache: Memcache, key: str) -> None:
    cache.set(key, b"1")
    with pytest.raises(ArgumentInvalid):
        cache.cas(key, b"2", 0)
    assert cache.get(key) == b"1"


def test_delete_says_whether_there_was_one(cache: Memcache, key: str) -> None:
    assert cache.delete(key) is False
    cache.set(key, b"value")
    assert cache.delete(key) is True
    assert cache.get(key) is None


def test_touch_says_whether_there_is_one(cache: Memcache, key: str) -> None:
    assert cache.touch(key, 60) is False
    cache.set(key, b"value")
    assert cache.touch(key, 60) is True
    assert cache.get(key) == b"value"
    assert cache.touch(key, PAST) is True
    assert cache.get(key) is None


def test_incr_adds_and_wraps(cache: Memcache, key: str) -> None:
    cache.set(key, b"7")
    assert cache.incr(key) == 8
    assert cache.incr(key, 0) == 8
    assert cache.incr(key, 2**64 - 1) == 7
    assert cache.get(key) == b"7"


def test_decr_takes_and_ends_at_0(cache: Memcache, key: str) -> None:
    cache.set(key, b"7")
    assert cache.decr(key, 3) == 4
    assert cache.decr(key, 5) == 0


def test_a_counter_that_is_missing_is_none_or_the_initial_value(cache: Memcache, key: str) -> None:
    assert cache.incr(key) is None
    assert cache.decr(key) is None
    assert cache.get(key) is None
    assert cache.incr(key, 5, initial=100, expire=60) == 100
    assert cache.incr(key, 5, initial=100) == 105
    assert cache.delete(key)
    assert cache.decr(key, initial=2**64 - 1) == 2**64 - 1


def test_a_counter_is_a_decimal_number(cache: Memcache, key: str) -> None:
    cache.set(key, b"seven")
    for count in (cache.incr, cache.decr):
        with pytest.raises(NotANumber):
            count(key)
    assert cache.get(key) == b"seven"


@pytest.mark.parametrize("number", [-1, 2**64])
def test_numbers_that_do_not_fit_are_invalid_arguments(cache: Memcache, key: str, number: int) -> None:
    cache.set(key, b"1")
    with pytest.raises(ArgumentInvalid):
        cache.incr(key, number)
    with pytest.raises(ArgumentInvalid):
        cache.decr(key, initial=number)
    with pytest.raises(ArgumentInvalid):
        cache.cas(key, b"2", number)
    with pytest.raises(ArgumentInvalid):
        cache.flush_all(number)
    assert cache.get(key) == b"1"


def test_get_many_gives_the_hits_by_the_callers_keys(cache: Memcache, key: str) -> None:
    assert cache.get_many([]) == {}
    cache.set(key + "1", b"1")
    cache.set(key + "2", b"2")
    bytes_key = (key + "2").encode()
    assert cache.get_many([key + "1", bytes_key, key + "3"]) == {key + "1": b"1", bytes_key: b"2"}


def test_gets_many_gives_entries_whose_tokens_are_good(cache: Memcache, key: str) -> None:
    cache.set(key, b"1", flags=7)
    entries = cache.gets_many([key, key + "missing"])
    assert list(entries) == [key]
    assert entries[key][:2] == (b"1", 7)
    assert cache.cas(key, b"2", entries[key].cas) is True


def test_set_many_returns_what_was_refused_and_stores_the_rest(cache: Memcache, key: str) -> None:
    keys = [f"{key}{i}" for i in range(5)]
    values: dict[str | bytes, bytes] = {name: name.encode() for name in keys}
    assert cache.set_many({**values, keys[2]: TOO_LARGE}, 60, flags=7) == [keys[2]]
    assert cache.get_many(keys) == {name: name.encode() for name in keys if name != keys[2]}
    entry = cache.gets(keys[4])
    assert entry is not None and entry.flags == 7
    assert cache.set_many({}) == []


def test_set_many_with_an_invalid_key_stores_none(cache: Memcache, key: str) -> None:
    with pytest.raises(KeyInvalid):
        cache.set_many({key: b"1", "": b"2"})
    assert cache.get(key) is None


def test_delete_many_returns_what_was_not_there(cache: Memcache, key: str) -> None:
    cache.set(key, b"1")
    assert cache.delete_many([key, key + "missing"]) == [key + "missing"]
    assert cache.get(key) is None


def test_the_other_names_of_the_batches_are_the_same(cache: Memcache, key: str) -> None:
    assert cache.set_multi({key: b"1"}) == []
    assert cache.get_multi([key]) == {key: b"1"}
    assert cache.delete_multi([key]) == []


def test_ten_thousand_keys_travel_together(cache: Memcache, key: str) -> None:
    values: dict[str | bytes, bytes] = {f"{key}{i}": b"%d" % i * 100 for i in range(10_000)}
    assert cache.set_many(values) == []
    assert cache.get_many(values) == values
    assert cache.delete_many(values) == []


def test_stats_and_version_are_text(cache: Memcache, either: str) -> None:
    version = cache.version()
    assert version[0].isdigit()
    assert cache.stats()["version"] == version
    assert cache.version(server=either) == version
    with pytest.raises(ValueError, match="none of the servers"):
        cache.version(server="127.0.0.1:1")


def test_flush_all_makes_every_item_a_miss(memcached_server: str) -> None:
    cache = Memcache(memcached_server, timeout=PATIENCE)
    cache.set_many({"a": b"1", "b": b"2"})
    cache.flush_all(3600)
    assert len(cache.get_many(["a", "b"])) == 2
    cache.flush_all()
    assert cache.get_many(["a", "b"]) == {}


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
        while connections(server.memcached) > before + 2:
            pass
        cache.close()
        while connections(server.memcached) > before:
            pass


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
    [bytearray(b"12345678"), memoryview(b"12345678"), array.array("B", b"12345678"), memoryview(b"1.2.3.4.5.6.7.8.")[::2]],
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
def test_a_wrong_user_or_password_is_told(sasl: tuple[str, str] | None) -> None:
    with ReferenceServer() as server:
        for on_error in ("raise", "miss"):
            cache = Memcache(server.memcached_sasl, timeout=PATIENCE, sasl=sasl, on_error=on_error)  # type: ignore[arg-type]
            with pytest.raises(AuthFailed) as caught:
                cache.get("key")
            assert caught.value.status == 0x20
            with pytest.raises(AuthFailed):
                cache.set_many({"key": b"value"})
