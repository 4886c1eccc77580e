"""Loads the package's pytest plugin where the package is on the path but not installed, and starts real memcacheds."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from importlib.metadata import entry_points

from lockproof import ReferenceServer
from lockproof._common import Protocol

if not any(point.value == "lockproof.pytest_plugin" for point in entry_points(group="pytest11")):
    pytest_plugins = ["lockproof.pytest_plugin"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is in whatever a shell runs in the background; processes that are started here inherit it, and some are sent one.
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: Seconds until something that must happen has not happened.
PATIENCE = 30.0


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_memcached(*options: str) -> tuple[subprocess.Popen[bytes], str]:
    """A real memcached that answers, and its address."""
    program = shutil.which("memcached", path=os.environ["PATH"] + ":/usr/bin:/usr/sbin")
    assert program is not None, "no memcached here; run ci/setup"
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    port = free_port()
    process = subprocess.Popen([program, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "2", *user, *options])
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, f"127.0.0.1:{port}"
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, "memcached does not come up"
            time.sleep(0.01)


@pytest.fixture(scope="session")
def memcached() -> Iterator[str]:
    """``host:port`` of a real memcached, for the whole session."""
    process, address = start_memcached()
    yield address
    process.kill()
    process.wait()


@pytest.fixture(params=["binary", "text", "meta"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """Each of memcached's protocols."""
    chosen: Protocol = request.param
    return chosen


@pytest.fixture(params=["reference server", "memcached"])
def either(request: pytest.FixtureRequest) -> Iterator[str]:
    """``host:port`` of the embedded server, and then of a real memcached."""
    if request.param == "memcached":
        yield request.getfixturevalue("memcached")
        return
    with ReferenceServer() as server:
        yield server.memcached
