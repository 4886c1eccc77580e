"""``python -m lockproof.sweep``: many seeds, or many servers, on a cluster."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

try:
    import distributed  # noqa: F401
    import tqdm  # noqa: F401
except ImportError as missing:
    sys.exit(f'{missing}\n  sweeps need more than the clients do: pip install "lockproof[sweep]"')

from .. import sim
from ..sim._seeds import seed_range
from . import _targets
from ._cluster import Unreachable, verify, workers
from ._progress import Progress
from ._ranges import Pace
from ._seeds import Sweep
from ._state import Order, Refused, State

#: Exit codes.
USAGE, UNREACHABLE, INTERRUPTED = 2, 3, 130

#: Conformance cases mostly wait: so many servers are judged at a time by one process.
SERVERS_OF_A_PROCESS = 8

DESCRIPTION = """\
Runs seeds of the simulator on a Dask cluster, or on all processors of this machine. Each task is a range of seeds of
about ten seconds; a range whose worker is lost is run again elsewhere. Failing seeds are told at once, with the command
that runs them again, and at the end there is one report, the one that a single machine would have made.

With --targets it judges many servers instead, side by side, and puts the reports into one."""

EPILOG = """\
examples:
  python -m lockproof.sweep --seeds 0..1000000 --resume sweep.json
  python -m lockproof.sweep --seeds 0..100000000 --scheduler tcp://host:8786 --resume sweep.json --output report.json
  python -m lockproof.sweep client-drips --seeds 0..50000
  lockproof sim merge report.json
  python -m lockproof.sweep --targets servers.txt --output reports.json
  lockproof matrix reports.json

a file of targets has a line each, NAME = memcached://HOST:PORT, or the URL alone

exit codes:
  0    all held; all servers conform
  1    something did not
  2    usage; a file that is no state of this sweep
  3    the cluster or a server could not be reached, workers have another build, or ranges were lost
  4    the runs prove too little; a server could not be judged whole
  130  stopped by Ctrl-C; what was done is kept"""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m lockproof.sweep",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", default=["swarm"], help="what to run [default: swarm]"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seeds", type=seed_range, metavar="A..B", help="the seeds, without the end")
    what.add_argument("--targets", type=Path, metavar="FILE", help="judge these servers instead")
    parser.add_argument("--scheduler", metavar="URL", help="of a Dask cluster [default: processes of this machine]")
    parser.add_argument(
        "--workers",
        type=positive(int),
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes, without --scheduler [default: one a processor]",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there, as JSON")
    seeds = parser.add_argument_group("for seeds")
    seeds.add_argument(
        "--resume", type=Path, metavar="FILE", help="keep in FILE how far it is, and go on from there if FILE exists"
    )
    seeds.add_argument("--server", default="reference", metavar="NAME", help="who serves [default: reference]")
    seeds.add_argument(
        "--watchdog",
        type=positive(float),
        default=sim.WATCHDOG,
        metavar="SECONDS",
        help="what a run may take before it counts as hung [default: %(default)g]",
    )
    seeds.add_argument(
        "--range-seconds",
        type=positive(float),
        default=10.0,
        metavar="SECONDS",
        help="what a task should take [default: %(default)g]",
    )
    seeds.add_argument(
        "--max-failures",
        type=positive(int),
        default=1000,
        metavar="N",
        help="stop after so many failing seeds [default: %(default)s]",
    )
    servers = parser.add_argument_group("for servers")
    servers.add_argument("--case", action="append", default=[], metavar="GLOB", help="only these cases (repeatable)")
    servers.add_argument(
        "--delivery",
        action="append",
        choices=["whole", "bytes", "fields", "coalesced"],
        metavar="NAME",
        help="how requests are cut into writes: whole, bytes, fields, coalesced (repeatable) [default: whole]",
    )
    servers.add_argument(
        "--timeout", type=positive(float), default=5.0, metavar="SECONDS", help="for a reply [default: %(default)g]"
    )
    return parser


def positive(kind: type[int] | type[float]) -> Any:
    """A number above zero, of that kind."""

    def number(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"`{text}` is not more than zero")
        return value

    return number


def sweep(arguments: argparse.Namespace) -> int:
    """Runs seeds; gives the exit code."""
    names = set(sim.scenarios()) | {half for name in sim.scenarios() for half in name.split("/")}
    unknown = [name for name in arguments.scenarios if name not in names]
    if unknown or arguments.server not in sim.servers():
        what = f"no scenario is named `{unknown[0]}`" if unknown else f"no server is named `{arguments.server}`"
        raise Refused(f"{what}; `lockproof sim list` shows all")
    order = Order(tuple(arguments.scenarios), arguments.server, arguments.watchdog)
    state = State(order, arguments.seeds, arguments.resume)
    lost: list[range] = []
    try:
        if not state.is_complete:
            with workers(arguments.scheduler, count=arguments.workers) as client:
                verify(client)
                with Progress(len(state.seeds), sum(map(len, state.done)), "seeds") as progress:
                    running = Sweep(client, state, progress, Pace(arguments.range_seconds))
                    running.run(arguments.max_failures)
                    lost = running.lost
    except KeyboardInterrupt:
        keep(state, arguments)
        return INTERRUPTED
    except Unreachable:
        keep(state, arguments)
        raise
    if not state.is_complete:
        keep(state, arguments)
        if not lost:
            print(f"stopped after {state.failures} failing seeds (--max-failures)", file=sys.stderr)
            return 1
        for seeds in lost:
            print(f"LOST  seeds {seeds.start}..{seeds.stop}: four workers died of them", file=sys.stderr)
        return UNREACHABLE
    state.save()
    (report,) = state.merged()
    print(report.text.rstrip())
    write(arguments.output, report.document)
    return report.exit_code


def keep(state: State, arguments: argparse.Namespace) -> None:
    """Saves what was done, even if nobody asked for that, and says how to go on."""
    if not state.done:
        return
    file = arguments.resume or Path(time.strftime("lockproof-sweep-%Y%m%d-%H%M%S.json"))
    state.save(file)
    done = sum(map(len, state.done))
    how = "" if arguments.resume else f", with --resume {file}"
    print(f"{done} of {len(state.seeds)} seeds are done; the same command{how} goes on", file=sys.stderr)


def judge(arguments: argparse.Namespace) -> int:
    """Judges servers; gives the exit code."""
    targets = _targets.read(arguments.targets)
    options = {
        "cases": arguments.case,
        "deliveries": arguments.delivery or ["whole"],
        "timeout": arguments.timeout,
    }
    count = min(arguments.workers, len(targets))
    with workers(arguments.scheduler, count=count, threads=SERVERS_OF_A_PROCESS) as client:
        judged = _targets.judge(client, targets, options)
    print(judged.text.rstrip())
    write(arguments.output, judged.document)
    return judged.exit_code


def write(file: Path | None, document: dict[str, Any]) -> None:
    """As JSON, where that is wanted."""
    if file is not None:
        file.write_text(json.dumps(document, indent=2) + "\n")


def main() -> int:
    """Does what the command line asks for."""
    arguments = parser().parse_args()
    # What goes wrong with the cluster is said in our own words; Dask would say it as well, with a traceback for each.
    logging.disable(logging.CRITICAL)
    try:
        return judge(arguments) if arguments.targets else sweep(arguments)
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except Unreachable as error:
        print(f"error: {error}", file=sys.stderr)
        return UNREACHABLE
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
