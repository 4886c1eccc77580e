"""What the blocking and the asyncio client for memcached have in common: keys, values, servers, and forgiveness."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from . import _native
from ._address import Address, parse_all, written
from ._errors import ArgumentInvalid, Error
from ._ketama import Ring
from ._serde import Serde

Key: TypeAlias = str | bytes
#: The keys of one call: what comes back has their type.
K = TypeVar("K", bound=Key)
OnError: TypeAlias = Literal["raise", "miss"]
Protocol: TypeAlias = Literal["auto", "binary", "text", "meta"]
Verb: TypeAlias = Literal["get", "release", "query"]

MEMCACHED_PORT = 11211

logger = logging.getLogger("lockproof")

_COUNT_MAX = 2**64 - 1
_FLAGS_MAX = 2**32 - 1
_SECONDS_MAX = 2**32 - 1


class Entry(NamedTuple):
    """An item as the server has it."""

    #: The value, through the serde if the client has one.
    value: Any
    #: The number that was stored beside it.
    flags: int
    #: What :meth:`Memcache.cas` wants: it changes whenever the item does.
    cas: int


class Settings:
    """How a client makes keys, values and choices."""

    def __init__(
        self,
        server: Address | Iterable[Address],
        key_prefix: Key,
        serde: Serde | None,
        on_error: OnError,
    ) -> None:
        if on_error not in ("raise", "miss"):
            raise ValueError(f"on_error is 'raise' or 'miss', not {on_error!r}")
        if serde is not None and not isinstance(serde, Serde):
            raise TypeError("a serde has the methods serialize and deserialize")
        self._addresses = parse_all(server, MEMCACHED_PORT)
        self._ring = Ring(self._addresses) if len(self._addresses) > 1 else None
        self._prefix = key_prefix.encode() if isinstance(key_prefix, str) else bytes(key_prefix)
        self._serde = serde
        self._forgives = on_error == "miss"
        #: How many failures ``on_error="miss"`` has turned into misses.
        self.forgiven = 0

    @property
    def servers(self) -> list[str]:
        """``host:port`` or ``unix:///path`` of each server, in the order given."""
        return [written(place) for place in self._addresses]

    def _place(self, server: str | None) -> int:
        """The place of a server that a caller names; there is no need to where there is one only."""
        if server is None:
            if len(self._addresses) > 1:
                raise ValueError(f"name one of the servers: {', '.join(self.servers)}")
            return 0
        if server not in self.servers:
            raise ValueError(f"{server!r} is none of the servers: {', '.join(self.servers)}")
        return self.servers.index(server)

    def _wire_key(self, key: Key) -> Key:
        if not self._prefix:
            return key
        return self._prefix + _bytes_of(key)

    def _place_of(self, wire_key: Key) -> int:
        return 0 if self._ring is None else self._ring.server(_bytes_of(wire_key))

    def _by_server(self, keys: Iterable[K]) -> Mapping[int, tuple[Sequence[Key], list[K]]]:
        """For each server that is concerned: the keys on the wire, and the caller's."""
        names = list(keys)
        wire: Sequence[Key] = [self._wire_key(key) for key in names] if self._prefix else names
        if self._ring is None:
            return {0: (wire, names)} if names else {}
        groups: dict[int, tuple[list[Key], list[K]]] = {}
        for key, name in zip(wire, names, strict=True):
            group = groups.setdefault(self._place_of(key), ([], []))
            group[0].append(key)
            group[1].append(name)
        return groups

    def _encode(self, key: Key, value: Any, flags: int | None) -> tuple[Any, int]:
        if self._serde is not None:
            if flags is not None:
                raise TypeError("with a serde the flags are the serde's")
            value, flags = self._serde.serialize(key, value)
            return value, check_flags(flags)
        return value, 0 if flags is None else check_flags(flags)

    def _decode(self, key: Key, value: bytes, flags: int) -> Any:
        return value if self._serde is None else self._serde.deserialize(key, value, flags)

    def _entry(self, key: Key, item: tuple[bytes, int, int]) -> Entry:
        value, flags, cas = item
        return Entry(self._decode(key, value, flags), flags, cas)

    def _decode_hits(self, hits: dict[K, Any]) -> dict[K, Any]:
        if self._serde is None:
            return hits
        return {key: self._decode(key, value, flags) for key, (value, flags, _) in hits.items()}

    def _entries_by_server(
        self, mapping: Mapping[K, Any], flags: int | None
    ) -> dict[int, tuple[list[tuple[Key, Any, int]], list[K]]]:
        groups = {}
        for place, (wire, names) in self._by_server(mapping).items():
            encoded = (self._encode(name, mapping[name], flags) for name in names)
            entries = [(key, value, stored) for key, (value, stored) in zip(wire, encoded, strict=True)]
            groups[place] = (entries, names)
        return groups

    def _forgive(self, error: Error) -> None:
        """Counts and logs a failure that is to look like a miss; raises it where it is not."""
        if not self._forgives:
            raise error
        self.forgiven += 1
        logger.warning("taken for a miss: %s", error)


def check_delta(delta: int) -> int:
    """A counter's step."""
    if not 0 <= delta <= _COUNT_MAX:
        raise ArgumentInvalid(f"a delta is between 0 and 2**64 - 1, not {delta}; incr and decr are for the two directions")
    return delta


def check_initial(initial: int | None) -> int | None:
    """A counter's first value, if it is to have one."""
    if initial is not None and not 0 <= initial <= _COUNT_MAX:
        raise ArgumentInvalid(f"a counter is between 0 and 2**64 - 1, not {initial}")
    return initial


def check_token(token: int) -> int:
    """What ``gets`` gave."""
    if not 0 < token <= _COUNT_MAX:
        raise ArgumentInvalid(f"a CAS token is between 1 and 2**64 - 1, not {token}")
    return token


def check_delay(delay: int) -> int:
    """Seconds until a flush."""
    if not 0 <= delay <= _SECONDS_MAX:
        raise ArgumentInvalid(f"a delay is between 0 and 2**32 - 1 seconds, not {delay}")
    return delay


def check_flags(flags: int) -> int:
    """What is stored beside a value."""
    if not 0 <= flags <= _FLAGS_MAX:
        raise ArgumentInvalid(f"flags are between 0 and 2**32 - 1, not {flags}")
    return flags


def _bytes_of(key: Key) -> bytes:
    if isinstance(key, str):
        return key.encode()
    if isinstance(key, bytes):
        return key
    raise TypeError(f"a key is str or bytes, not {type(key).__name__}")


Operation: TypeAlias = _native.Operation
Finish: TypeAlias = Callable[[Any], Any]
