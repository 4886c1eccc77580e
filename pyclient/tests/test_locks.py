"""The blocking client for locker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lockproof import (
    ConnectionFailed,
    KeyInvalid,
    LockError,
    LockLost,
    LockNotHeld,
    Locks,
    LockTimeout,
    ReferenceServer,
)
from relay import PATIENCE, Relay, eventually

#: What stands between names on the wire.
SEPARATOR = "#!@^^$#"

#: A child that holds a lock, says so, and waits to be killed.
HOLDER = """
import sys, time
from lockproof import Locks
with Locks(sys.argv[1]).lock("name"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def relay(locker_server: str) -> Iterator[Relay]:
    with Relay(locker_server) as relay:
        yield relay


@pytest.fixture
def locks(locker_server: str) -> Iterator[Locks]:
    with Locks(locker_server, timeout=PATIENCE) as locks:
        yield locks


@pytest.fixture
def others(locker_server: str) -> Iterator[Locks]:
    with Locks(locker_server, timeout=PATIENCE) as others:
        yield others


def test_a_lock_is_acquired_and_released(locks: Locks, others: Locks) -> None:
    lock = locks.lock("name")
    assert not lock.held
    assert lock.acquire()
    assert lock.held
    assert not others.query("name")
    lock.release()
    assert not lock.held
    assert others.query("name")


def test_a_lock_can_be_acquired_again_after_its_release(locks: Locks, others: Locks) -> None:
    lock = locks.lock("name")
    for _ in range(3):
        with lock:
            assert not others.query("name")
    assert others.query("name")


def test_with_holds_it_for_the_block_only(locks: Locks, others: Locks) -> None:
    with locks.lock(b"name") as lock:
        assert lock.held
        assert not others.lock("name").acquire(0)
    assert others.lock("name").acquire(0)


def test_an_exception_in_the_block_releases_it(locks: Locks, others: Locks) -> None:
    with pytest.raises(ZeroDivisionError), locks.lock("name"):
        raise ZeroDivisionError
    assert others.lock("name").acquire(0)


@pytest.mark.parametrize("wait", [0, 0.05])
def test_a_wait_that_ends_is_false(locks: Locks, others: Locks, wait: float) -> None:
    with locks.lock("name"):
        assert others.lock("name").acquire(wait) is False
        assert others.lock("other").acquire(wait) is True


def test_a_with_block_whose_wait_ends_is_a_timeout(locks: Locks, others: Locks) -> None:
    with locks.lock("name"):
        with pytest.raises(LockTimeout) as raised, others.lock("name", wait=0.05):
            pytest.fail("it is held")
        assert isinstance(raised.value, TimeoutError)


@pytest.mark.parametrize("wait", [None, PATIENCE])
def test_a_waiter_is_granted_what_is_released(locks: Locks, others: Locks, wait: float | None) -> None:
    lock = locks.lock("name")
    lock.acquire()
    with ThreadPoolExecutor(1) as threads:
        waiter = threads.submit(others.lock("name").acquire, wait)
        lock.release()
        assert waiter.result(PATIENCE) is True


def test_two_locks_of_one_client_exclude_each_other(locks: Locks) -> None:
    with locks.lock("name"):
        assert not locks.lock("name").acquire(0)
        assert not locks.query("name")


def test_another_name_is_another_lock(locks: Locks) -> None:
    with locks.lock("a"), locks.lock("b"), locks.lock("ä"), locks.lock(b"\xff\0"):
        assert not locks.query("ä".encode())


def test_many_names_are_granted_together_or_not_at_all(locks: Locks, others: Locks) -> None:
    both = others.lock_many(["a", "b"])
    assert both.names == ["a", "b"]
    with locks.lock("b"):
        assert not both.acquire(0)
        assert others.query("a")
    with both:
        assert not locks.query("a")
        assert not locks.query("b")
    assert locks.query("a", "b")


def test_the_same_name_twice_is_held_once(locks: Locks, others: Locks) -> None:
    with locks.lock_many(["a", "a"]):
        assert not others.query("a")
    assert others.query("a")


def test_no_name_is_nothing_to_lock(locks: Locks) -> None:
    with pytest.raises(ValueError, match="no name"):
        locks.lock_many([])
    with pytest.raises(KeyInvalid):
        locks.query()


def test_query_asks_whether_all_are_free(locks: Locks, others: Locks) -> None:
    assert others.query("a", "b")
    with locks.lock("b"):
        assert others.query("a")
        assert not others.query("a", "b")


def test_a_release_of_what_is_not_held_is_told(locks: Locks) -> None:
    lock = locks.lock("name")
    with pytest.raises(LockNotHeld):
        lock.release()
    with pytest.raises(LockNotHeld):
        lock.ensure_held()
    lock.acquire()
    lock.release()
    with pytest.raises(LockNotHeld) as raised:
        lock.release()
    assert isinstance(raised.value, RuntimeError)


def test_an_object_that_holds_its_lock_can_not_acquire_it_again(locks: Locks) -> None:
    with locks.lock("name") as lock:
        with pytest.raises(LockError, match="already"):
            lock.acquire(0)
        assert lock.held


def test_two_threads_can_not_acquire_one_object_at_once(locks: Locks, others: Locks) -> None:
    holder, contended = locks.lock("name"), others.lock("name")
    holder.acquire()
    with ThreadPoolExecutor(1) as threads:
        waiter = threads.submit(contended.acquire)
        eventually(contended._acquiring.locked)
        with pytest.raises(LockError, match="another thread"):
            contended.acquire()
        holder.release()
        assert waiter.result(PATIENCE)


def test_a_lock_may_be_released_by_another_thread(locks: Locks, others: Locks) -> None:
    lock = locks.lock("name")
    lock.acquire()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(lock.release).result(PATIENCE)
    assert others.query("name")


def test_ensure_held_says_nothing_while_it_is_held(locks: Locks) -> None:
    with locks.lock("name") as lock:
        lock.ensure_held()


def test_a_lock_whose_connection_died_is_lost(relay: Relay, others: Locks) -> None:
    lock = Locks(relay.address).lock("name")
    lock.acquire()
    relay.cut()
    eventually(lambda: not lock.held)
    with pytest.raises(LockLost, match="name"):
        lock.ensure_held()
    with pytest.raises(LockLost) as raised:
        lock.release()
    assert isinstance(raised.value, ConnectionError)
    assert others.lock("name").acquire(PATIENCE)


def test_a_lost_lock_can_be_acquired_again(relay: Relay) -> None:
    lock = Locks(relay.address).lock("name")
    lock.acquire()
    relay.cut()
    with pytest.raises(LockLost):
        lock.release()
    assert lock.acquire(PATIENCE)
    lock.release()


def test_a_release_that_is_not_answered_is_a_lost_lock(relay: Relay, others: Locks) -> None:
    lock = Locks(relay.address, timeout=0.1).lock("name")
    lock.acquire()
    relay.allow(0)
    with pytest.raises(LockLost, match="name"):
        lock.release()
    assert others.lock("name").acquire(PATIENCE)


def test_a_block_that_succeeded_is_told_of_the_loss(relay: Relay) -> None:
    with pytest.raises(LockLost), Locks(relay.address).lock("name"):
        relay.cut()


@pytest.mark.parametrize("end", ["lost", "released"])
def test_what_a_block_raised_is_raised_with_a_note_of_the_loss(relay: Relay, end: str) -> None:
    with pytest.raises(ZeroDivisionError) as raised, Locks(relay.address).lock("name") as lock:
        if end == "lost":
            relay.cut()
        else:
            lock.release()
        raise ZeroDivisionError
    (note,) = raised.value.__notes__
    assert ("gone" if end == "lost" else "not held") in note


def test_a_holder_that_is_killed_frees_its_lock(locker_server: str, locks: Locks) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, locker_server], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
            assert not locks.lock("name").acquire(0)
        finally:
            holder.send_signal(signal.SIGKILL)
        assert locks.lock("name").acquire(PATIENCE)


def test_a_lock_that_is_forgotten_is_free(locks: Locks, others: Locks) -> None:
    lock = locks.lock("name")
    lock.acquire()
    del lock
    assert others.lock("name").acquire(PATIENCE)


def test_closing_the_client_keeps_what_is_held(locks: Locks, others: Locks) -> None:
    with locks.lock("name") as lock:
        locks.close()
        assert lock.held
        assert not others.query("name")


def test_a_name_under_a_lock_loses_no_update(locker_server: str, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count(locks: Locks) -> None:
        for _ in range(15):
            with locks.lock("counter"):
                seen = int(counter.read_text())
                time.sleep(0)
                counter.write_text(str(seen + 1))

    with ThreadPoolExecutor(8) as threads, Locks(locker_server, timeout=PATIENCE) as locks:
        for done in [threads.submit(count, locks) for _ in range(8)]:
            done.result(3 * PATIENCE)
    assert counter.read_text() == "120"


def test_a_thread_that_waits_for_a_lock_does_not_hinder_the_others(locks: Locks) -> None:
    granted = threading.Event()

    def wait_for_it() -> None:
        with locks.lock("name"):
            granted.set()

    with ThreadPoolExecutor(1) as threads:
        with locks.lock("name"):
            waiter = threads.submit(wait_for_it)
            for number in range(20):
                with locks.lock(f"other {number}"):
                    assert not granted.is_set()
        waiter.result(PATIENCE)


@pytest.mark.parametrize("name", ["", b"", f"a{SEPARATOR}b", SEPARATOR, SEPARATOR[:6], "x" * 1025])
@pytest.mark.parametrize("ask", ["lock", "lock_many", "query"])
def test_a_name_that_would_be_read_as_another_is_not_sent(relay: Relay, ask: str, name: str) -> None:
    asks: dict[str, Callable[[Locks], object]] = {
        "lock": lambda locks: locks.lock(name).acquire(0),
        "lock_many": lambda locks: locks.lock_many(["good", name]).acquire(0),
        "query": lambda locks: locks.query(name),
    }
    with Locks(relay.address) as locks:
        with pytest.raises(KeyInvalid) as raised:
            asks[ask](locks)
        assert isinstance(raised.value, ValueError)
        assert relay.asked == 0
        assert locks.query("good")
        assert relay.accepted == 1, "the connection is as good as before"


def test_a_name_of_another_type_is_a_type_error(locks: Locks) -> None:
    with pytest.raises(TypeError, match="int"):
        locks.lock(5).acquire()  # type: ignore[arg-type]


def test_nobody_there_is_a_failed_connection() -> None:
    with ReferenceServer() as server:
        gone = server.locker
    with pytest.raises(ConnectionFailed):
        Locks(gone).lock("name").acquire()
    with pytest.raises(ConnectionFailed):
        Locks(gone).query("name")


def test_a_client_works_on_after_its_idle_connections_died(relay: Relay) -> None:
    with Locks(relay.address) as locks:
        assert locks.query("name")
        relay.cut()
        assert locks.lock("name").acquire(0)


def in_a_child(check: Callable[[], bool]) -> bool:
    """What a forked child says, which then ends without any cleaning up."""
    child = os.fork()
    if not child:
        said = False
        try:
            said = check()
        finally:
            os._exit(0 if said else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_can_not_release_its_parents_lock(locker_server: str, others: Locks) -> None:
    locks = Locks(locker_server)
    lock = locks.lock("name")
    lock.acquire()

    def child() -> bool:
        if lock.held:
            return False
        try:
            lock.release()
        except LockLost:
            return locks.lock("another").acquire(0) and not locks.lock("name").acquire(0)
        return False

    assert in_a_child(child)
    assert lock.held
    assert not others.query("name")
    lock.release()
    assert others.lock("name").acquire(PATIENCE)
