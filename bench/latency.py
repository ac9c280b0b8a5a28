"""`livecomments bench --only latency`: how long a POST takes, and how long until every viewer has the comment.

The loop is open: a comment is due at a fixed pace whether or not those before it were answered, and both latencies
count from when it was due, so that a stall shows in all the comments it delayed.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import secrets
import sys
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import machine
from bench.figure import Figure
from bench.own_cluster import RATES_OFF, STREAM_LIMITS_OFF, own_cluster
from bench.plan import Plan
from bench.poster import S_TO_NS, Posted, run_poster
from bench.viewers import LAST_ONES_TIMEOUT_S, OPEN_TIMEOUT_S, Watched, run_viewers
from livecomments.cluster_here import token_issuer
from livecomments.latencies import Latencies
from runtime.settings import Settings, SettingsError, read_settings
from runtime.tokens import Tokens

AUTHORS: Final = 500
TOKEN_TTL_S: Final = 24 * 3600
LEAD_S: Final = 0.5  # between the order to start and the first comment
ANSWER_TIMEOUT_S: Final = 60
PERCENTS: Final = (50, 90, 99, 99.9, 100)
SHARES: Final = (0.1, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9, 100)  # of a distribution


class BenchError(click.ClickException):
    """The measurement could not be made."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured."""

    plan: Plan
    posted: Posted
    watched: Watched

    @property
    def good(self) -> bool:
        """Whether every comment was accepted, and every viewer had each once and in order."""
        return self.watched.verdict.good and not self.posted.refused and self.watched.verdict.expected > 0


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--rate", default=100.0, type=click.FloatRange(min=0.1), help="Comments a second, over all videos.")
@click.option("--videos", default=20, type=click.IntRange(min=1), help="Videos.")
@click.option("--viewers", default=200, type=click.IntRange(min=1), help="Viewers, spread evenly over the videos.")
@click.option("--seconds", default=30.0, type=click.FloatRange(min=1), help="How long to measure.")
@click.option("--warmup", default=3.0, type=click.FloatRange(min=0), help="Seconds before that, which do not count.")
@click.option("--url", help="A cluster that runs, its secret in LIVECOMMENTS_DATA_DIR, its rates off. Default: an own.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here too."
)
def main(
    *,
    rate: float,
    videos: int,
    viewers: int,
    seconds: float,
    warmup: float,
    url: str | None,
    json_file: Path | None,
) -> None:
    """Measure the latency of posting and of delivery.

    Prints a table, and fails when a viewer missed a comment, had one twice or out of order, or a POST was refused.
    """
    plan = Plan(secrets.token_hex(4), rate, videos, viewers, AUTHORS, seconds, warmup)
    with contextlib.ExitStack() as stack:
        try:
            if url is None:
                with Console(stderr=True).status("starting a cluster"):
                    cluster = stack.enter_context(own_cluster({**RATES_OFF, **STREAM_LIMITS_OFF}))
                url, tokens = cluster.url, token_issuer(Settings(data_dir=cluster.data_dir))
            else:
                tokens = token_issuer(read_settings())
        except (RuntimeError, SettingsError) as error:
            raise BenchError(str(error)) from None
        result = measure(url.rstrip("/"), plan, tokens)
    _print_result(result)
    if json_file is not None:
        json_file.write_bytes(orjson.dumps(_as_json(result), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.exit(0 if result.good else 1)


def measure(url: str, plan: Plan, tokens: Tokens) -> Result:
    """Post and watch as planned, each in a process of its own. Raises `BenchError`."""
    viewer_tokens = [tokens.issue(f"viewer-{index}", TOKEN_TTL_S) for index in range(plan.viewers)]
    author_tokens = [tokens.issue(f"author-{index}", TOKEN_TTL_S) for index in range(plan.authors)]
    with contextlib.ExitStack() as stack:
        to_viewers = _start(stack, run_viewers, url, plan, viewer_tokens)
        with Console(stderr=True).status(f"opening {plan.viewers} streams"):
            _receive(to_viewers, OPEN_TIMEOUT_S)
        start_ns = time.monotonic_ns() + round(LEAD_S * S_TO_NS)
        to_viewers.send(start_ns + round(plan.warmup_s * S_TO_NS))
        to_poster = _start(stack, run_poster, url, plan, author_tokens, start_ns)
        posted = _wait_for_posts(to_poster, len(plan.comments()))
        to_viewers.send(posted.accepted)
        watched: Watched = _receive(to_viewers, LAST_ONES_TIMEOUT_S + ANSWER_TIMEOUT_S)
    return Result(plan, posted, watched)


def _start(stack: contextlib.ExitStack, target: Any, *arguments: Any) -> Connection:
    """Start a process that talks to this one over the connection returned, and ends with the stack."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    stack.callback(_end, process)
    return ours


def _end(process: BaseProcess) -> None:
    process.join(1)
    if process.is_alive():
        process.terminate()
        process.join()


def _receive(connection: Connection, timeout_s: float) -> Any:
    try:
        if connection.poll(timeout_s):
            return connection.recv()
    except EOFError:
        raise BenchError("a process of the measurement ended before its time; its reason stands above") from None
    raise BenchError(f"a process of the measurement did not answer within {timeout_s:.0f} s")


def _wait_for_posts(connection: Connection, comments: int) -> Posted:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as progress:
        bar = progress.add_task("posting", total=comments)
        while True:
            said = _receive(connection, ANSWER_TIMEOUT_S)
            if isinstance(said, Posted):
                progress.update(bar, completed=comments)
                return said
            progress.update(bar, completed=said)


def _print_result(result: Result) -> None:
    plan, posted, watched = result.plan, result.posted, result.watched
    console = Console(width=110, highlight=False)
    table = Table(
        title=f"{plan.rate:g} comments/s over {plan.videos} videos to {plan.viewers} viewers, {plan.seconds:g} s",
        title_justify="left",
    )
    table.add_column("ms from when a comment was due")
    for heading in ("count", "p50", "p90", "p99", "p99.9", "max"):
        table.add_column(heading, justify="right")
    for name, latencies in (("POST answered", posted.latencies), ("POST to viewer", watched.latencies)):
        table.add_row(name, str(len(latencies)), *(f"{ms:.1f}" for ms in latencies.percentiles_ms(*PERCENTS)))
    console.print(table)
    verdict = watched.verdict
    console.print(
        f"deliveries expected {verdict.expected}: missed {verdict.missed}, repeated {verdict.repeated},"
        f" out of order {verdict.out_of_order}"
    )
    refused = sum(posted.refused.values())
    console.print(f"posts refused {refused}, sent again {posted.repeated}; streams lost {watched.interrupted.total()}")
    for what in (posted.refused, watched.interrupted):
        for reason, count in what.most_common():
            console.print(f"  {count} x {reason}", markup=False)


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "plan": asdict(result.plan),
        "machine": machine.describe(),
        "post_ms": _percentiles(result.posted.latencies),
        "post_to_viewer_ms": _percentiles(result.watched.latencies),
        **asdict(result.watched.verdict),
        "posts_refused": dict(result.posted.refused),
        "posts_repeated": result.posted.repeated,
        "streams_lost": dict(result.watched.interrupted),
        "distributions": {
            name: [[share, round(ms, 3)] for share, ms in zip(SHARES, latencies.percentiles_ms(*SHARES), strict=True)]
            for name, latencies in _timed(result).items()
            if len(latencies)
        },
        "figures": [
            asdict(Figure(f"{name}, p{percent}", "ms", latencies.blocks_ms(percent)))
            for name, latencies in _timed(result).items()
            for percent in (50, 99)
        ],
    }


def _timed(result: Result) -> dict[str, Latencies]:
    return {"POST answered": result.posted.latencies, "POST to viewer": result.watched.latencies}


def _percentiles(latencies: Latencies) -> dict[str, float | int | None]:
    names = [f"p{percent:g}" if percent < 100 else "max" for percent in PERCENTS]
    values = [None if math.isnan(ms) else round(ms, 3) for ms in latencies.percentiles_ms(*PERCENTS)]
    return {"count": len(latencies), **dict(zip(names, values, strict=True))}


if __name__ == "__main__":
    main()
