"""What ``get_or_lease`` of both clients has in common: of many that look for a value, one computes it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from . import _native
from ._common import Key, Operation
from ._errors import ArgumentInvalid, Timeout
from ._expiry import RELATIVE_MAX, Expiry, on_the_wire

#: Pauses of those who wait, in seconds: the first, and the longest.
_PAUSE, _PAUSE_MAX = 0.005, 0.25


class Found(NamedTuple):
    """What a lookup found."""

    value: bytes
    flags: int
    cas: int
    #: The caller shall compute the value.
    won: bool
    #: Somebody else was told so.
    taken: bool
    #: The item was marked as stale.
    stale: bool

    @property
    def is_stub(self) -> bool:
        """There is no value yet: the item is only a place for it."""
        return not self.value and not self.stale and (self.won or self.taken)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long what lasts."""

    ttl: Expiry
    lease_ttl: int
    stale_ttl: int
    wait: float

    @classmethod
    def checked(cls, ttl: Expiry, lease_ttl: int, stale_ttl: int, wait: float) -> Terms:
        """The same, if they make sense."""
        if not 0 < lease_ttl <= RELATIVE_MAX:
            raise ArgumentInvalid(f"a lease lasts from 1 second to 30 days, not {lease_ttl} seconds")
        if not 0 <= stale_ttl <= RELATIVE_MAX:
            raise ArgumentInvalid(f"a value is stale for 0 seconds to 30 days, not {stale_ttl} seconds")
        if not 0 <= wait < math.inf:
            raise ArgumentInvalid(f"a time to wait is 0 seconds or more, not {wait}")
        return cls(ttl, lease_ttl, stale_ttl, wait)

    def lookup(self, wire_key: Key) -> Operation:
        """Asks for the value, or for the lease."""
        return _native.lookup(wire_key, self.lease_ttl, self.stale_ttl or None)

    def store(self, wire_key: Key, value: Any, flags: int, found: Found) -> Operation:
        """Stores what the winner computed, unless somebody has stored since: then the lease had run out."""
        expiry = on_the_wire(_later(self.ttl, self.stale_ttl))
        if found.cas == 0:
            # The server runs without CAS.
            return _native.set(wire_key, value, flags, expiry)
        return _native.cas(wire_key, value, found.cas, flags, expiry)

    def pauses(self, began: float) -> Iterator[tuple[float, float]]:
        """``(until, pause)`` for each look: when waiting ends, and how long it is until the next."""
        pause = _PAUSE
        while True:
            yield began + self.wait, pause * (0.5 + random.random() / 2)
            pause = min(2 * pause, _PAUSE_MAX)

    def too_late(self, key: Key) -> Timeout:
        """Nobody has computed it in time."""
        return Timeout(f"nobody has stored a value for {key!r} within {self.wait} s")


def give_back(wire_key: Key, found: Found) -> Operation:
    """What a winner does that has no value: another one may win at once."""
    if found.is_stub:
        return _native.delete_if(wire_key, found.cas)
    return _native.invalidate(wire_key, found.cas, None)


def _later(expire: Expiry, seconds: int) -> Expiry:
    """The moment so many seconds after an expiry; for ever is never over."""
    if not seconds or not expire:
        return expire
    if isinstance(expire, (datetime, timedelta)):
        return expire + timedelta(seconds=seconds)
    return expire + seconds
