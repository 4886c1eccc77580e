"""A connection that one task uses at a time: its questions, and their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from .._errors import ConnectionFailed, Error, ProtocolError, Timeout
from ._connect import Way, hang_up
from ._tls import explained


class Core(Protocol):
    """What a line needs of a protocol's core."""

    def take_output(self) -> bytes: ...

    def receive(self, data: bytes, /) -> list[Any]: ...


C = TypeVar("C", bound=Core)


class Line(asyncio.Protocol, Generic[C]):
    """A connection and its core. Whatever ends an exchange early ends the connection."""

    def __init__(self, core: C) -> None:
        self.core = core
        self._transport: asyncio.Transport | None = None
        self._answers: list[Any] = []
        self._wanted = 0
        self._waiter: asyncio.Future[list[Any]] | None = None
        self._error: Error | None = None
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, core: C, way: Way) -> Line[C]:
        """A line by that way."""
        return await way.open(lambda: cls(core))

    @property
    def is_open(self) -> bool:
        """Whether it can still be used."""
        return self._error is None and not self._loop.is_closed()

    async def ask(self, wanted: int, timeout: float | None, *, mutating: bool) -> list[Any]:
        """Sends what the core has to send, and returns so many answers.

        Cancelled, or out of time, it closes the connection: a late answer is nobody's.
        """
        if self._error is not None:
            raise self._error
        assert self._transport is not None
        self._wanted, self._answers = wanted, []
        self._waiter = self._loop.create_future()
        self._transport.write(self.core.take_output())
        try:
            async with asyncio.timeout(timeout):
                return await self._waiter
        except TimeoutError as error:
            if isinstance(error, Error):
                raise
            self.close()
            raise Timeout(f"no answer within {timeout} s", maybe_applied=mutating) from None
        except asyncio.CancelledError:
            self.close()
            raise
        except Error as error:
            error.maybe_applied = mutating
            raise
        finally:
            self._waiter = None

    def close(self) -> None:
        """Closes at once."""
        self._end(ConnectionFailed("the connection was closed"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._answers.extend(self.core.receive(data))
        except Error as error:
            self._end(error)
            return
        if self._waiter is None:
            self._end(ProtocolError("bytes that nobody asked for"))
        elif len(self._answers) >= self._wanted and not self._waiter.done():
            self._waiter.set_result(self._answers)

    def eof_received(self) -> None:
        self._end(ConnectionFailed("the connection ended: the server closed it"))

    def connection_lost(self, error: Exception | None) -> None:
        reason = "the server closed it" if error is None else explained(error)
        self._end(ConnectionFailed(f"the connection ended: {reason}"))

    def _end(self, error: Error) -> None:
        if self._error is not None:
            return
        self._error = error
        if self._transport is not None:
            if self._waiter is None:
                hang_up(self._transport)
            else:
                self._transport.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


class Lines(Generic[C]):
    """Idle lines to one server. Whoever needs one takes it away."""

    def __init__(self, open_line: Callable[[], Any], idle_max: int) -> None:
        self._open = open_line
        self._idle: list[Line[C]] = []
        self._idle_max = idle_max
        self._loop: asyncio.AbstractEventLoop | None = None

    async def take(self) -> Line[C]:
        """One for the caller alone."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # Those of another loop can't be used here, and their loop may be gone.
            self._loop, self._idle = loop, []
        while self._idle:
            line = self._idle.pop()
            if line.is_open:
                return line
        opened: Line[C] = await self._open()
        return opened

    def put(self, line: Line[C]) -> None:
        """Back, if it is of use."""
        if line.is_open and len(self._idle) < self._idle_max:
            self._idle.append(line)
        else:
            line.close()

    def clear(self) -> None:
        """Closes all that are idle."""
        idle, self._idle = self._idle, []
        for line in idle:
            line.close()
