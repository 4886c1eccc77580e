"""Runs cachelib's own tests of its memcached cache on ours: ``upstream_cachelib.py TESTS ADDRESS OUTCOMES``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cachelib
import pytest

from lockproof.contrib.cachelib import MemcacheCache

#: Where cachelib's tests have their memcached.
THEIRS = "127.0.0.1:11212"


class Outcomes:
    """A plugin of pytest that notes what became of each test."""

    def __init__(self) -> None:
        self.by_name: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or report.skipped or report.when == "call":
            outcome = "passed" if report.passed else f"{report.outcome}: {report.longreprtext}"
            self.by_name[report.nodeid.partition("::")[2]] = outcome

    @pytest.fixture(scope="session")
    def xprocess(self) -> None:
        """Of pytest-xprocess, to start a server. Ours runs already, as theirs does in their CI."""


def ours(address: str) -> type[MemcacheCache]:
    """Our cache, made by the arguments that cachelib's tests give to their own."""

    class MemcachedCache(MemcacheCache):
        def __init__(self, servers: list[str], *, memcache_client_lib: str = "", **options: Any) -> None:
            # Of cachelib's own: which library it is to use, and what to do when its pool is exhausted. Ours never is.
            options.pop("pool_blocking", None)
            super().__init__([address if server == THEIRS else server for server in servers], **options)

    return MemcachedCache


def main(tests: str, address: str, outcomes: str) -> None:
    xprocess: Any = ModuleType("xprocess")
    xprocess.ProcessStarter = object
    sys.modules["xprocess"] = xprocess
    cachelib.MemcachedCache = ours(address)  # type: ignore[assignment,misc]
    noted = Outcomes()
    # Its tests run once for each client library that is here. For ours that makes no difference.
    chosen = ["-k", "not python-memcached", tests]
    plain = ["-c", "/dev/null", "--rootdir", str(Path(tests).parent), "-p", "no:cacheprovider"]
    code = pytest.main([*plain, *chosen], [noted])
    assert code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), code
    Path(outcomes).write_text(json.dumps(noted.by_name))


if __name__ == "__main__":
    main(*sys.argv[1:])
