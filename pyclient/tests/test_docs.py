"""What the documentation shows is what happens; README.md is run by pytest itself."""

from __future__ import annotations

import doctest
import inspect

import pytest

import lockproof
from lockproof import _expiry, _ketama, _memcache, _pages, _server, aio


@pytest.mark.parametrize("module", [_server, _memcache, _pages, _expiry, _ketama])
def test_examples_in_docstrings_run(module: object) -> None:
    results = doctest.testmod(module)  # type: ignore[arg-type]
    assert results.failed == 0


def test_the_server_has_an_example() -> None:
    assert doctest.testmod(_server).attempted > 0


@pytest.mark.parametrize("name", lockproof.__all__)
def test_every_public_name_says_what_it_is(name: str) -> None:
    thing = getattr(lockproof, name)
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return
    assert thing.__doc__, name
    for attribute, member in vars(thing).items():
        if inspect.isfunction(member) and not attribute.startswith("_"):
            assert inspect.getdoc(member), f"{name}.{attribute}"


@pytest.mark.parametrize(
    ("blocking", "concurrent"),
    [(lockproof.Memcache, aio.Memcache), (lockproof.Pages, aio.Pages), (lockproof.Lock, aio.Lock), (lockproof.Locks, aio.Locks)],
)
def test_the_asyncio_clients_have_the_same_names(blocking: type, concurrent: type) -> None:
    def names(of: type) -> set[str]:
        return {name for name in dir(of) if not name.startswith("_")}

    assert names(blocking) - {"pipeline"} == names(concurrent)
