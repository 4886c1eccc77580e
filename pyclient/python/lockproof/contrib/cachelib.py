"""A cache for cachelib.

>>> from lockproof.contrib.cachelib import MemcacheCache
>>> cache = MemcacheCache("127.0.0.1:11211", on_error="miss")          # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from cachelib.base import BaseCache

from .._address import Address
from .._common import Key, OnError, Protocol
from .._errors import Error
from .._memcache import Memcache
from .._serde import PickleSerde, Serde
from .._tls import TLS

_KEY_MAX = 250


class MemcacheCache(BaseCache):
    """cachelib's cache on :class:`lockproof.Memcache`, with the methods of cachelib's own ``MemcachedCache``.

    A key that memcached can't have is a miss to whoever reads it, as it may well be a visitor's; storing it raises.
    A server that can't be reached raises, unless ``on_error`` is ``"miss"``; so does a value that is too large.
    Unlike in cachelib's own, ``inc`` and ``dec`` lose no step of others at the same time.

    Arguments:
        servers: as for :class:`lockproof.Memcache`.
        default_timeout: how long values live, in seconds or as a timedelta; 0 is for ever.
        key_prefix: put before every key. ``clear`` clears all keys, of all prefixes.
        ignore_delete_many_errors: taken, as every cache of cachelib takes it, and without effect: memcached refuses no
            deletion. A server that can't be reached is the matter of ``on_error``.
        check_connection: ask every server at once, and raise a ``RuntimeError`` if one does not answer.
        serde: how objects become bytes. With the default, whoever can write to the server can run code here;
            :class:`lockproof.JsonSerde` is safe, and takes less.
        timeout, connect_timeout, pool_size, on_error, sasl, tls, protocol: as for :class:`lockproof.Memcache`.
    """

    def __init__(
        self,
        servers: Address | Iterable[Address] = "127.0.0.1:11211",
        default_timeout: int | timedelta = 300,
        key_prefix: str | None = None,
        *,
        ignore_delete_many_errors: bool = True,
        check_connection: bool = False,
        serde: Serde = PickleSerde(),
        timeout: float | None = 1.0,
        connect_timeout: float | None = 1.0,
        pool_size: int = 4,
        on_error: OnError = "raise",
        sasl: tuple[str, str] | None = None,
        tls: TLS | bool = False,
        protocol: Protocol = "auto",
    ) -> None:
        super().__init__(default_timeout, ignore_delete_many_errors)
        self.key_prefix = key_prefix or ""
        self._client = Memcache(
            servers,
            timeout=timeout,
            connect_timeout=connect_timeout,
            pool_size=pool_size,
            key_prefix=self.key_prefix,
            serde=serde,
            on_error=on_error,
            sasl=sasl,
            tls=tls,
            protocol=protocol,
        )
        if check_connection:
            self._check_connection()

    def get(self, key: str) -> Any:
        """The value, or ``None``."""
        return self._client.get(key) if self._can_exist(key) else None

    def get_many(self, *keys: str) -> list[Any]:
        """The values in the order of their keys, ``None`` for a miss."""
        return list(map(self._hits(keys).get, keys))

    def get_dict(self, *keys: str) -> dict[str, Any]:
        """The values by key, ``None`` for a miss."""
        return dict.fromkeys(keys) | self._hits(keys)

    def set(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        """Stores the value. False only where a failure is forgiven."""
        return self._client.set(key, value, self._normalize_timeout(timeout))

    def set_many(self, mapping: dict[str, Any], timeout: int | timedelta | None = None) -> list[Any]:
        """Stores all, and returns the keys that were stored."""
        failed = self._client.set_many(dict[Key, Any](mapping.items()), self._normalize_timeout(timeout))
        return [key for key in mapping if key not in failed]

    def add(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        """Stores the value if there is none; False if there is one."""
        return self._client.add(key, value, self._normalize_timeout(timeout))

    def delete(self, key: str) -> bool:
        """Deletes the key; False where there is none."""
        return self._can_exist(key) and self._client.delete(key)

    def delete_many(self, *keys: str) -> list[Any]:
        """Deletes all, and returns the keys that are gone: also those that were not there."""
        deleted = [key for key in keys if self._can_exist(key)]
        self._client.delete_many(deleted)
        return deleted

    def has(self, key: str) -> bool:
        """Whether there is a value."""
        return self._can_exist(key) and self._client.gets(key) is not None

    def clear(self) -> bool:
        """Makes every item of every server a miss."""
        self._client.flush_all()
        return True

    def inc(self, key: str, delta: int = 1) -> int | None:
        """Adds to a number, from 0 where there is none, and returns it. ``None`` where a failure is forgiven.

        Below 0 it goes on, which memcached's own counters do not. Its time to live begins again.
        """
        forgiven = self._client.forgiven
        while True:
            value, stored = self._try_to_add(key, delta)
            if stored:
                return value
            # Otherwise somebody else changed it in between.
            if self._client.forgiven != forgiven:
                return None

    def dec(self, key: str, delta: int = 1) -> int | None:
        """Takes from a number, as :meth:`inc` adds to it."""
        return self.inc(key, -delta)

    def _try_to_add(self, key: str, delta: int) -> tuple[int, bool]:
        entry = self._client.gets(key)
        if entry is None:
            return delta, self._client.add(key, delta, self.default_timeout)
        value = (entry.value or 0) + delta
        return value, bool(self._client.cas(key, value, entry.cas, self.default_timeout))

    def _hits(self, keys: Iterable[str]) -> dict[Any, Any]:
        return self._client.get_many(key for key in keys if self._can_exist(key))

    def _can_exist(self, key: str) -> bool:
        try:
            return 0 < len((self.key_prefix + key).encode()) <= _KEY_MAX
        except UnicodeEncodeError:
            return False

    def _check_connection(self) -> None:
        try:
            for server in self._client.servers:
                self._client.version(server=server)
        except Error as error:
            raise RuntimeError(f"could not connect to memcached server(s): {error}") from error
