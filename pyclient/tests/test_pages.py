"""The blocking client for NetMem."""

from __future__ import annotations

import array
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lockproof import (
    ArgumentInvalid,
    ConnectionFailed,
    Error,
    LockLost,
    LockTimeout,
    NoSuchPage,
    Page,
    PageParams,
    Pages,
    ReferenceServer,
    Timeout,
)
from relay import PATIENCE, Relay

#: A child that holds page 3 with changes of its own, says so, and waits to be killed.
HOLDER = """
import sys, time
from lockproof import Pages
with Pages(sys.argv[1]).locked(3) as page:
    page[:5] = b"never"
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def relay(netmem_server: str) -> Iterator[Relay]:
    with Relay(netmem_server) as relay:
        yield relay


@pytest.fixture
def pages(netmem_server: str) -> Iterator[Pages]:
    with Pages(netmem_server, timeout=PATIENCE) as pages:
        yield pages


def test_params_tell_how_many_pages_there_are_and_how_long(pages: Pages) -> None:
    assert pages.params == PageParams(pages=16, page_size=4096)


def test_params_are_those_of_the_server() -> None:
    with ReferenceServer(pages=3, page_size=10) as server, Pages(server.netmem) as pages:
        assert pages.params == (3, 10)
        assert pages.read(2) == bytes(10)


def test_nobody_there_is_a_failed_connection(netmem_server: str) -> None:
    with ReferenceServer() as server:
        gone = server.netmem
    with pytest.raises(ConnectionFailed):
        Pages(gone)


def test_a_new_page_reads_as_zero_bytes_of_version_1(pages: Pages) -> None:
    page = pages.read(5)
    assert isinstance(page, bytes)
    assert (page, page.number, page.version) == (bytes(4096), 5, 1)


def test_a_page_that_was_read_cannot_be_changed(pages: Pages) -> None:
    page = pages.read(0)
    with pytest.raises(TypeError):
        page[0] = 1  # type: ignore[index]
    assert memoryview(page).readonly


def test_a_pages_repr_does_not_show_its_bytes(pages: Pages) -> None:
    assert repr(pages.read(2)) == str(pages.read(2)) == "<Page 2, version 1, 4096 bytes>"


def test_an_unchanged_page_is_not_sent_again(relay: Relay) -> None:
    with Pages(relay.address) as pages:
        first = pages.read(1)
        before = relay.arrived
        again = pages.read(1)
        assert relay.arrived - before < 100
        assert (again, again.version) == (first, first.version)


def test_a_page_that_another_client_has_changed_is_sent_again(relay: Relay, pages: Pages) -> None:
    with Pages(relay.address) as reader:
        reader.read(1)
        assert pages.write(1, b"new") == 2
        page = reader.read(1)
        assert (page[:4], page.version) == (b"new\0", 2)


def test_a_clone_shares_the_cache_and_has_connections_of_its_own(relay: Relay) -> None:
    with Pages(relay.address) as pages, pages.clone() as clone:
        pages.read(1)
        before = relay.arrived
        assert clone.read(1) == bytes(4096)
        assert relay.arrived - before < 200
        assert relay.accepted == 2
        assert clone.params == pages.params


def test_a_clone_outlives_the_client_it_was_made_from(netmem_server: str) -> None:
    pages = Pages(netmem_server)
    clone = pages.clone()
    pages.close()
    del pages
    assert clone.read(0) == bytes(4096)
    clone.close()


@pytest.mark.parametrize("buffer", [bytearray(4096), array.array("I", bytes(4096)), memoryview(bytearray(4096))])
def test_read_into_fills_any_writable_buffer(pages: Pages, buffer: bytearray) -> None:
    pages.write(1, b"\x01" * 4096)
    assert pages.read_into(1, buffer) == 2
    assert bytes(buffer) == b"\x01" * 4096


def test_read_into_leaves_what_is_behind_the_page(pages: Pages) -> None:
    buffer = bytearray(b"x" * 5000)
    assert pages.read_into(1, buffer) == 1
    assert buffer == bytes(4096) + b"x" * 904


@pytest.mark.parametrize(("buffer", "word"), [(bytearray(4095), "4095"), (bytes(4096), "read-only")])
def test_read_into_a_buffer_that_does_not_do_asks_nothing(relay: Relay, buffer: bytearray, word: str) -> None:
    with Pages(relay.address) as pages:
        before = relay.asked
        with pytest.raises(ValueError, match=word):
            pages.read_into(0, buffer)
        assert relay.asked == before


@pytest.mark.parametrize("data", [b"abc", bytearray(b"abc"), memoryview(b"abc"), array.array("b", b"abc")])
def test_write_takes_any_buffer(pages: Pages, data: bytes) -> None:
    pages.write(2, b"......")
    assert pages.update(2, data) == 3, "another name of write"
    assert pages.read(2)[:7] == b"abc...\0"


def test_the_version_rises_with_each_write_and_can_be_chosen(pages: Pages) -> None:
    assert [pages.write(0, b"a"), pages.write(0, b"b")] == [2, 3]
    assert pages.write(0, b"c", version=70) == 70
    assert pages.read(0).version == 70
    assert pages.write(0, b"d") == 71


@pytest.mark.parametrize("arguments", [{"data": b"x" * 4097}, {"data": b"x", "version": -1}])
def test_what_can_not_be_written_is_not_sent(relay: Relay, arguments: dict[str, object]) -> None:
    with Pages(relay.address) as pages:
        before = relay.asked
        with pytest.raises(ArgumentInvalid):
            pages.write(0, **arguments)  # type: ignore[arg-type]
        assert relay.asked == before
        assert pages.read(0).version == 1


def test_text_is_no_buffer(pages: Pages) -> None:
    with pytest.raises(TypeError, match="str"):
        pages.write(0, "text")  # type: ignore[arg-type]


def test_a_page_that_is_not_there_is_an_index_error(pages: Pages) -> None:
    with pytest.raises(NoSuchPage) as raised:
        pages.read(16)
    assert isinstance(raised.value, IndexError)
    with pytest.raises(NoSuchPage):
        pages.write(16, b"x")
    with pytest.raises(NoSuchPage), pages.locked(16):
        pytest.fail("there is no such page")
    assert pages.read(15).number == 15


def test_a_locked_pages_buffer_is_written_back(pages: Pages) -> None:
    with pages.locked(3) as page:
        assert (page.number, page.version, len(page)) == (3, 1, 4096)
        page[:5] = b"hello"
        assert pages.read(3) == bytes(4096), "readers see it as it was"
    assert page.version == 2
    assert pages.read(3)[:6] == b"hello\0"


def test_after_an_exception_the_page_is_as_it_was_and_free(netmem_server: str, pages: Pages) -> None:
    with pytest.raises(ZeroDivisionError) as raised, pages.locked(3) as page:
        page[:5] = b"never"
        raise ZeroDivisionError
    with Pages(netmem_server) as other, other.locked(3, wait=PATIENCE) as page:
        assert (bytes(page), page.version) == (bytes(4096), 1)
    assert raised.traceback, "it was free although somebody keeps the exception, and so the frames"


def test_a_locked_page_can_not_change_its_length(netmem_server: str, pages: Pages) -> None:
    with pages.locked(3) as page:
        for change in (page.clear, page.pop, lambda: page.extend(b"x")):
            with pytest.raises(BufferError):
                change()
    with pytest.raises(BufferError), pages.locked(3) as page:
        del page[:1]
    with Pages(netmem_server) as other, other.locked(3, wait=PATIENCE) as page:
        assert page.version == 2


def test_waiting_for_a_page_ends_and_it_is_had_when_it_is_free(netmem_server: str, pages: Pages) -> None:
    with Pages(netmem_server) as holder:
        with holder.locked(3):
            with pytest.raises(LockTimeout) as raised, pages.locked(3, wait=0.05):
                pytest.fail("it is held")
            assert isinstance(raised.value, TimeoutError)
        with pages.locked(3, wait=PATIENCE) as page:
            page[:1] = b"x"
    assert pages.read(3).version == 3


def test_a_write_waits_for_the_holder(netmem_server: str, pages: Pages) -> None:
    with Pages(netmem_server) as holder:
        with holder.locked(3) as page:
            with pytest.raises(Timeout) as raised:
                pages.write(3, b"late", wait=0.05)
            assert raised.value.maybe_applied
            page[:4] = b"held"
        assert pages.write(3, b"next", wait=PATIENCE) >= 3
    assert pages.read(3)[:4] == b"next"


def test_threads_that_share_a_client_contend_for_a_page(pages: Pages) -> None:
    def count() -> None:
        for _ in range(50):
            with pages.locked(7) as page:
                page[:8] = (int.from_bytes(page[:8], "big") + 1).to_bytes(8, "big")

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(count) for _ in range(8)]:
            done.result(3 * PATIENCE)
    page = pages.read(7)
    assert (int.from_bytes(page[:8], "big"), page.version) == (400, 401)


def test_a_thread_that_waits_for_a_page_does_not_hinder_the_others(pages: Pages) -> None:
    granted = threading.Event()

    def wait_for_it() -> None:
        with pages.locked(3, wait=PATIENCE):
            granted.set()

    with ThreadPoolExecutor(1) as threads:
        with pages.locked(3) as page:
            waiter = threads.submit(wait_for_it)
            assert [pages.read(number).version for number in range(16)] == [1] * 16
            with pages.locked(4):
                assert not granted.is_set()
            page[:1] = b"x"
        waiter.result(PATIENCE)


def test_readers_never_see_one_writes_version_with_anothers_bytes(pages: Pages) -> None:
    stop = threading.Event()

    def read() -> int:
        reader, seen = pages.clone(), 0
        while not stop.is_set():
            page = reader.read(0)
            assert page == page.version.to_bytes(8, "big") * 512 or page.version == 1
            seen += 1
        return seen

    with ThreadPoolExecutor(3) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        try:
            for version in range(2, 300):
                assert pages.write(0, version.to_bytes(8, "big") * 512) == version
        finally:
            stop.set()
        assert all(reader.result(PATIENCE) for reader in readers)


def test_a_holder_that_is_killed_frees_the_page_as_it_was(netmem_server: str, pages: Pages) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, netmem_server], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
            with pytest.raises(LockTimeout), pages.locked(3, wait=0.05):
                pytest.fail("it is held")
        finally:
            holder.send_signal(signal.SIGKILL)
        with pages.locked(3, wait=PATIENCE) as page:
            assert (bytes(page), page.version) == (bytes(4096), 1)


def test_a_connection_that_is_lost_while_the_page_is_held_is_told_at_the_end(relay: Relay, pages: Pages) -> None:
    with Pages(relay.address, timeout=PATIENCE) as holder:
        with pytest.raises(Error) as raised, holder.locked(3) as page:
            page[:5] = b"never"
            relay.cut()
        assert isinstance(raised.value, (ConnectionFailed, LockLost))
        assert raised.value.maybe_applied in (False, True)
        with pages.locked(3, wait=PATIENCE) as page:
            assert (bytes(page), page.version) == (bytes(4096), 1)


def test_an_answer_that_is_lost_leaves_it_open_whether_the_page_was_written(relay: Relay, pages: Pages) -> None:
    with Pages(relay.address, timeout=0.2) as holder:
        with pytest.raises((ConnectionFailed, Timeout)) as raised, holder.locked(3) as page:
            page[:4] = b"done"
            relay.allow(0)
        assert raised.value.maybe_applied
    assert pages.read(3)[:4] == b"done"


def test_a_silent_server_is_a_timeout(relay: Relay) -> None:
    with Pages(relay.address, timeout=0.1) as pages:
        relay.allow(0)
        with pytest.raises(Timeout) as raised:
            pages.read(0)
        assert not raised.value.maybe_applied
        relay.allow(None)
        assert pages.read(0) == bytes(4096)


def test_a_server_that_does_not_answer_is_not_taken_for_a_page_that_is_held(relay: Relay) -> None:
    with Pages(relay.address, timeout=0.1, pool_size=0) as pages:
        relay.allow(0)
        with pytest.raises(Timeout), pages.locked(3, wait=PATIENCE):
            pytest.fail("there was no answer")


@pytest.fixture
def successor() -> Iterator[str]:
    """A server whose page 0 has the version that :func:`first_write` leaves, and another content."""
    with ReferenceServer() as server, Pages(server.netmem) as pages:
        assert pages.write(0, b"new") == 2
        yield server.netmem


def first_write(pages: Pages) -> Page:
    """Page 0 in its version 2, in the cache."""
    assert pages.write(0, b"old") == 2
    return pages.read(0)


def test_another_server_at_the_same_address_is_read_anew(relay: Relay, successor: str) -> None:
    with Pages(relay.address) as pages:
        assert first_write(pages)[:3] == b"old"
        relay.switch(successor)
        page = pages.read(0)
        assert (page[:3], page.version) == (b"new", 2)


def test_another_server_is_read_anew_by_a_clone_without_a_connection(relay: Relay, successor: str) -> None:
    with Pages(relay.address) as pages, pages.clone() as clone:
        first_write(pages)
        relay.switch(successor)
        assert clone.read(0)[:3] == b"new"


def test_another_server_is_read_anew_after_a_close(relay: Relay, successor: str) -> None:
    with Pages(relay.address) as pages:
        first_write(pages)
        pages.close()
        relay.switch(successor)
        assert pages.read(0)[:3] == b"new"


def test_another_server_is_read_anew_where_no_connection_is_kept(relay: Relay, successor: str) -> None:
    with Pages(relay.address, pool_size=0) as pages:
        first_write(pages)
        relay.switch(successor)
        assert pages.read(0)[:3] == b"new"


def test_another_servers_page_is_locked_with_its_own_bytes(relay: Relay, successor: str) -> None:
    with Pages(relay.address) as pages:
        first_write(pages)
        relay.switch(successor)
        with pages.locked(0) as page:
            assert (bytes(page[:3]), page.version) == (b"new", 2)


def test_another_server_is_read_anew_while_a_lost_page_is_still_thought_held(relay: Relay, successor: str) -> None:
    with Pages(relay.address) as pages:
        first_write(pages)
        with pytest.raises((ConnectionFailed, LockLost)), pages.locked(5):
            relay.switch(successor)
            assert pages.read(0)[:3] == b"new"
        assert pages.read(0)[:3] == b"new"


@pytest.mark.parametrize(("timeout", "connect_timeout"), [(0, 1), (1, 0)])
def test_no_time_at_all_is_no_timeout(netmem_server: str, timeout: float, connect_timeout: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Pages(netmem_server, timeout=timeout, connect_timeout=connect_timeout)
