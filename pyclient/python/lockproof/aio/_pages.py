"""The asyncio client for NetMem."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .. import _native
from .._address import Address, parse, written
from .._errors import LockTimeout, NoSuchPage, ProtocolError, ServerError, Timeout
from .._pages import LockedPage, Page, PageParams, page_number
from .._tls import TLS
from ._connect import Way, patience
from ._line import Line, Lines

if TYPE_CHECKING:
    from typing_extensions import Buffer

PageLine = Line[_native.PageCore]


class _Cache:
    """The cache that all lines share, for as long as one of them is open.

    After that, or when a line was lost, another server may be behind the same address, whose version numbers mean other
    pages.
    """

    def __init__(self) -> None:
        self._lines: list[PageLine] = []

    @property
    def core(self) -> _native.PageCore | None:
        """A core that has the cache, if there is one."""
        self._lines = [line for line in self._lines if line.is_open]
        return self._lines[0].core if self._lines else None

    def add(self, line: PageLine) -> None:
        """One more line shares it."""
        self._lines.append(line)

    def forget(self) -> None:
        """Lines to come have another."""
        self._lines = []


class Pages:
    """As :class:`lockproof.Pages`, for asyncio. It connects when it is first used."""

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
        self._pool_size = pool_size
        self._cache = _Cache()
        self._params: PageParams | None = None
        self._lines: Lines[_native.PageCore] = Lines(self._open, pool_size)

    async def params(self) -> PageParams:
        """How many pages the server has, and how long they are."""
        if self._params is None:
            self._lines.put(await self._lines.take())
        assert self._params is not None
        return self._params

    async def read(self, page: int) -> Page:
        """The page's bytes, with ``.version``."""
        line = await self._lines.take()
        try:
            line.core.read(page_number(page))
            _, version, data = await self._page(line, page, self._timeout)
        finally:
            self._settle(line)
        return Page._make(page, version, data)

    async def read_into(self, page: int, buffer: Buffer) -> int:
        """Copies the page to the beginning of a writable buffer, and returns its version."""
        size = (await self.params()).page_size
        with memoryview(buffer) as view, view.cast("B") as target:
            if target.readonly:
                raise ValueError("the buffer is read-only")
            if len(target) < size:
                raise ValueError(f"the buffer has {len(target)} bytes, a page has {size}")
        read = await self.read(page)
        with memoryview(buffer) as view, view.cast("B") as target:
            target[:size] = read
        return read.version

    async def write(self, page: int, data: Buffer, *, version: int | None = None, wait: float | None = None) -> int:
        """Writes at the beginning of a page, as soon as nobody holds it, and returns its version."""
        patience(wait)
        line = await self._lines.take()
        try:
            line.core.update(page_number(page), data, version)
            (answer,) = await line.ask(1, wait, mutating=True)
            return _written(answer, page)
        finally:
            self._settle(line)

    update = write

    @asynccontextmanager
    async def locked(self, page: int, *, wait: float | None = None) -> AsyncIterator[LockedPage]:
        """Holds a page for an ``async with`` block, as :meth:`lockproof.Pages.locked`."""
        patience(wait)
        line = await self._lines.take()
        try:
            line.core.lock(page_number(page))
            try:
                _, version, data = await self._page(line, page, wait)
            except Timeout as timeout:
                raise LockTimeout(f"page {page} was not free within {wait} s") from timeout
            buffer = LockedPage._make(page, version, data)
            try:
                # An export of the buffer keeps its length as it is.
                with memoryview(buffer):
                    yield buffer
            except BaseException:
                # Closed, it frees the page as it was.
                line.close()
                raise
            line.core.unlock(page, buffer)
            (answer,) = await line.ask(1, self._timeout, mutating=True)
            buffer.version = _written(answer, page)
        finally:
            self._settle(line)

    def clone(self) -> Pages:
        """A client with connections of its own that shares this one's cache."""
        clone = Pages(written(self._way.place), timeout=self._timeout, pool_size=self._pool_size)
        clone._way, clone._cache = self._way, self._cache
        return clone

    async def close(self) -> None:
        """Closes the connections that nobody uses."""
        self._lines.clear()
        # In the loop's next turn the sockets are closed: a server that stops then has nobody to wait for.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Pages:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _page(self, line: PageLine, page: int, timeout: float | None) -> Any:
        (answer,) = await line.ask(1, timeout, mutating=False)
        if answer[0] == "uncached":
            line.core.read_anew(page)
            (answer,) = await line.ask(1, self._timeout, mutating=False)
        return _expect("page", answer, page)

    def _settle(self, line: PageLine) -> None:
        if not line.is_open:
            self._cache.forget()
            self._lines.clear()
        self._lines.put(line)

    async def _open(self) -> PageLine:
        line = await PageLine.open(_native.PageCore(), self._way)
        try:
            line.core.handshake()
            params, version = await line.ask(2, self._timeout, mutating=False)
            _, pages, page_size = params
            line.core.adopt(pages, page_size, version[1], self._cache.core)
        except BaseException:
            line.close()
            raise
        self._cache.add(line)
        self._params = PageParams(pages, page_size)
        return line


def _written(answer: Any, page: int) -> int:
    version: int = _expect("written", answer, page)[1]
    return version


def _expect(kind: str, answer: Any, page: int) -> Any:
    if answer[0] == kind:
        return answer
    if answer[0] == "no_such_page":
        raise NoSuchPage(f"the server has no page {page}")
    if answer[0] == "refused":
        raise ServerError(str(answer[2]))
    raise ProtocolError(f"the answer to another request: {answer[0]}", maybe_applied=True)
