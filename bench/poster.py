"""The process that posts: an open loop, in which a comment is due whether or not those before it were answered."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

import uvloop

from bench.plan import Plan, Planned, timed_text
from livecomments.client import Client
from livecomments.latencies import Latencies

S_TO_NS: Final = 1_000_000_000
REPORT_INTERVAL_S: Final = 0.2


@dataclass(slots=True)
class Posted:
    """What became of the comments. `accepted`: their numbers, by video."""

    accepted: dict[str, list[int]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    latencies: Latencies = field(default_factory=Latencies)


def run_poster(url: str, plan: Plan, tokens: list[str], start_ns: int, parent: Connection) -> None:
    """Post all that is planned. Sends the parent how many were answered, now and then, and at last `Posted`."""
    parent.send(uvloop.run(_post_all(url, plan, tokens, start_ns, parent)))
    parent.close()


async def _post_all(url: str, plan: Plan, tokens: list[str], start_ns: int, parent: Connection) -> Posted:
    posted = Posted()
    run = secrets.token_hex(8)
    counted_from_ns = start_ns + round(plan.warmup_s * S_TO_NS)
    answered = 0

    async def post(index: int, comment: Planned, due_ns: int) -> None:
        nonlocal answered
        text = timed_text(due_ns, comment.text)
        answer = await client.post(comment.video, text, tokens[comment.author], f"{run}-{index}")
        if due_ns >= counted_from_ns:
            posted.latencies.add((time.monotonic_ns() - due_ns) / S_TO_NS)
        posted.repeated += answer.repeats > 0
        if answer.number is None:
            posted.refused[answer.code or "unknown"] += 1
        else:
            posted.accepted.setdefault(comment.video, []).append(answer.number)
        answered += 1

    async def report() -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            parent.send(answered)

    async with Client(url) as client:
        reporting = asyncio.create_task(report())
        async with asyncio.TaskGroup() as posting:
            for index, comment in enumerate(plan.comments()):
                due_ns = start_ns + round(comment.due_s * S_TO_NS)
                await asyncio.sleep(max(0, due_ns - time.monotonic_ns()) / S_TO_NS)
                posting.create_task(post(index, comment, due_ns))
        reporting.cancel()
    return posted
