"""The clients that are compared, each made to store and give bytes, and to read every reply.

Left out: loops and clocks (worker.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

#: Keys in one call of the many-key operations, and gets at the same time for asyncio.
KEYS = 100
CONCURRENT = 50

#: Bytes in a value.
SIZES = (100, 4096)


class Operation(NamedTuple):
    """What is measured."""

    title: str
    #: Keys in one call: figures are for each.
    keys: int


OPERATIONS = {
    "get": Operation("get", 1),
    "set": Operation("set", 1),
    "get_many": Operation(f"get_many({KEYS}), per key", KEYS),
    "set_many": Operation(f"set_many({KEYS}), per key", KEYS),
    "concurrent_get": Operation(f"asyncio, {CONCURRENT} concurrent gets, per get", CONCURRENT),
}

Calls = dict[str, Callable[..., Any]]


class Concurrent(NamedTuple):
    """A client for asyncio."""

    get: Callable[[bytes], Awaitable[Any]]
    #: The values of many results.
    values: Callable[[list[Any]], Iterable[bytes]] = iter


def lockproof(host: str, port: int) -> Calls:
    from lockproof import Memcache

    client = Memcache((host, port), protocol="binary")
    return {"get": client.get, "set": client.set, "get_many": client.get_many, "set_many": client.set_many}


def pymemcache(host: str, port: int) -> Calls:
    from pymemcache.client.base import Client  # type: ignore[import-untyped]

    client = Client((host, port), default_noreply=False)
    return {"get": client.get, "set": client.set, "get_many": client.get_many, "set_many": client.set_many}


def pymemcache_noreply(host: str, port: int) -> Calls:
    from pymemcache.client.base import Client

    # Its default: nobody hears whether a value was stored.
    client = Client((host, port))
    return {"get": client.get, "set": client.set, "set_many": client.set_many}


def pylibmc(host: str, port: int, *, binary: bool) -> Calls:
    from pylibmc import Client  # type: ignore[import-untyped]

    client = Client([f"{host}:{port}"], binary=binary, behaviors={"tcp_nodelay": True})
    return {"get": client.get, "set": client.set, "get_many": client.get_multi, "set_many": client.set_multi}


def bmemcached(host: str, port: int) -> Calls:
    from bmemcached import Client  # type: ignore[import-untyped]

    # Otherwise it compresses whatever is longer than 128 bytes.
    client = Client((f"{host}:{port}",), raw_data=True)
    return {"get": client.get, "set": client.set, "get_many": client.get_multi, "set_many": client.set_multi}


async def lockproof_aio(host: str, port: int) -> Concurrent:
    from lockproof.aio import Memcache

    return Concurrent(Memcache((host, port), protocol="binary").get)


async def emcache(host: str, port: int, **options: Any) -> Concurrent:
    from emcache import MemcachedHostAddress, create_client

    client = await create_client([MemcachedHostAddress(host, port)], **options)
    return Concurrent(client.get, partial(map, attrgetter("value")))


async def aiomcache(host: str, port: int, **options: Any) -> Concurrent:
    from aiomcache import Client

    return Concurrent(Client(host, port, **options).get)


BLOCKING: dict[str, Callable[[str, int], Calls]] = {
    "lockproof": lockproof,
    "pymemcache": pymemcache,
    "pymemcache, noreply": pymemcache_noreply,
    "pylibmc, binary": partial(pylibmc, binary=True),
    "pylibmc, text": partial(pylibmc, binary=False),
    "bmemcached": bmemcached,
}

#: Of pools of 1 to 50, one connection for each concurrent get costs emcache and aiomcache the least, or nearly so.
ASYNCIO: dict[str, Callable[[str, int], Awaitable[Concurrent]]] = {
    "lockproof.aio": lockproof_aio,
    "emcache": emcache,
    f"emcache, pool of {CONCURRENT}": partial(emcache, max_connections=CONCURRENT, min_connections=CONCURRENT),
    "emcache, autobatching": partial(emcache, autobatching=True),
    "aiomcache": aiomcache,
    f"aiomcache, pool of {CONCURRENT}": partial(aiomcache, pool_size=CONCURRENT),
}


def clients_of(operation: str) -> list[str]:
    """Who can do it, this project's first."""
    if operation == "concurrent_get":
        return list(ASYNCIO)
    silent = {"pymemcache, noreply"} if not operation.startswith("set") else set()
    return [name for name in BLOCKING if name not in silent]


def ours(operation: str) -> str:
    """This project's client for it."""
    return clients_of(operation)[0]


def value_of(size: int) -> bytes:
    """What every client stores, and has to get."""
    return bytes(index * 31 % 251 for index in range(size))


def keys_of(size: int) -> list[str]:
    """The keys of the values of that size, the same for all."""
    return [f"lockproof:bench:{size:04}:{index:04}" for index in range(KEYS)]
