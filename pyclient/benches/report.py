"""What was measured, as a document for programs, and as tables for people."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from statistics import median
from typing import Any

from clients import OPERATIONS, ours
from rounds import Group, Measured, Sample, program
from verdicts import Spread, Verdict, ratios, verdicts

LIBRARIES = ["pymemcache", "pylibmc", "python-binary-memcached", "emcache", "aiomcache"]

#: One row a line, columns split as Markdown has them.
Table = list[list[str]]


def document(measured: Measured) -> dict[str, Any]:
    """All of it."""
    return {
        "environment": environment(measured),
        "cells": [cell(measured, group, name) for group in measured.samples for name in measured.samples[group]],
        "verdicts": [in_words(verdict) for verdict in verdicts(measured)],
        "startup_ms": {
            kind: {"median": median(times), "times": times} for kind, times in measured.startups.items()
        },
    }


def environment(measured: Measured) -> dict[str, Any]:
    import lockproof

    return {
        "lockproof": lockproof.__version__,
        "libraries": {name: version(name) for name in LIBRARIES},
        "memcached": subprocess.run([program(), "-V"], capture_output=True, text=True).stdout.split()[-1],
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "others_percent": measured.others,
    }


def cell(measured: Measured, group: Group, name: str) -> dict[str, Any]:
    samples = measured.samples[group][name]
    entry: dict[str, Any] = {
        "operation": group.operation,
        "size": group.size,
        "client": name,
        "calls": measured.counts[group][name],
        "keys_per_call": OPERATIONS[group.operation].keys,
        "cpu_us": median(sample.cpu for sample in samples),
        "wall_us": median(sample.wall for sample in samples),
        "rounds": [sample._asdict() for sample in samples],
    }
    if name != ours(group.operation):
        entry["ours_over_theirs"] = {
            "cpu": Spread.of(ratios(measured, group, name, "cpu"))._asdict(),
            "wall": Spread.of(ratios(measured, group, name, "wall"))._asdict(),
        }
    return entry


def in_words(verdict: Verdict) -> dict[str, Any]:
    return {
        "operation": verdict.group.operation,
        "size": verdict.group.size,
        "aim": str(verdict.aim),
        "reached": verdict.reached._asdict(),
        "met": verdict.met,
    }


def tables(measured: Measured) -> str:
    """The same as Markdown."""
    rounds = len(next(iter(next(iter(measured.samples.values())).values())))
    facts = environment(measured)
    libraries = ", ".join(f"{name} {number}" for name, number in facts["libraries"].items())
    started, answered, ended = (median(times) for times in measured.startups.values())
    paragraphs = [
        f"lockproof {facts['lockproof']} beside {libraries}; memcached {facts['memcached']} on loopback; "
        f"Python {facts['python']}; {facts['machine']}, of whose time other work had {measured.others:.0f} %.",
        f"Medians of {rounds} rounds. Ratios are ours / theirs within a round: median (min-max); below 1 is better.",
        *(titled(group, measured) for group in measured.samples),
        "### What was aimed at\n\n" + markdown(aimed_at(measured)),
        f"`with ReferenceServer()`: ready after {started:.2f} ms, a first get answered after {answered:.2f} ms, "
        f"all ended after {ended:.2f} ms (medians of {len(measured.startups['ended'])}).",
    ]
    return "\n\n".join(paragraphs) + "\n"


def titled(group: Group, measured: Measured) -> str:
    table = [["client", "CPU µs", "wall µs", "ours / theirs, CPU", "ours / theirs, wall"]]
    for name, samples in measured.samples[group].items():
        table.append([name, *averages(samples), *compared(measured, group, name)])
    return f"### {OPERATIONS[group.operation].title}, {group.size} B\n\n" + markdown(table)


def averages(samples: list[Sample]) -> list[str]:
    cpu, wall = median(sample.cpu for sample in samples), median(sample.wall for sample in samples)
    return [f"{cpu:.2f}", f"{wall:.2f}"]


def compared(measured: Measured, group: Group, name: str) -> list[str]:
    if name == ours(group.operation):
        return ["", ""]
    return [
        str(Spread.of(ratios(measured, group, name, "cpu"))),
        str(Spread.of(ratios(measured, group, name, "wall"))),
    ]


def aimed_at(measured: Measured) -> Table:
    table = [["operation", "value", "aim", "reached", "verdict"]]
    for group, aim, reached, met in verdicts(measured):
        table.append([group.operation, f"{group.size} B", str(aim), str(reached), "met" if met else "missed"])
    return table


def markdown(table: Table) -> str:
    """Columns are as wide as they need, so that it can be read as it is."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    rows.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {row} |" for row in rows)
