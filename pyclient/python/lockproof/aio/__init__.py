"""The clients for asyncio: the names of the package's blocking ones, the same arguments, the same errors.

A client belongs to the event loop that uses it; in another loop it begins anew. Close it before its loop ends.
Cancelling an operation is safe: its connection is given up (other operations that share it are finished first), so
that no late reply is taken for another's.
"""

from __future__ import annotations

from ._locks import Lock, Locks
from ._memcache import Memcache
from ._pages import Pages

__all__ = ["Lock", "Locks", "Memcache", "Pages"]
