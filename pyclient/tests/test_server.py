"""The embedded reference server, and the conformance suite."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from lockproof import SASL, ConnectionFailed, Locks, Memcache, OutOfMemory, Pages, ReferenceServer, check
from relay import PATIENCE, Relay, host_and_port

#: A parent whose forked child ends as programs do, inside the ``with`` block; then the parent uses its server.
FORKING = """
import os, sys
from lockproof import Memcache, ReferenceServer
with ReferenceServer() as server, Memcache(server.memcached) as cache:
    cache.set("key", b"before")
    child = os.fork()
    if child == 0:
        sys.exit(7)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7, status
    assert cache.get("key") == b"before"
    with Memcache(server.memcached) as other:
        assert other.get("key") == b"before"
print("fine")
"""

MISS = "memcached/get/miss-is-not-found"


def addresses(server: ReferenceServer) -> list[str]:
    """All of them."""
    return [
        server.memcached,
        server.memcached_sasl,
        server.memcached_evicts,
        server.memcached_refuses,
        server.netmem,
        server.locker,
        server.echo,
    ]


def test_every_port_answers() -> None:
    with ReferenceServer() as server:
        with Memcache(server.memcached) as cache:
            assert cache.set("key", b"value")
        with Memcache(server.memcached_sasl, sasl=SASL) as cache:
            assert cache.set("key", b"value")
        with Pages(server.netmem) as pages:
            assert pages.params == (16, 4096)
        with Locks(server.locker) as locks:
            assert locks.query("name")
        with socket.create_connection(host_and_port(server.echo), PATIENCE) as echo:
            echo.sendall(b"hello\0")
            assert echo.recv(6, socket.MSG_WAITALL) == b"hello\0"
        assert len(set(addresses(server))) == 7
        assert all(address.startswith("127.0.0.1:") for address in addresses(server))


def test_the_pages_are_as_many_and_as_long_as_wanted() -> None:
    with ReferenceServer(pages=2, page_size=1) as server, Pages(server.netmem) as pages:
        assert pages.params == (2, 1)


@pytest.mark.parametrize(("pages", "page_size"), [(0, 1), (1, 0)])
def test_no_page_at_all_is_refused(pages: int, page_size: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        ReferenceServer(pages=pages, page_size=page_size)


def test_a_server_with_little_memory_evicts_or_refuses() -> None:
    value = bytes(300_000)
    with ReferenceServer() as server:
        with Memcache(server.memcached_evicts) as cache:
            assert all(cache.set(f"key{number}", value) for number in range(8))
            kept = cache.get_many([f"key{number}" for number in range(8)])
            assert 0 < len(kept) < 8 and "key7" in kept
        with Memcache(server.memcached_refuses) as cache:
            with pytest.raises(OutOfMemory):
                for number in range(8):
                    cache.set(f"key{number}", value)
            assert cache.get("key0") == value


def test_stop_ends_connections_and_frees_the_ports() -> None:
    server = ReferenceServer()
    connections = [socket.create_connection(host_and_port(address), PATIENCE) for address in addresses(server)]
    server.stop()
    for connection in connections:
        with connection:
            # One that was not yet accepted is reset.
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    for address in addresses(server):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(host_and_port(address), PATIENCE)


def test_stop_ends_waiting_and_holding_clients() -> None:
    server = ReferenceServer()
    pages, lock = Pages(server.netmem), Locks(server.locker).lock("name")
    lock.acquire()
    with pytest.raises(ConnectionError), pages.locked(0):
        server.stop()
    with pytest.raises(ConnectionError):
        lock.release()


def test_a_second_stop_does_nothing() -> None:
    with ReferenceServer() as server:
        server.stop()
        server.stop()


def test_several_servers_know_nothing_of_each_other() -> None:
    with ReferenceServer() as one, ReferenceServer() as two:
        assert not set(addresses(one)) & set(addresses(two))
        with Memcache(one.memcached) as first, Memcache(two.memcached) as second:
            first.set("key", b"value")
            assert second.get("key") is None
        one.stop()
        with Memcache(two.memcached) as second:
            assert second.set("key", b"value")


def test_a_forgotten_server_stops() -> None:
    server = ReferenceServer()
    address = host_and_port(server.memcached)
    del server
    # It is not waited for, so the port is free a moment later.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(address, PATIENCE).close()
        except OSError:
            return
        assert time.monotonic() < deadline


def test_a_forked_childs_end_leaves_the_server_alone() -> None:
    program = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=4 * PATIENCE)
    assert (program.stdout, program.returncode) == ("fine\n", 0), program.stderr


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_stop_in_a_forked_child_leaves_the_server_alone() -> None:
    with ReferenceServer() as server:
        child = os.fork()
        if not child:
            server.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        with Memcache(server.memcached) as cache:
            assert cache.set("key", b"value")


def test_a_good_server_conforms(memcached_server: str) -> None:
    report = check(f"memcached://{memcached_server}", cases=[MISS, "memcached/set/same-*"])
    assert report.conforms and report.exit_code == 0
    assert [case["verdict"] for case in report.document["cases"]] == ["pass", "pass"]
    assert "conforms" in report.text
    assert repr(report) == "<lockproof.Report: conforms>"


def test_all_protocols_can_be_judged() -> None:
    with ReferenceServer() as server:
        targets = {
            f"netmem://{server.netmem}": "netmem/lock/free-page-at-once",
            f"locker://{server.locker}": "locker/batch/get-all-free",
            f"echo://{server.echo}": "echo/strings/one",
        }
        for target, case in targets.items():
            report = check(target, cases=case)
            assert report.conforms
            assert [judged["id"] for judged in report.document["cases"]] == [case]


def test_real_memcached_answers_a_miss_as_it_should(memcached: str) -> None:
    assert check(f"memcached://{memcached}", cases=MISS).conforms


def test_the_seed_and_the_deliveries_are_in_the_report(memcached_server: str) -> None:
    report = check(f"memcached://{memcached_server}", cases=MISS, deliveries=["whole", "bytes"], seed=7)
    assert report.document["seed"] == 7
    assert [case["delivery"] for case in report.document["cases"]] == ["whole", "bytes"]


def wrong_status(reply: bytes) -> bytes:
    """Where the server says that there is none, it says something else."""
    return reply[:6] + b"\0\x05" + reply[8:] if reply[6:8] == b"\0\x01" else reply


def test_a_broken_server_does_not_conform(memcached_server: str) -> None:
    with Relay(memcached_server, wrong_status) as broken:
        report = check(f"memcached://{broken.address}", cases=[MISS])
    assert not report.conforms and report.exit_code == 1
    assert MISS in report.text
    assert "\x1b" not in report.text
    assert report.document["outcome"] != "conforms"
    assert repr(report) == "<lockproof.Report: does not conform>"


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("memcached://{}", {"cases": ["memcached/no-such-case"]}),
        ("memcached://{}", {"cases": ["echo/strings/one"]}),
        ("memcached://{}", {"cases": [MISS], "deliveries": ["sometimes"]}),
        ("memcached://{}", {"cases": [MISS], "timeout": 0}),
        ("gopher://{}", {}),
    ],
)
def test_what_is_not_known_is_a_value_error(memcached_server: str, target: str, options: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        check(target.format(memcached_server), **options)  # type: ignore[arg-type]


def test_nobody_there_is_a_failed_connection() -> None:
    with ReferenceServer() as server:
        gone = server.memcached
    with pytest.raises(ConnectionFailed):
        check(f"memcached://{gone}", cases=[MISS])
