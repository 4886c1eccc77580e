#!/usr/bin/env python3
"""Measures this package's clients beside others, against the same real memcached.

Each client runs in a process of its own, so that its processor time is its own; they take turns, in another order in
each round, and are compared within a round. Blocking clients get keys as str, those for asyncio as bytes, which is all
that the others take. Values are bytes, without serializers or compression; replies are read and looked at.

Prints tables, with a verdict for everything that was aimed at. The exit code is 0 whatever the verdicts are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from chart import chart
from clients import OPERATIONS
from report import document, tables
from rounds import measure


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=positive_int, default=7, help="turns of each client (default 7)")
    parser.add_argument(
        "--seconds", type=positive, default=0.3, help="length of a turn, for one operation and size (default 0.3)"
    )
    parser.add_argument(
        "--only", type=names, default=list(OPERATIONS), metavar="NAME,…", help=f"of: {', '.join(OPERATIONS)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, each round included")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write a bar chart of processor times there")
    return parser.parse_args()


def positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("a positive number is needed")
    return number


def positive_int(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return number


def names(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := [name for name in chosen if name not in OPERATIONS]:
        raise argparse.ArgumentTypeError(f"no such operation: {', '.join(unknown)}; there are {', '.join(OPERATIONS)}")
    return [name for name in OPERATIONS if name in chosen]


def main() -> None:
    options = arguments()
    measured = measure(options.only, options.rounds, options.seconds)
    print(tables(measured), end="")
    if options.json:
        options.json.write_text(json.dumps(document(measured), indent=2) + "\n", encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(tables(measured), encoding="utf-8")
    if options.plot:
        options.plot.write_text(chart(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
