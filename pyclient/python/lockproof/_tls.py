"""TLS: whom a client trusts, what it shows, and who the server must be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeAlias

from . import _native

#: Names a file.
Path: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class TLS:
    """How to reach a server by TLS: what clients take as ``tls=``. All files are PEM.

    They are read when the client is made, and what is wrong with them is raised there: a ``FileNotFoundError`` or its kin,
    or a ``ValueError``. What is wrong with the server's certificate is a :class:`lockproof.ConnectionFailed`.

    An ``ssl.SSLContext`` is of no use here: it is OpenSSL's, and the native part of the package speaks TLS by rustls.
    """

    #: Roots of the server's certificate; those of the system if there is none.
    cafile: Path | None = None
    #: The client's own certificate, for servers that want one, and those between it and its root.
    cert: Path | None = None
    #: The key of ``cert``, without a password; the one in the file of ``cert`` if there is none.
    key: Path | None = None
    #: The name that the server's certificate must have; the host that is connected to if there is none.
    server_name: str | None = None


def settled(tls: TLS | bool) -> TLS | None:
    """What ``tls=`` means: ``True`` is the system's roots, ``False`` no TLS."""
    if isinstance(tls, TLS):
        return tls
    if isinstance(tls, bool):
        return TLS() if tls else None
    raise TypeError(
        f"tls is a lockproof.TLS, or True for the system's roots, not {type(tls).__name__}; the native part speaks TLS by"
        " rustls, and can't use what is OpenSSL's"
    )


def native(tls: TLS | bool) -> _native.Tls | None:
    """The files, read."""
    wanted = settled(tls)
    if wanted is None:
        return None
    return _native.Tls(wanted.cafile, wanted.cert, wanted.key, wanted.server_name)
