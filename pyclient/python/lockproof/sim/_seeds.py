"""Seeds on a command line."""

from __future__ import annotations

import argparse


def seed_range(text: str) -> range:
    """``A..B``, without the end."""
    start, dots, stop = text.replace("_", "").partition("..")
    try:
        seeds = range(int(start), int(stop))
    except ValueError:
        seeds = range(0)
    if not dots or not seeds or seeds.start < 0 or seeds.stop > 2**64:
        raise argparse.ArgumentTypeError(f"`{text}` is no range of seeds; write it as 0..100")
    return seeds
