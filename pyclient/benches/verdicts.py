"""This project's client beside each other one, and whether it is as good as it was meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Literal, NamedTuple

from clients import CONCURRENT, ours
from rounds import Group, Measured, Sample

Quantity = Literal["cpu", "wall"]


class Spread(NamedTuple):
    """Ratios of all rounds."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, ratios: Iterable[float]) -> Spread:
        every = list(ratios)
        return cls(median(every), min(every), max(every))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.min:.2f}-{self.max:.2f})"


class Aim(NamedTuple):
    """What was aimed at: ours / theirs at most, or, where it is about speed, theirs / ours at least."""

    operation: str
    other: str
    quantity: Quantity
    limit: float
    is_speed: bool = False

    def __str__(self) -> str:
        if self.is_speed:
            unit = "keys per CPU second" if self.quantity == "cpu" else "keys per second"
            return f"at least {self.limit:g} x the {unit} of {self.other}"
        return f"at most {self.limit:g} x the CPU time of {self.other}"


AIMS = [
    Aim("get", "pylibmc, binary", "cpu", 1.05),
    Aim("set", "pylibmc, binary", "cpu", 1.05),
    Aim("get_many", "pylibmc, binary", "cpu", 1.0),
    Aim("get_many", "pymemcache", "cpu", 2.3, is_speed=True),
    Aim("get_many", "pymemcache", "wall", 2.3, is_speed=True),
    Aim("set_many", "bmemcached", "cpu", 1.2, is_speed=True),
    Aim("set_many", "bmemcached", "wall", 1.2, is_speed=True),
    Aim("concurrent_get", "emcache", "cpu", 0.7),
    Aim("concurrent_get", f"emcache, pool of {CONCURRENT}", "cpu", 0.7),
    Aim("concurrent_get", "emcache, autobatching", "cpu", 0.7),
]


class Verdict(NamedTuple):
    """What came of an aim."""

    group: Group
    aim: Aim
    reached: Spread
    met: bool


def ratios(measured: Measured, group: Group, other: str, quantity: Quantity) -> list[float]:
    """Ours / theirs in each round."""
    samples = measured.samples[group]
    pairs = zip(samples[ours(group.operation)], samples[other], strict=True)
    return [of(quantity, mine) / of(quantity, theirs) for mine, theirs in pairs]


def of(quantity: Quantity, sample: Sample) -> float:
    return sample.cpu if quantity == "cpu" else sample.wall


def verdicts(measured: Measured) -> list[Verdict]:
    """For every aim whose operation was measured, one for each size."""
    every = ((group, aim) for aim in AIMS for group in measured.samples)
    return [judge(measured, group, aim) for group, aim in every if group.operation == aim.operation]


def judge(measured: Measured, group: Group, aim: Aim) -> Verdict:
    costs = ratios(measured, group, aim.other, aim.quantity)
    if aim.is_speed:
        speeds = Spread.of(1 / cost for cost in costs)
        return Verdict(group, aim, speeds, speeds.median >= aim.limit)
    spread = Spread.of(costs)
    return Verdict(group, aim, spread, spread.median <= aim.limit)
