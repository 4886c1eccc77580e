"""Which protocol is spoken: chosen, or found out once for each server."""

from __future__ import annotations

import socket

import pytest
from conftest import PATIENCE, start_memcached
from fakes import FakeServer

from lockproof import SASL, AuthFailed, KeyInvalid, Memcache, ProtocolError, ReferenceServer, Timeout, aio
from lockproof._common import Protocol
from relay import Relay


def test_meta_is_found_out_by_the_first_connection(either: str) -> None:
    with Memcache(either, timeout=PATIENCE) as cache:
        assert cache.protocol() is None
        cache.get("key")
        assert cache.protocol() == "meta"


def test_it_is_found_out_once() -> None:
    with ReferenceServer() as server, Relay(server.memcached) as relay:
        with Memcache(relay.address, timeout=PATIENCE) as cache:
            cache.get("key")
            assert relay.accepted == 1, "the connection that has found it out is used"
            cache.close()
            cache.get("key")
            assert relay.accepted == 2


async def test_asyncio_finds_it_out_too(either: str) -> None:
    async with aio.Memcache(either, timeout=PATIENCE, connect_timeout=PATIENCE) as cache:
        assert cache.protocol() is None
        await cache.set("found-out", b"value")
        assert await cache.get("found-out") == b"value"
        assert cache.protocol() == "meta"


async def test_a_server_of_frames_alone_is_spoken_to_in_frames() -> None:
    process, address = start_memcached("-B", "binary")
    try:
        with Memcache(address, timeout=PATIENCE) as cache:
            assert cache.set("key", b"value")
            assert cache.get("key") == b"value"
            assert cache.protocol() == "binary"
        async with aio.Memcache(address, timeout=PATIENCE, connect_timeout=PATIENCE) as shared:
            assert await shared.get("key") == b"value"
            assert shared.protocol() == "binary"
    finally:
        process.kill()
        process.wait()


def old_memcached(connection: socket.socket) -> None:
    """A server of text that has never heard of meta."""
    with connection.makefile("rwb", buffering=0) as stream:
        for line in stream:
            known = {b"gets key\r\n": b"VALUE key 0 5 1\r\nvalue\r\nEND\r\n", b"version\r\n": b"VERSION 1.4.0\r\n"}
            stream.write(known.get(line, b"ERROR\r\n"))


async def test_a_server_without_meta_is_spoken_to_by_text() -> None:
    with FakeServer(old_memcached, old_memcached) as server:
        with Memcache(server.address, timeout=PATIENCE) as cache:
            assert cache.get("key") == b"value"
            assert cache.protocol() == "text"
            assert cache.version() == "1.4.0"
        async with aio.Memcache(server.address, timeout=PATIENCE) as shared:
            assert await shared.get("key") == b"value"
            assert shared.protocol() == "text"


def test_what_is_not_proven_is_not_remembered() -> None:
    def crowded(connection: socket.socket) -> None:
        connection.sendall(b"ERROR Too many open connections\r\n")

    def deaf(connection: socket.socket) -> None:
        while connection.recv(4096):
            pass

    with FakeServer(crowded, crowded, deaf, old_memcached) as server:
        cache = Memcache(server.address, timeout=0.3)
        with pytest.raises(ProtocolError):
            cache.get("key")
        assert cache.protocol() is None
        with pytest.raises(Timeout):
            cache.get("key")
        assert cache.protocol() is None
        assert cache.get("key") == b"value"
        assert cache.protocol() == "text"
        cache.close()


async def test_users_come_in_by_every_protocol(protocol: Protocol) -> None:
    with ReferenceServer() as server:
        with Memcache(server.memcached_sasl, timeout=PATIENCE, sasl=SASL, protocol=protocol) as cache:
            assert cache.set("key", b"value") and cache.protocol() == protocol
        with pytest.raises(AuthFailed):
            Memcache(server.memcached_sasl, timeout=PATIENCE, sasl=("user", "wrong"), protocol=protocol).get("key")
        address = server.memcached_sasl
        async with aio.Memcache(address, timeout=PATIENCE, sasl=SASL, protocol=protocol) as shared:
            assert await shared.get("key") == b"value"


def test_with_users_it_is_binary_unless_another_is_asked_for() -> None:
    assert Memcache(sasl=SASL).protocol() == "binary"
    assert aio.Memcache(sasl=SASL).protocol() == "binary"


def test_keys_with_spaces_are_for_those_who_can_say_them(either: str, protocol: Protocol) -> None:
    with Memcache(either, timeout=PATIENCE, protocol=protocol) as cache:
        if protocol == "text":
            with pytest.raises(KeyInvalid, match="a space or a control byte"):
                cache.set("a b\r\n", b"value")
            return
        assert cache.set("a b\r\n", b"value")
        assert cache.get_many(["a b\r\n"]) == {"a b\r\n": b"value"}


def test_there_are_four_words() -> None:
    for client in (Memcache, aio.Memcache):
        with pytest.raises(ValueError, match="'auto', 'binary', 'text' or 'meta', not 'ascii'"):
            client(protocol="ascii")  # type: ignore[arg-type]
