"""The simulator: the reference server in a simulated network, with clients that die; all of it follows from a seed.

>>> from lockproof import sim
>>> report = sim.run("memcached/client-drips", range(3, 5))
>>> report.holds, report.runs
(True, 2)

A server that is wrong on purpose is caught, and each failing seed can be run again:

>>> report = sim.run("memcached/client-drips", range(3, 5), server="K04")
>>> report.failed
{'memcached/client-drips': [3, 4]}

On the command line it is ``python -m lockproof.sim``, which takes the words of ``lockproof sim``. More seeds than one machine
has time for: :mod:`lockproof.sweep`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _native

__all__ = ["FailingSeed", "SimReport", "build", "merge", "run", "scenarios", "servers"]

#: A run takes some tens of milliseconds, and seconds on a machine that is busy with other things.
WATCHDOG = 120.0

# What runs in the child processes: the native part alone, because the rest of the package would take longer to import
# than a run takes.
_WORKER = """
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
loader = ExtensionFileLoader("lockproof._native", sys.argv[1])
module = module_from_spec(spec_from_loader("lockproof._native", loader))
loader.exec_module(module)
module.sim_worker()
"""


@dataclass(frozen=True)
class FailingSeed:
    """A seed with which something did not hold."""

    #: The scenario's name.
    scenario: str
    #: The seed.
    seed: int
    #: What did not hold.
    violation: str
    #: The command that runs it again; ``python -m lockproof.sim`` takes the same words.
    again: str


class SimReport:
    """What became of a range of seeds."""

    def __init__(self, code: int, document: str, text: str) -> None:
        #: What ``lockproof sim`` would exit with: 0 all held, 1 something did not, 4 the runs prove too little.
        self.exit_code = code
        #: The report as ``lockproof sim --format json`` writes it; ``lockproof sim merge`` adds several up.
        self.document: dict[str, Any] = json.loads(document)
        #: The report for people: each failure with the smallest plan that still fails, and how to run it again.
        self.text = text

    @property
    def holds(self) -> bool:
        """Whether everything held."""
        return self.exit_code == 0

    @property
    def seeds(self) -> range:
        """The seeds that were run."""
        seeds = self.document["seeds"]
        return range(seeds["from"], seeds["to"])

    @property
    def runs(self) -> int:
        """How many runs it was: each seed is run with each scenario."""
        return sum(
            scenario["ok"] + scenario["wasted"] + len(scenario["failed"]) for scenario in self.document["scenarios"]
        )

    @property
    def failed(self) -> dict[str, list[int]]:
        """The failing seeds of each scenario that has any."""
        return {
            scenario["name"]: scenario["failed"] for scenario in self.document["scenarios"] if scenario["failed"]
        }

    def __repr__(self) -> str:
        return f"<lockproof.sim.SimReport: seeds {self.seeds.start}..{self.seeds.stop}, {self.document['outcome']}>"


def run(
    scenario: str | Iterable[str] = "swarm",
    seeds: range | int = 100,
    *,
    server: str = "reference",
    jobs: int = 1,
    watchdog: float = WATCHDOG,
    on_failure: Callable[[FailingSeed], object] | None = None,
) -> SimReport:
    """Runs seeds, and says what became of them. The interpreter is free meanwhile, and Ctrl-C ends it at once.

    Arguments:
        scenario: a name of :func:`scenarios`, one half of it (``"client-drips"``), or several; ``"swarm"`` draws a random
            plan from every seed, ``()`` is every named scenario.
        seeds: a range, or how many from 0.
        server: a name of :func:`servers`.
        jobs: runs at the same time, each in a process of its own.
        watchdog: seconds of real time that a run may take before it counts as hung. Its process is killed then, and the
            others go on.
        on_failure: called with each failing seed as soon as it is found.

    Raises:
        ValueError: no such scenario or server, or no seeds.
    """
    seeds = range(seeds) if isinstance(seeds, int) else seeds
    if seeds.step != 1 or not seeds or seeds.start < 0 or seeds.stop > 2**64:
        raise ValueError(f"seeds are a range of step 1 with something in it, from 0 to 2**64, not {seeds}")
    names = [scenario] if isinstance(scenario, str) else list(scenario)
    tell = None if on_failure is None else lambda *failed: on_failure(FailingSeed(*failed))
    worker = [sys.executable, "-I", "-S", "-c", _WORKER, _native.__file__]
    return SimReport(
        *_native.simulate(names, (seeds.start, seeds.stop), server, max(1, jobs), watchdog, worker, tell)
    )


def merge(reports: Iterable[SimReport | Mapping[str, Any]]) -> SimReport:
    """One report of reports about neighbouring seeds, in any order: what one run of all their seeds would have come to.

    Raises:
        ValueError: seeds are missing between them or are there twice, or they are not about the same thing.
    """
    documents = [report.document if isinstance(report, SimReport) else report for report in reports]
    named = [
        (f"seeds {document['seeds']['from']}..{document['seeds']['to']}", json.dumps(document))
        for document in documents
    ]
    return SimReport(*_native.sim_merge(named))


def scenarios() -> list[str]:
    """Names of what can be run; the last one is ``swarm``."""
    return _native.sim_names()[0]


def servers() -> list[str]:
    """Names of the servers that can serve: ``reference``, and those that are wrong on purpose."""
    return _native.sim_names()[1]


@functools.cache
def build() -> dict[str, Any]:
    """What the simulator was built of, and the SHA-256 of its file. A seed means the same only in the same build."""
    build: dict[str, Any] = json.loads(_native.sim_build())
    build["binary_sha256"] = hashlib.sha256(Path(_native.__file__).read_bytes()).hexdigest()
    return build
