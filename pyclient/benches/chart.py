"""What was measured, as a picture: bars of processor time, one panel for each operation and size."""

from __future__ import annotations

import math
from statistics import median
from xml.sax.saxutils import escape

from clients import OPERATIONS, ours
from rounds import Group, Measured

COLUMNS = 2
WIDTH, LABELS, MARGIN = 490, 160, 24
TOP, HEADER, BAR, GAP, AXIS = 64, 34, 16, 7, 44
OURS, THEIRS, GRID = "#1F4E8C", "#9AA5B1", "#E2E6EA"


def chart(measured: Measured) -> str:
    """An SVG document."""
    groups = list(measured.samples)
    rows = [groups[at : at + COLUMNS] for at in range(0, len(groups), COLUMNS)]
    parts, top = [], TOP
    for row in rows:
        for column, group in enumerate(row):
            parts.append(f'<g transform="translate({column * WIDTH},{top})">{panel(measured, group)}</g>')
        top += max(height(measured, group) for group in row)
    width = COLUMNS * WIDTH
    title = "Python clients of memcached: processor time in the client"
    subtitle = "median of all rounds; shorter is better; user and system time, every reply read unless it says noreply"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" viewBox="0 0 {width} {top}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<title>{title}</title>\n<rect width="{width}" height="{top}" fill="#FFFFFF"/>\n'
        + text(MARGIN, 28, title, "start", 18)
        + text(MARGIN, 48, subtitle, "start", 12, "#52606D")
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def height(measured: Measured, group: Group) -> int:
    return HEADER + len(measured.samples[group]) * (BAR + GAP) + AXIS


def panel(measured: Measured, group: Group) -> str:
    """Title, grid with its numbers, bars, and what the axis means."""
    costs = {name: median(sample.cpu for sample in samples) for name, samples in measured.samples[group].items()}
    step = nice(max(costs.values()) / 4)
    steps = math.ceil(max(costs.values()) / step)
    # On the right is room for the number behind the longest bar.
    scale = (WIDTH - LABELS - MARGIN - 48) / (steps * step)
    bottom = HEADER + len(costs) * (BAR + GAP)
    parts = [text(MARGIN, 20, f"{OPERATIONS[group.operation].title}, {group.size} B", "start", 14)]
    for number in range(steps + 1):
        x = LABELS + number * step * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{HEADER}" y2="{bottom}" stroke="{GRID}"/>\n')
        parts.append(text(x, bottom + 12, f"{number * step:g}", "middle", 10, "#52606D"))
    for place, (name, cost) in enumerate(costs.items()):
        parts.append(bar(name, cost, cost * scale, HEADER + place * (BAR + GAP), name == ours(group.operation)))
    parts.append(text((LABELS + WIDTH - MARGIN) / 2, bottom + 27, "CPU time, µs", "middle", 11, "#52606D"))
    return "".join(parts)


def bar(name: str, cost: float, length: float, y: float, is_ours: bool) -> str:
    colour = OURS if is_ours else THEIRS
    return (
        text(LABELS - 6, y + 12, name, "end", 11)
        + f'<rect x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>\n'
        + text(LABELS + length + 5, y + 12, f"{cost:.3g}", "start", 11)
    )


def text(x: float, y: float, content: str, anchor: str, size: int, colour: str = "#1F2933") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">'
        f"{escape(content)}</text>\n"
    )


def nice(step: float) -> float:
    """The next 1, 2 or 5 with zeros."""
    magnitude = 10.0 ** math.floor(math.log10(step))
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= step)
