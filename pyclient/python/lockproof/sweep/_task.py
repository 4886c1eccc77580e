"""What runs on a cluster's workers. They need this package and nothing else of ours."""

from __future__ import annotations

import time
from typing import Any

from distributed import get_worker

from .. import check, sim
from ._state import Order


def build() -> dict[str, Any]:
    """What the worker's simulator was built of."""
    return sim.build()


def run_range(order: Order, seeds: range, build: dict[str, Any], topic: str) -> dict[str, Any]:
    """The report of a range, and the seconds that it took; or, where the build is another one, just which.

    Failing seeds are told to the topic as soon as they are found. A task that is run again tells them again.
    """
    worker = get_worker()
    here = sim.build()
    if here != build:
        return {"worker": worker.address, "build": here}
    begun = time.monotonic()
    report = sim.run(
        order.scenarios,
        seeds,
        server=order.server,
        watchdog=order.watchdog,
        on_failure=lambda failed: worker.log_event(topic, vars(failed)),
    )
    return {"report": report.document, "seconds": time.monotonic() - begun}


def check_target(url: str, options: dict[str, Any]) -> dict[str, Any]:
    """The report about a server, or why there is none."""
    try:
        report = check(url, **options)
    except (OSError, ValueError) as error:
        return {"error": str(error)}
    return {"report": report.document, "exit_code": report.exit_code}
