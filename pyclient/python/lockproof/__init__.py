"""Clients for memcached (binary protocol), NetMem and locker that never lie; the reference server for tests.

=========================  =====================================================================
:class:`Memcache`          a memcached client, for threads
:class:`Pages`             shared, versioned, lockable pages (NetMem)
:class:`Locks`             named locks (locker)
:mod:`lockproof.aio`       the same three for asyncio
:class:`ReferenceServer`   all servers inside this process, for tests; pytest fixtures come with it
:func:`check`              the conformance suite, against any server
=========================  =====================================================================

Errors are one tree under :class:`Error`, and each is also the builtin that people catch (``ConnectionError``,
``TimeoutError``, ``ValueError``, …).
"""

from __future__ import annotations

import os

from . import _native
from ._common import Entry
from ._errors import (
    ArgumentInvalid,
    AuthFailed,
    ConnectionFailed,
    Error,
    KeyInvalid,
    LockError,
    LockLost,
    LockNotHeld,
    LockTimeout,
    NoSuchPage,
    NotANumber,
    OutOfMemory,
    ProtocolError,
    ServerError,
    Timeout,
    TooLarge,
)
from ._locks import Lock, Locks
from ._memcache import Memcache
from ._pages import LockedPage, Page, PageParams, Pages
from ._pipeline import Pending, Pipeline
from ._serde import JsonSerde, PickleSerde, Serde
from ._server import SASL, ReferenceServer, Report, check
from ._tls import TLS

__version__: str = _native.__version__

__all__ = [
    "SASL",
    "TLS",
    "ArgumentInvalid",
    "AuthFailed",
    "ConnectionFailed",
    "Entry",
    "Error",
    "JsonSerde",
    "KeyInvalid",
    "Lock",
    "LockError",
    "LockLost",
    "LockNotHeld",
    "LockTimeout",
    "LockedPage",
    "Locks",
    "Memcache",
    "NoSuchPage",
    "NotANumber",
    "OutOfMemory",
    "Page",
    "PageParams",
    "Pages",
    "Pending",
    "PickleSerde",
    "Pipeline",
    "ProtocolError",
    "ReferenceServer",
    "Report",
    "Serde",
    "ServerError",
    "Timeout",
    "TooLarge",
    "check",
]

# A forked child must not use its parent's connections: both would read each other's replies.
os.register_at_fork(after_in_child=_native.after_fork)
