"""Other projects' own tests, from their pinned source distributions on PyPI. Run it to fetch them beforehand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent

#: Where they are kept.
HOME = Path(os.environ.get("LOCKPROOF_UPSTREAM", HERE.parent / ".upstream"))

#: Version, which must be the one that is installed (requirements-test.txt), and hash.
SDISTS = {
    "Django": ("5.2.8", "23254866a5bb9a2cfa6004e8b809ec6246eba4b58a7589bc2772f1bcc8456c7f"),
    "cachelib": ("0.17.0", "f3c7dc8d3c1132ab699681ffdf8a52d341d9425ac1401c538cf0b1d87b1677c8"),
}

#: The folders that are needed of them.
FOLDERS = {"Django": "tests/cache", "cachelib": "tests"}

#: Seconds for all of a project's tests, which sleep a lot, on a machine that has other work.
PATIENCE = 300

Outcomes = dict[str, str]


def run(project: str, tests: str, address: str) -> Outcomes:
    """What became of each test of ``tests``, a file or a folder of the project: "passed", or why it did not.

    ``upstream_<project>.py`` runs them, against a memcached, in a process of its own.
    """
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch, "outcomes.json")
        command = [sys.executable, str(HERE / f"upstream_{project.lower()}.py")]
        command += [str(fetch(project) / tests), address, str(results)]
        # Where CI is set, cachelib's tests take the server that is there, instead of starting one.
        environment = {**os.environ, "CI": "true"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        outcomes: Outcomes = json.loads(results.read_text())
        return outcomes


def fetch(project: str) -> Path:
    """The folder of a project's source, from PyPI if it is not here yet. pip compares its hash."""
    pinned, sha256 = SDISTS[project]
    assert version(project) == pinned, f"{project} {version(project)} is installed, but {pinned} is pinned here"
    source = HOME / f"{project.lower()}-{pinned}"
    if not source.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=HOME) as scratch:
            _extract(_download(project, pinned, sha256, Path(scratch)), FOLDERS[project], Path(scratch))
            Path(scratch, source.name).rename(source)
    return source


def _download(project: str, pinned: str, sha256: str, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{project}=={pinned} --hash=sha256:{sha256}\n")
    options = ["--no-deps", "--no-binary", project, "--require-hashes"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, "-r", str(requirements), "-d", str(folder)]
    subprocess.run(command, check=True)
    (archive,) = folder.glob("*.tar.gz")
    return archive


def _extract(archive: Path, wanted: str, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, path = member.name.partition("/")
            if member.isfile() and str(Path(path).parent) == wanted:
                tar.extract(member, folder, filter="data")


if __name__ == "__main__":
    for name in SDISTS:
        print(fetch(name))
