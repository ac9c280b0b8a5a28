"""The report of a run: the verdict, how much was tried, and how long each kind of fault was felt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from faults.latencies import Recovery, Timings, measure
from faults.ledger import Ledger
from faults.picture import draw
from faults.verdict import Verdict

REPORT: Final = "report.txt"
PICTURE: Final = "latency.svg"
EXAMPLES: Final = 5  # of each broken promise
WIDTH: Final = 118


def write_report(folder: Path, ledger: Ledger, verdict: Verdict) -> None:
    """Write the report, and the picture that goes with it, into the folder of a run."""
    timings = measure(ledger)
    (folder / PICTURE).write_text(draw(ledger, timings), encoding="utf-8")
    with (folder / REPORT).open("w", encoding="utf-8") as opened:
        console = Console(file=opened, width=WIDTH, highlight=False)
        console.print(f"seed {ledger.seed}, {(ledger.ended_ns - ledger.began_ns) / 1e9:.0f} s under load\n")
        for line in _verdict_lines(ledger, verdict):
            console.print(line, markup=False)
        console.print()
        for line in _time_lines(timings):
            console.print(line, markup=False)
        console.print(_recovery_table(timings.recoveries))


def print_verdict(folder: Path, ledger: Ledger, verdict: Verdict) -> None:
    """Say how it came out."""
    console = Console(width=WIDTH, highlight=False)
    for line in _verdict_lines(ledger, verdict):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"{folder / REPORT}, {folder / PICTURE}", soft_wrap=True)


def _verdict_lines(ledger: Ledger, verdict: Verdict) -> Iterator[str]:
    figures = verdict.figures
    yield {0: "CLEAN", 1: "VIOLATED", 2: "VOID"}[verdict.exit_status]
    yield (
        f"{figures.faults} faults; {figures.begun_per_s} comments begun in the median second;"
        f" {figures.attempts} attempts: {figures.acknowledged} comments acknowledged,"
        f" {figures.refused} refused, {figures.unknown} unknown ({figures.unknown_kept} of them kept);"
        f" {figures.kept} kept, {figures.tombstones} of them removed by {figures.removals} deletes and bans"
    )
    yield (
        f"{figures.viewers} viewers, {figures.followed_to_the_end} to the end, {figures.reconnects} reconnects;"
        f" {figures.owed} comments owed to them, {figures.told_missing} told missing; {figures.pages} pages looked into"
    )
    for reason in verdict.void:
        yield f"void: {reason}"
    for what in ledger.untried:
        yield f"not tried: {what}"
    losses = verdict.losses()
    for broken, count in verdict.by_check().most_common():
        where = ", ".join(f"{number} at the {at.value}" for (one, at), number in losses.items() if one is broken)
        yield f"broken {count} times: {broken.value}" + (f" ({where})" if where else "")
        for violation in [one for one in verdict.violations if one.check is broken][:EXAMPLES]:
            number = f" {violation.number}" if violation.number is not None else ""
            yield f"  {violation.video}{number}: {violation.detail}".replace("  : ", "  ")


def _time_lines(timings: Timings) -> Iterator[str]:
    for name, series in (("POST acknowledged", timings.posting), ("delivered live", timings.delivery)):
        if series:
            p50, p99 = sorted(one.p50_s for one in series), sorted(one.p99_s for one in series)
            yield (
                f"{name}: in the median second p50 {p50[len(p50) // 2] * 1000:.0f} ms, p99"
                f" {p99[len(p99) // 2] * 1000:.0f} ms; at worst {max(one.max_s for one in series):.1f} s"
            )
    back = timings.back_s
    if back:
        yield (
            f"viewers back after {len(back)} lost streams: p50 {back[len(back) // 2]:.1f} s,"
            f" p99 {back[len(back) * 99 // 100]:.1f} s, at worst {back[-1]:.1f} s"
        )


def _recovery_table(recoveries: Sequence[Recovery]) -> Table:
    table = Table(title="felt after a fault was over (comments that took more than a second)", title_justify="left")
    table.add_column("fault")
    table.add_column("on")
    for heading in ("times", "posting, median", "at worst", "delivery, median", "at worst", "noticed"):
        table.add_column(heading, justify="right")
    for one in recoveries:
        noticed = f"{one.noticed_s:.1f} s" if one.noticed_s is not None else ""
        felt = [f"{seconds:.1f} s" for seconds in (*one.posting_s, *one.delivery_s)]
        table.add_row(one.kind, one.target, str(one.count), *felt, noticed)
    return table
