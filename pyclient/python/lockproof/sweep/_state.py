"""What a sweep has found so far: reports of ranges, and the file from which it can go on."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import sim

SCHEMA = "lockproof.sweep/1"

#: Seconds between two times that the file is written: so much is lost if this process is killed.
SAVE_EVERY = 5.0


class Refused(Exception):
    """What was asked for makes no sense; the text says why, for people."""


@dataclass(frozen=True)
class Order:
    """What every seed is run with."""

    #: Scenarios, as :func:`lockproof.sim.run` takes them.
    scenarios: tuple[str, ...]
    #: Who serves.
    server: str
    #: Seconds that a run may take.
    watchdog: float


class State:
    """Reports of ranges that do not overlap, and what they are about."""

    def __init__(self, order: Order, seeds: range, file: Path | None) -> None:
        self.order = order
        self.seeds = seeds
        self._file = file
        self._saved_at = time.monotonic()
        self._parts: list[dict[str, Any]] = []
        if file is not None and file.exists():
            self._parts = self._read(file)

    def _read(self, file: Path) -> list[dict[str, Any]]:
        try:
            document = json.loads(file.read_text())
            schema, order, build, parts = (document[name] for name in ("schema", "order", "build", "parts"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refused(f"{file}: not the state of a sweep: {error}") from error
        # What a run may take decides nothing about what it does.
        ours, theirs = ({**each, "watchdog": None} for each in (_plain(self.order), order))
        if schema != SCHEMA or ours != theirs:
            raise Refused(f"{file}: the state of another sweep: {order}, and not {_plain(self.order)}")
        if build != sim.build():
            raise Refused(f"{file}: made by another build, where its seeds mean something else: {build}")
        done = [_seeds(part) for part in parts]
        outside = [part for part in done if part.start < self.seeds.start or part.stop > self.seeds.stop]
        if outside:
            raise Refused(f"{file}: has seeds {outside[0].start}..{outside[0].stop}, which are not among --seeds")
        return list(parts)

    @property
    def done(self) -> list[range]:
        """Ranges that were run."""
        return [_seeds(part) for part in self._parts]

    @property
    def is_complete(self) -> bool:
        """Whether all seeds were run."""
        return sum(map(len, self.done)) == len(self.seeds)

    @property
    def failures(self) -> int:
        """Failing seeds so far, of all scenarios."""
        return sum(len(scenario["failed"]) for part in self._parts for scenario in part["scenarios"])

    def add(self, report: dict[str, Any]) -> None:
        """Adds the report of a range, and saves from time to time."""
        new = _seeds(report)
        if any(new.start < part.stop and part.start < new.stop for part in self.done):
            raise RuntimeError(f"seeds {new.start}..{new.stop} were run already: a mistake of the sweep itself")
        self._parts.append(report)
        if time.monotonic() - self._saved_at >= SAVE_EVERY:
            self.save()

    def merged(self) -> list[sim.SimReport]:
        """One report of each stretch without a gap; a complete sweep has one."""
        stretches: list[list[dict[str, Any]]] = []
        for part in sorted(self._parts, key=lambda part: _seeds(part).start):
            if stretches and _seeds(stretches[-1][-1]).stop == _seeds(part).start:
                stretches[-1].append(part)
            else:
                stretches.append([part])
        reports = [sim.merge(stretch) for stretch in stretches]
        self._parts = [report.document for report in reports]
        return reports

    def save(self, file: Path | None = None) -> None:
        """Writes the file, if there is one, as a whole or not at all."""
        self._saved_at = time.monotonic()
        reports = self.merged()
        file = file or self._file
        if file is None:
            return
        document = {
            "schema": SCHEMA,
            "order": _plain(self.order),
            "build": sim.build(),
            "seeds": {"from": self.seeds.start, "to": self.seeds.stop},
            "parts": [report.document for report in reports],
        }
        beside = file.with_name(file.name + ".new")
        with beside.open("w") as opened:
            json.dump(document, opened)
            opened.flush()
            os.fsync(opened.fileno())
        beside.replace(file)


def _plain(order: Order) -> dict[str, Any]:
    return {**asdict(order), "scenarios": list(order.scenarios)}


def _seeds(report: dict[str, Any]) -> range:
    return range(report["seeds"]["from"], report["seeds"]["to"])
