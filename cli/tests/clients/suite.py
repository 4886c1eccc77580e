"""A client's own tests against one server: `suite.py HOST:PORT CLIENT`. Its source was unpacked by ci/setup.

Says what came of each test, as the scripts do of each step; `skip` is one that its authors skip.
"""

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest
from steps import client

SOURCES = Path(__file__).resolve().parents[3] / "target/clients/sources"


class Outcomes:
    """A plugin that says a test a line."""

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.split("/")[-1]
        if report.failed:
            last = report.longreprtext.strip().splitlines()[-1:]
            print(f"not ok {name}{' ' + report.when if report.when != 'call' else ''}: {' '.join(last)}", flush=True)
        elif report.skipped:
            print(f"skip {name}", flush=True)
        elif report.when == "call":
            print(f"ok {name}", flush=True)

    def pytest_collectreport(self, report):
        if report.failed:
            print(f"not ok {report.nodeid}: cannot be read", flush=True)


def pymemcache(host, port):
    # The path first: its options are known only when it has been read.
    return ["pymemcache/test/test_integration.py", "-m", "integration", "--server", host, "--port", port]


def pylibmc(host, port):
    """Its tests have the address in two places."""
    os.environ.update(MEMCACHED_HOST=host, MEMCACHED_PORT=port)
    sys.path.insert(0, ".")
    import tests

    tests.PylibmcTestCase.memcached_host, tests.PylibmcTestCase.memcached_port = host, port
    left_out = [
        # Asks whoever is at port 11211, not the server that it is given.
        "tests/test_autoconf.py::AutoConfTests::test_no_autoconf",
        # Lets an item live for a second, which is over at memcached's next tick, and wants it to be there.
        "tests/test_client.py::ClientTests::test_touch",
    ]
    return [*(word for name in left_out for word in ("--deselect", name)), "tests"]


def main():
    address, package = sys.argv[1:]
    client(package)
    unpacked = SOURCES / f"{package}-{importlib.metadata.version(package)}"
    if not unpacked.is_dir():
        sys.exit(f"{unpacked} is missing: run ci/setup")
    # Their own settings ask for coverage; caches and bytecode must not change what was unpacked.
    sys.dont_write_bytecode = True
    options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-o", "addopts=", "-o", "markers=integration", "--rootdir", str(unpacked)]
    os.chdir(unpacked)
    suites = {"pymemcache": pymemcache, "pylibmc": pylibmc}
    code = pytest.main(suites[package](*address.rsplit(":", 1)) + options, plugins=[Outcomes()])
    # Tests that failed have been told of; anything else went wrong with the run itself.
    sys.exit(0 if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else 1)


main()
