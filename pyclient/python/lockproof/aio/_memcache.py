"""The asyncio client for memcached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from .. import _native
from .._address import Address
from .._common import (
    Entry,
    K,
    Key,
    OnError,
    Operation,
    Protocol,
    Settings,
    check_delay,
    check_delta,
    check_initial,
    check_token,
)
from .._errors import ConnectionFailed, Error, Timeout
from .._expiry import Expiry, on_the_wire
from .._lease import Found, Terms, give_back
from .._serde import Serde
from .._tls import TLS
from ._connect import Way
from ._connection import Server


class Memcache(Settings):
    """As :class:`lockproof.Memcache`, for asyncio; there is no ``pool_size`` and no ``pipeline``.

    All tasks share one connection to each server. What they ask for in the same turn of the loop leaves in one write,
    so fifty concurrent gets cost about as much as a batch of fifty. An operation that is cancelled retires the
    connection: it is closed when the others' replies have come, and the next operation opens another.
    """

    def __init__(
        self,
        server: Address | Iterable[Address] = "127.0.0.1:11211",
        *,
        timeout: float | None = 1.0,
        connect_timeout: float | None = 1.0,
        key_prefix: Key = b"",
        serde: Serde | None = None,
        on_error: OnError = "raise",
        sasl: tuple[str, str] | None = None,
        tls: TLS | bool = False,
        protocol: Protocol = "auto",
    ) -> None:
        super().__init__(server, key_prefix, serde, on_error)
        ways = Way.to_all(self._addresses, tls, connect_timeout)
        self._servers = [Server(way, timeout, sasl, protocol) for way in ways]

    # One key.

    async def get(self, key: Key, default: Any = None) -> Any:
        """The value, or ``default`` on a miss."""
        wire = self._wire_key(key)
        item = await self._run(wire, _native.get(wire), None)
        return default if item is None else self._decode(key, item[0], item[1])

    async def gets(self, key: Key) -> Entry | None:
        """Value, flags and CAS token, or ``None`` on a miss."""
        wire = self._wire_key(key)
        item = await self._run(wire, _native.get(wire), None)
        return None if item is None else self._entry(key, item)

    async def gat(self, key: Key, expire: Expiry, default: Any = None) -> Any:
        """The value, which gets a new expiry; or ``default`` on a miss."""
        wire = self._wire_key(key)
        item = await self._run(wire, _native.gat(wire, on_the_wire(expire)), None)
        return default if item is None else self._decode(key, item[0], item[1])

    async def set(self, key: Key, value: Any, expire: Expiry = 0, *, flags: int | None = None) -> bool:
        """Stores the value. True: it is stored (False only by ``on_error="miss"``)."""
        wire = self._wire_key(key)
        value, flags = self._encode(key, value, flags)
        return bool(await self._run(wire, _native.set(wire, value, flags, on_the_wire(expire)), False))

    async def add(self, key: Key, value: Any, expire: Expiry = 0, *, flags: int | None = None) -> bool:
        """Stores the value if there is none; False if there is one."""
        wire = self._wire_key(key)
        value, flags = self._encode(key, value, flags)
        return bool(await self._run(wire, _native.add(wire, value, flags, on_the_wire(expire)), False))

    async def replace(self, key: Key, value: Any, expire: Expiry = 0, *, flags: int | None = None) -> bool:
        """Stores the value if there is one already; False if there is none."""
        wire = self._wire_key(key)
        value, flags = self._encode(key, value, flags)
        return bool(await self._run(wire, _native.replace(wire, value, flags, on_the_wire(expire)), False))

    async def cas(
        self, key: Key, value: Any, token: int, expire: Expiry = 0, *, flags: int | None = None
    ) -> bool | None:
        """Stores the value if the item is still the one that :meth:`gets` gave the token of.

        True: stored. False: somebody has changed the item since. ``None``: there is none any more.
        """
        wire = self._wire_key(key)
        value, flags = self._encode(key, value, flags)
        operation = _native.cas(wire, value, check_token(token), flags, on_the_wire(expire))
        stored: bool | None = await self._run(wire, operation, False)
        return stored

    async def append(self, key: Key, value: Any) -> bool:
        """Puts bytes behind the value; False where there is none, or the sum would be too large."""
        wire = self._wire_key(key)
        return bool(await self._run(wire, _native.append(wire, value), False))

    async def prepend(self, key: Key, value: Any) -> bool:
        """Puts bytes before the value; False where there is none, or the sum would be too large."""
        wire = self._wire_key(key)
        return bool(await self._run(wire, _native.prepend(wire, value), False))

    async def delete(self, key: Key) -> bool:
        """Deletes the item; False where there is none."""
        wire = self._wire_key(key)
        return bool(await self._run(wire, _native.delete(wire), False))

    async def touch(self, key: Key, expire: Expiry) -> bool:
        """Gives the item a new expiry; False where there is none."""
        wire = self._wire_key(key)
        return bool(await self._run(wire, _native.touch(wire, on_the_wire(expire)), False))

    async def incr(self, key: Key, delta: int = 1, *, initial: int | None = None, expire: Expiry = 0) -> int | None:
        """Adds to a counter (a decimal number), modulo 2**64, and returns it.

        Where there is none: ``None``; or, if ``initial`` is given, a new counter with that value and expiry.
        """
        wire = self._wire_key(key)
        operation = _native.incr(wire, check_delta(delta), check_initial(initial), on_the_wire(expire))
        count: int | None = await self._run(wire, operation, None)
        return count

    async def decr(self, key: Key, delta: int = 1, *, initial: int | None = None, expire: Expiry = 0) -> int | None:
        """Takes from a counter, which ends at 0; otherwise as :meth:`incr`."""
        wire = self._wire_key(key)
        operation = _native.decr(wire, check_delta(delta), check_initial(initial), on_the_wire(expire))
        count: int | None = await self._run(wire, operation, None)
        return count

    # Leases, by the meta protocol.

    async def get_or_lease(
        self,
        key: Key,
        compute: Callable[[], Awaitable[Any]],
        ttl: Expiry = 0,
        *,
        lease_ttl: int = 30,
        stale_ttl: int = 0,
        wait: float = 30.0,
    ) -> Any:
        """As :meth:`lockproof.Memcache.get_or_lease`; what ``compute`` gives is awaited.

        One that is cancelled while it computes leaves the others to its lease.
        """
        terms = Terms.checked(ttl, lease_ttl, stale_ttl, wait)
        wire = self._wire_key(key)
        loop = asyncio.get_running_loop()
        for until, pause in terms.pauses(loop.time()):
            item = await self._run(wire, terms.lookup(wire), None)
            if item is None:
                # The server can't be reached, and that is to look like a miss.
                return await compute()
            found = Found(*item)
            if found.won:
                return await self._compute(key, wire, compute, terms, found)
            if not found.is_stub:
                return self._decode(key, found.value, found.flags)
            left = until - loop.time()
            if left <= 0:
                raise terms.too_late(key)
            await asyncio.sleep(min(pause, left))
        raise AssertionError("there is always another pause")

    async def invalidate(self, key: Key, stale_ttl: Expiry = None) -> bool:
        """As :meth:`lockproof.Memcache.invalidate`."""
        wire = self._wire_key(key)
        expiry = None if stale_ttl is None else on_the_wire(stale_ttl)
        return bool(await self._run(wire, _native.invalidate(wire, 0, expiry), False))

    # Many keys: one exchange with each server.

    async def get_many(self, keys: Iterable[K]) -> dict[K, Any]:
        """The hits, by key."""
        hits: dict[K, Any] = {}
        for place, (wire, names) in self._by_server(keys).items():
            hits.update(await self._run_at(place, _native.get_many(wire, names, self._serde is not None), {}))
        return self._decode_hits(hits)

    async def gets_many(self, keys: Iterable[K]) -> dict[K, Entry]:
        """The hits with flags and CAS tokens, by key."""
        hits: dict[K, Any] = {}
        for place, (wire, names) in self._by_server(keys).items():
            hits.update(await self._run_at(place, _native.get_many(wire, names, True), {}))
        return {key: self._entry(key, item) for key, item in hits.items()}

    async def set_many(self, mapping: Mapping[K, Any], expire: Expiry = 0, *, flags: int | None = None) -> list[K]:
        """Stores all, and returns the keys that the server refused (too large, say)."""
        failed: list[K] = []
        expiry = on_the_wire(expire)
        for place, (entries, names) in self._entries_by_server(mapping, flags).items():
            all_of_them = [(name, 0) for name in names]
            refused = await self._run_at(place, _native.set_many(entries, names, expiry), all_of_them)
            failed.extend(key for key, _ in refused)
        return failed

    async def delete_many(self, keys: Iterable[K]) -> list[K]:
        """Deletes all, and returns the keys that were not there."""
        failed: list[K] = []
        for place, (wire, names) in self._by_server(keys).items():
            all_of_them = [(name, 0) for name in names]
            refused = await self._run_at(place, _native.delete_many(wire, names), all_of_them)
            failed.extend(key for key, _ in refused)
        return failed

    get_multi = get_many
    set_multi = set_many
    delete_multi = delete_many

    # Servers.

    async def stats(self, group: str = "", *, server: str | None = None) -> dict[str, str]:
        """A server's statistics by name. ``server`` is needed where there are several."""
        stats: dict[str, str] = await self._servers[self._place(server)].run(_native.stats(group))
        return stats

    async def version(self, *, server: str | None = None) -> str:
        """A server's version. ``server`` is needed where there are several."""
        version: str = await self._servers[self._place(server)].run(_native.version())
        return version

    def protocol(self, *, server: str | None = None) -> str | None:
        """As :meth:`lockproof.Memcache.protocol`."""
        return self._servers[self._place(server)].protocol

    async def flush_all(self, delay: int = 0) -> None:
        """Makes every item of every server a miss, ``delay`` seconds from now."""
        for server in self._servers:
            await server.run(_native.flush_all(check_delay(delay)))

    async def close(self) -> None:
        """Closes the connections, each when what is under way on it is done. The next operation opens another."""
        for server in self._servers:
            server.close()
        # In the loop's next turn the sockets are closed: a server that stops then has nobody to wait for.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Memcache:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<lockproof.aio.Memcache {', '.join(self.servers)}>"

    async def _compute(
        self, key: Key, wire: Key, compute: Callable[[], Awaitable[Any]], terms: Terms, found: Found
    ) -> Any:
        try:
            computed = await compute()
            value, flags = self._encode(key, computed, None)
            operation = terms.store(wire, value, flags, found)
        except Exception:
            with suppress(Error):
                await self._run(wire, give_back(wire, found), None)
            raise
        await self._run(wire, operation, None)
        return computed

    async def _run(self, wire_key: Key, operation: Operation, miss: Any) -> Any:
        return await self._run_at(self._place_of(wire_key), operation, miss)

    async def _run_at(self, place: int, operation: Operation, miss: Any) -> Any:
        try:
            return await self._servers[place].run(operation)
        except (ConnectionFailed, Timeout) as error:
            self._forgive(error)
            return miss
