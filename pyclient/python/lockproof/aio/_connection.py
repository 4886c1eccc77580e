"""One connection to memcached that all tasks of a loop share: requests go out together, replies are told apart."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from .. import _native
from .._common import Operation
from ._connect import connect


class Connection(asyncio.Protocol):
    """A memcached connection in an event loop.

    Operations that are asked for in the same turn of the loop leave in one write. Replies come in order, so the oldest
    operation is the only one that needs a clock.
    """

    def __init__(self, timeout: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._core = _native.MemcacheCore()
        self._transport: asyncio.Transport | None = None
        self._timeout = timeout
        self._begun: deque[float] = deque()
        self._clock: asyncio.TimerHandle | None = None
        self._flushing = False
        self._writable: asyncio.Future[None] | None = None
        #: Takes no more operations; closed when those that it has are answered.
        self.retired = False

    def perform(self, operation: Operation) -> asyncio.Future[Any]:
        """Adds an operation; the future has its answer or its error."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._core.submit(operation, future)
        if self._timeout is not None:
            now = self._loop.time()
            self._begun.append(now)
            if self._clock is None:
                self._clock = self._loop.call_at(now + self._timeout, self._look_at_the_clock)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)
        return future

    async def writable(self) -> None:
        """Returns when the system takes more: a server that does not read must not fill our memory."""
        while self._writable is not None:
            await asyncio.shield(self._writable)

    def retire(self) -> None:
        """Takes no more operations, and closes when those under way are done."""
        self.retired = True
        if not self._core.pending():
            self._close()

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for waiter, answer, error in self._core.receive(data):
            if waiter is None:
                self._end("protocol", str(error))
                return
            if self._begun:
                self._begun.popleft()
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(answer)
            else:
                waiter.set_exception(error)
        if self._core.fatal() is not None:
            self.retired = True
        if self.retired and not self._core.pending():
            self._close()

    def connection_lost(self, error: Exception | None) -> None:
        self._end("connection", f"the connection ended: {error or 'the server closed it'}")

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    # Inside.

    def _flush(self) -> None:
        self._flushing = False
        output = self._core.take_output()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(output)
        elif self._core.pending():
            self._end("connection", "the connection ended before the request was sent")

    def _look_at_the_clock(self) -> None:
        self._clock = None
        if not self._begun or self._timeout is None:
            return
        due = self._begun[0] + self._timeout
        if due > self._loop.time():
            self._clock = self._loop.call_at(due, self._look_at_the_clock)
        else:
            self._end("timeout", f"no answer within {self._timeout} s")

    def _end(self, kind: str, text: str) -> None:
        """Closes now; whoever waits is told why."""
        self.retired = True
        self._close(abort=True)
        self._begun.clear()
        for waiter, error in self._core.abandon(kind, text):
            if not waiter.done():
                waiter.set_exception(error)
        self.resume_writing()

    def _close(self, *, abort: bool = False) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        if self._transport is None:
            return
        if abort:
            self._transport.abort()
        else:
            self._transport.close()


class Server:
    """One server: its connection, made when it is needed."""

    def __init__(
        self,
        address: tuple[str, int],
        timeout: float | None,
        connect_timeout: float | None,
        sasl: tuple[str, str] | None,
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._sasl = sasl
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[Connection] | None = None

    async def run(self, operation: Operation) -> Any:
        """Performs an operation."""
        connection = self._connection
        if connection is None or connection.retired or connection._loop is not asyncio.get_running_loop():
            connection = await self._connected()
        if connection._writable is not None:
            await connection.writable()
            if connection.retired:
                return await self.run(operation)
        future = connection.perform(operation)
        try:
            return await future
        except asyncio.CancelledError:
            connection.retire()
            raise

    async def _connected(self) -> Connection:
        """The connection: one, however many tasks wait for it. Another's cancellation does not end the attempt."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._connection, self._connecting = loop, None, None
        if self._connection is not None and not self._connection.retired:
            return self._connection
        if self._connecting is None:
            self._connecting = loop.create_task(self._connect())
            self._connecting.add_done_callback(self._settle)
        return await asyncio.shield(self._connecting)

    def _settle(self, task: asyncio.Task[Connection]) -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._connection = task.result()

    async def _connect(self) -> Connection:
        connection = await connect(lambda: Connection(self._timeout), self._address, self._connect_timeout)
        if self._sasl is not None:
            try:
                await connection.perform(_native.auth_plain(*self._sasl))
            except BaseException:
                connection.retire()
                raise
        return connection

    def close(self) -> None:
        """Closes the connection when what is under way is done."""
        connection, self._connection = self._connection, None
        if connection is not None and connection._loop is self._loop and not connection._loop.is_closed():
            connection.retire()

