"""Starts memcached and the clients, and has them work in turn: what disturbs a round disturbs all clients in it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from clients import OPERATIONS, SIZES, clients_of, keys_of, value_of

HOST = "127.0.0.1"

#: Seconds until memcached must answer.
PATIENCE = 30.0

STARTUPS = 20

T = TypeVar("T")


class Group(NamedTuple):
    """What clients are compared in."""

    operation: str
    size: int


class Sample(NamedTuple):
    """One client's turn in one round: microseconds for each key."""

    cpu: float
    wall: float


class Measured(NamedTuple):
    """All rounds."""

    #: By group and client, one for each round.
    samples: dict[Group, dict[str, list[Sample]]]
    #: Calls in a turn.
    counts: dict[Group, dict[str, int]]
    #: Milliseconds until a reference server has `started`, `answered` and `ended`.
    startups: dict[str, list[float]]
    #: Percent of the machine's processor time that others had.
    others: float


class Worker:
    """A client in its process."""

    def __init__(self, name: str, port: int) -> None:
        program = [sys.executable, str(Path(__file__).with_name("worker.py")), name, HOST, str(port)]
        self._name = name
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **order: Any) -> dict[str, Any]:
        """Has it do something; returns what it measured."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended early; why is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def measure(operations: list[str], rounds: int, seconds: float) -> Measured:
    """Everything, with progress on standard error."""
    others_before, begun = others_time(), time.monotonic()
    groups = [Group(operation, size) for operation in operations for size in SIZES]
    names = list(dict.fromkeys(name for operation in operations for name in clients_of(operation)))
    with ExitStack() as stack:
        port = stack.enter_context(memcached())
        fill(port)
        workers = {name: stack.enter_context(Worker(name, port)) for name in names}
        with Worker(names[0], port) as other:
            startups = other.ask(startups=STARTUPS)
        counts = {group: calibrate(group, workers, seconds) for group in groups}
        samples = take_turns(counts, workers, rounds)
    others = (others_time() - others_before) / (time.monotonic() - begun) / (os.cpu_count() or 1)
    return Measured(samples, counts, startups, max(0.0, others * 100))


def calibrate(group: Group, workers: dict[str, Worker], seconds: float) -> dict[str, int]:
    progress(f"calibrating {group.operation}, {group.size} B")
    order = {**group._asdict(), "seconds": seconds}
    return {name: workers[name].ask(**order)["count"] for name in clients_of(group.operation)}


def take_turns(
    counts: dict[Group, dict[str, int]], workers: dict[str, Worker], rounds: int
) -> dict[Group, dict[str, list[Sample]]]:
    """Clients follow each other within a group, so those that are compared are neighbours in time."""
    samples: dict[Group, dict[str, list[Sample]]] = {
        group: {name: [] for name in turns} for group, turns in counts.items()
    }
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        for group in rotated(list(counts), number):
            for name in rotated(list(counts[group]), number):
                count = counts[group][name]
                took = workers[name].ask(**group._asdict(), count=count)
                scale = 1e6 / count / OPERATIONS[group.operation].keys
                samples[group][name].append(Sample(took["cpu"] * scale, took["wall"] * scale))
    return samples


def rotated(items: list[T], by: int) -> list[T]:
    by %= len(items)
    return items[by:] + items[:by]


@contextmanager
def memcached() -> Iterator[int]:
    """The port of a real memcached."""
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen([program(), "-l", HOST, "-p", str(port), "-U", "0", "-t", "2", *user])
    try:
        deadline = time.monotonic() + PATIENCE
        while not is_up(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("memcached does not come up")
            time.sleep(0.01)
        yield port
    finally:
        process.kill()
        process.wait()


def program() -> str:
    """The path of memcached."""
    found = shutil.which("memcached", path=os.environ["PATH"] + ":/usr/bin:/usr/sbin")
    if found is None:
        raise RuntimeError("memcached is not installed")
    return found


def is_up(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True


def fill(port: int) -> None:
    """Puts in what the clients will get: each then proves that it reads what another has written."""
    from lockproof import Memcache

    with Memcache((HOST, port)) as cache:
        for size in SIZES:
            cache.set_many(dict.fromkeys(keys_of(size), value_of(size)))


def others_time() -> float:
    """Seconds of processor time that this machine spent on everything but us and the children that have ended."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return busy - sum(os.times()[:4])


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
