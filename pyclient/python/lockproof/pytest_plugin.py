"""Fixtures for other people's tests: real servers in milliseconds. Loaded by pytest where the package is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ._server import ReferenceServer, Report, check


@pytest.fixture(scope="session")
def lockproof_server() -> Iterator[ReferenceServer]:
    """The reference server, for the whole session."""
    with ReferenceServer() as server:
        yield server


@pytest.fixture
def memcached_server() -> Iterator[str]:
    """``host:port`` of a memcached that is this test's own, and empty."""
    with ReferenceServer() as server:
        yield server.memcached


@pytest.fixture
def netmem_server() -> Iterator[str]:
    """``host:port`` of a NetMem server that is this test's own: 16 pages of 4096 zero bytes."""
    with ReferenceServer() as server:
        yield server.netmem


@pytest.fixture
def locker_server() -> Iterator[str]:
    """``host:port`` of a lock server that is this test's own."""
    with ReferenceServer() as server:
        yield server.locker


@pytest.fixture
def lockproof_check() -> Callable[..., Report]:
    """Judges a server by the conformance suite, and fails the test with the report if it does not conform.

    ``lockproof_check("memcached://127.0.0.1:11211")``; further arguments as for :func:`lockproof.check`.
    """

    def judge(target: str, **options: Any) -> Report:
        __tracebackhide__ = True
        report = check(target, **options)
        if not report.conforms:
            pytest.fail(report.text, pytrace=False)
        return report

    return judge
