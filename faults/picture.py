"""A picture of a run: how long posting and delivery took, second by second, with every fault marked. An SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from faults.latencies import S_TO_NS, Second, Timings
from faults.ledger import Ledger
from faults.schedule import Kind

WIDTH: Final = 1400
LEFT: Final = 70
RIGHT: Final = 20
TOP: Final = 60
PANEL: Final = 230
GAP: Final = 46
MOST_NAMED: Final = 40  # faults; of more the names would hide each other
LOWEST_S: Final = 0.001
HIGHEST_S: Final = 100.0
_COLOURS: Final = {
    Kind.KILL.value: "#d62728",
    Kind.STOP.value: "#9467bd",
    Kind.CUT.value: "#ff7f0e",
    Kind.REFUSE.value: "#e0b000",
    Kind.SILENCE.value: "#8c564b",
    Kind.CLOCK.value: "#17becf",
    Kind.DISK.value: "#444444",
}
_LINES: Final = (("p50", "#1f77b4"), ("p99", "#2ca02c"), ("max", "#bbbbbb"))


def draw(ledger: Ledger, timings: Timings) -> str:
    """Return the picture."""
    seconds = max(1.0, (ledger.ended_ns - ledger.began_ns) / S_TO_NS)
    scale = (WIDTH - LEFT - RIGHT) / seconds
    panels = (
        ("POST: from the first attempt to the acknowledgement", timings.posting),
        ("delivery: from the first attempt to a live viewer", timings.delivery),
    )
    height = TOP + len(panels) * (PANEL + GAP) + PANEL // 2 + GAP
    svg = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12"'
    parts = [
        f"<svg {svg}>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        *_legend(ledger),
    ]
    top = TOP
    for title, series in panels:
        parts += [*_faults(ledger, scale, top, PANEL), *_axis(title, top, seconds, scale), *_series(series, scale, top)]
        parts += _names(ledger, scale, top)
        top += PANEL + GAP
    parts += [*_faults(ledger, scale, top, PANEL // 2), *_rates(timings, seconds, scale, top, PANEL // 2), "</svg>"]
    return "\n".join(parts) + "\n"


def _legend(ledger: Ledger) -> list[str]:
    parts = [f'<text x="{LEFT}" y="20" font-size="15">faults under load, seed {ledger.seed}</text>']
    x = LEFT
    for name, colour in (*_LINES, *_COLOURS.items()):
        parts.append(f'<rect x="{x}" y="30" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16}" y="41">{name}</text>')
        x += 30 + 8 * len(name)
    return parts


def _faults(ledger: Ledger, scale: float, top: int, height: int) -> list[str]:
    parts = []
    for fault in ledger.faults:
        if not fault.fired:
            continue
        x = LEFT + (fault.began_ns - ledger.began_ns) / S_TO_NS * scale
        width = max(1.0, (fault.ended_ns - fault.began_ns) / S_TO_NS * scale)
        colour = _COLOURS.get(fault.kind, "#000000")
        told = escape(f"{fault.kind} {fault.target} {fault.detail}".strip())
        parts.append(
            f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{height}" fill="{colour}"'
            f' fill-opacity="{0.7 if width <= 1 else 0.15}"><title>{told}</title></rect>'
        )
    return parts


def _names(ledger: Ledger, scale: float, top: int) -> list[str]:
    fired = [fault for fault in ledger.faults if fault.fired]
    if len(fired) > MOST_NAMED:
        return []
    parts = []
    for fault in fired:
        x = LEFT + (fault.began_ns - ledger.began_ns) / S_TO_NS * scale + 11
        named = f'x="{x:.1f}" y="{top + 4}" transform="rotate(90 {x - 8:.1f} {top + 4})"'
        parts.append(f'<text {named} font-size="10" fill="#555555">{escape(f"{fault.kind} {fault.target}")}</text>')
    return parts


def _axis(title: str, top: int, seconds: float, scale: float) -> list[str]:
    parts = [f'<text x="{LEFT}" y="{top - 6}">{escape(title)}</text>']
    value = LOWEST_S
    while value <= HIGHEST_S:
        y = _y(value, top)
        name = f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{name}</text>')
        value = round(value * 10, 6)
    return [*parts, *_times(top + PANEL, seconds, scale)]


def _times(y: int, seconds: float, scale: float) -> list[str]:
    step = next((step for step in (5, 10, 30, 60, 120, 300) if seconds / step <= 20), 600)
    return [
        f'<text x="{LEFT + at * scale:.1f}" y="{y + 14}" text-anchor="middle">{at} s</text>'
        for at in range(0, int(seconds) + 1, step)
    ]


def _series(series: Sequence[Second], scale: float, top: int) -> list[str]:
    parts = []
    for name, colour in reversed(_LINES):
        values = [(one.at_s, getattr(one, f"{name}_s")) for one in series]
        points = " ".join(f"{LEFT + (at_s + 0.5) * scale:.1f},{_y(value, top):.1f}" for at_s, value in values)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3"/>')
    return parts


def _rates(timings: Timings, seconds: float, scale: float, top: int, height: int) -> list[str]:
    highest = max([1, *(one.count for one in timings.posting), *timings.unanswered.values()])
    parts = [f'<text x="{LEFT}" y="{top - 6}">comments begun a second: acknowledged, and (red) never</text>']
    parts.append(f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end">{highest}</text>')
    bars = [(one.at_s, one.count, "#1f77b4") for one in timings.posting]
    bars += [(at_s, count, "#d62728") for at_s, count in sorted(timings.unanswered.items())]
    for at_s, count, colour in bars:
        tall = count / highest * height
        x, y = LEFT + at_s * scale, top + height - tall
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.8, scale * 0.8):.1f}" height="{tall:.1f}" fill="{colour}"/>'
        )
    return [*parts, *_times(top + height, seconds, scale)]


def _y(value_s: float, top: int) -> float:
    share = math.log10(min(max(value_s, LOWEST_S), HIGHEST_S) / LOWEST_S) / math.log10(HIGHEST_S / LOWEST_S)
    return top + PANEL * (1 - share)
