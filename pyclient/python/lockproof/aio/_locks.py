"""The asyncio client for locker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType

from .. import _native
from .._address import Address, parse
from .._common import Key, Verb
from .._errors import Error, LockError, LockLost, LockNotHeld, LockTimeout
from .._locks import granted, pauses
from .._tls import TLS
from ._connect import Way, patience
from ._line import Line, Lines

LockLine = Line[_native.LockCore]


class Locks:
    """As :class:`lockproof.Locks`, for asyncio."""

    def __init__(
        self,
        server: Address,
        *,
        timeout: float | None = 1.0,
        connect_timeout: float | None = 1.0,
        pool_size: int = 4,
        tls: TLS | bool = False,
    ) -> None:
        (self._way,) = Way.to_all([parse(server)], tls, connect_timeout)
        self._timeout = patience(timeout)
        self._lines: Lines[_native.LockCore] = Lines(self._open, pool_size)

    def lock(self, name: Key, *, wait: float | None = None) -> Lock:
        """A lock of that name, not yet held. ``wait`` is for ``async with``, as in :meth:`Lock.acquire`."""
        return Lock(self, [name], wait)

    def lock_many(self, names: Iterable[Key], *, wait: float | None = None) -> Lock:
        """One lock over several names: all of them are granted, or none."""
        every = list(names)
        if not every:
            raise ValueError("no name is given")
        return Lock(self, every, wait)

    async def query(self, *names: Key) -> bool:
        """Whether all of these are free at this moment, for somebody who holds nothing."""
        line = await self._lines.take()
        try:
            return await self._request(line, "query", list(names)) == "ok"
        finally:
            self._lines.put(line)

    async def close(self) -> None:
        """Closes the connections that nobody uses. Locks that are held stay so."""
        self._lines.clear()
        # In the loop's next turn the sockets are closed: a server that stops then has nobody to wait for.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Locks:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _open(self) -> LockLine:
        return await LockLine.open(_native.LockCore(), self._way)

    async def _request(self, line: LockLine, verb: Verb, names: list[Key]) -> str:
        line.core.request(verb, names)
        (outcome,) = await line.ask(1, self._timeout, mutating=verb != "query")
        answer: str = outcome
        return answer


class Lock:
    """As :class:`lockproof.Lock`, for asyncio: it belongs to whoever has this object, not to a task."""

    def __init__(self, locks: Locks, names: list[Key], wait: float | None) -> None:
        self._locks = locks
        self._names = names
        self._wait = wait
        self._line: LockLine | None = None
        self._acquiring = False

    @property
    def names(self) -> list[Key]:
        """What it locks."""
        return list(self._names)

    async def acquire(self, wait: float | None = None) -> bool:
        """Asks until it is granted, for ``wait`` seconds: ``None`` for ever, 0 for one try. False: it was never free.

        Cancelled, it holds nothing: the connection is closed, and with it goes what may have been granted.
        """
        if self._acquiring:
            raise LockError("another task acquires this object just now; give each task its own")
        if self._line is not None:
            raise LockError("it is held already, by this object")
        self._acquiring = True
        try:
            return await self._acquire(wait)
        finally:
            self._acquiring = False

    async def _acquire(self, wait: float | None) -> bool:
        loop = asyncio.get_running_loop()
        deadline = None if wait is None else loop.time() + wait
        line = await self._locks._lines.take()
        try:
            for pause in pauses():
                if granted(await self._locks._request(line, "get", self._names)):
                    self._line = line
                    return True
                left = None if deadline is None else deadline - loop.time()
                if left is not None and left <= 0:
                    return False
                await asyncio.sleep(pause if left is None else min(pause, left))
            raise AssertionError("pauses never end")
        finally:
            if self._line is None:
                self._locks._lines.put(line)

    @property
    def held(self) -> bool:
        """Whether it was granted, and nothing is known of the connection's end."""
        return self._line is not None and self._line.is_open

    def ensure_held(self) -> None:
        """Raises :class:`lockproof.LockLost` or :class:`lockproof.LockNotHeld` unless it is :attr:`held`."""
        if self._line is None:
            raise LockNotHeld("it is not held")
        if not self._line.is_open:
            raise LockLost(f"the connection that held {self._names} is gone")

    async def release(self) -> None:
        """Frees it. Cancelled, it frees it by closing the connection."""
        line, self._line = self._line, None
        if line is None:
            raise LockNotHeld("it is not held")
        if not line.is_open:
            raise LockLost(f"the connection that held {self._names} is gone")
        try:
            outcome = await self._locks._request(line, "release", self._names)
        except Error as error:
            raise LockLost(f"the connection that held {self._names} is gone: {error}") from error
        finally:
            if line.core.held():
                line.close()
            self._locks._lines.put(line)
        if outcome != "ok":
            raise LockLost(f"the server says that {self._names} was not held")

    async def __aenter__(self) -> Lock:
        if not await self.acquire(self._wait):
            raise LockTimeout(f"{self._names} was not free within {self._wait} s")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.release()
        except LockError as lost:
            if error is None:
                raise
            error.add_note(str(lost))
