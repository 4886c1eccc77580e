"""Many servers, judged side by side."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from distributed import Client, as_completed

from .. import _native
from .._server import plain
from . import _task
from ._progress import Progress
from ._state import Refused

SCHEMA = "lockproof.reports/1"

_PLAIN = re.compile(r"[A-Za-z0-9._+-]+")


def read(file: Path) -> dict[str, str]:
    """``NAME = URL`` or ``URL`` in each line, and comments after ``#``; a name is made of the URL where there is none."""
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error
    targets: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        name, equals, url = (word.strip() for word in words.partition("="))
        if not equals:
            name, url = re.sub(r"[^A-Za-z0-9._+]+", "-", words).strip("-"), words
        if not _PLAIN.fullmatch(name) or "://" not in url:
            raise Refused(
                f"{file}:{number}: `{words}` is no target; write NAME = memcached://HOST:PORT, or the URL alone; "
                "a name has letters, digits and . _ + -"
            )
        if name in targets:
            raise Refused(f"{file}:{number}: there is a target named {name} already")
        targets[name] = url
    if not targets:
        raise Refused(f"{file}: no target in it")
    return targets


class Judged:
    """What became of all targets."""

    def __init__(self, answers: dict[str, dict[str, Any]]) -> None:
        self._answers = answers

    @property
    def document(self) -> dict[str, Any]:
        """All reports, as ``lockproof matrix`` reads them."""
        reports = {name: answer["report"] for name, answer in self._answers.items() if "report" in answer}
        return {"schema": SCHEMA, "reports": reports}

    @property
    def text(self) -> str:
        """The matrix for people, and who could not be judged."""
        document = self.document
        text = plain(_native.matrix([("all", json.dumps(document))])) if document["reports"] else ""
        for name, answer in self._answers.items():
            if "error" in answer:
                text += f"{name}: not judged: {answer['error']}\n"
        return text

    @property
    def exit_code(self) -> int:
        """The worst of all: 1 one does not conform, 3 one could not be reached, 4 one could not be judged whole, 0."""
        codes = {answer.get("exit_code", 3) for answer in self._answers.values()}
        return next((code for code in (1, 3, 4) if code in codes), 0)


def judge(client: Client, targets: dict[str, str], options: dict[str, Any]) -> Judged:
    """Judges all of them, as many at a time as the cluster has places for."""
    futures = {client.submit(_task.check_target, url, options, pure=False): name for name, url in targets.items()}
    answers: dict[str, dict[str, Any]] = {}
    with Progress(len(targets), 0, "servers") as progress:
        for future, answer in as_completed(list(futures), with_results=True):
            answers[futures[future]] = answer
            progress.add(1)
    return Judged({name: answers[name] for name in targets})
