"""Objects as bytes. A client without a serde takes and gives bytes, and nothing else."""

from __future__ import annotations

import json
import pickle
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Serde(Protocol):
    """What a client does with values. The same two methods as pymemcache's, so either's objects serve both."""

    def serialize(self, key: Any, value: Any) -> tuple[Any, int]:
        """Bytes (or another buffer) and flags for a value."""
        ...

    def deserialize(self, key: Any, value: bytes, flags: int) -> Any:
        """The value for bytes and flags."""
        ...


class JsonSerde(Serde):
    """Bytes and text as they are, everything else as JSON, by JSON's rules: a tuple comes back as a list.

    Flags: 0 for bytes, 16 for text (as pymemcache and pylibmc mark it), 1024 for JSON.
    """

    TEXT = 16
    JSON = 1024

    def serialize(self, key: Any, value: Any) -> tuple[Any, int]:
        if isinstance(value, (bytes, bytearray, memoryview)):
            return value, 0
        if isinstance(value, str):
            return value.encode(), self.TEXT
        return json.dumps(value, separators=(",", ":")).encode(), self.JSON

    def deserialize(self, key: Any, value: bytes, flags: int) -> Any:
        if flags == self.TEXT:
            return value.decode()
        if flags == self.JSON:
            return json.loads(value)
        return value


class PickleSerde(Serde):
    """Bytes, text and integers as they are, everything else pickled, with the flags of pymemcache and pylibmc.

    Reading runs whatever code the pickle names: use it only where every writer of the server is trusted.

    Flags when writing: 0 bytes, 1 pickle, 2 int, 16 text. That is pymemcache's way, and pylibmc reads all of it.
    pylibmc itself writes an int with 4 and a bool as an int with 2; both are read here as pylibmc reads them, so a
    bool that it wrote is 0 or 1. Its 8 (compressed) is refused with a ``ValueError``, because it is only as good as
    the library that wrote it.
    """

    PICKLE = 1
    INTEGER = 2
    LONG = 4
    COMPRESSED = 8
    TEXT = 16

    def __init__(self, protocol: int = pickle.DEFAULT_PROTOCOL) -> None:
        self._protocol = protocol

    def serialize(self, key: Any, value: Any) -> tuple[Any, int]:
        # Exact types: a bool or an enum member would come back as something else.
        if type(value) is bytes:
            return value, 0
        if type(value) is str:
            return value.encode(), self.TEXT
        if type(value) is int:
            return str(value).encode(), self.INTEGER
        return pickle.dumps(value, self._protocol), self.PICKLE

    def deserialize(self, key: Any, value: bytes, flags: int) -> Any:
        if flags & self.COMPRESSED:
            raise ValueError(f"the value of {key!r} is compressed (flags {flags}); read it with the client that wrote it")
        if flags == 0:
            return value
        if flags & self.PICKLE:
            return pickle.loads(value)
        if flags & (self.INTEGER | self.LONG):
            return int(value)
        if flags & self.TEXT:
            return value.decode()
        return value
