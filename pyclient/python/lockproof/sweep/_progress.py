"""How far it is, on stderr: a bar on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import sys
from typing import Self

from tqdm import tqdm

#: Seconds between two lines where nobody looks all the time.
SELDOM = 60.0


class Progress:
    """Counts things that are done, and says so with their rate and the time that is left."""

    def __init__(self, total: int, done: int, unit: str) -> None:
        self._watched = watched = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=done,
            unit=f" {unit}",
            file=sys.stderr,
            ascii=" =",
            dynamic_ncols=watched,
            mininterval=0.5 if watched else SELDOM,
            maxinterval=SELDOM,
            leave=watched,
            delay=0 if watched else SELDOM,
            bar_format=None if watched else "{n_fmt}/{total_fmt}{unit}, {rate_fmt}, {remaining} left{postfix}\n",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def add(self, count: int) -> None:
        """So many more are done."""
        self._bar.update(count)

    def note(self, workers: int, failed: int) -> None:
        """Who works, and what came of it so far."""
        failures = f", {failed} failed" if failed else ""
        self._bar.set_postfix_str(f"{workers} at work{failures}", refresh=False)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._watched:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)
