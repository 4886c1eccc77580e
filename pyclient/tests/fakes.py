"""A memcached that does what a test wants, badly behaved for the most part."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, TypeAlias

HEADER = struct.Struct(">BBHBBHIIQ")


class Request(NamedTuple):
    """What came from the client."""

    opcode: int
    opaque: int
    key: bytes


def read_exactly(connection: socket.socket, length: int) -> bytes:
    """So many bytes; ``EOFError`` where the client closes before."""
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_request(connection: socket.socket) -> Request:
    """The next request, whole."""
    _, opcode, key_length, extras_length, _, _, body_length, opaque, _ = HEADER.unpack(read_exactly(connection, 24))
    body = read_exactly(connection, body_length)
    return Request(opcode, opaque, body[extras_length : extras_length + key_length])


def reply(request: Request, *, opaque: int | None = None, extras: bytes = b"", value: bytes = b"") -> bytes:
    """A success, for this request unless another opaque is given."""
    named = request.opaque if opaque is None else opaque
    header = HEADER.pack(0x81, request.opcode, 0, len(extras), 0, 0, len(extras) + len(value), named, 1)
    return header + extras + value


def hit(request: Request, value: bytes) -> bytes:
    """A ``get`` that found something."""
    return reply(request, extras=bytes(4), value=value)


Script: TypeAlias = Callable[[socket.socket], None]


def silent(connection: socket.socket) -> None:
    """Takes everything and never answers."""
    while connection.recv(65536):
        pass


def answers(connection: socket.socket) -> None:
    """Right answers: every key has the value ``right``, and every store succeeds."""
    while True:
        request = read_request(connection)
        connection.sendall(hit(request, b"right") if request.opcode == 0 else reply(request))


class FakeServer:
    """Plays one script to each connection, in the order given; the last one to all that follow.

    With ``tls`` it plays to what comes out of TLS.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = scripts
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.threads = [threading.Thread(target=self._accept)]
        self._stopping = False
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._connections)

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping:
                connection.close()
                return
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self._connections.append(connection)
            thread = threading.Thread(target=self._play, args=(script, connection))
            self.threads.append(thread)
            thread.start()

    def _play(self, script: Script, connection: socket.socket) -> None:
        # That a client goes away is nothing special here.
        with connection, suppress(OSError, EOFError):
            if self._tls is None:
                script(connection)
                return
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                # The old one has lost its socket to this one.
                self._connections[self._connections.index(connection)] = secured
                script(secured)

    def __enter__(self) -> FakeServer:
        self.threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        socket.create_connection(self._listener.getsockname()).close()
        self.threads[0].join()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads[1:]:
            thread.join()
        self._listener.close()
