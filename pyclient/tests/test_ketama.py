"""Several servers: each key is where pylibmc has it, and a server that is away costs its own keys only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pylibmc  # type: ignore[import-untyped]
import pytest
from conftest import PATIENCE, free_port, start_memcached

from lockproof import ConnectionFailed, Memcache, ReferenceServer
from lockproof._ketama import Ring

KEYS = [f"key {i} é".encode() for i in range(500)]

#: libmemcached's arithmetic gives 156 points instead of 160 to each of 25 servers.
MANY = 25


@pytest.fixture(scope="module")
def servers() -> Iterator[list[str]]:
    """Real memcacheds."""
    processes = []
    try:
        for _ in range(MANY):
            processes.append(start_memcached("-t", "1", "-m", "16"))
        yield [address for _, address in processes]
    finally:
        for process, _ in processes:
            process.kill()
            process.wait()


@pytest.fixture(params=[2, 3, 5, MANY])
def some(servers: list[str], request: pytest.FixtureRequest) -> list[str]:
    """So many of them, all empty."""
    chosen = servers[: request.param]
    Memcache(chosen, timeout=PATIENCE).flush_all()
    return chosen


def libmemcached(servers: list[str]) -> Any:
    return pylibmc.Client(servers, binary=True, behaviors={"ketama_weighted": True})


def spaceless(keys: list[bytes]) -> list[str]:
    """pylibmc takes no spaces."""
    return [key.decode().replace(" ", "_") for key in keys]


def test_ours_finds_all_that_pylibmc_stored(some: list[str]) -> None:
    theirs = libmemcached(some)
    for key in spaceless(KEYS):
        assert theirs.set(key, key.encode())
    with Memcache(some, timeout=PATIENCE) as cache:
        assert cache.get_many(spaceless(KEYS)) == {key: key.encode() for key in spaceless(KEYS)}
        assert [cache.get(key) for key in spaceless(KEYS)] == [key.encode() for key in spaceless(KEYS)]


def test_pylibmc_finds_all_that_ours_stored(some: list[str]) -> None:
    with Memcache(some, timeout=PATIENCE) as cache:
        assert cache.set_many({key: key.encode() for key in spaceless(KEYS)}) == []
    theirs = libmemcached(some)
    assert [theirs.get(key) for key in spaceless(KEYS)] == [key.encode() for key in spaceless(KEYS)]


def test_the_order_of_the_servers_does_not_matter(servers: list[str]) -> None:
    Memcache(servers[:3], timeout=PATIENCE).set_many({key: key for key in KEYS})
    with Memcache(servers[2::-1], timeout=PATIENCE) as cache:
        assert cache.get_many(KEYS) == {key: key for key in KEYS}


def test_unix_sockets_have_their_place_among_the_servers(tmp_path: Path) -> None:
    with ExitStack() as stack:
        # pylibmc takes no ports beside them.
        for name in ("a", "b", "c"):
            (tmp_path / name).mkdir()
            stack.enter_context(ReferenceServer(sockets=tmp_path / name))
        paths = [f"{tmp_path}/{name}/memcached.sock" for name in ("a", "b", "c")]
        theirs = libmemcached(paths)
        for key in spaceless(KEYS):
            assert theirs.set(key, key.encode())
        cache = stack.enter_context(Memcache([f"unix://{path}" for path in paths], timeout=PATIENCE))
        assert cache.get_many(spaceless(KEYS)) == {key: key.encode() for key in spaceless(KEYS)}
        assert cache.version(server=f"unix://{paths[0]}")


def hosts(count: int) -> list[tuple[str, int]]:
    return [(f"10.0.0.{i}", 11211) for i in range(count)]


def test_without_a_server_only_its_keys_move() -> None:
    # Not over 24 servers to 25, where the number of points changes.
    before, after = Ring(hosts(5)), Ring(hosts(4))
    moved = [(key, before.server(key)) for key in KEYS if before.server(key) != after.server(key)]
    assert {place for _, place in moved} == {4}
    assert len(moved) == sum(before.server(key) == 4 for key in KEYS)


@pytest.mark.parametrize("count", [2, 5, 25])
def test_each_server_has_about_its_share(count: int) -> None:
    ring = Ring(hosts(count))
    shares = [0] * count
    for i in range(20_000):
        shares[ring.server(b"%d" % i)] += 1
    assert 0.5 * 20_000 / count < min(shares) and max(shares) < 1.8 * 20_000 / count


def test_batches_go_to_every_server_and_come_back_together(servers: list[str]) -> None:
    three = servers[:3]
    with Memcache(three, timeout=PATIENCE) as cache:
        cache.flush_all()
        values: dict[str | bytes, bytes] = {key: key for key in KEYS}
        assert cache.set_many({**values, KEYS[7]: bytes(2 << 20)}) == [KEYS[7]]
        assert cache.get_many(KEYS) == {key: key for key in KEYS if key != KEYS[7]}
        assert set(cache.gets_many(KEYS)) == set(KEYS) - {KEYS[7]}
        counts = [len(Memcache(server, timeout=PATIENCE).get_many(KEYS)) for server in three]
        assert sum(counts) == len(KEYS) - 1 and min(counts) > 0
        assert cache.delete_many(KEYS) == [KEYS[7]]
        assert cache.get_many(KEYS) == {}


def test_several_servers_have_to_be_named_for_what_concerns_one(servers: list[str]) -> None:
    with Memcache(servers[:2], timeout=PATIENCE) as cache:
        assert cache.servers == servers[:2]
        with pytest.raises(ValueError, match="name one of the servers"):
            cache.version()
        assert cache.stats("settings", server=servers[1])["tcpport"] == servers[1].split(":")[1]


@pytest.mark.parametrize("servers", [[], ["a:1", "a:1"], ["a", "a:11211"]])
def test_no_server_or_the_same_twice_is_an_error(servers: list[str]) -> None:
    with pytest.raises(ValueError, match="no server|given twice"):
        Memcache(servers)


@pytest.fixture
def one_away() -> Iterator[list[str]]:
    """Two servers, and the address of none."""
    with ReferenceServer() as one, ReferenceServer() as two:
        yield [one.memcached, two.memcached, f"127.0.0.1:{free_port()}"]


def at(cache: Memcache, place: int) -> list[bytes]:
    return [key for key in KEYS if cache._place_of(key) == place]


def test_a_server_that_is_away_is_an_error_for_its_keys_only(one_away: list[str]) -> None:
    with Memcache(one_away, timeout=PATIENCE) as cache:
        there, away = at(cache, 0) + at(cache, 1), at(cache, 2)
        assert there and away
        for key in there:
            assert cache.set(key, key) is True
        assert cache.get_many(there) == {key: key for key in there}
        for key in away[:20]:
            with pytest.raises(ConnectionFailed):
                cache.set(key, key)
            with pytest.raises(ConnectionFailed):
                cache.get(key)
        with pytest.raises(ConnectionFailed):
            cache.get_many(KEYS)


def test_or_a_miss_for_its_keys_only(one_away: list[str]) -> None:
    with Memcache(one_away, timeout=PATIENCE, on_error="miss") as cache:
        there, away = at(cache, 0) + at(cache, 1), at(cache, 2)
        assert sorted(cache.set_many({key: key for key in KEYS})) == sorted(away)
        assert cache.get_many(KEYS) == {key: key for key in there}
        assert sorted(cache.delete_many(KEYS)) == sorted(away)
        assert cache.forgiven == 3
