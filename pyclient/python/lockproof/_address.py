"""``host:port`` and ``unix:///path`` as programmers write them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Address: TypeAlias = str | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Unix:
    """A Unix socket."""

    path: str


#: What an address means: host and port, or a Unix socket.
Place: TypeAlias = tuple[str, int] | Unix


def parse(address: Address, default_port: int | None = None) -> Place:
    """The place of ``"host:port"``, ``"[::1]:port"``, ``("host", port)``, ``"unix:///path"``, or of a host where a port is
    known."""
    if isinstance(address, tuple):
        return str(address[0]), _port(address[1], address)
    if not isinstance(address, str):
        raise TypeError(f"a server is 'host:port' or (host, port), not {type(address).__name__}")
    if address.startswith("unix:/"):
        return _unix(address)
    host, colon, port = address.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")) or port.endswith("]"):
        host, port = address, ""
    host = host.removeprefix("[").removesuffix("]")
    if not host or (not port and default_port is None):
        raise ValueError(f"{address!r} is no 'host:port'")
    return host, _port(port or default_port, address)


def parse_all(servers: Address | Iterable[Address], default_port: int) -> list[Place]:
    """One server or several."""
    if isinstance(servers, str) or (isinstance(servers, tuple) and len(servers) == 2 and isinstance(servers[1], int)):
        return [parse(servers, default_port)]
    parsed = [parse(server, default_port) for server in servers]
    if not parsed:
        raise ValueError("no server is given")
    if len(set(parsed)) < len(parsed):
        raise ValueError("a server is given twice")
    return parsed


def written(place: Place) -> str:
    """The one way to write it."""
    if isinstance(place, Unix):
        return f"unix://{place.path}"
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _unix(address: str) -> Unix:
    path = address.removeprefix("unix:").removeprefix("//")
    if not path.startswith("/"):
        raise ValueError(f"{address!r} names no absolute path, as 'unix:///path' does")
    return Unix(path)


def _port(port: str | int | None, address: Address) -> int:
    try:
        number = 0 if port is None else int(port)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise ValueError(f"{address!r} has no port between 1 and 65535")
    return number
