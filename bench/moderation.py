"""`python -m bench.moderation`: how long until the last of many viewers knows of a delete, or of a ban.

And what deletes cost the pages of a long history. Times count from the moment in which the moderator's request is sent.
The viewers' side is one process on the same machine as everything else.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import click
import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.own_cluster import RATES_OFF, STREAM_LIMITS_OFF, OwnCluster, own_cluster
from livecomments.cluster_here import token_issuer
from runtime.settings import Settings
from wire.video import shard_of

WITHIN_MS: Final = 200  # the promise, for the 99th percentile
BANNED_STREAMS: Final = 10  # of each user who is banned
ROWS: Final = 1_000_000
DELETED_SHARE: Final = 0.01
PAGES_WITHIN: Final = 1.2  # times the median without deletes: nothing that could be measured
PAGE_READS: Final = 3_000
PAGE_ROUNDS: Final = 3  # in turn, without deletes and with them
SETTLE_S: Final = 0.15  # between two of them, so that none shares a write with another
OPEN_AT_ONCE: Final = 100
TIMEOUT_S: Final = 30
SHARDS: Final = 4
BLOCK_BITS: Final = 22


class Viewer(asyncio.Protocol):
    """One stream. Notes when a marked piece came, and when it ended."""

    def __init__(self, crowd: Crowd, request: bytes) -> None:
        self._crowd = crowd
        self._request = request
        self.is_live = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is none by its class
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Look for what is waited for."""
        if not self.is_live and b"event: sync" in data:
            self.is_live = True
            self._crowd.one_more()
        if self._crowd.mark and self._crowd.mark in data:
            self._crowd.one_more()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It has ended."""
        if self._crowd.counts_ends:
            self._crowd.one_more()


class Crowd:
    """Viewers, and a count of those who have come as far as is waited for."""

    def __init__(self, *, counts_ends: bool = False) -> None:
        self.mark = b""
        self.counts_ends = counts_ends
        self._left = 0
        self._all = asyncio.Event()

    def expect(self, count: int, mark: bytes = b"") -> None:
        """Wait for so many from now on."""
        self.mark, self._left = mark, count
        self._all.clear()

    def one_more(self) -> None:
        """One has it."""
        self._left -= 1
        if self._left == 0:
            self._all.set()

    async def all(self) -> None:
        """Return when the last one has it."""
        async with asyncio.timeout(TIMEOUT_S):
            await self._all.wait()

    async def open(self, url: str, video: str, tokens: Sequence[str]) -> list[Viewer]:
        """Open a stream for each token, and return them when all are live."""
        loop = asyncio.get_running_loop()
        parts = urlsplit(url)
        viewers: list[Viewer] = []
        for place in range(0, len(tokens), OPEN_AT_ONCE):
            some = tokens[place : place + OPEN_AT_ONCE]
            ends, self.counts_ends = self.counts_ends, False
            self.expect(len(some))
            for token in some:
                lines = (
                    f"GET /comments/{video}/stream HTTP/1.1",
                    f"Host: {parts.netloc}",
                    f"Authorization: Bearer {token}",
                )
                viewer = Viewer(self, "\r\n".join((*lines, "", "")).encode())
                viewers.append(viewer)
                await loop.create_connection(lambda viewer=viewer: viewer, parts.hostname or "", parts.port or 80)  # type: ignore[misc]
            await self.all()
            self.counts_ends = ends
        return viewers


class Moderator:
    """Says things, removes them, and bans."""

    def __init__(self, cluster: OwnCluster, video: str, web: aiohttp.ClientSession) -> None:
        self._tokens = token_issuer(Settings(data_dir=cluster.data_dir))
        self._url = cluster.url
        self._video = video
        self._web = web
        self._token = self._tokens.issue("moderator", 3600, role="moderator", videos=[video])

    def token(self, user: str) -> str:
        """Return a viewer's token."""
        return self._tokens.issue(user, 3600)

    async def post(self, user: str) -> str:
        """Post a comment, and return its id."""
        answer = await self._ask("POST", f"/comments/{self._video}", self.token(user), {"message": "hello"})
        return str(answer["commentId"])

    async def delete(self, comment: str) -> None:
        """Remove a comment."""
        await self._ask("DELETE", f"/comments/{self._video}/{comment}", self._token)

    async def ban(self, user: str) -> None:
        """Ban a user, and remove all that he has said."""
        await self._ask("PUT", f"/videos/{self._video}/bans/{user}", self._token, {"comments": True})

    async def _ask(self, method: str, path: str, token: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._web.request(method, self._url + path, headers=headers, json=body) as answer:
            if answer.status not in (200, 201, 202):
                raise click.ClickException(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json()


async def _timed(what: Awaitable[None], known: Callable[[], Awaitable[None]]) -> float:
    """Return how many milliseconds it took until it was known."""
    began = time.perf_counter()
    doing = asyncio.ensure_future(what)
    await known()
    took_ms = (time.perf_counter() - began) * 1000
    await doing
    await asyncio.sleep(SETTLE_S)
    return took_ms


async def _measure(cluster: OwnCluster, viewers: int, rounds: int) -> dict[str, list[float]]:
    video = f"moderated-{secrets.token_hex(4)}"
    crowd, banned = Crowd(), Crowd(counts_ends=True)
    took: dict[str, list[float]] = {"delete": [], "ban, to the viewers": [], "ban, to the banned": []}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as web:
        moderator = Moderator(cluster, video, web)
        await crowd.open(cluster.url, video, [moderator.token(f"viewer-{n}") for n in range(viewers)])
        for n in range(rounds):
            comment = await moderator.post(f"author-{n}")
            await asyncio.sleep(SETTLE_S)
            crowd.expect(viewers, b'event: delete\ndata: {"commentId":"%b"}' % comment.encode())
            took["delete"].append(await _timed(moderator.delete(comment), crowd.all))
        for n in range(rounds):
            user = f"troll-{n}"
            await moderator.post(user)
            await banned.open(cluster.url, video, [moderator.token(user)] * BANNED_STREAMS)
            banned.expect(BANNED_STREAMS)
            crowd.expect(viewers, b'event: delete\ndata: {"userId":"%b"}' % user.encode())
            began = time.perf_counter()
            ended: asyncio.Future[float] = asyncio.ensure_future(_end(banned, began))
            took["ban, to the viewers"].append(await _timed(moderator.ban(user), crowd.all))
            took["ban, to the banned"].append(await ended)
    return took


async def _end(banned: Crowd, began: float) -> float:
    await banned.all()
    return (time.perf_counter() - began) * 1000


async def _pages(cluster: OwnCluster) -> dict[str, list[float]]:
    """Return how many milliseconds pages of a million rows took: without deletes, and with them."""
    video, base = "long", 1_700_000_000_000_000
    shard = shard_of(video, SHARDS)
    described = cluster.describe()
    owner = await asyncpg.connect(described["postgres"]["dsn"])
    for block in range(base >> BLOCK_BITS, (base + ROWS >> BLOCK_BITS) + 1):
        await owner.execute("SELECT ensure_block($1, $2)", shard, max(base, block << BLOCK_BITS))
    await owner.execute(
        "INSERT INTO comments (shard, video_id, comment_id, user_id, message, posted_ms) "
        "SELECT $1, $2, $3::bigint + n, 'user-' || n % 1000, repeat('x', 60), ($3::bigint + n) / 1000 "
        "FROM generate_series(1, $4::int) AS n",
        *(shard, video, base, ROWS),
    )
    await owner.execute("VACUUM ANALYZE comments")
    took: dict[str, list[float]] = {"pages without deletes": [], "pages with deletes": []}
    token = token_issuer(Settings(data_dir=cluster.data_dir)).issue("reader", 3600)
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{described['histories'][0]['url']}/comments/{video}"
    async with aiohttp.ClientSession(headers=headers) as web:
        for _ in range(PAGE_ROUNDS):
            for name, times in took.items():
                share = DELETED_SHARE if name == "pages with deletes" else 0
                # As many rows are written either way, so that neither has the fresher table.
                await owner.execute(
                    "UPDATE comments SET deleted_by = CASE WHEN $4 > 0 THEN $3::bigint END "
                    "WHERE shard = $1 AND video_id = $2 AND comment_id % 100 = 0",
                    *(shard, video, base + ROWS, share),
                )
                await owner.execute("VACUUM comments")
                for n in range(PAGE_READS):
                    cursor = base + 1 + (n * 7_919 * 101 + len(times)) % ROWS
                    began = time.perf_counter()
                    async with web.get(f"{url}?cursor={cursor}") as answer:
                        await answer.read()
                    times.append((time.perf_counter() - began) * 1000)
    await owner.close()
    return took


def _percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


@click.command()
@click.option("--viewers", default=1_000, show_default=True, type=click.IntRange(1, 5_000), help="Streams open.")
@click.option("--rounds", default=100, show_default=True, type=click.IntRange(1, 1_000), help="Deletes, and bans.")
@click.option("--pages/--no-pages", default=True, help="Measure the pages of a million rows, too.")
@click.option("--within-ms", default=WITHIN_MS, show_default=True, help="Fail when it is later, in one of a hundred.")
@click.option("--pages-within", default=PAGES_WITHIN, show_default=True, help="Fail when deletes cost more times.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here too."
)
def main(
    viewers: int, rounds: int, within_ms: int, pages_within: float, json_file: Path | None, *, pages: bool
) -> None:
    """Measure moderation on a cluster of its own, on a machine that does nothing else.

    How long until the last of many viewers knows of a delete, and of a ban, and until the last stream of the one who is
    banned has ended: from the moment in which the moderator's request is sent. And what a page of a million rows takes
    without deletes, and with one in a hundred deleted, in turns. Fails where the last viewer knew too late, or where
    deletes make pages slower.
    """
    with own_cluster({**RATES_OFF, **STREAM_LIMITS_OFF}) as cluster:
        took = uvloop.run(_measure(cluster, viewers, rounds))
        read = uvloop.run(_pages(cluster)) if pages else {}
    table = Table("ms", "p50", "p90", "p99", "longest", title=f"{viewers} viewers: until the last one knew")
    for name, values in {**took, **read}.items():
        shown = (statistics.median(values), _percentile(values, 90), _percentile(values, 99), max(values))
        table.add_row(name, *(f"{value:.1f}" for value in shown))
    Console().print(table)
    slower = 0.0
    if read:
        without, with_deletes = (statistics.median(values) for values in read.values())
        slower = with_deletes / without
        click.echo(f"a page with deletes takes {slower:.2f} times what one without takes, at the median")
    late = [name for name, values in took.items() if _percentile(values, 99) >= within_ms]
    if json_file is not None:
        document = {
            "machine": machine.describe(),
            "figures": [asdict(Figure(name, "ms", values)) for name, values in {**took, **read}.items()],
            "verdicts": [_verdict(name, values, within_ms) for name, values in took.items()],
        }
        json_file.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if late:
        click.echo(f"later than {within_ms} ms: {', '.join(late)}", err=True)
    if slower > pages_within:
        click.echo(f"pages with deletes take more than {pages_within} times as long", err=True)
    if late or slower > pages_within:
        sys.exit(1)


def _verdict(what: str, values: Sequence[float], within_ms: int) -> dict[str, Any]:
    late_ms = _percentile(values, 99)
    return asdict(Verdict(f"{what}: p99", f"< {within_ms} ms", f"{late_ms:.0f} ms", late_ms < within_ms))


if __name__ == "__main__":
    main()
