"""``python -m lockproof.sim``: what ``lockproof sim`` does, where there is only the Python package."""

from __future__ import annotations

import argparse
import json
import os
import sys

from . import WATCHDOG, FailingSeed, run
from ._seeds import seed_range


def parser() -> argparse.ArgumentParser:
    """The arguments, which are those of ``lockproof sim``."""
    parser = argparse.ArgumentParser(
        prog="python -m lockproof.sim",
        description="Runs the reference server in a simulated network, with clients that die. "
        "The report of a failing seed names the command that runs it again.",
        epilog="Exit codes: 0 all held; 1 something did not; 2 usage; 4 the runs prove too little.",
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="what to run [default: every named scenario]")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=int, metavar="N", help="one seed")
    seeds.add_argument(
        "--seeds", type=seed_range, metavar="A..B", default=range(5), help="seeds, without the end [default: 0..5]"
    )
    parser.add_argument("--server", default="reference", metavar="NAME", help="who serves [default: reference]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes at a time")
    parser.add_argument(
        "--watchdog", type=float, default=WATCHDOG, metavar="SECONDS", help="what a run may take [default: %(default)s]"
    )
    parser.add_argument("--format", choices=["human", "json"], default="human", help="how the report is printed")
    return parser


def tell(failed: FailingSeed) -> None:
    """On stderr, as soon as it is known."""
    print(f"FAIL  {failed.scenario}  seed {failed.seed}  {failed.violation}", file=sys.stderr)


def main() -> int:
    """Runs what the command line asks for."""
    arguments = parser().parse_args()
    seeds = arguments.seeds if arguments.seed is None else range(arguments.seed, arguments.seed + 1)
    try:
        report = run(
            arguments.scenarios,
            seeds,
            server=arguments.server,
            jobs=arguments.jobs,
            watchdog=arguments.watchdog,
            on_failure=tell,
        )
    except ValueError as error:
        parser().error(str(error))
    print(json.dumps(report.document, indent=2) if arguments.format == "json" else report.text.rstrip())
    return report.exit_code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
