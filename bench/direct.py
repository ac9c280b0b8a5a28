"""`livecomments bench --only direct`: what a delivery costs straight from an edge, and through the gateway.

One edge, one gateway and the same viewers, each way on a cluster of its own: what a process has let go, the next
streams would take again, and nothing would be seen of it. CPU is that of the edge and of the gateway, over all
deliveries; memory is what they have grown by with the streams open.
"""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import orjson
import uvloop
from rich.console import Console
from rich.table import Table
from yarl import URL

from bench import machine
from bench.fanout.usage import cpu_s, resident_kb
from bench.figure import Figure
from bench.own_certificate import Certificate, make_certificate
from bench.own_cluster import RATES_OFF, STREAM_LIMITS_OFF, OwnCluster, free_port, own_cluster
from bench.stream_clients import STREAMS_A_CONNECTION, Streams, Way
from livecomments.client import Client

OPEN_WITHIN_S: Final = 60
LAST_ONES_WITHIN_S: Final = 10
WARMUP_S: Final = 1.0
S_TO_US: Final = 1_000_000
WAYS: Final = ("direct", "direct, TLS", "gateway", "gateway, TLS", "gateway, TLS and HTTP/2")


@dataclass(frozen=True, slots=True)
class Row:
    """What one way cost. CPU in microseconds a delivery, memory in KB a viewer."""

    way: str
    deliveries: int
    missed: int
    edge_us: float
    gateway_us: float
    edge_kb: float
    gateway_kb: float

    @property
    def path_us(self) -> float:
        """Return the CPU of the whole path."""
        return self.edge_us + self.gateway_us


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option(
    "--viewers", default=500, type=click.IntRange(STREAMS_A_CONNECTION), help="Viewers of the video; a multiple of ten."
)
@click.option(
    "--rate", default=20.0, type=click.FloatRange(min=1), help="Comments a second: each is a write of its own."
)
@click.option("--seconds", default=15.0, type=click.FloatRange(min=1), help="How long to measure each way.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here too."
)
def main(*, viewers: int, rate: float, seconds: float, json_file: Path | None) -> None:
    """Measure the CPU of a delivery, direct and through the gateway. Fails when a viewer missed a comment."""
    viewers -= viewers % STREAMS_A_CONNECTION
    with TemporaryDirectory(prefix="livecomments-tls-") as folder:
        certificate = make_certificate(Path(folder))
        rows = []
        for name in WAYS:
            with Console(stderr=True).status(name), own_cluster(_settings(certificate)) as cluster:
                rows.append(uvloop.run(_measure_way(cluster, certificate, name, viewers, rate, seconds)))
    _print(rows, viewers, rate, seconds)
    if json_file is not None:
        figures = [Figure(f"CPU of a delivery, the whole path: {row.way}", "µs", [row.path_us]) for row in rows]
        document = {
            "machine": machine.describe(),
            "ways": [asdict(row) for row in rows],
            "figures": [asdict(figure) for figure in figures],
        }
        json_file.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.exit(1 if any(row.missed for row in rows) else 0)


def _settings(certificate: Certificate) -> dict[str, str]:
    return {
        **RATES_OFF,
        **STREAM_LIMITS_OFF,
        "LIVECOMMENTS_EDGES": "1",
        "LIVECOMMENTS_DIRECT": "1",
        "LIVECOMMENTS_TLS_CERT_FILE": str(certificate.cert),
        "LIVECOMMENTS_TLS_KEY_FILE": str(certificate.key),
        "LIVECOMMENTS_TLS_PORT": str(free_port()),
    }


async def _measure_way(
    cluster: OwnCluster, certificate: Certificate, name: str, viewers: int, rate: float, seconds: float
) -> Row:
    token = cluster.token("viewer")
    state = cluster.describe()
    tls = int(cluster.env["LIVECOMMENTS_TLS_PORT"])
    http1, http2 = certificate.client_context("http/1.1"), certificate.client_context("h2")
    match name:
        case "direct":
            edge = URL(state["edges"][0]["url"]).port
            assert edge is not None
            way = Way(edge, None)
        case "direct, TLS":
            async with Client(cluster.url, direct=True) as client:
                way = Way(await _direct_port(client, token), http1)
        case "gateway":
            way = Way(int(cluster.env["LIVECOMMENTS_PORT"]), None)
        case "gateway, TLS":
            way = Way(tls, http1)
        case _:
            way = Way(tls, http2, h2=True)
    return await _measure(state, name, way, token, viewers, rate, seconds)


async def _direct_port(client: Client, token: str) -> int:
    """Return the edge's port for viewers who come directly. Raises `TimeoutError` when it has not said where it is."""
    async with asyncio.timeout(LAST_ONES_WITHIN_S):
        while True:
            url = URL(await client.locate("bench", token))
            if url.scheme == "https" and url.port is not None:
                return url.port
            await asyncio.sleep(0.1)


async def _measure(
    state: dict[str, Any], name: str, way: Way, token: str, viewers: int, rate: float, seconds: float
) -> Row:
    edge, gateway = [state["edges"][0]["pid"]], [state["gateway"]["pid"]]
    video = f"bench-{secrets.token_hex(4)}"
    before_kb = resident_kb(edge), resident_kb(gateway)
    streams = Streams(way, video, token, viewers)
    await streams.open(OPEN_WITHIN_S)
    grown_kb = resident_kb(edge) - before_kb[0], resident_kb(gateway) - before_kb[1]
    async with Client(state["writers"][0]["url"]) as client:
        warm = await _post(client, video, token, rate, WARMUP_S)
        await _until(streams, warm * viewers)
        begin = cpu_s(edge), cpu_s(gateway)
        posted = await _post(client, video, token, rate, seconds)
        await _until(streams, (warm + posted) * viewers)
        used = cpu_s(edge) - begin[0], cpu_s(gateway) - begin[1]
    streams.close()
    deliveries = posted * viewers
    return Row(
        name,
        deliveries,
        (warm + posted) * viewers - streams.comments,
        *(one * S_TO_US / deliveries for one in used),
        *(one / viewers for one in grown_kb),
    )


async def _post(client: Client, video: str, token: str, rate: float, seconds: float) -> int:
    """Post at a constant pace, and return how many were accepted."""
    loop = asyncio.get_running_loop()
    start, count = loop.time(), round(rate * seconds)
    tasks = []
    for number in range(count):
        await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
        tasks.append(asyncio.create_task(client.post(video, f"comment {number}", token, secrets.token_hex(8))))
    answers = await asyncio.gather(*tasks)
    return sum(answer.number is not None for answer in answers)


async def _until(streams: Streams, comments: int) -> None:
    """Wait until so many comments have come, or no more are to be waited for."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + LAST_ONES_WITHIN_S
    while streams.comments < comments and loop.time() < give_up:  # noqa: ASYNC110  many streams, one look
        await asyncio.sleep(0.02)


def _print(rows: list[Row], viewers: int, rate: float, seconds: float) -> None:
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    table = Table(title=f"{viewers} viewers, {rate:g} comments a second, {seconds:g} s each; {machine}")
    for name in (
        "way",
        "deliveries",
        "missed",
        "CPU µs a delivery",
        "edge",
        "gateway",
        "KB a viewer",
        "edge",
        "gateway",
    ):
        table.add_column(name, justify="left" if name == "way" else "right")
    for row in rows:
        table.add_row(
            row.way,
            f"{row.deliveries:,}",
            f"{row.missed:,}",
            *(f"{value:.1f}" for value in (row.path_us, row.edge_us, row.gateway_us)),
            *(f"{value:.1f}" for value in (row.edge_kb + row.gateway_kb, row.edge_kb, row.gateway_kb)),
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
