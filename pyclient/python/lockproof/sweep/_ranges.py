"""What is left of the seeds, and how much of it makes a task. Knows nothing of clusters."""

from __future__ import annotations

from collections.abc import Iterable

#: Seeds of a task while nobody knows yet how long one takes.
FIRST = 4

#: A new measurement weighs as much as all before it.
WEIGHT = 0.5

#: Tasks for each place to run one: one that runs, and one that waits for it.
TASKS_OF_A_PLACE = 2


class Left:
    """The seeds that nobody has taken yet, from the first to the last."""

    def __init__(self, seeds: range, done: Iterable[range] = ()) -> None:
        self._pieces: list[range] = []
        start = seeds.start
        for part in sorted(done, key=lambda part: part.start):
            if start < part.start:
                self._pieces.append(range(start, min(part.start, seeds.stop)))
            start = max(start, part.stop)
        if start < seeds.stop:
            self._pieces.append(range(start, seeds.stop))

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def take(self, count: int) -> range | None:
        """The first seeds, at most so many; ``None`` if nothing is left."""
        if not self._pieces:
            return None
        first = self._pieces[0]
        taken = range(first.start, min(first.start + max(count, 1), first.stop))
        self._pieces[0] = range(taken.stop, first.stop)
        if not self._pieces[0]:
            del self._pieces[0]
        return taken


class Pace:
    """How many seeds make a task of the length that is wanted."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._of_a_seed: float | None = None

    def learn(self, seeds: int, seconds: float) -> None:
        """A task with so many seeds took so long."""
        of_a_seed = seconds / seeds
        before = of_a_seed if self._of_a_seed is None else self._of_a_seed
        self._of_a_seed = (1 - WEIGHT) * before + WEIGHT * of_a_seed

    def count(self, left: int, places: int) -> int:
        """Seeds of the next task. Towards the end they become fewer, so that all places end at about the same time."""
        if self._of_a_seed is None:
            return FIRST
        wanted = self._seconds / max(self._of_a_seed, 1e-9)
        share = left / (TASKS_OF_A_PLACE * max(places, 1))
        return max(1, round(min(wanted, max(share, wanted / 10))))
