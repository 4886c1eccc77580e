"""Runs Django's own tests of its memcached backends on ours: ``upstream_django.py TESTS ADDRESS OUTCOMES``."""

from __future__ import annotations

import json
import sys
import unittest
from importlib import import_module
from pathlib import Path
from typing import Any

import django  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.test import TestCase, override_settings  # type: ignore[import-untyped]
from django.test.runner import DiscoverRunner  # type: ignore[import-untyped]

from lockproof import NotANumber


class Outcomes(unittest.TestResult):
    """What became of each test, by the name of its method."""

    def __init__(self) -> None:
        super().__init__()
        self.by_name: dict[str, str] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, "passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._note(test, f"skipped: {reason}")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._note(test, self._exc_info_to_string(err, test))  # type: ignore[attr-defined]

    addError = addFailure

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.addFailure(test, err)

    def _note(self, test: unittest.TestCase, outcome: str) -> None:
        # What failed first is the outcome, also of a test that has subtests.
        self.by_name.setdefault(test.id().rpartition(".")[2], outcome)


def backend_tests(params: dict[str, Any]) -> type[unittest.TestCase]:
    """Django's tests for all memcached backends, made for ours as they are for Django's own."""
    upstream: Any = import_module("cache.tests")

    class LockproofTests(upstream.BaseMemcachedTests, TestCase):  # type: ignore[misc]
        base_params = params
        should_disconnect_on_close = False
        incr_decr_type_error = NotANumber

    caches = upstream.caches_setting_for_tests(base=params, exclude=upstream.memcached_excluded_caches)
    tests: type[unittest.TestCase] = override_settings(CACHES=caches)(LockproofTests)
    return tests


def main(tests: str, address: str, outcomes: str) -> None:
    # The tests are the package "cache", whose models need a database.
    sys.path.insert(0, str(Path(tests).parent))
    params = {"BACKEND": "lockproof.contrib.django.MemcacheCache", "LOCATION": address}
    settings.configure(
        CACHES={"default": params},
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["cache"],
        SECRET_KEY="secret",
    )
    django.setup()
    runner = DiscoverRunner(verbosity=0, interactive=False)
    runner.setup_test_environment()
    databases = runner.setup_databases()
    result = Outcomes()
    unittest.defaultTestLoader.loadTestsFromTestCase(backend_tests(params)).run(result)
    runner.teardown_databases(databases)
    Path(outcomes).write_text(json.dumps(result.by_name))


if __name__ == "__main__":
    main(*sys.argv[1:])
