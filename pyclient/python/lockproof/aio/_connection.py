"""One connection to memcached that all tasks of a loop share: requests go out together, replies are told apart."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from .. import _native
from .._common import Operation
from .._errors import ConnectionFailed, ProtocolError, Timeout
from ._connect import Way, hang_up, patience
from ._tls import explained

#: Changes that leave in one write. Each may be a megabyte, and the system must have a say before there are many.
BURST = 16


class Connection(asyncio.Protocol):
    """A memcached connection in an event loop.

    Operations that are asked for in the same turn of the loop leave in one write. Replies come in order, so the oldest
    operation is the only one that needs a clock.
    """

    def __init__(self, timeout: float | None, protocol: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._core = _native.MemcacheCore(protocol)
        self._transport: asyncio.Transport | None = None
        self._timeout = timeout
        self._begun: deque[float] = deque()
        self._clock: asyncio.TimerHandle | None = None
        self._flushing = False
        #: Changes since the last write.
        self._changes = 0
        #: Operations without an answer that nobody waits for any more.
        self._given_up = 0
        self._writable: asyncio.Future[None] | None = None
        #: Takes no more operations; closed when nobody waits for those that it has.
        self.retired = False
        #: Why it has ended, once it has.
        self.ended: str | None = None

    def is_ready(self) -> bool:
        """Whether it takes an operation of the running loop at once."""
        return not self.retired and self._writable is None and self._loop is asyncio.get_running_loop()

    def perform(self, operation: Operation, began: float | None = None) -> asyncio.Future[Any]:
        """Adds an operation; the future has its answer or its error. Its time runs since ``began``, or from now."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._core.submit(operation, future):
            self._changes += 1
        if self._timeout is not None:
            self._begun.append(self._loop.time() if began is None else began)
            if self._clock is None:
                self._clock = self._loop.call_at(self._begun[-1] + self._timeout, self._look_at_the_clock)
        if self._changes >= BURST:
            self._flush()
        elif not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)
        return future

    def speak(self, protocol: str) -> None:
        """Goes on in another protocol; nothing may be under way."""
        self._core.speak(protocol)

    async def writable(self) -> None:
        """Returns when the system takes more: a server that does not read must not fill our memory."""
        while self._writable is not None:
            await asyncio.shield(self._writable)

    def give_up(self, future: asyncio.Future[Any]) -> None:
        """Nobody waits for this operation any more, so its connection is retired."""
        if future.cancelled():
            self._given_up += 1
        self.retire()

    def retire(self) -> None:
        """Takes no more operations, and closes when nobody waits for those under way."""
        self.retired = True
        if self._core.pending() <= self._given_up:
            self._close(abort=self._given_up > 0)

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
            if waiter.cancelled():
                self._given_up -= 1
                continue
            if error is None:
                waiter.set_result(answer)
            else:
                waiter.set_exception(error)
        if self._core.fatal() is not None:
            self.retired = True
        if self.retired:
            self.retire()

    def eof_received(self) -> None:
        self._end("connection", "the connection ended: the server closed it")

    def connection_lost(self, error: Exception | None) -> None:
        reason = "it was closed" if error is None else explained(error)
        self._end("connection", f"the connection ended: {reason}")

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    # Inside.

    def _flush(self) -> None:
        self._flushing, self._changes = False, 0
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
        self.ended = self.ended or text
        self._close(abort=True)
        self._begun.clear()
        self._given_up = 0
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
            hang_up(self._transport)


class Server:
    """One server: its connection, made when it is needed."""

    def __init__(
        self,
        way: Way,
        timeout: float | None,
        sasl: tuple[str, str] | None,
        protocol: str,
    ) -> None:
        self._way = way
        self._timeout = patience(timeout)
        self._sasl = sasl
        if protocol not in ("auto", "binary", "text", "meta"):
            raise ValueError(f"a protocol is 'auto', 'binary', 'text' or 'meta', not {protocol!r}")
        #: What the server speaks, once that is known. Users are for the binary protocol, unless another one is asked for.
        self.protocol: str | None = protocol
        if protocol == "auto":
            self.protocol = None if sasl is None else "binary"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[Connection] | None = None

    async def run(self, operation: Operation) -> Any:
        """Performs an operation."""
        connection, began = self._connection, None
        if connection is None or not connection.is_ready():
            connection, began = await self._ready()
        future = connection.perform(operation, began)
        try:
            return await future
        except asyncio.CancelledError:
            connection.give_up(future)
            raise

    def close(self) -> None:
        """Closes the connection when what is under way on it is done; one that is not yet open is given up."""
        connection, self._connection = self._connection, None
        connecting, self._connecting = self._connecting, None
        if self._loop is None or self._loop.is_closed():
            return
        if connecting is not None:
            connecting.cancel()
        if connection is not None:
            connection.retire()

    async def _ready(self) -> tuple[Connection, float | None]:
        """A connection that takes an operation at once, and since when it had to be waited for."""
        began = None
        while True:
            connection = await self._connected()
            if connection.ended is not None:
                raise ConnectionFailed(connection.ended)
            if connection.is_ready():
                return connection, began
            began = began or asyncio.get_running_loop().time()
            until = None if self._timeout is None else began + self._timeout
            try:
                async with asyncio.timeout_at(until):
                    await connection.writable()
            except TimeoutError:
                raise Timeout(f"the server has taken nothing for {self._timeout} s") from None

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
        connecting = self._connecting
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if connecting.cancelled() and task is not None and not task.cancelling():
                raise ConnectionFailed("the client was closed") from None
            raise

    def _settle(self, task: asyncio.Task[Connection]) -> None:
        made = None if task.cancelled() or task.exception() is not None else task.result()
        if task is self._connecting:
            self._connecting, self._connection = None, made
        elif made is not None:
            made.retire()

    async def _connect(self) -> Connection:
        connection = await (self._detect() if self.protocol is None else self._open(self.protocol))
        if self._sasl is not None:
            await _first(connection, _native.auth_plain(*self._sasl))
        return connection

    async def _open(self, protocol: str) -> Connection:
        return await self._way.open(lambda: Connection(self._timeout, protocol))

    async def _detect(self) -> Connection:
        """The first connection finds out what the server speaks. That it speaks the binary protocol is believed when it does."""
        connection = await self._open("meta")
        try:
            protocol: str = await _first(connection, _native.probe())
            connection.speak(protocol)
        except (ConnectionFailed, ProtocolError):
            protocol = "binary"
            connection = await self._open(protocol)
            await _first(connection, _native.noop())
        self.protocol = protocol
        return connection


async def _first(connection: Connection, operation: Operation) -> Any:
    """Performs an operation on a connection that nobody else has yet."""
    future = connection.perform(operation)
    try:
        return await future
    except BaseException:
        connection.give_up(future)
        raise
