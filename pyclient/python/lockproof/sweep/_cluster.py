"""Workers: of a cluster that is there, or processes of this machine."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster

from .. import sim
from . import _task

#: For workers of this machine, which have their processors to share with runs: Dask's looking at itself costs more than its work
#: does, where tasks are few and long.
_QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.tick.cycle": "5s",
}

#: Seconds until a scheduler that does not answer is given up.
CONNECT = 10


class Unreachable(Exception):
    """The cluster cannot be used; the text says why, for people."""


@contextmanager
def workers(scheduler: str | None, *, count: int, threads: int = 1) -> Iterator[Client]:
    """A client of that scheduler, or of so many worker processes here; with at least one worker."""
    if scheduler is None:
        # A worker that dies is no news: its range is run again.
        with (
            dask.config.set(_QUIET),
            LocalCluster(
                n_workers=count, threads_per_worker=threads, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise Unreachable(f"no scheduler at {scheduler}: {error or 'it does not answer'}") from error
    with client:
        if not client.nthreads():
            print(f"waiting for workers at {scheduler} (dask worker {scheduler})", file=sys.stderr)
            client.wait_for_workers(1)
        yield client


def verify(client: Client) -> None:
    """Makes sure that all workers have the simulator that is here."""
    ours = sim.build()
    found: dict[str, Any] = client.run(_task.build, on_error="return")
    for worker, theirs in found.items():
        if isinstance(theirs, BaseException):
            raise Unreachable(
                f"worker {worker} cannot run it: {type(theirs).__name__}: {theirs}\n"
                '  every worker needs this very wheel: pip install "lockproof[sweep]" there'
            )
        if theirs != ours:
            raise Unreachable(mismatch(worker, theirs))


def mismatch(worker: str, theirs: dict[str, Any]) -> str:
    """What differs between the worker's simulator and the one that is here."""
    ours = sim.build()
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    lines = [f"  {name}: {theirs.get(name)} there, {ours.get(name)} here" for name in names]
    return "\n".join(
        [
            f"worker {worker} has another build of the simulator, in which a seed means something else:",
            *lines,
            "  install the same wheel everywhere, and start the worker again",
        ]
    )
