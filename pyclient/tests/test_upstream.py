"""Django's and cachelib's own tests of their memcached caches, on ours. ``upstream.py`` fetches and runs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import upstream
from lockproof import ReferenceServer

pytestmark = pytest.mark.timeout(2 * upstream.PATIENCE)

#: What runs: the project, and where in its source.
PROJECTS = {"Django": "tests/cache", "cachelib": "tests/test_memcached_cache.py"}

#: How many tests there are at least, each way in which a test is parametrised counted.
TESTS_MIN = {"Django": 55, "cachelib": 40}

_CULLING = "culling is for caches that count their entries; Django skips it for each of its memcached backends"
_POOL = "it is about the size of pylibmc's own pool, and skipped by cachelib for every other client"

#: What can't pass, by project and name, and why.
CAN_NOT_PASS = {
    "Django": {
        "test_close": "it replaces the method disconnect_all of the client, and ours has none; test_django.py tests "
        "that connections are kept",
        "test_cull": _CULLING,
        "test_cull_delete_when_store_empty": _CULLING,
        "test_zero_cull": _CULLING,
    },
    "cachelib": {
        "TestMemcachedCache::test_non_blocking_pool_raises_when_exhausted": _POOL,
        "TestMemcachedCache::test_pool_enforces_capacity_and_blocking_waits_for_release": _POOL,
    },
}


@pytest.fixture(scope="module", params=["reference server", "memcached"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """The embedded server, and then a real memcached, for all tests of a project."""
    if request.param == "memcached":
        yield request.getfixturevalue("memcached")
        return
    with ReferenceServer() as server:
        yield server.memcached


@pytest.fixture(scope="module", params=PROJECTS)
def project(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def outcomes(project: str, address: str) -> upstream.Outcomes:
    return upstream.run(project, PROJECTS[project], address)


def listed(project: str, test: str) -> bool:
    """Whether it can't pass, whatever its parameters."""
    return test.partition("[")[0] in CAN_NOT_PASS[project]


def test_the_projects_own_tests_pass_but_for_those_that_are_listed(project: str, outcomes: upstream.Outcomes) -> None:
    failures = [
        f"{test}: {outcome}" for test, outcome in outcomes.items() if outcome != "passed" and not listed(project, test)
    ]
    assert not failures, "\n\n".join(failures)
    assert len(outcomes) >= TESTS_MIN[project]


def test_none_of_the_tests_that_are_listed_passes(project: str, outcomes: upstream.Outcomes) -> None:
    assert [test for test, outcome in outcomes.items() if outcome == "passed" and listed(project, test)] == []
    assert CAN_NOT_PASS[project].keys() <= {test.partition("[")[0] for test in outcomes}
