"""The reference server in this process, and the conformance suite."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Literal, TypeAlias

from . import _native
from ._tls import Path

Delivery: TypeAlias = Literal["whole", "bytes", "fields", "coalesced"]

#: User and password of :attr:`ReferenceServer.memcached_sasl`.
SASL = ("user", "password")


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def plain(text: str) -> str:
    """The text without colours."""
    return _COLOURS.sub("", text)


class ReferenceServer:
    """The Lockproof reference server, inside this process, on ports that the system chooses.

    It is the server that ``lockproof serve`` runs, with threads of its own: a test has a real memcached, NetMem, locker
    and echo in milliseconds, and nothing to install.

    >>> from lockproof import Memcache, ReferenceServer
    >>> with ReferenceServer() as server, Memcache(server.memcached) as cache:
    ...     cache.set("key", b"value")
    ...     cache.get("key")
    True
    b'value'

    Arguments:
        pages: number of NetMem's pages.
        page_size: bytes in each of them.
        tls_cert, tls_key: files of a certificate and its key, PEM: every connection to a port then begins with TLS.
        tls_client_ca: roots of the clients' certificates; with them, nobody comes in without one.
        sockets: a directory for Unix sockets that lead to the same servers: ``memcached.sock``, ``netmem.sock``,
            ``locker.sock`` and ``echo.sock``.
    """

    def __init__(
        self,
        *,
        pages: int = 16,
        page_size: int = 4096,
        tls_cert: Path | None = None,
        tls_key: Path | None = None,
        tls_client_ca: Path | None = None,
        sockets: Path | None = None,
    ) -> None:
        if (tls_cert is None) != (tls_key is None) or (tls_cert is None and tls_client_ca is not None):
            raise ValueError("TLS wants a certificate and its key: tls_cert and tls_key")
        tls = None if tls_cert is None or tls_key is None else (tls_cert, tls_key, tls_client_ca)
        self._server = _native.Embedded(pages, page_size, tls, sockets)
        addresses = self._server.addresses
        #: memcached, open to everyone: ``"127.0.0.1:port"``.
        self.memcached: str = addresses[0]
        #: memcached that asks for SASL PLAIN, from :data:`SASL`.
        self.memcached_sasl: str = addresses[1]
        #: memcached with 1 MiB of memory, which evicts when it is full.
        self.memcached_evicts: str = addresses[2]
        #: memcached with 1 MiB of memory, which refuses to store when it is full.
        self.memcached_refuses: str = addresses[3]
        #: NetMem.
        self.netmem: str = addresses[4]
        #: locker.
        self.locker: str = addresses[5]
        #: echo.
        self.echo: str = addresses[6]

    def stop(self) -> None:
        """Ends every connection, and returns when all are closed. A second time does nothing."""
        self._server.stop()

    def __enter__(self) -> ReferenceServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Report:
    """What the conformance suite says of a server."""

    def __init__(self, code: int, document: str, text: str) -> None:
        #: What ``lockproof check`` would exit with: 0 it conforms, 1 it does not, 4 not everything could be judged.
        self.exit_code = code
        #: Whether it conforms.
        self.conforms = code == 0
        #: The report as ``lockproof check --format json`` writes it.
        self.document: dict[str, Any] = json.loads(document)
        #: The report for people: each failure with what was expected, what came, and how to run it again.
        self.text = plain(text)

    def __repr__(self) -> str:
        return f"<lockproof.Report: {'conforms' if self.conforms else 'does not conform'}>"


def check(
    target: str,
    *,
    cases: str | Iterable[str] = (),
    deliveries: Iterable[Delivery] = ("whole",),
    timeout: float = 5.0,
    seed: int | None = None,
) -> Report:
    """Judges any server by the conformance suite.

    Arguments:
        target: as for ``lockproof check``: ``"memcached://127.0.0.1:11211"``, ``"netmem://…"``, ``"locker://…"``,
            ``"echo://…"``.
        cases: ids or patterns (``"memcached/get/*"``); none means all of the protocol.
        deliveries: how requests are cut into writes.
        timeout: seconds for each reply.
        seed: names keys and opaques; random unless given, and told in the report.

    Keys of its own are used, and no case runs that would empty the server.
    """
    seed = secrets.randbits(32) if seed is None else seed
    cases = [cases] if isinstance(cases, str) else cases
    return Report(*_native.check(target, list(cases), list(deliveries), timeout, seed))
