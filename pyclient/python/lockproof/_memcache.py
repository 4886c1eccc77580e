"""The blocking client for memcached."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from . import _native
from ._address import Address
from ._common import (
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
from ._errors import ConnectionFailed, Error, Timeout
from ._expiry import RELATIVE_MAX, Expiry, on_the_wire
from ._lease import Found, Terms, give_back
from ._pipeline import Pipeline
from ._serde import Serde
from ._tls import TLS, native


class Memcache(Settings):
    """A client for one memcached server or several, by any of its protocols.

    It may be used by any number of threads, and by children of ``fork``: each operation takes a connection for itself.
    Every reply is read, and matched to its request. What goes wrong is raised (see :class:`lockproof.Error`); a miss,
    or a condition that does not hold, is a result.

    Arguments:
        server: ``"host:port"``, ``("host", port)``, ``"unix:///path"``, or several of them; the port is 11211 unless given.
            Keys are spread over several servers as libmemcached does by its weighted ketama distribution.
        timeout: seconds for one operation, all of its keys included; ``None`` waits for ever.
        connect_timeout: seconds for a new connection.
        pool_size: connections kept for each server while nobody uses them. More threads than that get more.
        key_prefix: put before every key.
        serde: turns objects into bytes and back, as :class:`lockproof.JsonSerde`. Without one, values are bytes (or
            another buffer), and anything else is a ``TypeError``.
        on_error: ``"raise"``, or ``"miss"``: a server that can't be reached, or does not answer in time, then looks
            like a miss, is counted in :attr:`forgiven`, and logged.
        sasl: user and password, for SASL PLAIN; by text and meta they are shown as memcached's ``-Y`` has it.
        tls: a :class:`lockproof.TLS`, or ``True``: the server is reached by TLS, and must prove who it is. An
            ``ssl.SSLContext`` can't be used: the native part has a TLS of its own.
        protocol: which of memcached's protocols is spoken: ``"binary"``, ``"text"``, ``"meta"``, or ``"auto"``, which is meta
            where the server speaks it, else text, else binary: found out once for each server, by its first connection.
            With ``sasl``, ``"auto"`` is binary.

    An expiry is a number of seconds from now (any number: beyond 30 days is no trap here), a ``timedelta``, or a
    ``datetime``; 0 and ``None`` are for ever.

    >>> cache = Memcache("127.0.0.1:11211", timeout=0.5)          # doctest: +SKIP
    """

    def __init__(
        self,
        server: Address | Iterable[Address] = "127.0.0.1:11211",
        *,
        timeout: float | None = 1.0,
        connect_timeout: float | None = 1.0,
        pool_size: int = 4,
        key_prefix: Key = b"",
        serde: Serde | None = None,
        on_error: OnError = "raise",
        sasl: tuple[str, str] | None = None,
        tls: TLS | bool = False,
        protocol: Protocol = "auto",
    ) -> None:
        super().__init__(server, key_prefix, serde, on_error)
        credentials = None if sasl is None else (sasl[0].encode(), sasl[1].encode())
        files = native(tls)
        self._servers = [
            _native.MemcacheServer(place, files, connect_timeout, timeout, pool_size, credentials, protocol)
            for place in self.servers
        ]
        # Nothing to be done around an operation: get and set take the shortest way.
        plain = self._ring is None and not self._prefix and serde is None and not self._forgives
        self._plain = self._servers[0] if plain else None

    # One key.

    def get(self, key: Key, default: Any = None) -> Any:
        """The value, or ``default`` on a miss."""
        if self._plain is not None:
            return self._plain.get(key, default)
        wire = self._wire_key(key)
        item = self._run(wire, _native.get(wire), None)
        return default if item is None else self._decode(key, item[0], item[1])

    def gets(self, key: Key) -> Entry | None:
        """Value, flags and CAS token, or ``None`` on a miss."""
        wire = self._wire_key(key)
        item = self._run(wire, _native.get(wire), None)
        return None if item is None else self._entry(key, item)

    def gat(self, key: Key, expire: Expiry, default: Any = None) -> Any:
        """The value, which gets a new expiry; or ``default`` on a miss."""
        wire = self._wire_key(key)
        item = self._run(wire, _native.gat(wire, on_the_wire(expire)), None)
        return default if item is None else self._decode(key, item[0], item[1])

    def set(self, key: Key, value: Any, expire: Expiry = 0, *, flags: int | None = None) -> bool:
        """Stores the value. True: it is stored (False only by ``on_error="miss"``)."""
        if self._plain is not None and flags is None:
            # The commonest expiries are on the wire what they are here.
            seconds = expire if type(expire) is int and 0 <= expire <= RELATIVE_MAX else on_the_wire(expire)
            return self._plain.set(key, value, 0, seconds)
        wire = self._wire_key(key)
        value, flags = self._encode(key, value, flags)
        return bool(self._run(wire, _native.set(wire, value, flags, on_the_wire(expire)), False))

    def add(self, key: Key, value: Any, expire: Expiry = 0, *, flags: int | None = None) -> bool:
        """Stores the value if there is none; False if there is one."""
        wire = self._wire_key(key)
        value, flags = self._encode(key, value, flags)
        return bool(self._run(wire, _native.add(wire, value, flags, on_the_wire(expire)), False))

    def replace(self, key: Key, value: Any, expire: Expiry = 0, *, flags: int | None = None) -> bool:
        """Stores the value if there is one already; False if there is none."""
        wire = self._wire_key(key)
        value, flags = self._encode(key, value, flags)
        return bool(self._run(wire, _native.replace(wire, value, flags, on_the_wire(expire)), False))

    def cas(
        self, key: Key, value: Any, token: int, expire: Expiry = 0, *, flags: int | None = None
    ) -> bool | None:
        """Stores the value if the item is still the one that :meth:`gets` gave the token of.

        True: stored. False: somebody has changed the item since. ``None``: there is none any more.
        """
        wire = self._wire_key(key)
        value, flags = self._encode(key, value, flags)
        operation = _native.cas(wire, value, check_token(token), flags, on_the_wire(expire))
        stored: bool | None = self._run(wire, operation, False)
        return stored

    def append(self, key: Key, value: Any) -> bool:
        """Puts bytes behind the value; False where there is none, or the sum would be too large."""
        wire = self._wire_key(key)
        return bool(self._run(wire, _native.append(wire, value), False))

    def prepend(self, key: Key, value: Any) -> bool:
        """Puts bytes before the value; False where there is none, or the sum would be too large."""
        wire = self._wire_key(key)
        return bool(self._run(wire, _native.prepend(wire, value), False))

    def delete(self, key: Key) -> bool:
        """Deletes the item; False where there is none."""
        wire = self._wire_key(key)
        return bool(self._run(wire, _native.delete(wire), False))

    def touch(self, key: Key, expire: Expiry) -> bool:
        """Gives the item a new expiry; False where there is none."""
        wire = self._wire_key(key)
        return bool(self._run(wire, _native.touch(wire, on_the_wire(expire)), False))

    def incr(self, key: Key, delta: int = 1, *, initial: int | None = None, expire: Expiry = 0) -> int | None:
        """Adds to a counter (a decimal number), modulo 2**64, and returns it.

        Where there is none: ``None``; or, if ``initial`` is given, a new counter with that value and expiry.
        """
        wire = self._wire_key(key)
        operation = _native.incr(wire, check_delta(delta), check_initial(initial), on_the_wire(expire))
        count: int | None = self._run(wire, operation, None)
        return count

    def decr(self, key: Key, delta: int = 1, *, initial: int | None = None, expire: Expiry = 0) -> int | None:
        """Takes from a counter, which ends at 0; otherwise as :meth:`incr`."""
        wire = self._wire_key(key)
        operation = _native.decr(wire, check_delta(delta), check_initial(initial), on_the_wire(expire))
        count: int | None = self._run(wire, operation, None)
        return count

    # Leases, by the meta protocol.

    def get_or_lease(
        self,
        key: Key,
        compute: Callable[[], Any],
        ttl: Expiry = 0,
        *,
        lease_ttl: int = 30,
        stale_ttl: int = 0,
        wait: float = 30.0,
    ) -> Any:
        """The value; of all callers that find none, one computes it and the others wait for that.

        Arguments:
            compute: makes the value. What it raises is raised here, and another caller may compute at once.
            ttl: how long the value is good for.
            lease_ttl: seconds that the one has who computes. Then another one may, so that nobody waits for the dead.
            stale_ttl: seconds behind ``ttl`` in which the old value is given to all but the one who computes the new one.
            wait: seconds that the others wait, before they raise :class:`lockproof.Timeout`.

        It needs the meta protocol. A key that is used so is read by nothing else than this: by meta, a plain ``get`` of a stale
        value takes the lease away, and one of an absent value that is being computed is an empty hit.
        """
        terms = Terms.checked(ttl, lease_ttl, stale_ttl, wait)
        wire = self._wire_key(key)
        began = time.monotonic()
        for until, pause in terms.pauses(began):
            item = self._run(wire, terms.lookup(wire), None)
            if item is None:
                # The server can't be reached, and that is to look like a miss.
                return compute()
            found = Found(*item)
            if found.won:
                return self._compute(key, wire, compute, terms, found)
            if not found.is_stub:
                return self._decode(key, found.value, found.flags)
            left = until - time.monotonic()
            if left <= 0:
                raise terms.too_late(key)
            time.sleep(min(pause, left))
        raise AssertionError("there is always another pause")

    def invalidate(self, key: Key, stale_ttl: Expiry = None) -> bool:
        """Marks the value as stale: of the callers of :meth:`get_or_lease` the next one computes it anew, and until it is stored
        the others get the old one, for ``stale_ttl`` at most if that is given. False where there is none.

        It needs the meta protocol.
        """
        wire = self._wire_key(key)
        expiry = None if stale_ttl is None else on_the_wire(stale_ttl)
        return bool(self._run(wire, _native.invalidate(wire, 0, expiry), False))

    # Many keys: one exchange with each server.

    def get_many(self, keys: Iterable[K]) -> dict[K, Any]:
        """The hits, by key."""
        hits: dict[K, Any] = {}
        for place, (wire, names) in self._by_server(keys).items():
            hits.update(self._run_at(place, _native.get_many(wire, names, self._serde is not None), {}))
        return self._decode_hits(hits)

    def gets_many(self, keys: Iterable[K]) -> dict[K, Entry]:
        """The hits with flags and CAS tokens, by key."""
        hits: dict[K, Any] = {}
        for place, (wire, names) in self._by_server(keys).items():
            hits.update(self._run_at(place, _native.get_many(wire, names, True), {}))
        return {key: self._entry(key, item) for key, item in hits.items()}

    def set_many(self, mapping: Mapping[K, Any], expire: Expiry = 0, *, flags: int | None = None) -> list[K]:
        """Stores all, and returns the keys that the server refused (too large, say)."""
        failed: list[K] = []
        expiry = on_the_wire(expire)
        for place, (entries, names) in self._entries_by_server(mapping, flags).items():
            all_of_them = [(name, 0) for name in names]
            refused = self._run_at(place, _native.set_many(entries, names, expiry), all_of_them)
            failed.extend(key for key, _ in refused)
        return failed

    def delete_many(self, keys: Iterable[K]) -> list[K]:
        """Deletes all, and returns the keys that were not there."""
        failed: list[K] = []
        for place, (wire, names) in self._by_server(keys).items():
            all_of_them = [(name, 0) for name in names]
            refused = self._run_at(place, _native.delete_many(wire, names), all_of_them)
            failed.extend(key for key, _ in refused)
        return failed

    get_multi = get_many
    set_multi = set_many
    delete_multi = delete_many

    def pipeline(self) -> Pipeline:
        """Collects operations, and performs them in one exchange with each server.

        >>> with cache.pipeline() as pipe:                        # doctest: +SKIP
        ...     hits, name = pipe.incr("hits"), pipe.get("name")
        >>> hits.result(), name.result()                          # doctest: +SKIP
        (1, b'value')
        """
        return Pipeline(self)

    # Servers.

    def stats(self, group: str = "", *, server: str | None = None) -> dict[str, str]:
        """A server's statistics by name. ``server`` is needed where there are several."""
        stats: dict[str, str] = self._servers[self._place(server)].run(_native.stats(group))
        return stats

    def version(self, *, server: str | None = None) -> str:
        """A server's version. ``server`` is needed where there are several."""
        version: str = self._servers[self._place(server)].run(_native.version())
        return version

    def protocol(self, *, server: str | None = None) -> str | None:
        """What is spoken with a server: ``"binary"``, ``"text"`` or ``"meta"``; ``None`` until the first connection has found it
        out. ``server`` is needed where there are several."""
        return self._servers[self._place(server)].protocol()

    def flush_all(self, delay: int = 0) -> None:
        """Makes every item of every server a miss, ``delay`` seconds from now."""
        for server in self._servers:
            server.run(_native.flush_all(check_delay(delay)))

    def close(self) -> None:
        """Closes the connections that nobody uses. The next operation opens another."""
        for server in self._servers:
            server.close()

    def __enter__(self) -> Memcache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<lockproof.Memcache {', '.join(self.servers)}>"

    def _compute(self, key: Key, wire: Key, compute: Callable[[], Any], terms: Terms, found: Found) -> Any:
        try:
            computed = compute()
            value, flags = self._encode(key, computed, None)
            operation = terms.store(wire, value, flags, found)
        except Exception:
            with suppress(Error):
                self._run(wire, give_back(wire, found), None)
            raise
        self._run(wire, operation, None)
        return computed

    def _run(self, wire_key: Key, operation: Operation, miss: Any) -> Any:
        return self._run_at(self._place_of(wire_key), operation, miss)

    def _run_at(self, place: int, operation: Operation, miss: Any) -> Any:
        try:
            return self._servers[place].run(operation)
        except (ConnectionFailed, Timeout) as error:
            self._forgive(error)
            return miss
