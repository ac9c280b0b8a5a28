"""The report of a run: one page that needs nothing beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from statistics import median
from typing import Final

from bench.suite.compare import Compared
from bench.suite.plots import all_plots
from bench.suite.result import Result

_STYLE: Final = """
:root { color-scheme: light; font: 15px/1.5 system-ui, sans-serif; color: #0f172a; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
td, th { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e2e8f0; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.short, .worse, .failed { color: #b91c1c; font-weight: 600; } .met, .better { color: #047857; }
.dim { color: #64748b; } svg { width: 100%; height: auto; }
"""
_MET: Final = {True: "met", False: "short", None: "–"}


def page(result: Result, compared: Sequence[Compared], against: Sequence[str]) -> str:
    """Return the page."""
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>",
        f"<title>livecomments bench</title><style>{_STYLE}</style><h1>What it costs, and how fast it is</h1>",
        _machine(result),
        *(f"<p class='failed'>{escape(name)} failed: {escape(why)}</p>" for name, why in result.failures().items()),
        *([_comparison(compared, against)] if against else []),
        *(f"<h2>{escape(title)}</h2>{picture}" for _, title, picture in all_plots(result)),
        _verdicts(result),
        _figures(result),
        "</html>",
    ]
    return "\n".join(parts)


def _machine(result: Result) -> str:
    machine, document = result.machine, result.document
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return (
        f"<p class='dim'>{escape(document['began'])}, {document['seconds'] / 60:.1f} minutes"
        f"{', quick' if document['quick'] else ''}; commit {escape(str(machine['commit']))};"
        f" {machine['cores']} cores of {escape(machine['processor'])}, {machine['memory_gb']} GB,"
        f" Linux {escape(machine['kernel'])}, Python"
        f" {machine['python']}; {escape(libraries)}; load average before it began {machine['load_average']}.<br>"
        "Figures of one machine and one day: compare those of one run, or runs on one machine.</p>"
    )


def _comparison(compared: Sequence[Compared], against: Sequence[str]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.part)}</td><td>{escape(one.name)}</td><td class='n'>{_number(one.before)}</td>"
        f"<td class='n'>{_number(one.after)} {escape(one.unit)}</td><td class='n'>{one.ratio:.2f} ×</td>"
        f"<td class='n'>{one.low:.2f}–{one.high:.2f}</td><td class='n'>{_p(one.p)}</td>"
        f"<td class='{one.verdict}'>{one.verdict}</td></tr>"
        for one in compared
    )
    return (
        f"<h2>Held against {escape(', '.join(against))}</h2><table><tr><th><th>what<th class='n'>before"
        "<th class='n'>now<th class='n'>ratio<th class='n'>95 %<th class='n'>p<th>"
        f"{rows}</table><p class='dim'>A change: Mann-Whitney U with p below 0.01, and the bootstrap's 95 % interval of"
        " the ratio of medians outside of 0.97 to 1.03.</p>"
    )


def _verdicts(result: Result) -> str:
    rows = "".join(
        f"<tr><td>{escape(one['what'])}</td><td>{escape(one['reach'])}</td><td>{escape(one['measured'])}</td>"
        f"<td class='{_MET[one['met']]}'>{_MET[one['met']]}</td></tr>"
        for one in result.verdicts()
    )
    return f"<h2>To reach</h2><table><tr><th>what<th>reach<th>measured<th></tr>{rows}</table>"


def _figures(result: Result) -> str:
    rows = []
    for part, figures in result.figures().items():
        for figure in figures:
            values = sorted(figure.numbers)
            if values:
                spread = f"{_number(values[0])} – {_number(values[-1])}" if len(values) > 1 else ""
                rows.append(
                    f"<tr><td>{escape(part)}</td><td>{escape(figure.name)}</td><td class='n'>{_number(median(values))}"
                    f" {escape(figure.unit)}</td><td class='n dim'>{spread}</td><td class='n dim'>{len(values)}</td>"
                )
    head = "<tr><th><th>what<th class='n'>median<th class='n'>least – most<th class='n'>times</tr>"
    return f"<h2>Every figure</h2><table>{head}{''.join(rows)}</table>"


def _p(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
