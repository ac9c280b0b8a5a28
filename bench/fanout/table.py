"""The figures, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.fanout.measure import Row
from bench.fanout.scenario import Verdict

BUSY_LOAD: Final = 0.95  # share of the load's core above which a row says less about its server
OTHERS_BUSY: Final = 0.15
_MET: Final = {True: "[green]met", False: "[red]short", None: "left out"}


def print_rows(console: Console, title: str, rows: Sequence[Row]) -> None:
    """Print what servers did under one load."""
    table = Table(title=title, title_justify="left")
    for heading in ("server", "viewers", "comments/s"):
        table.add_column(heading, justify="left" if heading == "server" else "right")
    for heading in (
        "µs a write", "µs a comment\ndelivered", "delivered per\ncore second", "KB a viewer", "kernel KB\na socket",
        "p50 ms", "p99 ms", "p99.9 ms", "opened/s",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    table.add_column("remarks")
    for row in rows:
        table.add_row(
            row.server,
            f"{row.viewers:,}",
            f"{row.comments_per_s:g}",
            *(f"{row.us_per_write:.1f}", f"{row.us_per_delivery:.2f}", f"{row.delivered_per_core_s:,.0f}"),
            *(_number(row.resident_kb_per_viewer, 2), _number(row.kernel_kb_per_socket, 1)),
            *(_number(ms, 0) for ms in (row.p50_ms, row.p99_ms, row.p999_ms)),
            _number(row.opened_per_s, 0),
            ", ".join(_remarks(row)),
        )
    console.print(table)


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Print what was to be reached, and what was."""
    table = Table(title="To reach", title_justify="left")
    for heading in ("what", "reach", "measured", ""):
        table.add_column(heading)
    for verdict in verdicts:
        table.add_row(verdict.what, verdict.reach, verdict.measured, _MET[verdict.met])
    console.print(table)


def _number(value: float, digits: int) -> str:
    return "" if value != value else f"{value:,.{digits}f}"  # noqa: PLR0124  not a number is not equal to itself


def _remarks(row: Row) -> list[str]:
    remarks = []
    if row.rooms > 1:
        remarks.append(f"{row.rooms:,} videos open")
    if row.missing:
        remarks.append(f"{row.missing:,} comments behind or lost")
    if row.disorder:
        remarks.append(f"{row.disorder:,} out of order")
    if row.load_busy > BUSY_LOAD:
        remarks.append("the load's core was full")
    if row.others_busy > OTHERS_BUSY:
        remarks.append(f"others had {row.others_busy:.0%} of its core")
    return remarks
