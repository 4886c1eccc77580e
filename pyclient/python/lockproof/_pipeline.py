"""Operations that travel together."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _native
from ._common import Finish, Key, Operation, check_delta, check_initial
from ._errors import ConnectionFailed, Error, Timeout
from ._expiry import Expiry, on_the_wire

if TYPE_CHECKING:
    from ._memcache import Memcache


class Pending:
    """The result of an operation of a pipeline, once that was executed."""

    __slots__ = ("_finish", "_miss", "_outcome")

    def __init__(self, finish: Finish, miss: Any) -> None:
        self._finish = finish
        self._miss = miss
        self._outcome: Any = _UNKNOWN

    def result(self) -> Any:
        """The result; raises what the operation raised, and ``RuntimeError`` before the pipeline is executed."""
        if self._outcome is _UNKNOWN:
            raise RuntimeError("the pipeline was not executed yet")
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome

    def _settle(self, answer: Any) -> BaseException | None:
        if isinstance(answer, BaseException):
            self._outcome = answer
            return answer
        try:
            self._outcome = self._finish(answer)
        except Exception as error:
            self._outcome = error
            return error
        return None


_UNKNOWN = object()


def _same(answer: Any) -> Any:
    return answer


class Pipeline:
    """Collects operations for :meth:`execute`: all requests are sent before the first answer is waited for.

    It is no transaction: others may come in between, and one that fails stops none of the rest. Each method returns
    a :class:`Pending`. Leaving a ``with`` block executes, unless by an exception, and raises the first error there was.
    """

    def __init__(self, client: Memcache) -> None:
        self._client = client
        self._waiting: list[tuple[int, Operation, Pending]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def get(self, key: Key, default: Any = None) -> Pending:
        """As :meth:`Memcache.get`."""
        client, wire = self._client, self._client._wire_key(key)
        return self._add(
            wire,
            _native.get(wire),
            lambda item: default if item is None else client._decode(key, item[0], item[1]),
        )

    def gets(self, key: Key) -> Pending:
        """As :meth:`Memcache.gets`."""
        client, wire = self._client, self._client._wire_key(key)
        return self._add(wire, _native.get(wire), lambda item: None if item is None else client._entry(key, item))

    def set(self, key: Key, value: Any, expire: Expiry = 0, *, flags: int | None = None) -> Pending:
        """As :meth:`Memcache.set`."""
        wire = self._client._wire_key(key)
        value, flags = self._client._encode(key, value, flags)
        return self._add(wire, _native.set(wire, value, flags, on_the_wire(expire)), _same, False)

    def add(self, key: Key, value: Any, expire: Expiry = 0, *, flags: int | None = None) -> Pending:
        """As :meth:`Memcache.add`."""
        wire = self._client._wire_key(key)
        value, flags = self._client._encode(key, value, flags)
        return self._add(wire, _native.add(wire, value, flags, on_the_wire(expire)), _same, False)

    def replace(self, key: Key, value: Any, expire: Expiry = 0, *, flags: int | None = None) -> Pending:
        """As :meth:`Memcache.replace`."""
        wire = self._client._wire_key(key)
        value, flags = self._client._encode(key, value, flags)
        return self._add(wire, _native.replace(wire, value, flags, on_the_wire(expire)), _same, False)

    def append(self, key: Key, value: Any) -> Pending:
        """As :meth:`Memcache.append`."""
        wire = self._client._wire_key(key)
        return self._add(wire, _native.append(wire, value), _same, False)

    def prepend(self, key: Key, value: Any) -> Pending:
        """As :meth:`Memcache.prepend`."""
        wire = self._client._wire_key(key)
        return self._add(wire, _native.prepend(wire, value), _same, False)

    def delete(self, key: Key) -> Pending:
        """As :meth:`Memcache.delete`."""
        wire = self._client._wire_key(key)
        return self._add(wire, _native.delete(wire), _same, False)

    def touch(self, key: Key, expire: Expiry) -> Pending:
        """As :meth:`Memcache.touch`."""
        wire = self._client._wire_key(key)
        return self._add(wire, _native.touch(wire, on_the_wire(expire)), _same, False)

    def incr(self, key: Key, delta: int = 1, *, initial: int | None = None, expire: Expiry = 0) -> Pending:
        """As :meth:`Memcache.incr`."""
        wire = self._client._wire_key(key)
        operation = _native.incr(wire, check_delta(delta), check_initial(initial), on_the_wire(expire))
        return self._add(wire, operation, _same)

    def decr(self, key: Key, delta: int = 1, *, initial: int | None = None, expire: Expiry = 0) -> Pending:
        """As :meth:`Memcache.decr`."""
        wire = self._client._wire_key(key)
        operation = _native.decr(wire, check_delta(delta), check_initial(initial), on_the_wire(expire))
        return self._add(wire, operation, _same)

    def execute(self, *, raise_on_error: bool = True) -> list[Any]:
        """Performs what was collected, and returns the results in order; errors are among them, or raised."""
        waiting, self._waiting = self._waiting, []
        by_server: dict[int, list[tuple[Operation, Pending]]] = {}
        for place, operation, pending in waiting:
            by_server.setdefault(place, []).append((operation, pending))
        first: BaseException | None = None
        for place, group in by_server.items():
            try:
                answers = self._client._servers[place].run_all([operation for operation, _ in group])
            except Error as failure:
                answers = [failure] * len(group)
            for (_, pending), answer in zip(group, answers, strict=True):
                error = pending._settle(self._forgiven(answer, pending._miss))
                first = first or error
        if first is not None and raise_on_error:
            raise first
        return [pending._outcome for _, _, pending in waiting]

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.execute()
        else:
            self._waiting.clear()

    def _forgiven(self, answer: Any, miss: Any) -> Any:
        """The answer, or a miss in its place where the client is to take a failure for one."""
        if self._client._forgives and isinstance(answer, (ConnectionFailed, Timeout)):
            self._client._forgive(answer)
            return miss
        return answer

    def _add(self, wire_key: Key, operation: Operation, finish: Finish, miss: Any = None) -> Pending:
        pending = Pending(finish, miss)
        self._waiting.append((self._client._place_of(wire_key), operation, pending))
        return pending
