"""The comparison with other clients runs, and says something about every one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import lockproof

COMPARE = Path(__file__).parent.parent / "benches" / "compare.py"
SIZES = (100, 4096)
SVG = "{http://www.w3.org/2000/svg}"

BLOCKING = {"lockproof", "pymemcache", "pylibmc, binary", "pylibmc, text", "bmemcached"}
STORING = BLOCKING | {"pymemcache, noreply"}
CLIENTS = {
    "get": BLOCKING,
    "set": STORING,
    "get_many": BLOCKING,
    "set_many": STORING,
    "concurrent_get": {
        "lockproof.aio",
        "emcache",
        "emcache, pool of 50",
        "emcache, autobatching",
        "aiomcache",
        "aiomcache, pool of 50",
    },
}


#: A loop of the bench, and a client that answers it with something else than what is stored.
LIES = [
    "worker.get(lambda key: b'', 100, 1)",
    "worker.set_(lambda key, value: False, 100, 1)",
    "worker.get_many(lambda keys: {keys[0]: bytes(100)}, 100, 1)",
    "worker.set_many(lambda mapping: list(mapping), 100, 1)",
    "asyncio.run(worker.concurrent_get(clients.Concurrent(lambda key: asyncio.sleep(0, b'')), 100, 1))",
]


def compare(*options: str) -> subprocess.CompletedProcess[str]:
    """The script, with the package that these tests have."""
    return python(str(COMPARE), *options)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(lockproof.__file__).parent.parent}:{COMPARE.parent}"
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a run with tiny settings has left its files, and what it printed."""
    folder = tmp_path_factory.mktemp("compared")
    files = ["--json", f"{folder}/all.json", "--markdown", f"{folder}/all.md", "--plot", f"{folder}/all.svg"]
    done = compare("--rounds", "1", "--seconds", "0.001", *files)
    assert done.returncode == 0, done.stderr
    (folder / "printed").write_text(done.stdout)
    yield folder


@pytest.fixture(scope="module")
def document(written: Path) -> Any:
    return json.loads((written / "all.json").read_text())


def test_every_client_has_positive_times_for_every_operation_and_size(document: Any) -> None:
    cells = {(cell["operation"], cell["size"], cell["client"]): cell for cell in document["cells"]}
    expected = {(operation, size, name) for operation in CLIENTS for size in SIZES for name in CLIENTS[operation]}
    assert cells.keys() == expected
    assert all(cell["cpu_us"] > 0 and cell["wall_us"] > 0 and cell["calls"] > 0 for cell in cells.values())


def test_the_others_are_compared_with_ours_and_ours_with_nobody(document: Any) -> None:
    for cell in document["cells"]:
        if cell["client"].startswith("lockproof"):
            assert "ours_over_theirs" not in cell
        else:
            spread = cell["ours_over_theirs"]["cpu"]
            assert 0 < spread["min"] <= spread["median"] <= spread["max"]


def test_a_ratio_is_ours_over_theirs(document: Any) -> None:
    cells = {(cell["operation"], cell["size"], cell["client"]): cell for cell in document["cells"]}
    ours, theirs = cells["get", 100, "lockproof"], cells["get", 100, "pymemcache"]
    assert theirs["ours_over_theirs"]["cpu"]["median"] == pytest.approx(ours["cpu_us"] / theirs["cpu_us"])
    assert theirs["ours_over_theirs"]["wall"]["median"] == pytest.approx(ours["wall_us"] / theirs["wall_us"])


def test_every_operation_has_verdicts_that_follow_from_its_numbers(document: Any) -> None:
    verdicts = document["verdicts"]
    assert {(verdict["operation"], verdict["size"]) for verdict in verdicts} == {
        (operation, size) for operation in CLIENTS for size in SIZES
    }
    for verdict in verdicts:
        bound, limit = verdict["aim"].split()[1:3]
        reached = verdict["reached"]["median"]
        assert verdict["met"] == (reached >= float(limit) if bound == "least" else reached <= float(limit))


def test_a_reference_server_is_started_and_asked_twenty_times(document: Any) -> None:
    startup = document["startup_ms"]
    assert all(len(startup[moment]["times"]) == 20 for moment in ("started", "answered", "ended"))
    for started, answered, ended in zip(*(startup[moment]["times"] for moment in startup), strict=True):
        assert 0 < started < answered < ended


def test_the_tables_are_printed_and_written_and_tell_how_busy_the_machine_was(written: Path) -> None:
    markdown = (written / "all.md").read_text()
    assert markdown == (written / "printed").read_text()
    assert "other work had" in markdown
    assert markdown.count("### ") == len(CLIENTS) * len(SIZES) + 1
    assert "| met " in markdown or "| missed " in markdown


def test_the_plot_has_a_panel_for_each_operation_and_size_and_in_it_a_bar_for_each_client(written: Path) -> None:
    root = ElementTree.parse(written / "all.svg").getroot()
    assert root.tag == f"{SVG}svg"
    panels = root.findall(f"{SVG}g")
    assert len(panels) == len(CLIENTS) * len(SIZES)
    bars = [len(panel.findall(f"{SVG}rect")) for panel in panels]
    assert bars == [len(names) for names in CLIENTS.values() for _ in SIZES]
    for panel in panels:
        assert "CPU time, µs" in [text.text for text in panel.findall(f"{SVG}text")]


def test_only_some_operations_can_be_measured(tmp_path: Path) -> None:
    done = compare("--rounds", "1", "--seconds", "0.001", "--only", "set", "--json", f"{tmp_path}/some.json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "some.json").read_text())
    assert {cell["operation"] for cell in document["cells"]} == {"set"}
    assert {verdict["operation"] for verdict in document["verdicts"]} == {"set"}


@pytest.mark.parametrize("lie", LIES)
def test_a_client_that_gives_something_wrong_is_not_measured(lie: str) -> None:
    done = python("-c", f"import asyncio, clients, worker; {lie}")
    assert done.returncode == 1
    assert "worker.Wrong" in done.stderr


@pytest.mark.parametrize(
    "options", [("--only", "get,fly"), ("--rounds", "0"), ("--seconds", "0"), ("--seconds", "inf")], ids=" ".join
)
def test_settings_that_make_no_sense_are_refused(options: tuple[str, str]) -> None:
    done = compare(*options)
    assert done.returncode == 2
    assert options[0] in done.stderr


def test_help_names_the_operations() -> None:
    done = compare("--help")
    assert done.returncode == 0
    assert all(operation in done.stdout for operation in CLIENTS)


@pytest.mark.timeout(300)
def test_sweeps_are_measured_beside_the_simulator_alone() -> None:
    bench = COMPARE.with_name("sweep.py")
    options = ["--seconds", "0.3", "--rounds", "1", "--range-seconds", "0.1"]
    done = subprocess.run([sys.executable, str(bench), *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines()[2:]]
    assert len(rows) == 9 and all(float(row[1].split()[0]) > 0 for row in rows), done.stdout
