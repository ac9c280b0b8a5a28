"""`livecomments replay`: a chat log, posted as its authors."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Final, TextIO

import aiohttp
import click
import orjson
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from livecomments.authors import Authors
from livecomments.chatlog import read_chat_log, survey
from livecomments.client import Answer, Client, RefusedError, UnreachableError, reason_of
from livecomments.cluster_here import public_url, token_issuer
from livecomments.options import Video, url_option
from livecomments.replay import Due, Replay, Tally
from runtime.settings import read_settings

CONNECTIONS: Final = 64  # requests under way at once
INTERRUPTED_STATUS: Final = 130


def _check_speed(_: click.Context, __: click.Parameter, value: float) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise click.BadParameter("must be 0 (as fast as it goes) or a number above it")
    return value


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--video", required=True, type=Video(), help="The video to post to.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=float,
    callback=_check_speed,
    help="How many times faster than it was said; 0: as fast as it goes.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only this many messages, from the log's start.")
@url_option
@click.option(
    "--ids",
    type=click.File("w", encoding="utf-8", lazy=False),
    help="Write a line of JSON for each comment answered: line, t, key, commentId, status, and code where refused.",
)
def replay(*, file: Path, video: str, speed: float, limit: int | None, url: str | None, ids: TextIO | None) -> None:
    """Post a chat log to a video, as its authors and at its pace.

    A log has one message a line, gzip or not: {"t": seconds from the start, "user": author, "message": text}. Each
    author gets a token of their own, made with the secret of the cluster in LIVECOMMENTS_DATA_DIR (or the one that
    LIVECOMMENTS_TOKEN_SECRET_FILE names); where the log has no authors, a thousand are made up.

    Each comment has an Idempotency-Key, so that it is stored once, however often it must be sent: it waits as told
    where the cluster's rates say so, and is sent again where the cluster is away for a moment. To keep a busy log's
    pace, start the cluster with the rates off.

    \b
    Examples:
      livecomments replay chat.ndjson.gz --video demo --speed 60
      livecomments replay chat.ndjson --video demo --speed 0 --limit 500 --ids posted.ndjson
      LIVECOMMENTS_USER_RATE=0 LIVECOMMENTS_USER_TOTAL_RATE=0 LIVECOMMENTS_POSTS_PER_ADDRESS=0 \\
          LIVECOMMENTS_REQUESTS_PER_ADDRESS=0 livecomments up
    """  # noqa: D301  click reads the \b
    settings = read_settings()
    found = survey(file, limit)
    address = public_url(settings, url)
    authors = Authors(token_issuer(settings))
    tally = Tally()
    began = time.monotonic()
    with _progress() as progress:
        bar = progress.add_task(f"{file.name} to {video}", total=found.messages)

        def answered(due: Due, answer: Answer) -> None:
            progress.advance(bar)
            if ids is not None:
                ids.write(_line(due, answer))

        async def post() -> None:
            async with Client(address, CONNECTIONS) as client:
                await _check_server(client, video, authors)
                posting = Replay(client, video, authors, speed=speed, tally=tally, answered=answered)
                await posting.run(read_chat_log(file, limit), found.first_s)

        failure: Exception | None = None
        interrupted = False
        try:
            uvloop.run(post())
        except UnreachableError as error:
            failure = error
        except KeyboardInterrupt:
            interrupted = True
    _print_summary(tally, found.messages, time.monotonic() - began)
    if failure is not None:
        raise click.ClickException(str(failure))
    if interrupted:
        click.get_current_context().exit(INTERRUPTED_STATUS)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


async def _check_server(client: Client, video: str, authors: Authors) -> None:
    """Find out before the first comment whether anything answers, and takes these tokens."""
    try:
        await client.page(video, authors.token("replay"), limit=1)
    except RefusedError as refusal:
        if refusal.status < 500:  # history may be away while posting works
            raise
    except (aiohttp.ClientError, TimeoutError) as error:
        raise click.ClickException(f"{client.url} is not reachable: {reason_of(error)}") from None


def _line(due: Due, answer: Answer) -> str:
    number = str(answer.number) if answer.number is not None else None
    fields: dict[str, Any] = {
        "line": due.said.line,
        "t": due.said.at_s,
        "key": due.key,
        "commentId": number,
        "status": answer.status,
    }
    if answer.code is not None:
        fields["code"] = answer.code
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE).decode()


def _print_summary(tally: Tally, messages: int, took_s: float) -> None:
    refused = sum(tally.refused.values())
    median_ms, slow_ms = tally.latencies.percentiles_ms(50, 99)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("posted", str(tally.posted), f"of {messages}, in {took_s:.1f} s")
    table.add_row("accepted", str(tally.archived + tally.stored), f"{tally.archived} with 201, {tally.stored} with 202")
    table.add_row("repeated", str(tally.repeated), "sent again after a 503 or a lost connection")
    table.add_row("waited", str(tally.waited), "told by 429 to come later")
    table.add_row("refused", str(refused), ", ".join(f"{code}: {n}" for code, n in tally.refused.most_common()))
    table.add_row("latency p50", f"{median_ms:.1f} ms", "from when a comment was due to when it was accepted")
    table.add_row("latency p99", f"{slow_ms:.1f} ms")
    Console(width=110, highlight=False, soft_wrap=True).print(table)
    if tally.waited:
        click.echo(
            "The cluster's rates slowed this down; LIVECOMMENTS_USER_RATE=0 LIVECOMMENTS_USER_TOTAL_RATE=0"
            " LIVECOMMENTS_POSTS_PER_ADDRESS=0 LIVECOMMENTS_REQUESTS_PER_ADDRESS=0 switch them off when it is started.",
            err=True,
        )
