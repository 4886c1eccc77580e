"""Seeds on a cluster: ranges out, reports in, as they come."""

from __future__ import annotations

import queue
import time
import uuid
from typing import Any

from distributed import CancelledError, Client, Future
from distributed.scheduler import KilledWorker

from .. import sim
from . import _task
from ._cluster import Unreachable, mismatch
from ._progress import Progress
from ._ranges import TASKS_OF_A_PLACE, Left, Pace
from ._state import State

#: Seconds between two looks at who is there.
LOOKS_EVERY = 1.0

#: A task whose code fails, as it may where a machine has no memory left, is tried so often again. One whose worker is lost
#: is run elsewhere by Dask itself, until it has lost four.
RETRIES = 2


class Sweep:
    """A sweep on its way."""

    def __init__(self, client: Client, state: State, progress: Progress, pace: Pace) -> None:
        self._client = client
        self._state = state
        self._progress = progress
        self._pace = pace
        self._left = Left(state.seeds, state.done)
        self._on_their_way: dict[Future[dict[str, Any]], range] = {}
        self._ended: queue.SimpleQueue[Future[dict[str, Any]]] = queue.SimpleQueue()
        self._topic = f"lockproof-{uuid.uuid4()}"
        self._told: set[tuple[str, int]] = set()
        self._places = 0
        self._looked_at = float("-inf")
        #: Ranges whose workers died, one after another.
        self.lost: list[range] = []
        #: Tasks that came to an end, and the seconds that they took on their workers.
        self.tasks, self.task_seconds = 0, 0.0

    def run(self, max_failures: int) -> None:
        """Runs all that is left, or until so many seeds failed."""
        self._client.subscribe_topic(self._topic, lambda event: self._tell(event[1]))
        try:
            while self._state.failures < max_failures:
                self._look()
                self._submit()
                if not self._on_their_way:
                    return
                try:
                    self._take(self._ended.get(timeout=LOOKS_EVERY))
                except queue.Empty:
                    pass
        finally:
            # What is on its way is not waited for; the state knows what was done.
            if self._client.status == "running":
                self._client.unsubscribe_topic(self._topic)
                self._client.cancel(list(self._on_their_way))

    def _look(self) -> None:
        """Counts the places to run something, from time to time: workers come and go."""
        if self._client.status != "running":
            raise Unreachable("the scheduler is gone")
        if time.monotonic() - self._looked_at < LOOKS_EVERY:
            return
        self._looked_at = time.monotonic()
        try:
            self._places = sum(self._client.nthreads().values())
        except OSError as error:
            raise Unreachable(f"the scheduler is gone: {error}") from error
        self._progress.note(self._places, self._state.failures)

    def _submit(self) -> None:
        while len(self._on_their_way) < TASKS_OF_A_PLACE * max(self._places, 1):
            seeds = self._left.take(self._pace.count(len(self._left), self._places))
            if seeds is None:
                return
            future = self._client.submit(
                _task.run_range,
                self._state.order,
                seeds,
                sim.build(),
                self._topic,
                key=f"{self._topic}-{seeds.start}-{seeds.stop}",
                pure=False,
                retries=RETRIES,
            )
            self._on_their_way[future] = seeds
            future.add_done_callback(self._ended.put)

    def _take(self, future: Future[dict[str, Any]]) -> None:
        seeds = self._on_their_way.pop(future)
        try:
            answer: dict[str, Any] = future.result()
        except KilledWorker as error:
            self.lost.append(seeds)
            self._progress.say(f"LOST  seeds {seeds.start}..{seeds.stop}: {error}")
            return
        except CancelledError as error:
            raise Unreachable("the scheduler has lost what it was asked for") from error
        except Exception as error:
            raise Unreachable(f"seeds {seeds.start}..{seeds.stop} cannot be run: {type(error).__name__}: {error}") from error
        if "report" not in answer:
            raise Unreachable(mismatch(answer["worker"], answer["build"]))
        self._pace.learn(len(seeds), answer["seconds"])
        self.tasks += 1
        self.task_seconds += answer["seconds"]
        self._state.add(answer["report"])
        for scenario in answer["report"]["scenarios"]:
            for seed in scenario["failed"]:
                again = f"lockproof sim {scenario['name']} --seed {seed} --server {self._state.order.server}"
                self._tell({"scenario": scenario["name"], "seed": seed, "violation": "", "again": again})
        self._progress.add(len(seeds))

    def _tell(self, failed: dict[str, Any]) -> None:
        """Once each, whether the worker told it first or the report did."""
        who = (failed["scenario"], failed["seed"])
        if who not in self._told:
            self._told.add(who)
            self._progress.say(
                f"FAIL  {failed['scenario']}  seed {failed['seed']}  {failed['violation']}\n  again:  {failed['again']}"
            )
