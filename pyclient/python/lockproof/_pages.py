"""The blocking client for NetMem: shared pages with versions, and a lock each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from . import _native
from ._address import Address, parse, written
from ._errors import NoSuchPage
from ._tls import TLS, native

if TYPE_CHECKING:
    from typing_extensions import Buffer


class PageParams(NamedTuple):
    """What a server has."""

    #: How many pages, numbered from 0.
    pages: int
    #: Bytes in each.
    page_size: int


def page_number(page: int) -> int:
    """A number that a page can have; whether the server has it is the server's to say."""
    if not 0 <= page < 2**32:
        raise NoSuchPage(f"no server has a page {page}")
    return page


class Page(bytes):
    """A page as it was read: its bytes, with their version. It can't be changed."""

    #: Its number.
    number: int
    #: Rises by 1 with every write, unless a writer chose another.
    version: int

    @classmethod
    def _make(cls, number: int, version: int, data: bytes) -> Page:
        page = cls(data)
        page.number, page.version = number, version
        return page

    def __repr__(self) -> str:
        return f"<Page {self.number}, version {self.version}, {len(self)} bytes>"

    __str__ = __repr__


class LockedPage(bytearray):
    """A page that is held: a buffer to read and write, of fixed length. It is written back when its block ends."""

    #: Its number.
    number: int
    #: The version when the lock was granted; after the block, the version that was written.
    version: int

    @classmethod
    def _make(cls, number: int, version: int, data: bytes) -> LockedPage:
        page = cls(data)
        page.number, page.version = number, version
        return page

    def __repr__(self) -> str:
        return f"<LockedPage {self.number}, version {self.version}, {len(self)} bytes>"

    __str__ = __repr__


class Pages:
    """A client for a NetMem server.

    It may be used by any number of threads, and by children of ``fork``: each operation, and each page that is held,
    has a connection for itself. A page that has not changed since it was last read by any thread, or by a clone, is not
    sent again.

    It connects at once, to learn how long the pages are.

    Arguments:
        server: ``"host:port"``, ``("host", port)`` or ``"unix:///path"``.
        timeout: seconds for a read; waiting for a lock is counted apart.
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
        self._pool_size = pool_size
        self._pool = _native.PagePool(place, files, connect_timeout, timeout, pool_size)

    @property
    def params(self) -> PageParams:
        """How many pages the server has, and how long they are."""
        return PageParams(*self._pool.params())

    def read(self, page: int) -> Page:
        """The page's bytes, with ``.version``."""
        version, data = self._pool.read(page_number(page))
        return Page._make(page, version, data)

    def read_into(self, page: int, buffer: Buffer) -> int:
        """Copies the page to the beginning of a writable buffer, and returns its version.

        Raises ``ValueError`` where the buffer is shorter than a page; nothing is asked of the server then.
        """
        with memoryview(buffer) as view, view.cast("B") as target:
            size = self.params.page_size
            if target.readonly:
                raise ValueError("the buffer is read-only")
            if len(target) < size:
                raise ValueError(f"the buffer has {len(target)} bytes, a page has {size}")
            version, data = self._pool.read(page_number(page))
            target[:size] = data
        return version

    def write(self, page: int, data: Buffer, *, version: int | None = None, wait: float | None = None) -> int:
        """Writes at the beginning of a page, as soon as nobody holds it, and returns its version: one more than before.

        ``version`` makes it that instead. Readers tell pages apart by their versions: never give two contents the same.
        ``wait`` is how many seconds it may take, ``None`` for ever. After a timeout it may still be written
        (:attr:`lockproof.Error.maybe_applied`).
        """
        return self._pool.update(page_number(page), data, version, wait)

    update = write

    @contextmanager
    def locked(self, page: int, *, wait: float | None = None) -> Iterator[LockedPage]:
        """Holds a page for a ``with`` block, which gets its bytes in a writable buffer.

        At the end of the block the buffer is written back and the page is free. After an exception the page is freed as
        it was. Nobody else can write it meanwhile; reads see it as it was.

        Raises:
            LockTimeout: somebody else held it for ``wait`` seconds (``None``: wait for ever).
            LockLost, ConnectionFailed: at the end, where the connection broke; whether the page was written is
                in ``maybe_applied``.
        """
        held = self._pool.lock(page_number(page), wait)
        buffer = LockedPage._make(page, held.version, held.data)
        try:
            # An export of the buffer keeps its length as it is.
            with memoryview(buffer):
                yield buffer
        except BaseException:
            held.abandon()
            raise
        buffer.version = held.unlock(buffer)

    def clone(self) -> Pages:
        """A client with connections of its own that shares this one's cache."""
        clone = object.__new__(Pages)
        clone._pool_size = self._pool_size
        clone._pool = self._pool.share(self._pool_size)
        return clone

    def close(self) -> None:
        """Closes the connections that nobody uses. The next operation opens another."""
        self._pool.close()

    def __enter__(self) -> Pages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
