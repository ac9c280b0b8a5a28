"""What a storm of replays did, as figures and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.machine import describe

KINDS: Final = ("nats", "edge", "history", "postgres", "gateway", "writer", "archiver")
WIDTH: Final = 140


@dataclass(frozen=True, slots=True)
class Size:
    """How large the storm is, and what goes on meanwhile."""

    viewers: int
    videos: int
    behind: int
    rate: float
    calm_s: float


@dataclass(frozen=True, slots=True)
class Latency:
    """From POST to viewer, in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    worst_ms: float

    @classmethod
    def of(cls, latencies_ms: Sequence[float]) -> Latency:
        """Return what is to be said of some."""
        if not latencies_ms:
            return cls(0, 0.0, 0.0, 0.0)
        ordered = sorted(latencies_ms)
        at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99, 1)]
        return cls(len(ordered), *(round(one, 1) for one in at))

    def __str__(self) -> str:
        return f"{self.p50_ms:.0f} / {self.p99_ms:.0f} / {self.worst_ms:.0f}"


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one storm."""

    way: str
    says: str
    before: Latency
    during: Latency
    after: Latency
    half_served_s: float
    all_served_s: float
    served: int
    comments: int
    cpu_s: dict[str, float]  # of each kind of part, while the storm lasted
    wrong: list[str]


def print_rows(rows: Sequence[Row], size: Size) -> None:
    """Print a table with a column for each way."""
    console = Console(width=WIDTH)
    console.print(
        f"{size.viewers:,} viewers of {size.videos} videos come back at once, each {size.behind:,} comments behind; "
        f"{size.rate:g} comments a second posted; {describe()['cores']} cores"
    )
    table = Table()
    table.add_column("")
    for row in rows:
        table.add_column(row.way, justify="right")
    for name, values in (
        ("live p50 / p99 / worst ms, before", [str(row.before) for row in rows]),
        ("… during", [str(row.during) for row in rows]),
        ("… after", [str(row.after) for row in rows]),
        ("half of them served, s", [f"{row.half_served_s:.1f}" for row in rows]),
        ("all of them served, s", [f"{row.all_served_s:.1f}" for row in rows]),
        ("comments replayed", [f"{row.comments:,}" for row in rows]),
        *((f"CPU of {kind}, s", [f"{row.cpu_s[kind]:.1f}" for row in rows]) for kind in KINDS),
    ):
        table.add_row(name, *values)
    console.print(table)
    for row in rows:
        console.print(f"{row.way}: {row.says}")
        for wrong in row.wrong:
            console.print(f"  [bold red]{wrong}[/]")
