"""Opening connections within a time: TCP, TLS on top of it, or a Unix socket."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .._address import Place, Unix, written
from .._errors import ConnectionFailed, Timeout
from .._tls import TLS, settled
from ._tls import context, explained

P = TypeVar("P", bound=asyncio.Protocol)


def patience(seconds: float | None) -> float | None:
    """Seconds, or ``None`` for ever; refuses what the blocking clients refuse."""
    if seconds is not None and not 0 < seconds < math.inf:
        raise ValueError(f"a timeout is a positive number of seconds, not {seconds}")
    return seconds


@dataclass(frozen=True, slots=True)
class Way:
    """The way to a server."""

    place: Place
    context: ssl.SSLContext | None
    server_name: str | None
    timeout: float | None

    @classmethod
    def to_all(cls, places: list[Place], tls: TLS | bool, timeout: float | None) -> list[Way]:
        """The ways to some servers, which have their files of TLS in common."""
        wanted = settled(tls)
        if wanted is not None and any(isinstance(place, Unix) for place in places):
            raise ValueError("a Unix socket has no TLS: who may use it is the mode of its file")
        made, name = context(tls), None if wanted is None else wanted.server_name
        return [cls(place, made, name, patience(timeout)) for place in places]

    async def open(self, make: Callable[[], P]) -> P:
        """A protocol with an open connection."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self._open(make)
        except TimeoutError as error:
            raise Timeout(f"no connection to {written(self.place)} within {self.timeout} s") from error
        except OSError as error:
            raise ConnectionFailed(f"no connection to {written(self.place)}: {self._explained(error)}") from error

    async def _open(self, make: Callable[[], P]) -> P:
        loop = asyncio.get_running_loop()
        if isinstance(self.place, Unix):
            _, protocol = await loop.create_unix_connection(make, self.place.path)
            return protocol
        host, port = self.place
        if self.context is None:
            _, protocol = await loop.create_connection(make, host, port)
            return protocol
        _, protocol = await loop.create_connection(
            make,
            host,
            port,
            ssl=self.context,
            server_hostname=self.server_name or host,
            ssl_handshake_timeout=self.timeout,
        )
        return protocol

    def _explained(self, error: OSError) -> str:
        if self.context is not None and isinstance(error, ConnectionResetError):
            return "the server ended the connection in the TLS handshake; perhaps it speaks no TLS there"
        return explained(error)


def hang_up(transport: asyncio.Transport) -> None:
    """Closes a connection on which nothing is under way. By TLS it says so, and does not wait for the other's good-bye."""
    transport.close()
    transport.abort()
