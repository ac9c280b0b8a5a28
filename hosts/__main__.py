"""`make rehearsal`, `python -m hosts`: compose.yaml on hosts of its own, broken and restarted under load."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

import click

from faults.checker import check
from faults.journal import read_ledger
from faults.load import Amount
from faults.report import REPORT, print_verdict, write_report
from faults.verdict import EXIT_VOID, Verdict
from hosts.client_names import know_service
from hosts.fleet import Fleet
from hosts.host import HostError
from hosts.images import MissingError
from hosts.pauses import pauses
from hosts.rehearsal import EVERY_FAULT, LATER, ROLLING_RESTART, Rehearsal, Step, amount

# What compose.yaml is given: what fits a machine that has all hosts at once, and a load that comes from few users.
VARIABLES: Final = {
    "LIVECOMMENTS_SHARDS": "4",
    "LIVECOMMENTS_STREAM_BYTES": str(128 * 1024**2),
    "NATS_STORE_BYTES": str(2 * 1024**3),
    "GATEWAY_MAXCONN": "9000",
    "LIVECOMMENTS_USER_RATE": "0",
    "LIVECOMMENTS_USER_TOTAL_RATE": "0",
    "LIVECOMMENTS_POSTS_PER_ADDRESS": "0",
    "GATEWAY_REQUESTS_PER_10S": "10000000",
    "GATEWAY_STREAMS_PER_ADDRESS": "100000",
    "LIVECOMMENTS_READABLE_RATE": "0",
    "LIVECOMMENTS_STREAMS_PER_ADDRESS": "0",
    "LIVECOMMENTS_STREAMS_PER_USER": "0",
}

# History reads a replica here, which shows a comment within its lag: after the longest cut, and what it takes to be
# followed again. The alert ReplicaBehind has the same limit.
REPLICA_LAG_S: Final = 30.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--faults/--no-faults", default=True, help="Break what only several hosts let one break.")
@click.option("--rolling/--no-rolling", default=True, help="Restart every service, one after the other.")
@click.option("--rate", default=500.0, show_default=True, help="Comments a second.")
@click.option("--viewers", default=1000, show_default=True, help="Viewers.")
@click.option("--out", type=click.Path(path_type=Path), help="Where ledger, logs and report go.")
def main(*, faults: bool, rolling: bool, rate: float, viewers: int, out: Path | None) -> None:
    """Run compose.yaml on hosts of its own, break and restart all of it under load, and check every promise.

    Ends with the verdict, and with where the report and the picture are. Exits with 0 when all was well, 1 when a
    promise was broken, 2 when too little happened to tell.
    """
    folder = (out or Path("fault-results", f"hosts-{time.strftime('%Y%m%d-%H%M%S')}")).resolve()
    folder.mkdir(parents=True)
    try:
        fleet = Fleet(folder / "fleet", VARIABLES, LATER)
        know_service([fleet.network.address(name) for name in fleet.named("gateway")], folder / "hosts")
        steps = [*(EVERY_FAULT if faults else ()), *(ROLLING_RESTART if rolling else ())]
        asyncio.run(_run(fleet, folder, amount(rate, viewers), list(steps)))
    except (MissingError, HostError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_VOID)
    verdict = judge(folder)
    sys.exit(verdict.exit_status)


async def _run(fleet: Fleet, folder: Path, load: Amount, steps: list[Step]) -> None:
    try:
        await fleet.up()
        await Rehearsal(fleet, folder / "ledger", load, lambda text: click.echo(text, err=True)).go(steps)
    finally:
        await fleet.down()


def judge(folder: Path) -> Verdict:
    """Check the ledger in a folder, write and print the report, and return the verdict."""
    ledger = read_ledger(folder / "ledger")
    verdict = check(ledger, replica_lag_s=REPLICA_LAG_S)
    write_report(folder / "ledger", ledger, verdict)
    said = [
        f"{one.kind} {one.target}: {one.lasted_s:.1f} s; a shard took no comments for {one.without_s:.1f} s at most"
        for one in pauses(ledger)
    ]
    with (folder / "ledger" / REPORT).open("a", encoding="utf-8") as report:
        report.write("\n" + "\n".join(said) + "\n")
    click.echo("\n".join(said))
    print_verdict(folder / "ledger", ledger, verdict)  # ends with where the report and the picture are
    return verdict


if __name__ == "__main__":
    main()
