"""Opening connections within a time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TypeVar

from .._errors import ConnectionFailed, Timeout

P = TypeVar("P", bound=asyncio.Protocol)


def patience(seconds: float | None) -> float | None:
    """Seconds, or ``None`` for ever; refuses what the blocking clients refuse."""
    if seconds is not None and not 0 < seconds < math.inf:
        raise ValueError(f"a timeout is a positive number of seconds, not {seconds}")
    return seconds


async def connect(make: Callable[[], P], address: tuple[str, int], timeout: float | None) -> P:
    """A protocol with an open connection."""
    host, port = address
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            _, protocol = await loop.create_connection(make, host, port)
    except TimeoutError as error:
        raise Timeout(f"no connection to {host}:{port} within {timeout} s") from error
    except OSError as error:
        raise ConnectionFailed(f"no connection to {host}:{port}: {error}") from error
    return protocol
