"""`make bench-replay`: what thousands of viewers who come back far behind, all at once, do to everybody else.

compose.yaml on hosts of its own, with all of its NATS servers, the replica and the gateways. Before, during and after
the storm the same few comments a second are posted and watched; what counts is how late they are meanwhile. Each way of
serving the storm has the same one, one after the other, on edges that have just been started: their memory is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.machine import describe
from faults.worker import Report, Worker, WorkerError
from hosts.__main__ import VARIABLES
from hosts.fleet import Fleet
from hosts.host import HostError
from hosts.images import MissingError
from hosts.storm_past import Filled, Show, archived, fill, operator, trim
from hosts.storm_report import KINDS, Latency, Row, Size, print_rows
from runtime.settings import Settings
from runtime.tokens import Tokens

SHARED_BYTES: Final = "LIVECOMMENTS_REPLAY_SHARED_BYTES"
TOKEN_TTL_S: Final = 3600.0
USERS: Final = 200
LIVE_VIEWERS: Final = 5  # of each video
SERVED_WITHIN_S: Final = 240.0
SETTLE_S: Final = 10.0
CALM_S: Final = 2.0  # after edges were started again, before anything is measured
EXIT_FAILED: Final = 1
EXIT_VOID: Final = 2


@dataclass(frozen=True, slots=True)
class Way:
    """One way to serve a storm."""

    name: str
    says: str
    environment: dict[str, str]  # of the edges
    is_older: bool = False  # than JetStream keeps: history has it


WAYS: Final = (
    Way("stream-alone", "from JetStream, each viewer's replay read for it alone", {SHARED_BYTES: "0"}),
    Way("stream", "from JetStream, each piece read once for all viewers of an edge", {}),
    Way(
        "history-alone", "older than JetStream keeps: from history, for each alone", {SHARED_BYTES: "0"}, is_older=True
    ),
    Way("history", "older than JetStream keeps: from history, once for all", {}, is_older=True),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--viewers", default=5000, type=click.IntRange(1), help="Viewers that come back at once.")
@click.option("--videos", default=20, type=click.IntRange(1), help="Videos that they watch.")
@click.option("--behind", default=600, type=click.IntRange(1, 10_000), help="Comments that each has missed.")
@click.option(
    "--rate", default=20.0, type=click.FloatRange(1), help="Comments a second posted meanwhile, on all videos."
)
@click.option("--calm", "calm_s", default=10.0, type=click.FloatRange(1), help="Seconds measured before and after.")
@click.option(
    "--way",
    "ways",
    multiple=True,
    type=click.Choice([way.name for way in WAYS]),
    help="Only this way; may be repeated.",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here too."
)
@click.option("--log-dir", type=click.Path(path_type=Path), help="Keep what the parts said in this folder.")
def main(
    *,
    viewers: int,
    videos: int,
    behind: int,
    rate: float,
    calm_s: float,
    ways: tuple[str, ...],
    json_file: Path | None,
    log_dir: Path | None,
) -> None:
    """Let thousands of viewers come back far behind, and measure what live comments and the parts feel of it.

    Needs root, iproute2, busybox and prometheus (requirements/programs brings them). Exits with 1 when a viewer missed
    a comment or was not served, 2 when the hosts could not be made.
    """
    size = Size(viewers, videos, behind, rate, calm_s)
    chosen = [way for way in WAYS if not ways or way.name in ways]
    folder = (log_dir or Path(mkdtemp(prefix="livecomments-storm-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        rows = asyncio.run(_run(folder, size, chosen))
    except (MissingError, HostError, WorkerError, OSError, TimeoutError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_VOID)
    finally:
        if log_dir is None:
            shutil.rmtree(folder, ignore_errors=True)
    print_rows(rows, size)
    if json_file is not None:
        json_file.write_bytes(
            orjson.dumps({"machine": describe(), "size": size, "rows": rows}, option=orjson.OPT_INDENT_2)
        )
    sys.exit(EXIT_FAILED if any(row.wrong for row in rows) else 0)


async def _run(folder: Path, size: Size, ways: list[Way]) -> list[Row]:
    fleet = Fleet(folder, VARIABLES)
    with _progress(size.viewers) as show:
        try:
            show("starting all hosts", 0)
            await fleet.up()
            return await storms(fleet, size, ways, show)
        finally:
            await fleet.down()


async def storms(fleet: Fleet, size: Size, ways: Sequence[Way], show: Show) -> list[Row]:
    """Let one storm after the other come over a fleet that runs, and return what was felt of each.

    Raises `HostError`, `WorkerError`.
    """
    rows = []
    async with operator(fleet) as nats:
        filled = await fill(fleet, nats, size, show)
        await archived(fleet, filled.newest)
        is_trimmed = False
        for way in sorted(ways, key=lambda one: one.is_older):
            if way.is_older and not is_trimmed:
                await trim(nats, fleet, filled.newest)
                is_trimmed = True
            rows.append(await _storm(fleet, way, size, filled, show))
    return rows


async def _storm(fleet: Fleet, way: Way, size: Size, filled: Filled, show: Show) -> Row:
    """Start the edges anew, let the storm come, and return what was felt of it."""
    show(f"{way.name}: starting the edges anew", 0)
    await _restart_edges(fleet, way)
    tokens = _tokens(fleet)
    common = {"urls": [fleet.url(name) for name in fleet.named("gateway")], "tokens": tokens}

    def heard(said: Report) -> None:
        now = said["storm"]
        told = f"{way.name}: {now['served']:,} of {size.viewers:,} viewers served, {now['comments']:,} comments"
        show(told, now["served"])

    async with _worker("live", "hosts.storm_live") as live, _worker("storm", "hosts.storm_viewers", heard) as storm:
        await live.ask("begin", **common, videos=list(filled.newest), viewers=LIVE_VIEWERS, rate=size.rate)
        await asyncio.sleep(CALM_S)
        await live.ask("mark")
        show(f"{way.name}: before the storm", 0)
        await asyncio.sleep(size.calm_s)
        before = Latency.of((await live.ask("mark"))["latencies_ms"])
        used = _cpu(fleet)
        begin = {video: str(number) for video, number in filled.begin.items()}
        asked = {"viewers": size.viewers, "behind": size.behind, "within_s": SERVED_WITHIN_S}
        served = await storm.ask("come_back", **common, positions=begin, **asked)
        during = Latency.of((await live.ask("mark"))["latencies_ms"])
        used = {kind: round(cpu_s - used[kind], 1) for kind, cpu_s in _cpu(fleet).items()}
        show(f"{way.name}: after the storm", size.viewers)
        await asyncio.sleep(size.calm_s)
        after = Latency.of((await live.ask("mark"))["latencies_ms"])
        told = await live.ask("end", settle_s=SETTLE_S)
        await storm.ask("leave")
    times = served["served_s"]
    return Row(
        way=way.name,
        says=way.says,
        before=before,
        during=during,
        after=after,
        half_served_s=round(times[len(times) // 2], 1) if times else 0.0,
        all_served_s=round(times[-1], 1) if times else 0.0,
        served=len(times),
        comments=served["comments"],
        cpu_s=used,
        wrong=list(_wrong(size, served, told)),
    )


def _wrong(size: Size, served: dict[str, Any], told: dict[str, int]) -> Iterator[str]:
    if len(served["served_s"]) < size.viewers:
        yield f"{size.viewers - len(served['served_s'])} viewers were not served, {served['closed']} streams ended"
    if served["short"]:
        yield f"{served['short']} viewers did not get all that they had missed"
    if served["miscounted"]:
        yield f"{served['miscounted']} viewers got another number of comments than they were told"
    if told["seen"] != told["owed"] and not told["unanswered"]:
        yield f"of {told['owed']:,} live comments owed to viewers {told['seen']:,} came"
    if told["closed"]:
        yield f"{told['closed']} of those who watched all the time lost their stream"


async def _restart_edges(fleet: Fleet, way: Way) -> None:
    """Start the edges anew with the settings of a way; one after the other would only take longer."""
    edges = fleet.named("edge")
    await asyncio.gather(*(fleet[name].stop() for name in edges))
    for name in edges:
        host = fleet[name]
        plain = {key: value for key, value in host.service.environment.items() if key != SHARED_BYTES}
        host.service = replace(host.service, environment=plain | way.environment)
        await host.start()
    await fleet.ready(edges)
    await asyncio.sleep(CALM_S)  # until the gateways have seen it


def _cpu(fleet: Fleet) -> dict[str, float]:
    """Return the CPU seconds of all parts of a kind."""
    return {
        kind: sum(host.cpu_s() for name, host in fleet.hosts.items() if name == kind or name.startswith(f"{kind}-"))
        for kind in KINDS
    }


def _tokens(fleet: Fleet) -> list[str]:
    tokens = Tokens(Settings(token_secret_file=fleet.folder / "volumes" / "secrets-writer" / "token"))
    return [tokens.issue(f"viewer-{index}", TOKEN_TTL_S) for index in range(USERS)]


@contextlib.asynccontextmanager
async def _worker(name: str, module: str, heard: Any = lambda _: None) -> AsyncIterator[Worker]:
    worker = Worker(name, heard)
    await worker.start(module)
    try:
        yield worker
    finally:
        await worker.stop()


@contextlib.contextmanager
def _progress(viewers: int) -> Iterator[Show]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=viewers)
        yield lambda said, served: progress.update(task, description=said, completed=served)


if __name__ == "__main__":
    main()
