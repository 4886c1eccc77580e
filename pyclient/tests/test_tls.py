"""TLS and Unix sockets, for the blocking clients and those for asyncio. What answers mean is tested elsewhere."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cancelling import each_cancellation
from certificates import Authority, Identity
from conftest import PATIENCE
from fakes import FakeServer, answers, silent
from relay import Relay, eventually
from test_processes import code_of, in_child, interrupted, uses

from lockproof import TLS, ConnectionFailed, Locks, Memcache, Pages, ReferenceServer, Timeout, aio
from lockproof.contrib.cachelib import MemcacheCache as CachelibCache
from lockproof.contrib.django import MemcacheCache as DjangoCache


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def identity(authority: Authority) -> Identity:
    return authority.sign("127.0.0.1", stem="server")


@pytest.fixture(scope="module")
def secured(identity: Identity) -> Iterator[ReferenceServer]:
    with ReferenceServer(tls_cert=identity.cert, tls_key=identity.key) as server:
        yield server


@pytest.fixture(params=["blocking", "asyncio"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(kind: str, address: str, **options: Any) -> None:
    """Stores a value and reads it."""
    options = {"timeout": PATIENCE, "connect_timeout": PATIENCE} | options
    if kind == "blocking":
        with Memcache(address, **options) as cache:
            assert cache.set("key", b"value") is True and cache.get("key") == b"value"
        return

    async def work() -> None:
        async with aio.Memcache(address, **options) as cache:
            assert await cache.set("key", b"value") is True and await cache.get("key") == b"value"

    asyncio.run(work())


def use_pages_and_locks(kind: str, netmem: str, locker: str, tls: TLS | bool = False) -> None:
    """Writes a page and reads it, in a clone as well; holds a lock."""
    if kind == "blocking":
        with Pages(netmem, tls=tls) as pages, Locks(locker, tls=tls) as locks:
            pages.write(1, b"data")
            assert pages.read(1)[:4] == pages.clone().read(1)[:4] == b"data"
            with locks.lock("name"):
                assert locks.query("name") is False
        return

    async def work() -> None:
        async with aio.Pages(netmem, tls=tls) as pages, aio.Locks(locker, tls=tls) as locks:
            await pages.write(1, b"data")
            async with pages.clone() as clone:
                assert (await pages.read(1))[:4] == (await clone.read(1))[:4] == b"data"
            async with locks.lock("name"):
                assert await locks.query("name") is False

    asyncio.run(work())


# Who comes in.


def test_every_client_speaks_tls(kind: str, secured: ReferenceServer, authority: Authority) -> None:
    tls = TLS(authority.cafile)
    ask(kind, secured.memcached, tls=tls)
    ask(kind, secured.memcached_sasl, tls=tls, sasl=("user", "password"))
    use_pages_and_locks(kind, secured.netmem, secured.locker, tls)


def test_every_client_speaks_over_unix_sockets(kind: str, tmp_path: Path) -> None:
    with ReferenceServer(sockets=tmp_path):
        ask(kind, f"unix://{tmp_path}/memcached.sock")
        ask(kind, f"unix:{tmp_path}/memcached.sock")
        use_pages_and_locks(kind, f"unix://{tmp_path}/netmem.sock", f"unix://{tmp_path}/locker.sock")


def test_true_trusts_the_roots_of_the_system(
    kind: str, secured: ReferenceServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.cafile))
    ask(kind, secured.memcached, tls=True)


def test_a_server_has_the_name_that_is_asked_for(kind: str, authority: Authority) -> None:
    elsewhere = authority.sign("example.org")
    with ReferenceServer(tls_cert=elsewhere.cert, tls_key=elsewhere.key) as server:
        ask(kind, server.memcached, tls=TLS(authority.cafile, server_name="example.org"))


def test_a_client_shows_its_certificate(
    kind: str, identity: Identity, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    me, both = stranger.sign("me.example.org"), tmp_path / "both.pem"
    both.write_bytes(me.cert.read_bytes() + me.key.read_bytes())
    with ReferenceServer(tls_cert=identity.cert, tls_key=identity.key, tls_client_ca=stranger.cafile) as server:
        ask(kind, server.memcached, tls=TLS(authority.cafile, me.cert, str(me.key)))
        ask(kind, server.memcached, tls=TLS(authority.cafile, both))
        with pytest.raises(ConnectionFailed, match="the server wants a certificate of its clients"):
            ask(kind, server.memcached, tls=TLS(authority.cafile))


def test_the_backends_of_others_come_in(secured: ReferenceServer, authority: Authority, tmp_path: Path) -> None:
    tls = TLS(authority.cafile)
    with ReferenceServer(sockets=tmp_path):
        for cache in (
            CachelibCache(secured.memcached, tls=tls),
            CachelibCache(f"unix://{tmp_path}/memcached.sock"),
            DjangoCache(secured.memcached, {"OPTIONS": {"tls": tls}}),
            DjangoCache(f"unix:{tmp_path}/memcached.sock", {}),
        ):
            cache.set("key", "value")
            assert cache.get("key") == "value"


# Who does not.


def test_nobody_is_trusted_by_mistake(
    kind: str, secured: ReferenceServer, authority: Authority, stranger: Authority
) -> None:
    said = "the server's certificate is not accepted: .*"
    with pytest.raises(ConnectionFailed, match=said + "cafile"):
        ask(kind, secured.memcached, tls=TLS(stranger.cafile))
    old = authority.sign("127.0.0.1", stem="old", expired=True)
    with ReferenceServer(tls_cert=old.cert, tls_key=old.key) as server:
        with pytest.raises(ConnectionFailed, match=said + "expired.*it must be renewed"):
            ask(kind, server.memcached, tls=TLS(authority.cafile))
    elsewhere = authority.sign("example.org")
    with ReferenceServer(tls_cert=elsewhere.cert, tls_key=elsewhere.key) as server:
        with pytest.raises(ConnectionFailed, match=said + "server_name"):
            ask(kind, server.memcached, tls=TLS(authority.cafile))


def test_a_server_without_tls_is_told_from_one_that_is_not_trusted(
    kind: str, memcached_server: str, authority: Authority
) -> None:
    with pytest.raises(ConnectionFailed, match="perhaps it speaks no"):
        ask(kind, memcached_server, tls=TLS(authority.cafile))


def test_a_client_without_tls_does_not_come_in(kind: str, secured: ReferenceServer) -> None:
    # What comes back is an alert of TLS, and not memcached's.
    with pytest.raises(Exception) as raised:
        ask(kind, secured.memcached)
    assert type(raised.value).__module__ == "lockproof._errors"


def test_a_handshake_that_stalls_is_a_timeout(kind: str, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "127.0.0.1:{}".format(listener.getsockname()[1])
        with pytest.raises(Timeout, match="no connection to"):
            ask(kind, address, tls=TLS(authority.cafile), connect_timeout=0.2)


def test_a_socket_that_is_not_there_is_a_connection_that_failed(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match="no connection to .*unix://.*/nowhere.sock: .*No such file"):
        ask(kind, f"unix://{tmp_path}/nowhere.sock")


# Arguments.


def test_what_is_no_tls_is_said(kind: str) -> None:
    with pytest.raises(TypeError, match="not SSLContext; the native part speaks TLS by rustls"):
        ask(kind, "127.0.0.1:1", tls=ssl.create_default_context())
    with pytest.raises(TypeError, match="not str"):
        ask(kind, "127.0.0.1:1", tls="root.pem")
    with pytest.raises(ValueError, match="a Unix socket has no TLS"):
        ask(kind, "unix:///run/memcached.sock", tls=True)
    with pytest.raises(ValueError, match="names no absolute path"):
        ask(kind, "unix://run/memcached.sock")


def test_files_that_are_wrong_are_named(kind: str, identity: Identity, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere.pem") as missing:
        ask(kind, "127.0.0.1:1", tls=TLS(tmp_path / "nowhere.pem"))
    assert missing.value.filename == str(tmp_path / "nowhere.pem")
    junk = tmp_path / "junk.pem"
    junk.write_bytes(bytes(range(256)))
    for tls, problem in {
        TLS(junk): "junk.pem: a certificate in PEM is wanted",
        TLS(authority.cafile, identity.cert): "server.pem: a private key without a password in PEM is wanted",
        TLS(authority.cafile, identity.cert, junk): "junk.pem: a private key",
        TLS(authority.cafile, None, identity.key): "a key is of use with its certificate only",
        TLS(authority.cafile, identity.cert, authority.sign("b").key): "server.pem: not with this key",
        TLS(authority.cafile, server_name="no name"): "no name that a certificate could have",
    }.items():
        with pytest.raises(ValueError, match=problem):
            ask(kind, "127.0.0.1:1", tls=tls)


def test_a_server_wants_a_certificate_with_its_key(identity: Identity) -> None:
    with pytest.raises(ValueError, match="TLS wants a certificate and its key"):
        ReferenceServer(tls_cert=identity.cert)
    with pytest.raises(OSError, match="nowhere"):
        ReferenceServer(tls_cert="nowhere", tls_key="nowhere")


# Use.

LARGE = bytes((i * i >> 7) & 0xFF for i in range(1_000_000))
MANY = {f"key {i}": b"%d" % i * 200 for i in range(5000)}


def test_large_values_and_thousands_of_keys_go_both_ways(secured: ReferenceServer, authority: Authority) -> None:
    with Memcache(secured.memcached, tls=TLS(authority.cafile), timeout=PATIENCE) as cache:
        cache.set("large", LARGE)
        assert cache.get("large") == LARGE
        assert cache.set_many(MANY) == []
        assert cache.get_many(MANY) == MANY


async def test_large_values_and_thousands_of_keys_go_both_ways_by_asyncio(
    secured: ReferenceServer, authority: Authority
) -> None:
    async with aio.Memcache(secured.memcached, tls=TLS(authority.cafile), timeout=PATIENCE) as cache:
        await cache.set("large", LARGE)
        assert await cache.get("large") == LARGE
        assert await cache.set_many(MANY) == []
        assert await cache.get_many(MANY) == MANY
        assert await asyncio.gather(*map(cache.get, MANY)) == list(MANY.values())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_of_openssl_is_understood(identity: Identity, authority: Authority, version: ssl.TLSVersion) -> None:
    context = identity.context
    context.minimum_version = context.maximum_version = version
    with FakeServer(answers, tls=context) as server, Memcache(server.address, protocol="binary", tls=TLS(authority.cafile)) as cache:
        assert cache.set("key", b"value") is True
        assert cache.get("key") == b"right"


def test_an_idle_connection_that_has_ended_is_replaced(secured: ReferenceServer, authority: Authority) -> None:
    with Relay(secured.memcached) as relay, Memcache(relay.address, tls=TLS(authority.cafile), timeout=PATIENCE) as cache:
        for _ in range(3):
            assert cache.set("key", b"value") is True
            relay.cut()
            # One that was used a moment ago is taken to be live.
            time.sleep(0.05)
        assert relay.accepted == 3


def test_a_connection_that_breaks_in_mid_reply_is_no_answer(
    kind: str, secured: ReferenceServer, authority: Authority
) -> None:
    tls = TLS(authority.cafile)
    with Memcache(secured.memcached, tls=tls) as cache:
        cache.set("large", LARGE)

    def cut() -> None:
        eventually(lambda: relay.answered >= 100_000)
        relay.cut()

    async def get() -> Any:
        async with aio.Memcache(relay.address, tls=tls, timeout=PATIENCE) as cache:
            return await cache.get("large")

    with Relay(secured.memcached) as relay, ThreadPoolExecutor(1) as threads:
        relay.allow(100_000)
        cutting = threads.submit(cut)
        with pytest.raises(ConnectionFailed):
            if kind == "asyncio":
                asyncio.run(get())
            else:
                Memcache(relay.address, tls=tls, timeout=PATIENCE).get("large")
        cutting.result(PATIENCE)


async def test_a_cancelled_operation_leaves_no_answer_to_others(secured: ReferenceServer, authority: Authority) -> None:
    async with aio.Memcache(secured.memcached, tls=TLS(authority.cafile), timeout=PATIENCE) as cache:
        await cache.set("a", b"a")
        await cache.set("b", b"b")
        cancelled = 0
        async for _ in each_cancellation(lambda: cache.get("a")):
            assert await cache.get("b") == b"b"
            cancelled += 1
        assert cancelled


async def test_a_cancelled_connection_attempt_is_given_up(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "127.0.0.1:{}".format(listener.getsockname()[1])
        async with aio.Locks(address, tls=TLS(authority.cafile), connect_timeout=PATIENCE) as locks:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await locks.query("name")


def test_after_ctrl_c_the_same_client_works_on(identity: Identity, authority: Authority) -> None:
    with FakeServer(silent, answers, tls=identity.context) as server:
        tls = TLS(authority.cafile)
        with Memcache(server.address, protocol="binary", tls=tls, timeout=2 * PATIENCE, connect_timeout=2 * PATIENCE) as cache:
            with interrupted(lambda: server.connections == 1):
                cache.get("key")
            assert cache.get("key") == b"right"


def test_ctrl_c_is_heard_in_a_handshake_that_stalls(authority: Authority) -> None:
    with FakeServer(silent) as server:
        with Memcache(server.address, protocol="binary", tls=TLS(authority.cafile), connect_timeout=2 * PATIENCE) as cache:
            with interrupted(lambda: server.connections == 1):
                cache.get("key")


def test_ctrl_c_is_heard_where_a_unix_socket_takes_nobody(tmp_path: Path) -> None:
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.socket(socket.AF_UNIX))
        deaf.bind(f"{tmp_path}/deaf.sock")
        deaf.listen(0)
        with pytest.raises(BlockingIOError):
            while True:
                queued = stack.enter_context(socket.socket(socket.AF_UNIX))
                queued.setblocking(False)
                queued.connect(f"{tmp_path}/deaf.sock")
        calling = threading.Event()
        with Memcache(f"unix://{tmp_path}/deaf.sock", connect_timeout=2 * PATIENCE) as cache:
            with interrupted(calling.is_set):
                calling.set()
                cache.get("key")
        with Memcache(f"unix://{tmp_path}/deaf.sock", connect_timeout=0.1) as cache:
            with pytest.raises(Timeout):
                cache.get("key")


def test_a_forked_child_and_its_parent_both_go_on(secured: ReferenceServer, authority: Authority) -> None:
    with Memcache(secured.memcached, tls=TLS(authority.cafile), timeout=PATIENCE) as cache:
        for i in range(5):
            cache.set("before", b"it forks")
            child = in_child(lambda: uses(cache, f"child {i}"))
            assert uses(cache, f"parent {i}")
            assert code_of(child) == 0


def test_a_child_that_closes_does_not_end_its_parents_sessions(secured: ReferenceServer, authority: Authority) -> None:
    with Relay(secured.memcached) as relay, Memcache(relay.address, tls=TLS(authority.cafile), timeout=PATIENCE) as cache:
        cache.set("key", b"value")

        def close() -> bool:
            cache.close()
            return True

        assert code_of(in_child(close)) == 0
        assert cache.get("key") == b"value"
        assert relay.accepted == 1
