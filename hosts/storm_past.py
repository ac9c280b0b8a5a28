"""What a storm of replays is behind of: stored all at once, archived, and taken off JetStream where that is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client as Nats

from hosts.fleet import Fleet
from hosts.host import HostError
from hosts.storm_report import Size
from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher, StoreError
from runtime.settings import Settings
from wire import subjects
from wire.comment import encode_payload
from wire.video import shard_of

AUTHORS: Final = 200
BATCH: Final = 500  # comments in one round to JetStream
TEXT: Final = "What a goal! Did you all see that? Play it again, please"
ARCHIVED_WITHIN_S: Final = 90.0

Show = Callable[[str, int], None]  # what is being done, and how many viewers have been served


@dataclass(frozen=True, slots=True)
class Filled:
    """What the storm is behind of: for each video the number after which its viewers come back, and the newest one."""

    begin: dict[str, int]
    newest: dict[str, int]


async def fill(fleet: Fleet, nats: Nats, size: Size, show: Show) -> Filled:
    """Store what the storm is behind of: an hour's comments in as short a time as JetStream takes."""
    publisher = Publisher(nats)
    begin: dict[str, int] = {}
    newest: dict[str, int] = {}
    for index in range(size.videos):
        video = f"storm-{index}"
        show(f"storing comments: {index * size.behind:,} of {size.videos * size.behind:,}", 0)
        shard, left = shard_of(video, _shards(fleet)), size.behind + 1
        while left:
            batch = [_comment(shard, video, index) for _ in range(min(BATCH, left))]
            acks = await publisher.batch(batch) if len(batch) > 1 else [await publisher.one(batch[0])]
            begin.setdefault(video, acks[0].number)
            newest[video] = acks[-1].number
            left -= len(batch)
    return Filled(begin, newest)


def _comment(shard: int, video: str, index: int) -> Outgoing:
    payload = encode_payload(f"user-{index % AUTHORS}", TEXT)
    return Outgoing(subjects.comments(shard, video), payload, secrets.token_urlsafe(12))


async def archived(fleet: Fleet, newest: dict[str, int]) -> None:
    """Wait until all of it is in the archive, on the replica too. Raises `HostError`."""
    wanted = {
        shard_of(video, _shards(fleet)): number for video, number in sorted(newest.items(), key=lambda one: one[1])
    }
    query = "SELECT string_agg(shard || '=' || through, ' ') FROM archive_position"
    psql = ("psql", "-U", "livecomments_owner", "-d", "livecomments", "-Atc", query)
    give_up = time.monotonic() + ARCHIVED_WITHIN_S
    while time.monotonic() < give_up:
        status, said = await fleet["postgres-replica"].run(*psql)
        through = dict(one.split("=") for one in said.split()) if status == 0 else {}
        if all(int(through.get(str(shard), 0)) >= number for shard, number in wanted.items()):
            return
        await asyncio.sleep(0.5)
    raise HostError(f"not all was archived within {ARCHIVED_WITHIN_S:.0f} s")


async def trim(nats: Nats, fleet: Fleet, newest: dict[str, int]) -> None:
    """Take what is archived off the streams, as the archiver does with what is older than they keep."""
    for shard in range(_shards(fleet)):
        last = max((number for video, number in newest.items() if shard_of(video, _shards(fleet)) == shard), default=0)
        if last:
            answer = await jetstream.api(nats, f"STREAM.PURGE.{subjects.stream_name(shard)}", {"seq": last})
            if "error" in answer:
                raise HostError(f"shard {shard} cannot be trimmed: {answer['error']}")


@contextlib.asynccontextmanager
async def operator(fleet: Fleet) -> AsyncIterator[Nats]:
    """A connection to NATS that may do everything with streams."""
    password = fleet.folder / "volumes" / "secrets-migrate" / "nats"
    servers = ",".join(fleet.url(name, 4222).replace("http", "nats", 1) for name in fleet.named("nats"))
    try:
        nats = await jetstream.connect(Settings(nats_url=servers, nats_password_file=password), "storm")
    except StoreError as error:
        raise HostError(str(error)) from None
    try:
        yield nats
    finally:
        await jetstream.close(nats)


def _shards(fleet: Fleet) -> int:
    return int(fleet["writer-1"].service.environment["LIVECOMMENTS_SHARDS"])
