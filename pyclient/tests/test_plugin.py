"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lockproof
from relay import PATIENCE

#: What somebody writes who has installed the package.
FIXTURES = """
import pytest
from lockproof import Locks, Memcache, Pages, ReferenceServer

@pytest.mark.parametrize("turn", [1, 2])
def test_memcached_is_fresh(memcached_server, turn):
    with Memcache(memcached_server) as cache:
        assert cache.get("key") is None
        assert cache.set("key", b"value")

@pytest.mark.parametrize("turn", [1, 2])
def test_pages_are_fresh(netmem_server, turn):
    with Pages(netmem_server) as pages:
        assert pages.params == (16, 4096)
        assert pages.read(0) == bytes(4096)
        pages.write(0, b"x")

@pytest.mark.parametrize("turn", [1, 2])
def test_locks_are_fresh(locker_server, turn):
    assert Locks(locker_server).lock("name").acquire(0)

SEEN = []

@pytest.mark.parametrize("turn", [1, 2])
def test_the_sessions_server_is_one(lockproof_server, turn):
    assert isinstance(lockproof_server, ReferenceServer)
    SEEN.append(lockproof_server)
    assert len(set(map(id, SEEN))) == 1
    with Memcache(lockproof_server.memcached) as cache:
        assert cache.get("turn") == (None if turn == 1 else b"1")
        cache.set("turn", str(turn).encode())
"""

CHECKS = """
from relay import Relay

MISS = "memcached/get/miss-is-not-found"

def broken(reply):
    return reply[:6] + b"\\0\\x05" + reply[8:] if reply[6:8] == b"\\0\\x01" else reply

def test_good(memcached_server, lockproof_check):
    report = lockproof_check(f"memcached://{memcached_server}", cases=[MISS], seed=1)
    assert report.conforms

def test_bad(memcached_server, lockproof_check):
    with Relay(memcached_server, broken) as relay:
        lockproof_check(f"memcached://{relay.address}", cases=[MISS])
"""


def run_pytest(directory: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs them in a directory that knows nothing of this one, but has the package and :mod:`relay` on its path."""
    (directory / "test_it.py").write_text(tests)
    path = [str(Path(lockproof.__file__).parents[1]), str(Path(__file__).parent)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )


@pytest.fixture
def loaded() -> tuple[str, ...]:
    """The options that load the plugin, where it is not installed and so loaded anyway."""
    from importlib.metadata import entry_points

    installed = any(point.value == "lockproof.pytest_plugin" for point in entry_points(group="pytest11"))
    return () if installed else ("-p", "lockproof.pytest_plugin")


def test_the_fixtures_are_servers_of_the_tests_own(tmp_path: Path, loaded: tuple[str, ...]) -> None:
    run = run_pytest(tmp_path, FIXTURES, *loaded)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "8 passed" in run.stdout


def test_a_check_passes_for_a_good_server_and_fails_readably_for_a_bad_one(
    tmp_path: Path, loaded: tuple[str, ...]
) -> None:
    run = run_pytest(tmp_path, CHECKS, *loaded)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "1 failed, 1 passed" in run.stdout
    failure = run.stdout
    assert "memcached/get/miss-is-not-found" in failure
    assert "does not conform" in failure
    assert "pytest_plugin.py" not in failure, "the report, not the plugin's inside"
    assert "\x1b" not in failure


def test_the_fixtures_are_listed_with_what_they_are(tmp_path: Path, loaded: tuple[str, ...]) -> None:
    run = run_pytest(tmp_path, "", "--fixtures", *loaded)
    names = ("memcached_server", "netmem_server", "locker_server", "lockproof_server", "lockproof_check")
    for name in names:
        assert name in run.stdout
    assert "this test's own" in run.stdout
