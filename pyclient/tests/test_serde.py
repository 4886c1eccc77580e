"""Objects as values, and that other clients read what we write and the other way round."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pylibmc  # type: ignore[import-untyped]
import pytest
from conftest import PATIENCE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymemcache.client.base import Client as PymemcacheClient  # type: ignore[import-untyped]
from pymemcache.serde import pickle_serde  # type: ignore[import-untyped]

from lockproof import JsonSerde, Memcache, PickleSerde, Serde

# No example has a time limit: the machine may be busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

VALUES: list[Any] = [
    "text", "ünïcödé", "", "123", 0, 5, -3, 2**63, 2**70, -(2**70), b"bytes\x00\xff", b"", {"a": [1, "x", None]}, {},
    None, True, False, 1.5, [1, 2], (1, 2),
]  # fmt: skip

each_value = pytest.mark.parametrize("value", VALUES, ids=repr)


def same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values | st.binary())
def test_json_gives_back_what_it_was_given(value: Any) -> None:
    data, flags = JsonSerde().serialize("key", value)
    assert same(JsonSerde().deserialize("key", bytes(data), flags), value)


@given(json_values | st.binary() | st.tuples(st.integers(), st.text()) | st.datetimes() | st.frozensets(st.integers()))
def test_pickle_gives_back_what_it_was_given(value: Any) -> None:
    data, flags = PickleSerde().serialize("key", value)
    assert same(PickleSerde().deserialize("key", bytes(data), flags), value)


class Colour(enum.IntEnum):
    RED = 1


class Name(str):
    pass


@pytest.mark.parametrize("value", [Colour.RED, Name("n"), bytearray(b"b"), True], ids=repr)
def test_pickle_keeps_the_exact_type(value: Any) -> None:
    data, flags = PickleSerde().serialize("key", value)
    assert flags == PickleSerde.PICKLE
    assert same(PickleSerde().deserialize("key", data, flags), value)


@pytest.mark.parametrize("value", [object(), {1, 2}, {"a": b"bytes"}], ids=["object", "set", "bytes inside"])
def test_what_is_no_json_is_an_error_and_stores_nothing(memcached_server: str, value: Any) -> None:
    with Memcache(memcached_server, timeout=PATIENCE, serde=JsonSerde()) as cache:
        with pytest.raises(TypeError):
            cache.set("key", value)
        with pytest.raises(TypeError):
            cache.set_many({"key": 1, "other": value})
        assert cache.get_many(["key", "other"]) == {}


@pytest.mark.parametrize("serde", [JsonSerde(), PickleSerde()], ids=["json", "pickle"])
def test_values_of_nobody_knows_what_flags_stay_bytes(memcached_server: str, serde: Serde) -> None:
    with Memcache(memcached_server, timeout=PATIENCE) as plain, Memcache(
        memcached_server, timeout=PATIENCE, serde=serde
    ) as cache:
        plain.set("key", b"bytes", flags=1 << 20)
        assert cache.get("key") == b"bytes"


def test_the_flags_are_those_that_the_docs_tell() -> None:
    def flags(serde: Serde, *values: Any) -> list[int]:
        return [serde.serialize("key", value)[1] for value in values]

    assert flags(JsonSerde(), b"", bytearray(), memoryview(b""), "", 1, None, {}) == [0, 0, 0, 16, 1024, 1024, 1024]
    assert flags(PickleSerde(), b"", {}, None, True, 1, 2**70, "") == [0, 1, 1, 1, 2, 2, 16]


@pytest.fixture
def ours(memcached: str) -> Memcache:
    return Memcache(memcached, timeout=PATIENCE, serde=PickleSerde())


@pytest.fixture
def pymemcache(memcached: str) -> Iterator[PymemcacheClient]:
    client = PymemcacheClient(memcached, serde=pickle_serde, timeout=PATIENCE)
    yield client
    client.close()


@pytest.fixture
def libmemcached(memcached: str) -> Any:
    return pylibmc.Client([memcached], binary=True)


@each_value
def test_ours_reads_what_pymemcache_writes(ours: Memcache, pymemcache: PymemcacheClient, value: Any) -> None:
    key = str(uuid4())
    assert pymemcache.set(key, value, noreply=False)
    assert same(ours.get(key), value)
    assert same(ours.get_many([key])[key], value)


@each_value
def test_pymemcache_reads_what_ours_writes(ours: Memcache, pymemcache: PymemcacheClient, value: Any) -> None:
    key = str(uuid4())
    assert ours.set(key, value)
    assert same(pymemcache.get(key), value)


@each_value
def test_the_bytes_and_flags_are_pymemcaches(ours: Memcache, pymemcache: PymemcacheClient, value: Any) -> None:
    # The protocol of pickle is each one's choice.
    data, flags = PickleSerde(protocol=5).serialize("key", value)
    theirs, their_flags = pickle_serde.serialize("key", value)
    assert (data, flags) == (theirs.encode() if isinstance(theirs, str) else theirs, their_flags)


@each_value
def test_ours_reads_what_pylibmc_writes(ours: Memcache, libmemcached: Any, value: Any) -> None:
    key = str(uuid4())
    assert libmemcached.set(key, value)
    assert ours.get(key) == value
    # pylibmc has no bool: it gives back an int itself.
    assert same(ours.get(key), libmemcached.get(key))


@each_value
def test_pylibmc_reads_what_ours_writes(ours: Memcache, libmemcached: Any, value: Any) -> None:
    key = str(uuid4())
    assert ours.set(key, value)
    assert same(libmemcached.get(key), value)


def test_what_pylibmc_compressed_is_refused(ours: Memcache, libmemcached: Any) -> None:
    key = str(uuid4())
    assert libmemcached.set(key, "a" * 10_000, min_compress_len=100)
    with pytest.raises(ValueError, match="is compressed"):
        ours.get(key)


def test_pymemcaches_own_serde_serves_our_client(memcached: str, pymemcache: PymemcacheClient) -> None:
    key = str(uuid4())
    cache = Memcache(memcached, timeout=PATIENCE, serde=pickle_serde)
    assert cache.set(key, {"a": 1})
    assert cache.get(key) == pymemcache.get(key) == {"a": 1}
