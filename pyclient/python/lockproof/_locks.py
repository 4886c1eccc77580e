"""The blocking client for locker: named locks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType

from . import _native
from ._address import Address, parse, written
from ._common import Key
from ._errors import Error, LockError, LockLost, LockNotHeld, LockTimeout, ServerError
from ._tls import TLS, native

#: The first pause between two tries, and the longest, in seconds.
PAUSE_MIN = 0.002
PAUSE_MAX = 0.25


def pauses(longest: float = PAUSE_MAX) -> Iterator[float]:
    """Seconds between tries: doubling up to a cap, drawn from the upper half so that waiters do not march in step."""
    ceiling = PAUSE_MIN
    while True:
        yield ceiling * (0.5 + random.random() / 2)
        ceiling = min(ceiling * 2, longest)


def granted(outcome: str) -> bool:
    """Whether a lock that was asked for is held now. Asking again helps only where somebody else holds it."""
    if outcome not in ("ok", "busy"):
        raise ServerError(f"the server does not grant the lock: {outcome}")
    return outcome == "ok"


class Locks:
    """A client for a locker server.

    It may be used by any number of threads. Each :class:`Lock` that is held has a connection for itself: the lock is
    the connection's, and is free when that ends, however it ends. The protocol has no leases and no fencing tokens: a
    holder that was paused or cut off can still act after somebody else was granted the lock. Guard what must not be
    broken by it otherwise.

    Arguments:
        server: ``"host:port"``, ``("host", port)`` or ``"unix:///path"``.
        timeout: seconds for one request; waiting for a lock is counted apart.
        connect_timeout: seconds for a new connection.
        pool_size: connections kept while nobody uses them.
        tls: a :class:`lockproof.TLS`, or ``True``: the server is reached by TLS, and must prove who it is. An
            ``ssl.SSLContext`` can't be used: the native part has a TLS of its own.
    """

    def __init__(
        self,
        server: Address,
        *,
        timeout: float | None = 1.0,
        connect_timeout: float | None = 1.0,
        pool_size: int = 4,
        tls: TLS | bool = False,
    ) -> None:
        place, files = written(parse(server)), native(tls)
        self._pool = _native.LockPool(place, files, connect_timeout, timeout, pool_size)

    def lock(self, name: Key, *, wait: float | None = None) -> Lock:
        """A lock of that name, not yet held. ``wait`` is for ``with``, as in :meth:`Lock.acquire`."""
        return Lock(self, [name], wait)

    def lock_many(self, names: Iterable[Key], *, wait: float | None = None) -> Lock:
        """One lock over several names: all of them are granted, or none."""
        every = list(names)
        if not every:
            raise ValueError("no name is given")
        return Lock(self, every, wait)

    def query(self, *names: Key) -> bool:
        """Whether all of these are free at this moment, for somebody who holds nothing."""
        connection = self._pool.take()
        try:
            free: bool = connection.request("query", list(names)) == "ok"
        finally:
            connection.give_back()
        return free

    def close(self) -> None:
        """Closes the connections that nobody uses. Locks that are held stay so."""
        self._pool.close()

    def __enter__(self) -> Locks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Lock:
    """One or several names, held together. It belongs to whoever has this object, not to a thread.

    ``with lock:`` acquires it and releases it at the end. It can be acquired again after a release, and not while it is
    held: a second thread needs an object of its own.
    """

    def __init__(self, locks: Locks, names: list[Key], wait: float | None) -> None:
        self._locks = locks
        self._names = names
        self._wait = wait
        self._connection: _native.LockConnection | None = None
        # Two threads that acquire the same object at once: one of them is told, and no connection is forgotten.
        self._acquiring = threading.Lock()

    @property
    def names(self) -> list[Key]:
        """What it locks."""
        return list(self._names)

    def acquire(self, wait: float | None = None) -> bool:
        """Asks until it is granted, pausing in between, for ``wait`` seconds: ``None`` for ever, 0 for one try.

        True: it is held. False: somebody else held it all the time.

        Raises:
            LockError: this object holds it already.
        """
        if not self._acquiring.acquire(blocking=False):
            raise LockError("another thread acquires this object just now; give each thread its own")
        try:
            if self._connection is not None:
                raise LockError("it is held already, by this object")
            return self._acquire(wait)
        finally:
            self._acquiring.release()

    def _acquire(self, wait: float | None) -> bool:
        deadline = None if wait is None else time.monotonic() + wait
        connection = self._locks._pool.take()
        try:
            for pause in pauses():
                if granted(connection.request("get", self._names)):
                    self._connection = connection
                    return True
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                time.sleep(pause if left is None else min(pause, left))
            raise AssertionError("pauses never end")
        finally:
            if self._connection is None:
                connection.give_back()

    @property
    def held(self) -> bool:
        """Whether it was granted, and nothing is known of the connection's end. Asks nothing of the server."""
        return self._connection is not None and not self._connection.has_ended()

    def ensure_held(self) -> None:
        """Raises :class:`LockLost` or :class:`LockNotHeld` unless it is :attr:`held`."""
        if self._connection is None:
            raise LockNotHeld("it is not held")
        if self._connection.has_ended():
            raise LockLost(f"the connection that held {self._names} is gone")

    def release(self) -> None:
        """Frees it.

        Raises:
            LockLost: the connection was gone, and so was the lock, for an unknown time.
            LockNotHeld: it is not held by this object.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            raise LockNotHeld("it is not held")
        if connection.has_ended():
            raise LockLost(f"the connection that held {self._names} is gone")
        try:
            outcome = connection.request("release", self._names)
        except LockError:
            raise
        except Error as error:
            raise LockLost(f"the connection that held {self._names} is gone: {error}") from error
        if outcome != "ok":
            raise LockLost(f"the server says that {self._names} was not held")
        connection.give_back()

    def __enter__(self) -> Lock:
        if not self.acquire(self._wait):
            raise LockTimeout(f"{self._names} was not free within {self._wait} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.release()
        except LockError as lost:
            if error is None:
                raise
            # What the block raised is the news; that the lock was lost meanwhile is told beside it.
            error.add_note(str(lost))

    def __repr__(self) -> str:
        return f"<lockproof.Lock {self._names}, {'held' if self.held else 'not held'}>"
