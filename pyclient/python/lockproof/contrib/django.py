"""A cache backend for Django::

    CACHES = {
        "default": {
            "BACKEND": "lockproof.contrib.django.MemcacheCache",
            "LOCATION": "127.0.0.1:11211",
            "OPTIONS": {"timeout": 0.5, "on_error": "miss"},
        }
    }
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT  # type: ignore[import-untyped]
from django.core.cache.backends.memcached import BaseMemcachedCache  # type: ignore[import-untyped]
from django.utils.module_loading import import_string  # type: ignore[import-untyped]

from .._errors import OutOfMemory, TooLarge
from .._memcache import Memcache
from .._serde import PickleSerde

#: Clients by the settings that they were made of.
_clients: list[tuple[object, Memcache]] = []


class MemcacheCache(BaseMemcachedCache):  # type: ignore[misc]
    """Django's cache on :class:`lockproof.Memcache`.

    ``LOCATION`` is a server, or several: a list, or text with commas; ``unix:/path`` is a Unix socket. ``OPTIONS`` are
    the arguments of :class:`lockproof.Memcache`; ``"tls": True`` is one of them. ``serde`` among them is an object, a
    class or a dotted name. It is :class:`lockproof.PickleSerde` unless given, for Django's caches take any object:
    whoever can write to the server can then run code here. It reads what Django's PyMemcacheCache wrote, and the other
    way round.

    A server that can't be reached is no miss: it raises, unless ``on_error`` is ``"miss"``. A value that is too large
    raises, and the key is gone then. Counters are memcached's own: they are atomic, never below 0, and incrementing
    what is no number raises :class:`lockproof.NotANumber`.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        # It raises nothing for a key that is not there; None says so.
        super().__init__(server, params, library=SimpleNamespace(Client=Memcache), value_not_found_exception=())

    @cached_property
    def _cache(self) -> Memcache:
        return _shared_client(self.client_servers, self._options)

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> Any:
        """Django's timeout as the client's expiry: for the one 0 is at once, for the other for ever."""
        if timeout == DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        if timeout is None:
            return 0
        return timeout if timeout > 0 else -1

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        """Stores the value. What is refused leaves no older value behind."""
        try:
            super().set(key, value, timeout=timeout, version=version)
        except (TooLarge, OutOfMemory):
            self.delete(key, version=version)
            raise

    def set_many(self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> list[Any]:
        """Stores all, and returns the keys that were refused; they have no older value either."""
        failed: list[Any] = super().set_many(data, timeout=timeout, version=version)
        if failed:
            self.delete_many(failed, version=version)
        return failed

    def close(self, **kwargs: Any) -> None:
        """Keeps the connections. Django calls this after every request, and the next one wants them."""


def _shared_client(servers: Any, options: dict[str, Any]) -> Memcache:
    """One client for all that have the same settings.

    Django makes a backend for each thread, and under ASGI for each request: their connections would be as short-lived.
    Two threads that come first at once may get one each, which does no harm.
    """
    settings = (list(servers), dict(options))
    for known, client in _clients:
        if known == settings:
            return client
    client = Memcache(servers, **{**options, "serde": _serde(options.get("serde", PickleSerde))})
    _clients.append((settings, client))
    return client


def _serde(given: Any) -> Any:
    serde = import_string(given) if isinstance(given, str) else given
    return serde() if isinstance(serde, type) else serde
