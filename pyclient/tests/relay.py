"""A TCP relay between a client and its server: it counts, holds back, changes, cuts, and leads elsewhere."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType

#: Seconds until something that must happen has not happened.
PATIENCE = 30.0


def eventually(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails after a generous time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.002)


def host_and_port(address: str) -> tuple[str, int]:
    """What ``socket`` wants of ``host:port``."""
    host, port = address.rsplit(":", 1)
    return host, int(port)


class Relay:
    """Connections to :attr:`address` are connections to ``upstream``."""

    def __init__(self, upstream: str, change: Callable[[bytes], bytes] = lambda reply: reply) -> None:
        self._upstream = upstream
        self._change = change
        self._sockets: list[socket.socket] = []
        self._moved = threading.Condition()
        self._allowed: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        #: Connections that clients have made.
        self.accepted = 0
        #: Bytes that clients have sent.
        self.asked = 0
        #: Bytes that were passed on to clients.
        self.answered = 0
        #: Bytes that came from the server.
        self.arrived = 0
        #: Connections that have ended.
        self.ended = 0
        self._start(self._accept)

    def allow(self, replies: int | None) -> None:
        """How many bytes of replies may pass from now on; ``None``: all."""
        with self._moved:
            self._allowed = replies
            self._moved.notify_all()

    def cut(self) -> None:
        """Ends every connection, on both sides."""
        with self._moved:
            sockets, self._sockets = self._sockets, []
            self._moved.notify_all()
        for one in sockets:
            _shut(one)

    def switch(self, upstream: str) -> None:
        """Another server is behind the same address: the old one's connections end."""
        self._upstream = upstream
        self.cut()

    def close(self) -> None:
        """Ends everything."""
        _shut(self._listener)
        self._listener.close()
        self.allow(None)
        self.cut()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(host_and_port(self._upstream))
            except OSError:
                client.close()
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._moved:
                self._sockets += [client, server]
                self.accepted += 1
            self._start(partial(self._requests, client, server))
            self._start(partial(self._replies, server, client))

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                with self._moved:
                    self.asked += len(data)
                server.sendall(data)
        except OSError:
            pass
        with self._moved:
            self._sockets = [one for one in self._sockets if one is not client]
            self._moved.notify_all()
        _shut(server)

    def _replies(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                with self._moved:
                    self.arrived += len(data)
                self._pass_on(client, self._change(data))
        except OSError:
            pass
        _shut(client)
        with self._moved:
            self._sockets = [one for one in self._sockets if one not in (client, server)]
            self.ended += 1
            self._moved.notify_all()
        client.close()
        server.close()

    def _pass_on(self, client: socket.socket, data: bytes) -> None:
        while data:
            with self._moved:
                self._moved.wait_for(lambda: self._allowed != 0 or client not in self._sockets)
                length = len(data) if self._allowed is None else min(len(data), self._allowed)
                if self._allowed is not None:
                    self._allowed -= length
            if not length:
                raise OSError("cut")
            client.sendall(data[:length])
            with self._moved:
                self.answered += length
            data = data[length:]

    def _start(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, daemon=True).start()


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
