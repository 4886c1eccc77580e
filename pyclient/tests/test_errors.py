"""What is raised, what it says about the change, and that the next operation is right all the same."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from conftest import PATIENCE, free_port, start_memcached
from fakes import HEADER, FakeServer, Script, answers, hit, read_request, reply, silent

import lockproof
from lockproof import ConnectionFailed, KeyInvalid, Memcache, ProtocolError, Timeout, TooLarge

#: Enough for a fake that never answers; nothing else ever waits so long.
SOON = 0.2

TREE: list[tuple[type[Exception], tuple[type[BaseException], ...]]] = [
    (lockproof.ConnectionFailed, (lockproof.Error, ConnectionError, OSError)),
    (lockproof.Timeout, (lockproof.Error, TimeoutError, OSError)),
    (lockproof.ProtocolError, (lockproof.Error,)),
    (lockproof.ServerError, (lockproof.Error,)),
    (lockproof.TooLarge, (lockproof.ServerError, ValueError)),
    (lockproof.NotANumber, (lockproof.ServerError, ValueError)),
    (lockproof.OutOfMemory, (lockproof.ServerError, MemoryError)),
    (lockproof.AuthFailed, (lockproof.ServerError, PermissionError)),
    (lockproof.NoSuchPage, (lockproof.ServerError, IndexError)),
    (lockproof.KeyInvalid, (lockproof.Error, ValueError)),
    (lockproof.ArgumentInvalid, (lockproof.Error, ValueError)),
    (lockproof.LockError, (lockproof.Error,)),
    (lockproof.LockTimeout, (lockproof.LockError, TimeoutError)),
    (lockproof.LockLost, (lockproof.LockError, ConnectionError)),
    (lockproof.LockNotHeld, (lockproof.LockError, RuntimeError)),
]


@pytest.mark.parametrize(("kind", "bases"), TREE, ids=[kind.__name__ for kind, _ in TREE])
def test_each_error_is_what_people_catch_already(
    kind: type[lockproof.Error], bases: tuple[type[BaseException], ...]
) -> None:
    error = kind("text", maybe_applied=True)
    assert all(isinstance(error, base) for base in bases)
    assert str(error) == "text" and error.maybe_applied is True
    assert kind("text").maybe_applied is False


def test_the_tree_has_every_error_of_the_package() -> None:
    exported = [getattr(lockproof, name) for name in lockproof.__all__]
    errors = {thing for thing in exported if isinstance(thing, type) and issubclass(thing, Exception)}
    assert errors == {lockproof.Error} | {kind for kind, _ in TREE}


def test_a_refusal_says_its_status(memcached_server: str) -> None:
    with pytest.raises(TooLarge, match="larger than the server takes") as caught:
        Memcache(memcached_server, timeout=PATIENCE).set("key", bytes(2 << 20))
    assert caught.value.status == 0x03
    assert caught.value.maybe_applied is False


def test_a_full_server_that_does_not_evict_is_out_of_memory() -> None:
    with lockproof.ReferenceServer() as server, Memcache(server.memcached_refuses, timeout=PATIENCE) as cache:
        with pytest.raises(lockproof.OutOfMemory) as caught:
            for i in range(100):
                cache.set(f"key{i}", bytes(100_000))
        assert caught.value.status == 0x82
        assert cache.get("key0") == bytes(100_000)


Operation = Callable[[Memcache], object]


def get(cache: Memcache) -> object:
    return cache.get("key")


#: Operations that change something, and those that do not.
CHANGES: dict[str, Operation] = {
    "set": lambda cache: cache.set("key", b"value"),
    "add": lambda cache: cache.add("key", b"value"),
    "replace": lambda cache: cache.replace("key", b"value"),
    "cas": lambda cache: cache.cas("key", b"value", 1),
    "append": lambda cache: cache.append("key", b"value"),
    "prepend": lambda cache: cache.prepend("key", b"value"),
    "delete": lambda cache: cache.delete("key"),
    "touch": lambda cache: cache.touch("key", 1),
    "gat": lambda cache: cache.gat("key", 1),
    "incr": lambda cache: cache.incr("key"),
    "decr": lambda cache: cache.decr("key"),
    "set_many": lambda cache: cache.set_many({"key": b"value"}),
    "delete_many": lambda cache: cache.delete_many(["key"]),
    "flush_all": lambda cache: cache.flush_all(),
}
READS: dict[str, Operation] = {
    "get": get,
    "gets": lambda cache: cache.gets("key"),
    "get_many": lambda cache: cache.get_many(["key"]),
    "gets_many": lambda cache: cache.gets_many(["key"]),
    "version": lambda cache: cache.version(),
    "stats": lambda cache: cache.stats(),
}
ALL = [(each, True) for each in CHANGES.values()] + [(each, False) for each in READS.values()]
all_operations = pytest.mark.parametrize(("operation", "changes"), ALL, ids=[*CHANGES, *READS])


@all_operations
def test_a_server_that_never_answers_is_a_timeout(operation: Operation, changes: bool) -> None:
    with FakeServer(silent) as server:
        with pytest.raises(Timeout, match="no answer within") as caught:
            operation(Memcache(server.address, protocol="binary", timeout=SOON))
    assert caught.value.maybe_applied is changes


@all_operations
def test_a_server_that_closes_is_a_connection_that_failed(operation: Operation, changes: bool) -> None:
    def close(connection: socket.socket) -> None:
        read_request(connection)

    with FakeServer(close) as server:
        with pytest.raises(ConnectionFailed) as caught:
            operation(Memcache(server.address, protocol="binary", timeout=PATIENCE))
    assert caught.value.maybe_applied is changes


@all_operations
def test_a_server_that_is_away_certainly_did_nothing(operation: Operation, changes: bool) -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ConnectionFailed, match=f"no connection to memcached at {address}") as caught:
        operation(Memcache(address))
    assert caught.value.maybe_applied is False


def test_in_a_pipeline_each_operation_says_whether_it_may_have_been_applied() -> None:
    with FakeServer(silent) as server:
        pipe = Memcache(server.address, protocol="binary", timeout=SOON).pipeline()
        pipe.get("key")
        pipe.set("key", b"value")
        read, changed = pipe.execute(raise_on_error=False)
    assert isinstance(read, Timeout) and read.maybe_applied is False
    assert isinstance(changed, Timeout) and changed.maybe_applied is True


def test_a_name_without_an_address_is_a_connection_that_failed() -> None:
    with pytest.raises(ConnectionFailed):
        Memcache("no-such-host.invalid").get("key")


def test_a_server_that_does_not_accept_is_a_timeout_and_certainly_did_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        try:
            for each in waiting:
                # More than the backlog holds: the system answers no more of them.
                each.setblocking(False)
                each.connect_ex(address)
            with pytest.raises(Timeout, match="no connection to memcached") as caught:
                Memcache(address, timeout=PATIENCE, connect_timeout=SOON).set("key", b"value")
            assert caught.value.maybe_applied is False
        finally:
            for each in waiting:
                each.close()


def spoil(change: Callable[[bytes], bytes], close: bool = False) -> Script:
    """Answers the first request by what ``change`` makes of the right answer."""

    def script(connection: socket.socket) -> None:
        request = read_request(connection)
        connection.sendall(change(hit(request, b"wrong") if request.opcode == 0 else reply(request)))
        if not close:
            silent(connection)

    return script


def replaced(at: int, new: bytes) -> Script:
    return spoil(lambda answer: answer[:at] + new + answer[at + len(new) :])


SPOILED: dict[str, Script] = {
    "garbage": spoil(lambda answer: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "a request's magic": replaced(0, b"\x80"),
    "another opcode": replaced(1, b"\x0a"),
    "a data type": replaced(5, b"\x01"),
    "another opaque": replaced(12, b"\xff\xff\xff\xff"),
    "a body of 2 GiB": replaced(8, b"\x7f\xff\xff\xff"),
    "one reply too many": spoil(lambda answer: answer * 2),
}


@pytest.mark.parametrize("script", SPOILED.values(), ids=SPOILED)
@pytest.mark.parametrize("operation", [CHANGES["set"], get], ids=["set", "get"])
def test_what_the_protocol_does_not_allow_is_raised_and_the_connection_never_used_again(
    operation: Operation, script: Script
) -> None:
    with FakeServer(script, answers) as server, Memcache(server.address, protocol="binary", timeout=PATIENCE) as cache:
        with pytest.raises(ProtocolError) as caught:
            operation(cache)
        assert caught.value.maybe_applied is (operation is not get)
        assert cache.get("key") == b"right"
        assert server.connections == 2


def cut(length: int) -> Script:
    return spoil(lambda answer: answer[:length], close=True)


@pytest.mark.parametrize("length", [1, 12, 23, 24, 27, 30])
def test_a_reply_that_is_cut_short_is_no_value(length: int) -> None:
    with FakeServer(cut(length), answers) as server, Memcache(server.address, protocol="binary", timeout=PATIENCE) as cache:
        with pytest.raises(ConnectionFailed) as caught:
            cache.get("key")
        assert caught.value.maybe_applied is False
        assert cache.get("key") == b"right"
        assert server.connections == 2


def test_an_answer_that_comes_too_late_is_nobodys() -> None:
    """Its connection was closed: the next operation can't read it."""

    def late(connection: socket.socket) -> None:
        request = read_request(connection)
        # The client closes when its time is up, and only then it is answered.
        assert connection.recv(1) == b""
        connection.sendall(hit(request, b"late"))

    with FakeServer(late, answers) as server, Memcache(server.address, protocol="binary", timeout=SOON) as cache:
        with pytest.raises(Timeout):
            cache.get("key")
        patient = Memcache(server.address, protocol="binary", timeout=PATIENCE)
        assert patient.get("key") == b"right"
        assert cache.get("key") == b"right"


def test_the_timeout_is_for_the_whole_answer_and_not_for_each_byte() -> None:
    def drip(connection: socket.socket) -> None:
        request = read_request(connection)
        for byte in hit(request, bytes(10_000)):
            connection.sendall(bytes([byte]))
            time.sleep(0.01)

    with FakeServer(drip) as server:
        began = time.monotonic()
        with pytest.raises(Timeout):
            Memcache(server.address, protocol="binary", timeout=SOON).get("key")
        # Byte by byte it would take 100 seconds.
        assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("key", ["", b"", "k" * 251, b"k" * 251, "é" * 126])
def test_a_key_that_can_not_be_sent_is_raised_and_harms_nothing(either: str, key: str | bytes) -> None:
    good = str(uuid4())
    with Memcache(either, timeout=PATIENCE) as cache:
        cache.set(good, b"value")
        for operation in (cache.get, cache.gets, cache.delete, cache.incr):
            with pytest.raises(KeyInvalid, match="not sent: the key is") as caught:
                operation(key)
            assert caught.value.maybe_applied is False
            assert cache.get(good) == b"value"
        with pytest.raises(KeyInvalid):
            cache.get_many([good, key])
        with pytest.raises(KeyInvalid):
            cache.set(key, b"value")
        assert cache.get_many([good]) == {good: b"value"}


DYING_SERVER = """
import os, signal, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
request = connection.recv(65536)
reply = bytearray(24) + bytes(1004)
reply[0], reply[1], reply[12:16] = 0x81, request[1], request[12:16]
if request[1] == 0:
    reply[4] = 4
    reply[8:12] = (1004).to_bytes(4, "big")
connection.sendall(reply[:int(sys.argv[1])])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("operation", "length"), [(get, 12), (get, 500), (CHANGES["set"], 12)])
def test_a_server_that_is_killed_in_mid_reply_is_a_connection_that_failed(operation: Operation, length: int) -> None:
    command = [sys.executable, "-c", DYING_SERVER, str(length)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = f"127.0.0.1:{process.stdout.readline().strip()}"
        cache = Memcache(address, protocol="binary", timeout=PATIENCE)
        with pytest.raises(ConnectionFailed) as caught:
            operation(cache)
        assert caught.value.maybe_applied is (operation is not get)
        assert process.wait(PATIENCE) == -signal.SIGKILL
        with pytest.raises(ConnectionFailed, match="no connection"):
            cache.get("key")


def test_after_a_restart_on_the_same_port_the_next_operation_just_works() -> None:
    process, address = start_memcached()
    try:
        cache = Memcache(address, timeout=PATIENCE)
        cache.set("key", b"before")
        process.kill()
        process.wait()
        process = restarted(process, address)
        assert cache.get("key") is None
        assert cache.set("key", b"after") is True
        assert cache.get("key") == b"after"
    finally:
        process.kill()
        process.wait()


def restarted(process: subprocess.Popen[bytes], address: str) -> subprocess.Popen[bytes]:
    """Another process by the same command, once it answers."""
    again = subprocess.Popen(process.args)
    host, port = address.split(":")
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
            return again
        except OSError:
            assert again.poll() is None and time.monotonic() < deadline, "memcached does not come up again"
            time.sleep(0.01)


def test_a_connection_that_the_server_closed_at_rest_is_replaced_unseen() -> None:
    def once(connection: socket.socket) -> None:
        request = read_request(connection)
        connection.sendall(hit(request, b"once"))

    with FakeServer(once, once, answers) as server, Memcache(server.address, protocol="binary", timeout=PATIENCE) as cache:
        assert cache.get("key") == b"once"
        wait_for_the_end(server, 1)
        assert cache.get("key") == b"once"
        wait_for_the_end(server, 2)
        assert cache.set("key", b"value") is True
        assert server.connections == 3


def wait_for_the_end(server: FakeServer, connections: int) -> None:
    """Until the scripts of so many connections have ended, and with them the connections."""
    for thread in server.threads[1 : connections + 1]:
        thread.join(PATIENCE)
    # The client looks at a connection only when it has rested for a millisecond.
    time.sleep(0.01)


def test_bytes_that_come_unasked_are_never_an_answer() -> None:
    def generous(connection: socket.socket) -> None:
        request = read_request(connection)
        connection.sendall(hit(request, b"first"))
        unasked = HEADER.pack(0x81, 0, 0, 4, 0, 0, 9, request.opaque + 1, 1) + bytes(4) + b"wrong"
        connection.sendall(unasked)

    with FakeServer(generous, answers) as server, Memcache(server.address, protocol="binary", timeout=PATIENCE) as cache:
        try:
            assert cache.get("key") == b"first"
        except ProtocolError:
            pass  # Both replies came in one piece; that is noticed at once.
        wait_for_the_end(server, 1)
        assert cache.get("key") == b"right"
