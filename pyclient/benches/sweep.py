"""Sweeps beside the simulator alone: what a cluster of this machine's processes costs, and what a second worker gives.

    python benches/sweep.py --seconds 60 --rounds 3 --steady

A sweep's first ranges are small, and its last ones are shared out; with ``--steady`` all have the length that is asked for, as
nearly all have in a sweep of hours. Each round runs the same number of seeds four ways, one after the other: the simulator alone and a sweep with one
worker, and the two with two jobs and two workers. All figures are ratios within a round; the table has their medians and ranges.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lockproof import sim
from lockproof.sweep._cluster import verify, workers
from lockproof.sweep._progress import Progress
from lockproof.sweep._ranges import Pace
from lockproof.sweep._seeds import Sweep
from lockproof.sweep._state import Order, State

ORDER = Order(("swarm",), "reference", sim.WATCHDOG)


def alone(seeds: range, jobs: int) -> float:
    """Seconds that the simulator takes for these seeds."""
    begun = time.monotonic()
    sim.run(ORDER.scenarios, seeds, jobs=jobs)
    return time.monotonic() - begun


class Steady(Pace):
    """All tasks have so many seeds."""

    def __init__(self, seeds: int) -> None:
        super().__init__(1.0)
        self._seeds = seeds

    def count(self, left: int, places: int) -> int:
        return self._seeds


def swept(seeds: range, count: int, pace: Pace) -> tuple[float, int, float]:
    """Seconds that a sweep takes, from the first task to the last report; the number of its tasks; and the seconds that the
    tasks themselves took."""
    with tempfile.TemporaryDirectory() as directory, workers(None, count=count) as client:
        verify(client)
        state = State(ORDER, seeds, Path(directory) / "sweep.json")
        with Progress(len(seeds), 0, "seeds") as progress:
            begun = time.monotonic()
            sweep = Sweep(client, state, progress, pace)
            sweep.run(1000)
            took = time.monotonic() - begun
    assert state.is_complete
    return took, sweep.tasks, sweep.task_seconds


def spread(values: list[float], form: Callable[[float], str]) -> str:
    """Median, least and greatest."""
    return f"{form(statistics.median(values))} [{form(min(values))} to {form(max(values))}]"


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of one processor, for each of the four")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--range-seconds", type=float, default=10.0, help="of a task")
    parser.add_argument("--steady", action="store_true", help="ranges of that length from the first to the last")
    arguments = parser.parse_args()
    of_a_second = 500 / alone(range(500), 1)
    of_a_range = max(1, round(of_a_second * arguments.range_seconds))
    # Whole ranges, as many for each of two workers.
    count = max(1, round(arguments.seconds / arguments.range_seconds / 2)) * 2 * of_a_range

    def pace() -> Pace:
        return Steady(of_a_range) if arguments.steady else Pace(arguments.range_seconds)

    rows: dict[str, list[float]] = {}
    for turn in range(arguments.rounds):
        # Seeds that nobody has run yet, the same for all four.
        seeds = range(1000 + turn * count, 1000 + (turn + 1) * count)
        one = alone(seeds, 1)
        sweep_one, tasks, of_tasks = swept(seeds, 1, pace())
        two = alone(seeds, 2)
        sweep_two, tasks_two, of_tasks_two = swept(seeds, 2, pace())
        for name, value in {
            "simulator alone, one job: seeds a second": count / one,
            "simulator alone, two jobs / one": one / two,
            "sweep, one worker / one job: time": sweep_one / one,
            "sweep, two workers / two jobs: time": sweep_two / two,
            "sweep, two workers / one worker: speed": sweep_one / sweep_two,
            "sweep, two workers / one job: speed": one / sweep_two,
            "one worker: time that is no task's, ms a task": (sweep_one - of_tasks) / tasks * 1e3,
            "two workers: time that is no task's, ms a task": (2 * sweep_two - of_tasks_two) / tasks_two * 1e3,
            "two workers: seconds of a task": of_tasks_two / tasks_two,
        }.items():
            rows.setdefault(name, []).append(value)
        print(f"round {turn + 1} of {arguments.rounds}: {count} seeds; {one:.1f} {sweep_one:.1f} {two:.1f} {sweep_two:.1f} s", file=sys.stderr)
    print("| | median [range] |\n| --- | ---: |")
    for name, values in rows.items():
        form = (lambda value: f"{value:.0f}") if "seeds a second" in name else (lambda value: f"{value:.3f}")
        print(f"| {name} | {spread(values, form)} |")


if __name__ == "__main__":
    main()
