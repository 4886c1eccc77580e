"""Which server a key belongs to: libmemcached's weighted ketama, for servers of equal weight.

Every server has points on a circle of 32-bit numbers; a key belongs to the first point at or behind its own number.
So the loss of one server moves only that one's keys. The same keys land on the same servers as with pylibmc's
``behaviors={"ketama_weighted": True}``, if the servers are written the same way.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Sequence
from hashlib import md5

from ._address import Place, Unix

#: Points that a server is meant to have. libmemcached's number; another would move every key.
_POINTS = 160

#: Points that one digest gives.
_POINTS_OF_DIGEST = 4

#: libmemcached leaves this port out of a server's name.
_DEFAULT_PORT = 11211

#: The port of a Unix socket, to libmemcached.
_UNIX_PORT = 0


def _single(number: float) -> float:
    single: float = struct.unpack("f", struct.pack("f", number))[0]
    return single


def _digests(servers: int) -> int:
    """How many digests each server has.

    libmemcached means 40, but reckons in single precision, and so comes to 39 for some numbers of servers (25, 47,
    50, ...).
    """
    share = _single(1 / servers)
    return int(_single(_single(_single(share * _POINTS) / _POINTS_OF_DIGEST) * servers))


def _digest(data: bytes) -> bytes:
    return md5(data, usedforsecurity=False).digest()


def _name(place: Place) -> str:
    """A server's name, as libmemcached has it."""
    host, port = (place.path, _UNIX_PORT) if isinstance(place, Unix) else place
    return host if port == _DEFAULT_PORT else f"{host}:{port}"


class Ring:
    """The circle of some servers."""

    def __init__(self, servers: Sequence[Place]) -> None:
        points: list[tuple[int, int]] = []
        for index, place in enumerate(servers):
            name = _name(place)
            for group in range(_digests(len(servers))):
                digest = _digest(f"{name}-{group}".encode())
                points.extend((int.from_bytes(digest[at : at + 4], "little"), index) for at in range(0, 16, 4))
        points.sort()
        self._numbers = [number for number, _ in points]
        self._servers = [index for _, index in points]

    def server(self, key: bytes) -> int:
        """The place of the key's server in the list."""
        at = bisect_left(self._numbers, int.from_bytes(_digest(key)[:4], "little"))
        return self._servers[at if at < len(self._numbers) else 0]
