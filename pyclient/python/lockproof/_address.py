"""``host:port`` as programmers write it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Address: TypeAlias = str | tuple[str, int]


def parse(address: Address, default_port: int | None = None) -> tuple[str, int]:
    """Host and port of ``"host:port"``, ``"[::1]:port"``, ``("host", port)``, or of a host where a port is known."""
    if isinstance(address, tuple):
        return str(address[0]), _port(address[1], address)
    if not isinstance(address, str):
        raise TypeError(f"a server is 'host:port' or (host, port), not {type(address).__name__}")
    host, colon, port = address.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")) or port.endswith("]"):
        host, port = address, ""
    host = host.removeprefix("[").removesuffix("]")
    if not host or (not port and default_port is None):
        raise ValueError(f"{address!r} is no 'host:port'")
    return host, _port(port or default_port, address)


def parse_all(servers: Address | Iterable[Address], default_port: int) -> list[tuple[str, int]]:
    """One server or several."""
    if isinstance(servers, str) or (isinstance(servers, tuple) and len(servers) == 2 and isinstance(servers[1], int)):
        return [parse(servers, default_port)]
    parsed = [parse(server, default_port) for server in servers]
    if not parsed:
        raise ValueError("no server is given")
    if len(set(parsed)) < len(parsed):
        raise ValueError("a server is given twice")
    return parsed


def _port(port: str | int | None, address: Address) -> int:
    try:
        number = 0 if port is None else int(port)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise ValueError(f"{address!r} has no port between 1 and 65535")
    return number
