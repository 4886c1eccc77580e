"""One client for many threads, for forked children, and for a user who presses Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any
from uuid import uuid4

import pytest
from conftest import PATIENCE
from fakes import FakeServer, answers, hit, read_request, silent

from lockproof import Locks, Memcache, Pages, ReferenceServer

THREADS = 20
OPERATIONS = 200
FORKS = 20

#: Seconds in which Ctrl-C has to be obeyed; it takes milliseconds unless the machine is very busy.
OBEYED = 10.0


# Threads.


@pytest.mark.parametrize("pool_size", [0, 4, THREADS])
def test_each_thread_reads_what_it_wrote(either: str, pool_size: int) -> None:
    session = str(uuid4())

    def work(number: int) -> int:
        right = 0
        for i in range(OPERATIONS):
            key, value = f"{session}{number} {i % 7}", f"{number} {i}".encode() * (1 + i % 50)
            cache.set(key, value)
            right += cache.get(key) == value and cache.get_many([key, key + "missing"]) == {key: value}
        return right

    with Memcache(either, timeout=PATIENCE, pool_size=pool_size) as cache, ThreadPoolExecutor(THREADS) as threads:
        assert list(threads.map(work, range(THREADS))) == [OPERATIONS] * THREADS


def test_no_count_is_lost_between_threads(either: str) -> None:
    key = str(uuid4())

    def work(_: int) -> None:
        for _ in range(OPERATIONS):
            assert cache.incr(key) is not None

    with Memcache(either, timeout=PATIENCE) as cache, ThreadPoolExecutor(THREADS) as threads:
        cache.set(key, b"0")
        list(threads.map(work, range(THREADS)))
        assert cache.get(key) == b"%d" % (THREADS * OPERATIONS)


def test_a_thread_that_waits_holds_up_no_other() -> None:
    asked, allowed = threading.Event(), threading.Event()

    def late(connection: socket.socket) -> None:
        request = read_request(connection)
        asked.set()
        allowed.wait(PATIENCE)
        connection.sendall(hit(request, b"late"))

    with FakeServer(late, answers) as server, Memcache(server.address, protocol="binary", timeout=PATIENCE) as cache:
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(cache.get, "key")
            assert asked.wait(PATIENCE)
            # The server lets the other go only when this has come to an end.
            assert cache.get("key") == b"right"
            allowed.set()
            assert waiting.result(PATIENCE) == b"late"


# Forks.


def in_child(work: Callable[[], bool]) -> int:
    """Forks; the child ends with code 0 if the work came out right. Returns its process id."""
    child = os.fork()
    if child:
        return child
    try:
        os._exit(0 if work() else 1)
    finally:
        os._exit(2)


def code_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def uses(cache: Memcache, key: str) -> bool:
    """Many operations whose answers would be mixed up if two processes shared a connection."""
    right = True
    for i in range(50):
        value = f"{key} {i}".encode()
        right &= cache.set(key, value) and cache.get(key) == value
    return right


def test_a_forked_child_and_its_parent_both_go_on(either: str) -> None:
    session = str(uuid4())
    with Memcache(either, timeout=PATIENCE) as cache:
        for i in range(FORKS):
            cache.set(session, b"before")
            child = in_child(lambda: uses(cache, f"{session} child {i}"))
            assert uses(cache, f"{session} parent {i}")
            assert code_of(child) == 0


def test_a_child_of_a_child_goes_on_as_well(either: str) -> None:
    session = str(uuid4())

    def generation(number: int) -> bool:
        if number == 3:
            return True
        right = uses(cache, f"{session} {number}")
        return code_of(in_child(lambda: generation(number + 1))) == 0 and right and uses(cache, f"{session} {number}")

    with Memcache(either, timeout=PATIENCE) as cache:
        assert generation(0)


def test_a_child_that_closes_does_not_close_its_parents_connections(either: str) -> None:
    key = str(uuid4())
    with Memcache(either, timeout=PATIENCE) as cache:
        cache.set(key, b"value")

        def close() -> bool:
            cache.close()
            return bool(cache.get(key) == b"value")

        assert code_of(in_child(close)) == 0
        assert cache.get(key) == b"value"


def test_a_fork_while_threads_work_leaves_the_child_a_client_that_works(either: str) -> None:
    session = str(uuid4())
    stop = threading.Event()

    def work(number: int) -> bool:
        right = True
        while not stop.is_set():
            right &= uses(cache, f"{session} {number}")
        return right

    with Memcache(either, timeout=PATIENCE) as cache, ThreadPoolExecutor(4) as threads:
        working = [threads.submit(work, number) for number in range(4)]
        try:
            for i in range(FORKS):
                assert code_of(in_child(lambda: uses(cache, f"{session} child {i}"))) == 0
        finally:
            stop.set()
        assert all(each.result(PATIENCE) for each in working)


cache_of_pool: Memcache | None = None


def work_in_pool(key: str) -> bool:
    assert cache_of_pool is not None
    return uses(cache_of_pool, key)


def test_a_pool_of_processes_inherits_a_client(either: str) -> None:
    global cache_of_pool
    session = str(uuid4())
    with Memcache(either, timeout=PATIENCE) as cache:
        cache_of_pool = cache
        cache.set(session, b"before")
        pool = multiprocessing.get_context("fork").Pool(4)
        try:
            keys = [f"{session} {i}" for i in range(20)]
            assert pool.map_async(work_in_pool, keys).get(PATIENCE) == [True] * len(keys)
        finally:
            pool.close()
            pool.join()
            cache_of_pool = None


# Ctrl-C, in a process of its own.

BLOCKED: dict[str, str] = {
    "get": "Memcache(address, timeout=60).get('key')",
    "get without a timeout": "Memcache(address, timeout=None).get('key')",
    "set_many": "Memcache(address, timeout=60).set_many({'key': b'value'})",
    "a get that is not a miss": "Memcache(address, timeout=60, on_error='miss').get('key')",
    "pipeline": "pipe = Memcache(address, timeout=60).pipeline(); pipe.get('a'); pipe.set('b', b''); pipe.execute()",
    "page": "pages = Pages(address); pages.locked(0, wait=60).__enter__()",
    "write": "pages = Pages(address); pages.write(0, b'', wait=60)",
    "lock": "Locks(address).lock('name').acquire()",
}

PROGRAM = """
import sys
from lockproof import Locks, Memcache, Pages
address = sys.argv[1]
print("calling", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@contextmanager
def unavailable(name: str) -> Iterator[str]:
    """The address of what the call will wait for."""
    if name not in ("page", "write", "lock"):
        with FakeServer(silent) as fake:
            yield fake.address
        return
    with ReferenceServer() as server, Pages(server.netmem) as pages, Locks(server.locker, timeout=PATIENCE) as locks:
        with pages.locked(0), locks.lock("name"):
            yield server.locker if name == "lock" else server.netmem


def wait_until_it_sleeps(process: subprocess.Popen[str]) -> None:
    """Until the process has used no processor for a while: it waits for its server."""
    deadline = time.monotonic() + PATIENCE
    asleep = 0
    while asleep < 10:
        state = subprocess.run(["ps", "-o", "state=", "-p", str(process.pid)], capture_output=True, text=True)
        asleep = asleep + 1 if state.stdout.strip().startswith("S") else 0
        assert process.poll() is None and time.monotonic() < deadline, "it does not come to wait"


@pytest.mark.parametrize("name", BLOCKED)
def test_ctrl_c_is_heard_by_a_call_that_waits(name: str) -> None:
    program = PROGRAM.format(call=BLOCKED[name])
    with unavailable(name) as address:
        command = [sys.executable, "-c", program, address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "calling\n"
            wait_until_it_sleeps(process)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            try:
                assert process.wait(OBEYED) == 0
            finally:
                process.kill()
            print(f"{name}: {time.monotonic() - began:.3f} s")
            assert process.stdout.read() == "interrupted\n"


# Ctrl-C, caught.


class Interrupter:
    """Sends SIGINT to the main thread until it is heard, once."""

    def __init__(self) -> None:
        self.heard = threading.Event()

    def handle(self, number: int, frame: FrameType | None) -> None:
        # The sender may be about to send another when the first is heard.
        if not self.heard.is_set():
            self.heard.set()
            raise KeyboardInterrupt

    def send(self, ready: Callable[[], bool]) -> None:
        while not ready():
            time.sleep(0.001)
        main = threading.main_thread().ident
        assert main is not None
        while not self.heard.wait(0.05):
            signal.pthread_kill(main, signal.SIGINT)


@contextmanager
def interrupted(ready: Callable[[], bool]) -> Iterator[None]:
    """The block raises ``KeyboardInterrupt`` once ``ready`` says that it waits."""
    interrupter = Interrupter()
    before = signal.signal(signal.SIGINT, interrupter.handle)
    sender = threading.Thread(target=interrupter.send, args=(ready,))
    try:
        sender.start()
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        interrupter.heard.set()
        sender.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "operation",
    [
        lambda cache: cache.get("key"),
        lambda cache: cache.set("key", b"value"),
        lambda cache: cache.get_many(["a", "b"]),
        lambda cache: cache.set_many({"a": b"1"}),
        lambda cache: cache.version(),
    ],
    ids=["get", "set", "get_many", "set_many", "version"],
)
@pytest.mark.parametrize("on_error", ["raise", "miss"])
def test_after_ctrl_c_the_same_client_works_on(operation: Callable[[Memcache], Any], on_error: Any) -> None:
    with FakeServer(silent, answers) as server:
        with Memcache(server.address, protocol="binary", timeout=2 * PATIENCE, on_error=on_error) as cache:
            with interrupted(lambda: server.connections == 1):
                operation(cache)
            # On a connection of its own: the old one could still bring the old answer.
            assert cache.get("key") == b"right"
            assert cache.set("key", b"value") is True
            assert server.connections == 2
            assert cache.forgiven == 0


def test_after_ctrl_c_a_pipeline_raises_it_and_the_client_works_on() -> None:
    with FakeServer(silent, answers) as server, Memcache(server.address, protocol="binary", timeout=2 * PATIENCE) as cache:
        pipe = cache.pipeline()
        pipe.get("a")
        pipe.set("b", b"value")
        with interrupted(lambda: server.connections == 1):
            pipe.execute()
        assert cache.get("key") == b"right"


def test_a_signal_whose_handler_raises_nothing_interrupts_nothing() -> None:
    heard = threading.Event()

    def slow(connection: socket.socket) -> None:
        request = read_request(connection)
        main = threading.main_thread().ident
        assert main is not None
        while not heard.wait(0.05):
            signal.pthread_kill(main, signal.SIGUSR1)
        connection.sendall(hit(request, b"right"))

    before = signal.signal(signal.SIGUSR1, lambda number, frame: heard.set())
    try:
        with FakeServer(slow) as server, Memcache(server.address, protocol="binary", timeout=PATIENCE) as cache:
            assert cache.get("key") == b"right"
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_after_ctrl_c_pages_work_on(netmem_server: str) -> None:
    with Pages(netmem_server) as holder, Pages(netmem_server, timeout=PATIENCE) as pages:
        calling = threading.Event()
        with holder.locked(0) as page:
            page[:] = b"x" * len(page)
            with interrupted(calling.is_set):
                calling.set()
                with pages.locked(0, wait=2 * PATIENCE):
                    raise AssertionError("it is held")
            assert pages.read(1) == bytes(4096)
        with pages.locked(0, wait=PATIENCE) as page:
            assert page == b"x" * len(page)


def test_after_ctrl_c_locks_work_on(locker_server: str) -> None:
    with Locks(locker_server, timeout=PATIENCE) as locks:
        calling = threading.Event()
        lock = locks.lock("name")
        with locks.lock("name"):
            with interrupted(calling.is_set):
                calling.set()
                lock.acquire()
            assert not lock.held
        assert lock.acquire(PATIENCE) is True
        lock.release()
