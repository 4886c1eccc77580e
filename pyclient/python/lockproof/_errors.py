"""One tree of errors. Each is also the builtin that people catch already."""

from __future__ import annotations


class Error(Exception):
    """Base of all errors of this package.

    ``maybe_applied`` is true when a change may have happened on the server although the operation failed: it
    timed out, or its connection broke, after the request was sent. False means that it certainly did not happen.
    """

    maybe_applied: bool

    def __init__(self, text: str, *, maybe_applied: bool = False) -> None:
        super().__init__(text)
        self.maybe_applied = maybe_applied


class ConnectionFailed(Error, ConnectionError):
    """There is no connection, or it broke. The server is down: that is not a miss."""


class Timeout(Error, TimeoutError):
    """No complete answer in time. The connection was closed, so that a late answer harms nobody."""


class ProtocolError(Error):
    """The server sent what the protocol does not allow. The connection was closed."""


class ServerError(Error):
    """The server understood, and said no. ``status`` is its number, where the protocol has numbers."""

    status: int | None

    def __init__(self, text: str, *, status: int | None = None, maybe_applied: bool = False) -> None:
        super().__init__(text, maybe_applied=maybe_applied)
        self.status = status


class TooLarge(ServerError, ValueError):
    """The value is larger than the server takes. Nothing was stored.

    A memcached deletes what ``set`` or ``cas`` was to replace, so that nobody takes the old value for the new one; the
    other operations leave it.
    """


class NotANumber(ServerError, ValueError):
    """``incr`` or ``decr`` of a value that is no decimal number below 2**64."""


class OutOfMemory(ServerError, MemoryError):
    """The server is full and does not evict."""


class AuthFailed(ServerError, PermissionError):
    """The server wants a user and a password, or others than these."""


class KeyInvalid(Error, ValueError):
    """The key can't be sent: it is empty, longer than the protocol's limit, or would be read as another. Nothing was sent."""


class ArgumentInvalid(Error, ValueError):
    """Another argument can't be sent. Nothing was."""


class NoSuchPage(ServerError, IndexError):
    """The server has no page of that number."""


class LockError(Error):
    """Base of what goes wrong with locks."""


class LockTimeout(LockError, TimeoutError):
    """The lock was not granted in the time given."""


class LockLost(LockError, ConnectionError):
    """The connection that held the lock is gone, and the lock with it: somebody else may hold it now."""


class LockNotHeld(LockError, RuntimeError):
    """Released without being held."""


_STATUSES: dict[int, tuple[type[ServerError], str]] = {
    0x03: (TooLarge, "the value is larger than the server takes"),
    0x06: (NotANumber, "the value is no decimal number below 2**64"),
    0x20: (AuthFailed, "wrong user or password, or none were given"),
    0x82: (OutOfMemory, "the server is out of memory and does not evict"),
}


def failure(kind: str, text: str, maybe_applied: bool, status: int | None) -> Error:
    """The exception for a failure that the native code names by ``kind``."""
    match kind:
        case "connection":
            return ConnectionFailed(text, maybe_applied=maybe_applied)
        case "timeout":
            return Timeout(text, maybe_applied=maybe_applied)
        case "protocol":
            return ProtocolError(text, maybe_applied=maybe_applied)
        case "key":
            return KeyInvalid(text)
        case "no_such_page":
            return NoSuchPage(text)
        case "lock_timeout":
            return LockTimeout(text)
        case "lost":
            return LockLost(text)
        case "not_held":
            return LockNotHeld(text)
        case "refused":
            return refusal(text, status, maybe_applied)
        case _:
            return ArgumentInvalid(text, maybe_applied=maybe_applied)


def refusal(text: str, status: int | None, maybe_applied: bool = False) -> ServerError:
    """The exception for a status of memcached, or for a refusal without one."""
    known = None if status is None else _STATUSES.get(status)
    if known is None:
        return ServerError(text, status=status, maybe_applied=maybe_applied)
    kind, hint = known
    return kind(f"{text}: {hint}", status=status, maybe_applied=maybe_applied)
