"""A shard with three replicas is lifted: what a replica has not seen yet is archived all the same."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from runtime import jetstream
from runtime.marks import Marks
from tests.archive.conftest import SHARD, SHARDS, VIDEO, WITHIN_S, World, make_world, metric, until
from tests.archive.test_lifting import LIFTS, lifted, say
from tests.servers import Database, NatsPeer
from wire import subjects
from wire.comment import encode_payload
from wire.mark import Claim


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[list[NatsPeer]]:
    made: list[NatsPeer] = []
    for number in range(3):
        NatsPeer(tmp_path / f"nats-{number}", made)
    await asyncio.gather(*(asyncio.to_thread(peer.start) for peer in made))
    yield made
    for peer in made:
        peer.kill()


@pytest.fixture
async def world(
    peers: list[NatsPeer], fresh_database: Callable[[], Database], token_secret_file: Path
) -> AsyncIterator[World]:
    urls, database = ",".join(peer.url for peer in peers), fresh_database()
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                made = await make_world(
                    database, peers[0], nats_url=urls, token_secret_file=token_secret_file, replicas=3
                )
                break
            except jetstream.StoreError:  # they have not agreed on a leader yet
                await asyncio.sleep(0.1)
    yield made
    await made.end()


async def leader(world: World) -> str:
    found = ""

    async def there() -> bool:
        nonlocal found
        answer = await jetstream.api(world.connection, f"STREAM.INFO.{subjects.stream_name(SHARD)}")
        found = answer.get("cluster", {}).get("leader", "")
        return bool(found)

    await until(there)
    return found


async def store(world: World, *texts: str) -> list[int]:
    messages = [
        jetstream.Outgoing(subjects.comments(SHARD, VIDEO), encode_payload("ann", text), f"id of {text}")
        for text in texts
    ]
    return [ack.number for ack in await world.publisher.batch(messages)]


async def test_a_shard_with_three_replicas_is_lifted_and_nothing_that_one_of_them_lacks_is_lost(
    world: World, peers: list[NatsPeer]
) -> None:
    """A replica is silent while comments are stored, and is back, and behind, when the shard is lifted."""
    lifts = metric(LIFTS)
    leads = await leader(world)
    at = world.connection.connected_url.port
    behind = next(peer for peer in peers if peer.folder.name != leads and peer.port != at)
    numbers = await say(world, "one")
    behind.pause()
    numbers += await store(world, *(str(number) for number in range(500)))
    behind.resume()
    await world.start()
    marks = Marks(world.connection, SHARDS)

    async def found_short() -> bool:
        await marks.claim(SHARD, Claim(numbers[-1], certain=True))  # again and again, as a writer does
        return metric(LIFTS) > lifts

    await until(found_short)
    await lifted(world, lifts + 1)
    numbers += await say(world, "next")
    assert numbers[-1] > numbers[-2] + 1
    await world.archived(numbers)
    answer = await jetstream.api(world.connection, f"STREAM.INFO.{subjects.stream_name(SHARD)}")
    assert answer["config"]["num_replicas"] == 3
    assert answer["state"]["first_seq"] == numbers[-1]
