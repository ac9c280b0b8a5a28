"""`livecomments trace`: where the time of a comment goes."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from pathlib import Path
from typing import Final

import click
import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from livecomments.client import Client
from livecomments.cluster_here import public_url, token_issuer
from livecomments.latencies import Latencies
from livecomments.options import url_option
from livecomments.traces import Times, latencies, read_traces
from runtime.settings import Settings, read_settings
from wire.sse import Event
from wire.trace import new_trace

AUTHORS: Final = 50  # so that no author's own rate is in the way
TOKEN_TTL_S: Final = 3600
WATCHING_S: Final = 10.0
LAST_ONES_S: Final = 10.0
WRITTEN_S: Final = 1.5  # until the parts have written their files
PERCENTS: Final = (50, 90, 99, 100)
SEEN: Final = "client: a viewer has it"


@click.command()
@click.option("--comments", default=200, show_default=True, type=click.IntRange(1, 100_000), help="To post and trace.")
@click.option("--rate", default=20.0, show_default=True, type=click.FloatRange(min=0.1), help="Comments a second.")
@click.option("--viewers", default=1, show_default=True, type=click.IntRange(1, 500), help="Who watch meanwhile.")
@click.option(
    "--files", type=click.Path(path_type=Path, file_okay=False), help="Post nothing: read this folder's traces."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@url_option
def trace(*, comments: int, rate: float, viewers: int, files: Path | None, as_json: bool, url: str | None) -> None:
    """Say where the time of a comment goes, from its POST to a viewer's socket.

    Posts to a video of its own in a cluster that was started with LIVECOMMENTS_TRACE_DIR, watches it, and reads what
    the parts have written there. Times count from when a comment was sent.

    \b
    Example:
      LIVECOMMENTS_TRACE_DIR=/tmp/traces livecomments up         in one terminal
      LIVECOMMENTS_TRACE_DIR=/tmp/traces livecomments trace      in another
    """  # noqa: D301  click reads the \b
    settings = read_settings()
    if files is not None:
        traces = read_traces(files)
    else:
        if settings.trace_dir is None:
            raise click.ClickException("set LIVECOMMENTS_TRACE_DIR here and for the cluster: that is where traces are")
        own = uvloop.run(_post_and_watch(public_url(settings, url), settings, comments, rate, viewers))
        time.sleep(WRITTEN_S)
        written = read_traces(settings.trace_dir)
        traces = {name: {**written.get(name, {}), **times} for name, times in own.items()}
        seen = sum(SEEN in times for times in own.values())
        if seen < comments:
            click.echo(
                f"{seen} of {comments} came to a viewer: above LIVECOMMENTS_READABLE_RATE a sample is shown", err=True
            )
        if not any(name in written for name in own):
            raise click.ClickException(
                f"the parts wrote nothing to {settings.trace_dir}: start the cluster with this LIVECOMMENTS_TRACE_DIR"
            )
    found = latencies(times for times in traces.values() if times)
    if as_json:
        click.echo(orjson.dumps({name: _row(one) for name, one in found.items()}, option=orjson.OPT_INDENT_2))
    else:
        _print(found, len(traces))


async def _post_and_watch(url: str, settings: Settings, comments: int, rate: float, viewers: int) -> dict[str, Times]:
    """Return by trace when the client sent, had an answer, and saw each comment."""
    issuer, video = token_issuer(settings), f"trace-{secrets.token_hex(4)}"
    tokens = [issuer.issue(f"traced-{index}", TOKEN_TTL_S) for index in range(AUTHORS)]
    contexts = [new_trace() for _ in range(comments)]
    own: dict[str, Times] = {context.trace_id: {} for context in contexts}
    seen, watching = asyncio.Event(), asyncio.Semaphore(0)
    async with Client(url) as client:

        async def watch(first: bool) -> None:  # noqa: FBT001  one of two kinds
            left = comments
            async with contextlib.aclosing(client.follow(video, lambda: tokens[0], "0")) as events:
                async for event in events:
                    if isinstance(event, Event) and event.name == "sync":
                        watching.release()
                    elif first and isinstance(event, Event) and event.name == "message":
                        own[contexts[int(event.json()["message"])].trace_id][SEEN] = time.time_ns()
                        left -= 1
                        if not left:
                            seen.set()

        async def post(index: int) -> None:
            context, times = contexts[index], own[contexts[index].trace_id]
            times["client: sent"] = time.time_ns()
            await client.post(
                video, str(index), tokens[index % AUTHORS], f"{video}-{index}", traceparent=context.traceparent()
            )
            times["client: answered"] = time.time_ns()

        tasks = [asyncio.create_task(watch(first=not index)) for index in range(viewers)]
        async with asyncio.timeout(WATCHING_S):
            for _ in tasks:
                await watching.acquire()
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as posting:
            for index in range(comments):
                await asyncio.sleep(max(0.0, began + index / rate - loop.time()))
                posting.create_task(post(index))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(seen.wait(), LAST_ONES_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return own


def _row(found: Latencies) -> dict[str, float]:
    values = found.percentiles_ms(*PERCENTS)
    return {"count": len(found), **dict(zip(("p50", "p90", "p99", "max"), values, strict=True))}


def _print(found: dict[str, Latencies], traces: int) -> None:
    table = Table(title=f"{traces} comments: ms after each was sent", title_justify="left")
    table.add_column("milestone")
    for heading in ("count", "p50", "p90", "p99", "max", "since the one before, p50"):
        table.add_column(heading, justify="right")
    before = 0.0
    for milestone, one in found.items():
        row = _row(one)
        values = (f"{row[name]:.2f}" for name in ("p50", "p90", "p99", "max"))
        table.add_row(milestone, str(len(one)), *values, f"{row['p50'] - before:+.2f}")
        before = row["p50"]
    Console(width=110, highlight=False).print(table)
