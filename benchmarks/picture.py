"""Small pictures: how a cost or a rate changes against its first value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.measure import Spread

# Pixels: of the picture, and of the plot in it.
WIDTH, HEIGHT = 320, 250
LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT = 44, 40, 250, 140
COLOURS = ("blue", "amber", "green", "red")
STYLE = """
:root { --bg: #ffffff; --ink: #1b2a41; --soft: #5b6b82; --line: #c3cddb;
  --blue: #3f6fb0; --amber: #b3761a; --green: #3a8552; --red: #b84338 }
@media (prefers-color-scheme: dark) { :root { --bg: #10161f; --ink: #e6ecf5; --soft: #9fb0c6;
  --line: #3a475a; --blue: #7aa7e6; --amber: #e0a94f; --green: #6fc48b; --red: #ef8379 } }
.bg { fill: var(--bg) } text { fill: var(--ink) } .soft { fill: var(--soft) }
.b { font-weight: 600 } .m { text-anchor: middle } .e { text-anchor: end }
.grid { stroke: var(--line) } .one { stroke: var(--soft); stroke-dasharray: 4 4 }
polyline { fill: none; stroke-width: 2 }
.blue { stroke: var(--blue) } .amber { stroke: var(--amber) }
.green { stroke: var(--green) } .red { stroke: var(--red) }
circle.blue, text.blue { fill: var(--blue); stroke: none }
circle.amber, text.amber { fill: var(--amber); stroke: none }
circle.green, text.green { fill: var(--green); stroke: none }
circle.red, text.red { fill: var(--red); stroke: none }
"""


@dataclass(frozen=True)
class Panel:
    """Lines of ratios to the first value. what: grows from left to right; of: what is compared."""

    what: str
    of: str
    labels: Sequence[str]
    lines: Mapping[str, Sequence[Spread]]


def draw(panel: Panel) -> str:
    """A panel as SVG, for light and dark pages."""
    title = f"{panel.of} against {panel.what}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="system-ui, sans-serif" font-size="11">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="bg" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
    ]
    return "\n".join([*parts, *plot(panel), "</svg>", ""])


def plot(panel: Panel) -> Iterator[str]:
    """The axis doubles from line to line; the places stand side by side."""
    values = [spread.middle for line in panel.lines.values() for spread in line]
    low = min(-1, math.floor(math.log2(min(values))))
    high = max(1, math.ceil(math.log2(max(values))))
    yield f'<text x="{LEFT}" y="22" class="b" font-size="13">{escape(panel.what)}</text>'
    right = LEFT + PLOT_WIDTH
    yield f'<text x="{right}" y="22" class="e soft">{escape(panel.of)}, times the first</text>'

    def height(value: float) -> float:
        return TOP + PLOT_HEIGHT * (high - math.log2(value)) / (high - low)

    for power in range(low, high + 1):
        y = height(2.0**power)
        kind = "grid" if power else "one"
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" class="{kind}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="e soft">{2.0**power:g}</text>'
    step = PLOT_WIDTH / max(1, len(panel.labels) - 1)
    places = [LEFT + number * step for number in range(len(panel.labels))]
    for x, label in zip(places, panel.labels, strict=True):
        y = TOP + PLOT_HEIGHT + 18
        yield f'<text x="{x:.1f}" y="{y}" class="m soft">{escape(label)}</text>'
    for number, ((name, line), colour) in enumerate(
        zip(panel.lines.items(), COLOURS, strict=False)
    ):
        points = [(x, height(at.middle)) for x, at in zip(places, line, strict=True)]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{joined}" class="{colour}"/>'
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="{colour}"/>'
        x, y = LEFT + number % 2 * 130, TOP + PLOT_HEIGHT + 38 + number // 2 * 16
        yield f'<text x="{x}" y="{y}" class="{colour}">{escape(name)}</text>'
