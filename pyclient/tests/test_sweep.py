"""Sweeps on real Dask clusters: workers die, schedulers vanish, builds differ, and no seed is lost or counted twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import dask
import pytest
from conftest import PATIENCE, free_port
from distributed import Client, LocalCluster

import lockproof
from lockproof import ReferenceServer, sim
from lockproof.sweep import _task
from lockproof.sweep._progress import Progress
from lockproof.sweep._ranges import Pace
from lockproof.sweep._seeds import Sweep
from lockproof.sweep._state import Order, State

#: A server that keeps its lock when a handler panics: three of these seeds show it.
PLANTED = "K15"
SEEDS = range(0, 190)
FAILING = [22, 67, 161]

#: Seconds of a task, so that there are some dozens of them.
SHORT = 0.15

# Dask leaves sockets to the garbage collector when its workers die.
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def single() -> dict[str, Any]:
    """What one process comes to."""
    return timeless(sim.run("swarm", SEEDS, server=PLANTED).document)


def timeless(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what differs from run to run."""
    return {**report, "millis": 0}


class Watched(Progress):
    """Does something once, when half of the seeds are done; remembers what was said."""

    def __init__(self, total: int, act: Any = None) -> None:
        super().__init__(total, 0, "seeds")
        self.total, self.done, self.act = total, 0, act
        self.said: list[str] = []

    def add(self, count: int) -> None:
        super().add(count)
        self.done += count
        if self.act is not None and self.done >= self.total / 2:
            act, self.act = self.act, None
            act()

    def say(self, text: str) -> None:
        self.said.append(text)


def test_a_worker_is_killed_half_way_and_no_seed_is_lost_or_counted_twice(single: dict[str, Any]) -> None:
    assert single["scenarios"][0]["failed"] == FAILING, "the planted seeds are others now: choose SEEDS and FAILING anew"
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster, Client(cluster) as client:
        victim = next(iter(client.run(os.getpid).values()))
        state = State(Order(("swarm",), PLANTED, 120.0), SEEDS, None)
        with Watched(len(SEEDS), lambda: os.kill(victim, signal.SIGKILL)) as progress:
            sweep = Sweep(client, state, progress, Pace(SHORT))
            sweep.run(1000)
        assert progress.act is None, "nobody was killed"
        assert victim not in client.run(os.getpid).values()
    (report,) = state.merged()
    assert report.failed == {"swarm": FAILING}
    assert timeless(report.document) == single
    assert sweep.lost == [] and progress.done == len(SEEDS)
    told = [int(match[1]) for said in progress.said if (match := re.match(r"FAIL  swarm  seed (\d+)  \w", said))]
    assert sorted(told) == FAILING, progress.said
    assert f"again:  lockproof sim swarm --seed 67 --server {PLANTED}" in "\n".join(progress.said)


def dies(*_: object) -> None:
    """A task that takes its worker with it."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_range_of_which_workers_die_is_named_and_the_sweep_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(_task, "run_range", dies)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
        Watched(3) as progress,
    ):
        sweep = Sweep(client, State(Order(("swarm",), PLANTED, 120.0), range(3), None), progress, Pace(SHORT))
        sweep.run(1000)
    assert sweep.lost == [range(3)]
    assert progress.said[0].startswith("LOST  seeds 0..3: ")


# The command.


def command(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """``python -m lockproof.sweep``, on its way."""
    words = [sys.executable, "-m", "lockproof.sweep", *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = process.communicate(timeout=PATIENCE * 4)
    return process.returncode, out, err


LOCAL = ("--seeds", f"{SEEDS.start}..{SEEDS.stop}", "--server", PLANTED, "--workers", 2, "--range-seconds", SHORT)


def test_two_processes_come_to_what_one_comes_to(tmp_path: Path, single: dict[str, Any]) -> None:
    file = tmp_path / "report.json"
    code, out, err = ended(command(*LOCAL, "--output", file))
    assert code == 1, err
    assert timeless(json.loads(file.read_text())) == single
    assert out.endswith("swarm failed with 22 67 161\nviolated: 190 runs\n")
    for seed in FAILING:
        assert err.count(f"  again:  lockproof sim swarm --seed {seed} --server {PLANTED}\n") == 1


def test_ctrl_c_loses_nothing_and_the_next_one_goes_on(tmp_path: Path, single: dict[str, Any]) -> None:
    state, file = tmp_path / "sweep.json", tmp_path / "report.json"
    # The first failing seed that is told shows that something was done.
    process = command(*LOCAL, "--resume", state)
    assert process.stderr is not None and process.stderr.readline().startswith("FAIL  swarm  seed ")
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert code == 130 and out == "" and "Traceback" not in err, err
    if "goes on" in err:
        done = re.search(r"(\d+) of 190 seeds are done; the same command goes on\n", err)
        assert done is not None and 0 < int(done[1]) < len(SEEDS)
        kept = json.loads(state.read_text())["parts"]
        assert sum(part["seeds"]["to"] - part["seeds"]["from"] for part in kept) == int(done[1])
    code, _, err = ended(command(*LOCAL, "--resume", state, "--output", file))
    assert code == 1, err
    assert timeless(json.loads(file.read_text())) == single
    # What is complete is not run again.
    begun = time.monotonic()
    code, out, _ = ended(command(*LOCAL, "--resume", state))
    assert code == 1 and "violated: 190 runs" in out and time.monotonic() - begun < PATIENCE


def test_a_sweep_stops_after_enough_failures_and_says_how_to_go_on(tmp_path: Path) -> None:
    code, out, err = ended(command(*LOCAL, "--max-failures", 1, cwd=tmp_path))
    assert code == 1 and out == ""
    assert "failing seeds (--max-failures)\n" in err
    (file,) = tmp_path.glob("lockproof-sweep-*.json")
    assert f"the same command, with --resume {file.name} goes on" in err


@contextmanager
def cluster(*paths: Path | None) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    """A scheduler and a worker for each path, which comes before all others where modules are looked for."""
    address = f"tcp://127.0.0.1:{free_port()}"
    with (Path(os.environ.get("TMPDIR", "/tmp")) / f"dask-{os.getpid()}-{time.monotonic_ns()}.log").open("wb") as log:
        dask_of = [sys.executable, "-m", "dask"]
        scheduler = subprocess.Popen(
            [*dask_of, "scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"],
            stdout=log,
            stderr=log,
        )
        workers = []
        for path in paths:
            inherited = os.environ.get("PYTHONPATH", "")
            environment = {**os.environ, "PYTHONPATH": f"{path}:{inherited}" if path else inherited}
            words = [*dask_of, "worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
            workers.append(subprocess.Popen(words, env=environment, stdout=log, stderr=log))
        try:
            with Client(address, timeout=PATIENCE) as client:
                client.wait_for_workers(len(paths), PATIENCE * 2)
            yield address, scheduler, Path(log.name)
        finally:
            for process in (*workers, scheduler):
                process.kill()
                process.wait()
            Path(log.name).unlink()


def test_a_cluster_that_is_there_is_used(tmp_path: Path, single: dict[str, Any]) -> None:
    file = tmp_path / "report.json"
    with cluster(None, None) as (address, _, _):
        code, _, err = ended(command(*LOCAL, "--scheduler", address, "--output", file))
    assert code == 1, err
    assert timeless(json.loads(file.read_text())) == single


def test_a_worker_of_another_build_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "lockproof"
    shutil.copytree(Path(lockproof.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (native,) = copy.glob("_native*.so")
    with native.open("ab") as opened:
        opened.write(b"another build")
    with cluster(tmp_path, None) as (address, _, _):
        code, out, err = ended(command(*LOCAL, "--scheduler", address))
    assert code == 3 and out == ""
    assert "has another build of the simulator, in which a seed means something else:\n  binary_sha256: " in err
    assert err.endswith("  install the same wheel everywhere, and start the worker again\n")


def test_a_worker_without_the_package_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "lockproof"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('there is no lockproof here')\n")
    with cluster(tmp_path) as (address, _, _):
        code, _, err = ended(command(*LOCAL, "--scheduler", address))
    assert code == 3
    assert "cannot run it: " in err and 'every worker needs this very wheel: pip install "lockproof[sweep]"' in err


def test_a_scheduler_that_vanishes_ends_the_sweep_and_loses_nothing(tmp_path: Path) -> None:
    state = tmp_path / "sweep.json"
    with cluster(None) as (address, scheduler, _):
        process = command("--seeds", "0..100000", "--scheduler", address, "--range-seconds", 0.2, "--resume", state)
        deadline = time.monotonic() + PATIENCE * 2
        while not state.exists():
            assert time.monotonic() < deadline and process.poll() is None, "no state was saved"
            time.sleep(0.05)
        scheduler.kill()
        code, _, err = ended(process)
    assert code == 3 and "error: the scheduler " in err, err
    assert "of 100000 seeds are done; the same command goes on" in err and "Traceback" not in err
    assert json.loads(state.read_text())["parts"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seeds", "0..9", "--scheduler", "tcp://127.0.0.1:9"], "no scheduler at tcp://127.0.0.1:9: "),
        (["--seeds", "0..9", "--scheduler", "nonsense://x"], "no scheduler at nonsense://x: "),
    ],
)
def test_a_scheduler_that_is_not_there_is_named(arguments: list[str], complaint: str) -> None:
    code, _, err = ended(command(*arguments, env={**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}))
    assert code == 3 and complaint in err and "Traceback" not in err, err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seeds", "0"], "`0` is no range of seeds; write it as 0..100"),
        ([], "one of the arguments --seeds --targets is required"),
        (["nonsense", "--seeds", "0..9"], "no scenario is named `nonsense`"),
        (["--seeds", "0..9", "--server", "K99"], "no server is named `K99`"),
        (["--seeds", "0..9", "--workers", "0"], "`0` is not more than zero"),
        (["--targets", "/nowhere"], "/nowhere: No such file or directory"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments: list[str], complaint: str) -> None:
    code, out, err = ended(command(*arguments))
    assert code == 2 and out == "" and complaint in err


# Many servers.


#: What the open server does, and the one that asks for a password does not.
GETS = ("--case", "memcached/get/*")


@pytest.mark.parametrize(("others", "expected"), [((), 0), (("absent",), 3), (("locked", "absent"), 1)])
def test_many_servers_are_judged_side_by_side_and_put_into_one_report(
    tmp_path: Path, others: tuple[str, ...], expected: int
) -> None:
    targets, file = tmp_path / "servers.txt", tmp_path / "reports.json"
    with ReferenceServer() as server:
        addresses = {"one": server.memcached, "locked": server.memcached_sasl, "absent": "127.0.0.1:9"}
        targets.write_text("".join(f"{name} = memcached://{addresses[name]}\n" for name in ("one", *others)))
        code, out, err = ended(command("--targets", targets, *GETS, "--output", file, "--workers", 2))
    assert code == expected, err
    document = json.loads(file.read_text())
    assert document["schema"] == "lockproof.reports/1"
    outcomes = {name: report["outcome"] for name, report in document["reports"].items()}
    assert outcomes == {"one": "conforms"} | ({"locked": "failed"} if "locked" in others else {})
    assert out.startswith("one") and ("absent: not judged: no connection to " in out) == ("absent" in others)


def test_servers_that_all_conform_are_success(tmp_path: Path) -> None:
    targets = tmp_path / "servers.txt"
    with ReferenceServer() as server:
        targets.write_text(f"memcached://{server.memcached}\nnetmem://{server.netmem}\n")
        code, out, err = ended(command("--targets", targets, "--case", "*/*/*", "--workers", 1, "--delivery", "whole"))
    assert code == 0, out + err
