"""The simulator in child processes: seeds hang, processes die and people press Ctrl-C, and nothing is left behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import PATIENCE

from lockproof import _native, sim

#: A scenario, and servers that it catches: with the first every seed fails, with the second every seed hangs.
DRIPS = "memcached/client-drips"
FAILS = "K04"
HANGS = "K23"

#: Runs for ever, unless somebody ends it.
ENDLESS = f"from lockproof import sim; print('begun', flush=True); sim.run({DRIPS!r}, 9, server={HANGS!r}, watchdog=3600)"


def children(process: int) -> set[int]:
    """Processes that a process started, and that are there."""
    found: set[int] = set()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        found.update(map(int, task.read_text().split()))
    return found


def is_there(process: int) -> bool:
    """Whether a process is alive."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def begun() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A Python process that is busy with an endless run, and the child in which that run is. Both go, whatever happens."""
    process = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        deadline = time.monotonic() + PATIENCE
        while not children(process.pid):
            assert time.monotonic() < deadline, "no child for the run"
            time.sleep(0.01)
        (child,) = children(process.pid)
        yield process, child
    finally:
        process.kill()
        process.wait()


def test_the_server_that_users_run_holds() -> None:
    report = sim.run(DRIPS, range(3, 6))
    assert report.holds and report.exit_code == 0
    assert report.seeds == range(3, 6) and report.runs == 3 and report.failed == {}
    assert report.document["schema"] == "lockproof.sim/1"
    assert report.text.startswith("lockproof sim  server reference  seeds 3..6\n")
    assert repr(report) == "<lockproof.sim.SimReport: seeds 3..6, holds>"


def test_a_failing_seed_is_told_at_once_and_stands_in_the_report() -> None:
    told: list[sim.FailingSeed] = []
    report = sim.run(DRIPS, range(3, 5), server=FAILS, on_failure=told.append)
    assert not report.holds and report.exit_code == 1
    assert report.failed == {DRIPS: [3, 4]}
    assert [(failed.scenario, failed.seed) for failed in told] == [(DRIPS, 3), (DRIPS, 4)]
    assert told[0].again == f"lockproof sim {DRIPS} --seed 3 --server {FAILS}"
    assert told[0].violation and told[0].violation in report.text


def test_what_is_raised_when_a_failure_is_told_ends_the_run() -> None:
    def refuse(failed: sim.FailingSeed) -> None:
        raise KeyError(failed.seed)

    before = children(os.getpid())
    with pytest.raises(KeyError, match="3"):
        sim.run(DRIPS, range(3, 1000), server=FAILS, on_failure=refuse)
    assert children(os.getpid()) <= before


def test_the_same_seeds_come_to_the_same() -> None:
    one, other = (sim.run("swarm", range(20, 26), jobs=jobs) for jobs in (1, 3))
    one.document["millis"] = other.document["millis"] = 0
    assert one.document == other.document


def test_a_seed_that_hangs_is_killed_and_the_others_go_on() -> None:
    before = children(os.getpid())
    report = sim.run(["memcached/client-stops-reading"], range(3, 5), server=HANGS, watchdog=1)
    assert report.failed == {"memcached/client-stops-reading": [3, 4]}
    kinds = [failure["violations"][0]["kind"] for failure in report.document["scenarios"][0]["failures"]]
    assert kinds == ["hung", "hung"]
    assert children(os.getpid()) <= before


def test_the_interpreter_is_free_meanwhile() -> None:
    running = threading.Thread(target=sim.run, args=(DRIPS, 1), kwargs={"server": HANGS, "watchdog": 1})
    running.start()
    turns = 0
    while running.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 10


def test_ctrl_c_ends_a_run_and_its_process() -> None:
    with begun() as (process, child):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
        assert said.rstrip().endswith("KeyboardInterrupt")
        assert not is_there(child)


def test_nothing_outlives_a_process_that_is_killed() -> None:
    with begun() as (process, child):
        process.kill()
        process.communicate()
    deadline = time.monotonic() + PATIENCE
    while is_there(child):
        assert time.monotonic() < deadline, "the child of a killed process is still there"
        time.sleep(0.01)


@pytest.mark.parametrize("server", ["reference", FAILS])
def test_parts_come_to_the_whole(server: str) -> None:
    whole = sim.run(DRIPS, range(10, 13), server=server)
    parts = [sim.run(DRIPS, part, server=server) for part in (range(11, 13), range(10, 11))]
    merged = sim.merge([parts[0], parts[1].document])
    whole.document["millis"] = merged.document["millis"] = 0
    assert merged.document == whole.document and merged.exit_code == whole.exit_code
    assert merged.seeds == range(10, 13)


def test_parts_that_do_not_meet_are_refused() -> None:
    one, far = sim.run(DRIPS, range(1)), sim.run(DRIPS, range(5, 6))
    with pytest.raises(ValueError, match=r"seeds 0\.\.1 and seeds 5\.\.6: seeds 1\.\.5 are missing between them"):
        sim.merge([one, far])
    with pytest.raises(ValueError, match="both have seed 0"):
        sim.merge([one, one])
    with pytest.raises(ValueError, match="no reports"):
        sim.merge([])


def test_names_can_be_looked_up() -> None:
    assert DRIPS in sim.scenarios() and sim.scenarios()[-1] == "swarm"
    assert sim.servers()[0] == "reference" and {FAILS, HANGS} <= set(sim.servers())


def test_what_cannot_be_run_is_refused() -> None:
    with pytest.raises(ValueError, match='no scenario is named "nonsense"'):
        sim.run("nonsense", 1)
    with pytest.raises(ValueError, match='no server is named "nonsense"'):
        sim.run(DRIPS, 1, server="nonsense")
    for seeds in (range(0), range(0, 9, 2), range(-1, 3), range(1, 2**64 + 1)):
        with pytest.raises(ValueError, match="seeds are a range"):
            sim.run(DRIPS, seeds)
    with pytest.raises(ValueError):
        sim.run(DRIPS, 1, watchdog=-1)


def test_a_build_is_its_file_and_its_sources() -> None:
    build = sim.build()
    assert build["binary_sha256"] == hashlib.sha256(Path(_native.__file__).read_bytes()).hexdigest()
    assert "tokio_unstable" in build["flags"] and build["rustc"].startswith("rustc 1.")
    assert {**sim.run(DRIPS, 1).document["build"], "binary_sha256": build["binary_sha256"]} == build


# The command.


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What ``python -m lockproof.sim`` does."""
    return subprocess.run([sys.executable, "-m", "lockproof.sim", *arguments], capture_output=True, text=True)


def test_the_command_takes_the_words_of_a_replay() -> None:
    done = command(DRIPS, "--seed", "3", "--server", FAILS)
    assert done.returncode == 1
    assert done.stdout.rstrip() == _text(sim.run(DRIPS, range(3, 4), server=FAILS).text, done.stdout)
    assert done.stderr.startswith(f"FAIL  {DRIPS}  seed 3  ")


def _text(text: str, like: str) -> str:
    """The text with the other's last line, which says how long it took."""
    return "\n".join([*text.rstrip().splitlines()[:-1], like.rstrip().splitlines()[-1]])


def test_the_command_prints_json_for_programs() -> None:
    done = command(DRIPS, "--seeds", "3..5", "--format", "json", "--jobs", "2")
    assert done.returncode == 0 and done.stderr == ""
    assert json.loads(done.stdout)["seeds"] == {"from": 3, "to": 5}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense"], 'no scenario is named "nonsense"'),
        (["--seeds", "5..3"], "`5..3` is no range of seeds; write it as 0..100"),
        (["--server", "K99"], 'no server is named "K99"'),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], complaint: str) -> None:
    done = command(*arguments)
    assert done.returncode == 2 and done.stdout == "" and complaint in done.stderr
