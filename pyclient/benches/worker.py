"""One client in a process of its own: performs what its standard input asks for, a line of JSON each.

Processor time is then of that client alone. Every result is looked at inside the measured loop; a wrong one ends the
process.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import cycle, islice
from resource import RUSAGE_SELF, getrusage
from typing import Any

from clients import ASYNCIO, BLOCKING, CONCURRENT, SIZES, Calls, Concurrent, keys_of, value_of

Loop = Callable[[str, int, int], None]


class Wrong(Exception):
    """A client gave something other than what is stored."""


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(what)


class Blocking:
    """The loops of a blocking client."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._loops: dict[str, Callable[[Callable[..., Any], int, int], None]] = {
            "get": get,
            "set": set_,
            "get_many": get_many,
            "set_many": set_many,
        }
        for size in SIZES:
            expect(calls["get"](keys_of(size)[0]) == value_of(size), "the value is not what was stored")

    def perform(self, operation: str, size: int, count: int) -> None:
        self._loops[operation](self._calls[operation], size, count)

    def settle(self, size: int) -> None:
        """Returns when the server has done everything, also what has no reply."""
        expect(self._calls["get"](keys_of(size)[0]) == value_of(size), "the value is not what was stored")


def get(call: Callable[..., Any], size: int, count: int) -> None:
    for key in islice(cycle(keys_of(size)), count):
        if len(call(key)) != size:
            raise Wrong(key)


def set_(call: Callable[..., Any], size: int, count: int) -> None:
    value = value_of(size)
    for key in islice(cycle(keys_of(size)), count):
        if not call(key, value):
            raise Wrong(key)


def get_many(call: Callable[..., Any], size: int, count: int) -> None:
    keys = keys_of(size)
    total = size * len(keys)
    for _ in range(count):
        if sum(map(len, call(keys).values())) != total:
            raise Wrong("not all values are there")


def set_many(call: Callable[..., Any], size: int, count: int) -> None:
    mapping = dict.fromkeys(keys_of(size), value_of(size))
    for _ in range(count):
        if call(mapping):
            raise Wrong("not all values were stored")


class Asyncio:
    """The loop of a client for asyncio."""

    def __init__(self, make: Callable[[], Awaitable[Concurrent]]) -> None:
        self._runner = asyncio.Runner()
        self._client = self._run(make())
        for size in SIZES:
            self.settle(size)

    def perform(self, operation: str, size: int, count: int) -> None:
        self._run(concurrent_get(self._client, size, count))

    def settle(self, size: int) -> None:
        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*map(self._client.get, wire_keys(size)))

        values = list(self._client.values(self._run(all_of_them())))
        expect(values == [value_of(size)] * CONCURRENT, "the values are not what was stored")

    def _run(self, awaitable: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await awaitable

        return self._runner.run(awaited())


async def concurrent_get(client: Concurrent, size: int, count: int) -> None:
    keys, total = wire_keys(size), size * CONCURRENT
    get, values = client.get, client.values
    for _ in range(count):
        if sum(map(len, values(await asyncio.gather(*map(get, keys))))) != total:
            raise Wrong("not all values are there")


def wire_keys(size: int) -> list[bytes]:
    return [key.encode() for key in keys_of(size)[:CONCURRENT]]


def measured(loop: Loop, operation: str, size: int, count: int) -> dict[str, float]:
    """Seconds of processor time and of the clock."""
    cpu, wall = processor_time(), time.perf_counter()
    loop(operation, size, count)
    return {"wall": time.perf_counter() - wall, "cpu": processor_time() - cpu}


def processor_time() -> float:
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def calibrated(loop: Loop, operation: str, size: int, seconds: float) -> dict[str, float]:
    """How many calls take so long. The last trial is a twelfth of it at least, and warms up what is cold."""
    count = 1
    while (took := measured(loop, operation, size, count)["wall"]) < seconds / 12:
        count *= 2
    return {"count": max(1, round(count * seconds / took))}


def startups(times: int) -> dict[str, list[float]]:
    """Milliseconds from nothing until a reference server is there, has answered, and has ended."""
    from lockproof import Memcache, ReferenceServer

    moments: dict[str, list[float]] = {"started": [], "answered": [], "ended": []}
    for _ in range(times):
        begun = time.perf_counter()
        with ReferenceServer() as server:
            moments["started"].append((time.perf_counter() - begun) * 1e3)
            expect(Memcache(server.memcached).get("key") is None, "a new server is not empty")
            moments["answered"].append((time.perf_counter() - begun) * 1e3)
        moments["ended"].append((time.perf_counter() - begun) * 1e3)
    return moments


def main(client: str, host: str, port: int) -> None:
    subject = Blocking(BLOCKING[client](host, port)) if client in BLOCKING else Asyncio(
        lambda: ASYNCIO[client](host, port)
    )
    for line in sys.stdin:
        order = json.loads(line)
        if "startups" in order:
            answer: Any = startups(order["startups"])
        elif "seconds" in order:
            answer = calibrated(subject.perform, **order)
        else:
            answer = measured(subject.perform, **order)
        if "size" in order:
            subject.settle(order["size"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
