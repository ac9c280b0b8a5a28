"""A shard with three replicas is lifted: what a replica has not seen yet is archived all the same."""

from runtime import jetstream
from runtime.marks import Marks
from tests.archive.conftest import SHARD, SHARDS, VIDEO, World, a_follower, metric, until
from tests.archive.test_lifting import LIFTS, lifted, say
from tests.servers import NatsPeer
from wire import subjects
from wire.comment import encode_payload
from wire.mark import Claim


async def store(world: World, *texts: str) -> list[int]:
    messages = [
        jetstream.Outgoing(subjects.comments(SHARD, VIDEO), encode_payload("ann", text), f"id of {text}")
        for text in texts
    ]
    return [ack.number for ack in await world.publisher.batch(messages)]


async def test_a_shard_with_three_replicas_is_lifted_and_nothing_that_one_of_them_lacks_is_lost(
    replicated: World, peers: list[NatsPeer]
) -> None:
    """A replica is silent while comments are stored, and is back, and behind, when the shard is lifted."""
    world, lifts = replicated, metric(LIFTS)
    behind = await a_follower(world, peers)
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
