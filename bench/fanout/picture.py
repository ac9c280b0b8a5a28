"""The figures as a picture: an SVG of four small bar charts, which a browser and GitHub show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from bench.fanout.measure import Row

WIDTH: Final = 920
LEFT: Final = 210  # where the bars begin
BAR: Final = 20
GAP: Final = 8
HEAD: Final = 48
LONGEST: Final = WIDTH - LEFT - 110
OURS_COLOUR: Final = "#c2410c"
OTHERS_COLOUR: Final = "#94a3b8"
OURS: Final = "this edge"


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: which rows, which figure of theirs, and how it is written."""

    title: str
    scenario: str
    figure: Callable[[Row], float]
    text: Callable[[float], str]


CHARTS: Final = (
    Chart(
        "CPU µs a socket write (2,000 viewers, 5 comments/s)",
        "one_write",
        lambda row: row.us_per_write,
        "{:.1f}".format,
    ),
    Chart("Resident KB a viewer", "one_write", lambda row: row.resident_kb_per_viewer, "{:.1f}".format),
    Chart(
        "Comments delivered per core second (2,000 viewers, 500 comments/s)",
        "busy_room",
        lambda row: row.delivered_per_core_s,
        "{:,.0f}".format,
    ),
    Chart("p99 ms there", "busy_room", lambda row: row.p99_ms, "{:,.0f}".format),
)


def draw(rows: Sequence[Row]) -> str:
    """Return the SVG."""
    parts: list[str] = []
    top = 0
    for chart in CHARTS:
        bars = [(row.server, chart.figure(row)) for row in rows if row.scenario == chart.scenario]
        bars = [(name, value) for name, value in bars if value == value]  # noqa: PLR0124  leaves out what is no number
        if bars:
            parts += _draw_chart(chart, bars, top)
            top += HEAD + len(bars) * (BAR + GAP) + GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        'font-family="system-ui, sans-serif" font-size="13">'
    )
    return "\n".join([head, f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>', *parts, "</svg>\n"])


def _draw_chart(chart: Chart, bars: Sequence[tuple[str, float]], top: int) -> list[str]:
    longest = max(value for _, value in bars) or 1
    parts = [f'<text x="12" y="{top + 30}" font-size="15" font-weight="600">{escape(chart.title)}</text>']
    for place, (name, value) in enumerate(bars):
        y = top + HEAD + place * (BAR + GAP)
        width = max(1.0, value / longest * LONGEST)
        colour = OURS_COLOUR if name == OURS else OTHERS_COLOUR
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{y + 15}">{escape(chart.text(value))}</text>',
        ]
    return parts
