"""How long an item lives, as programmers say it and as the wire does."""

from __future__ import annotations

import math
import time
from datetime import datetime, timedelta
from typing import TypeAlias

Expiry: TypeAlias = int | float | timedelta | datetime | None

#: Beyond this many seconds the protocol takes a number for a moment, counted from 1970.
RELATIVE_MAX = 30 * 24 * 3600

#: A moment that has passed everywhere.
_PAST = RELATIVE_MAX + 1

_WIRE_MAX = 0xFFFF_FFFE


def on_the_wire(expire: Expiry) -> int:
    """Seconds from now (any number of them), a timedelta, or a moment (an aware or local datetime) as the wire's number.

    0 and ``None`` are for ever; what is negative or past has expired already. Fractions are rounded up.
    """
    if type(expire) is int and 0 <= expire <= RELATIVE_MAX:
        return expire
    if expire is None:
        return 0
    if isinstance(expire, datetime):
        return min(max(math.ceil(expire.timestamp()), _PAST), _WIRE_MAX)
    if isinstance(expire, timedelta):
        seconds = expire.total_seconds() or -1
    elif isinstance(expire, (int, float)) and not isinstance(expire, bool):
        seconds = expire
    else:
        raise TypeError(f"an expiry is a number of seconds, a timedelta or a datetime, not {type(expire).__name__}")
    if isinstance(seconds, float) and not math.isfinite(seconds):
        raise ValueError(f"an expiry of {seconds} seconds; 0 is for ever")
    if seconds < 0:
        return _PAST
    whole = math.ceil(seconds)
    if whole <= RELATIVE_MAX:
        return whole
    return min(int(time.time()) + whole, _WIRE_MAX)
