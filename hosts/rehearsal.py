"""Faults and restarts under load, on all hosts: what is done, and the ledger of it.

The load, its ledger and its verdict are those of `faults/`; here is what can only be broken where there are several
hosts. Clients know the service by one name with the addresses of both gateways.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Final

from faults.journal import FAULTS, Journal, write_run
from faults.ledger import Fired, Ledger, Needs
from faults.load import AT_ONCE, Amount, Load
from hosts.client_names import SERVICE_NAME
from hosts.fleet import Fleet
from hosts.town import copies, leader_of_shard, leaders
from runtime.settings import Settings
from runtime.tokens import Tokens

VIDEOS: Final = 12
USERS: Final = 200
READ_WITHIN_S: Final = 200.0
SETTLED_WITHIN_S: Final = 60.0
STAY_S: Final = 60.0
UNDER_WAY_S: Final = 2.0  # of comments that may be under way, before nothing new is begun: three copies take their time
CALM_S: Final = 5.0
BETWEEN_S: Final = 3.0
SLOW_S: Final = 15.0
PAUSED_S: Final = 8.0  # longer than an election takes to begin
CUT_S: Final = 8.0
PRIMARY_LOST_S: Final = 12.0

# What is restarted, in this order: as docs/operating.md says for an upgrade.
ROLLING: Final = (
    *("postgres-replica", "postgres", "nats-1", "nats-2", "nats-3"),
    *("archiver-1", "archiver-2", "history-1", "history-2", "writer-1", "writer-2"),
    *("edge-1", "edge-2", "edge-3", "edge-4", "gateway-1", "gateway-2"),
)

JOINING: Final = "nats-4"  # a server that is added under load
LATER: Final = {JOINING: "nats-3"}

Step = Callable[["Rehearsal"], Awaitable[None]]


def amount(rate: float, viewers: int) -> Amount:
    """Return a load of so many comments a second and so many viewers."""
    followers = viewers * 3 // 4
    at_once = max(AT_ONCE, round(rate * UNDER_WAY_S))
    return Amount(rate, followers, viewers - followers, VIDEOS, USERS, at_once, stay_s=STAY_S)


class Rehearsal:
    """A load on a fleet, and what is done to it meanwhile. Its ledger is left in `folder`."""

    def __init__(self, fleet: Fleet, folder: Path, load: Amount, say: Callable[[str], None], seed: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.fleet = fleet
        self.elections_s: dict[str, float] = {}  # how long a fault kept a shard from taking comments
        self._folder = folder
        self._amount = load
        self._say = say
        acknowledged, followed = int(10 * load.rate), load.followers // 3
        needs = Needs(faults=1, acknowledged=acknowledged, reconnects=1, followed_to_the_end=followed, removals=1)
        shards = int(fleet.hosts["writer-1"].service.environment["LIVECOMMENTS_SHARDS"])
        self._ledger = Ledger(shards=shards, seed=seed, needs=needs)
        self._journal = Journal(folder / FAULTS)
        self._load = Load(folder, self._ledger, self._journal, say)

    async def go(self, steps: list[Step]) -> None:
        """Do the steps under load, and write down what came of it. Raises `WorkerError`, `HostError`."""
        with self._journal:
            async with contextlib.AsyncExitStack() as stack:
                url = f"http://{SERVICE_NAME}:8080"
                await self._load.begin(stack, url, self._tokens(), self._amount, Random(self._ledger.seed))
                for step in steps:
                    await asyncio.sleep(BETWEEN_S)
                    await step(self)
                await self.recovered()
                await asyncio.sleep(CALM_S)
                self._say("reading the whole history back")
                await self._load.stop_posting()
                await self._load.read_back(read_s=READ_WITHIN_S)
                await self._load.settle(within_s=SETTLED_WITHIN_S)
        write_run(self._folder, self._ledger)

    @contextlib.asynccontextmanager
    async def doing(self, kind: str, target: str) -> AsyncIterator[None]:
        """Note that something is done to a service for as long as the block lasts."""
        self._say(f"{kind} {target}")
        began = time.monotonic_ns()
        yield
        self._journal.write({"fault": asdict(Fired(kind, target, began, time.monotonic_ns()))})
        self._journal.flush()

    async def recovered(self) -> None:
        """Wait until all is ready, and every NATS server has each stream as the others have it.

        Three copies bear one fault at a time, and a server that has just lost the others does not know it yet.
        """
        await self.fleet.ready()
        took_s = await self.fleet.settled(self.fleet.named("nats"))
        if took_s > SLOW_S:
            self._say(f"NATS had all its copies again after {took_s:.0f} s")

    @property
    def acknowledged(self) -> Mapping[str, int]:
        """Return how many comments were answered with 201 and with 202."""
        return dict(self._load.acknowledged)

    def trouble(self, trouble: str) -> None:
        """Write down what is not as it should be."""
        self._load.trouble(trouble)

    def _tokens(self) -> Tokens:
        return Tokens(Settings(token_secret_file=self.fleet.folder / "volumes" / "secrets-writer" / "token"))


# What can be done.


async def kill_meta_leader(one: Rehearsal) -> None:
    """Kill the NATS server that leads the cluster's meta group."""
    target = (await leaders(one.fleet)).meta or "nats-1"
    await _kill(one, target)


async def pause_meta_leader(one: Rehearsal) -> None:
    """Let the leader of the meta group go silent, and go on later as if nothing had been."""
    await _pause(one, (await leaders(one.fleet)).meta or "nats-1")


async def cut_meta_leader_off(one: Rehearsal) -> None:
    """Cut the leader of the meta group off from everybody."""
    await _cut(one, (await leaders(one.fleet)).meta or "nats-1")


async def kill_stream_leader(one: Rehearsal) -> None:
    """Kill the NATS server that leads a shard."""
    await _kill(one, await leader_of_shard(one.fleet, 0))


async def pause_stream_leader(one: Rehearsal) -> None:
    """Let the leader of a shard go silent, and go on later as if nothing had been."""
    await _pause(one, await leader_of_shard(one.fleet, 1))


async def cut_stream_leader_off(one: Rehearsal) -> None:
    """Cut the leader of a shard off from everybody."""
    await _cut(one, await leader_of_shard(one.fleet, 2))


async def cut_stream_leader_one_way(one: Rehearsal) -> None:
    """Let nothing of what the leader of a shard says come to the other servers, while it hears them."""
    target = await leader_of_shard(one.fleet, 3)
    others = [name for name in one.fleet.named("nats") if name != target]
    async with one.doing("silence", target):
        one.fleet.network.cut_one_way(target, others)
        await asyncio.sleep(CUT_S)
        one.fleet.network.mend_one_way(target, others)
    await one.recovered()


async def lose_gateway(one: Rehearsal) -> None:
    """Cut one gateway off: clients go on at the other one."""
    await _cut(one, "gateway-1")


async def lose_replica(one: Rehearsal) -> None:
    """Cut the replica off: history reads the primary."""
    await _cut(one, "postgres-replica")


async def lose_primary(one: Rehearsal) -> None:
    """Cut the primary off: posts are answered with 202, and history reads the replica."""
    before = one.acknowledged
    async with one.doing("cut", "postgres"):
        one.fleet.network.cut("postgres")
        await asyncio.sleep(PRIMARY_LOST_S)
        after = one.acknowledged
        one.fleet.network.mend("postgres")
    if after["202"] - before["202"] < after["201"] - before["201"]:
        one.trouble(f"while the primary was lost posts were not answered with 202: {before} {after}")
    await one.recovered()


async def lose_edge(one: Rehearsal) -> None:
    """Kill an edge: its viewers go on at others."""
    await _kill(one, "edge-1")


async def lose_archiver(one: Rehearsal) -> None:
    """Cut an archiver off: the other one takes its shards over."""
    await _cut(one, "archiver-1")


def restart(name: str) -> Step:
    """Return the step that stops a service as it wants to be stopped, and starts it again."""

    async def step(one: Rehearsal) -> None:
        async with one.doing("restart", name):
            await one.fleet.restart(name)

    return step


async def _kill(one: Rehearsal, target: str) -> None:
    async with one.doing("kill", target):
        host = one.fleet[target]
        starts = host.starts
        host.kill()
        await host.until(lambda it: it.starts > starts and it.ready, "back", 60.0)
    await one.recovered()


async def _pause(one: Rehearsal, target: str) -> None:
    async with one.doing("stop", target):
        one.fleet[target].pause()
        await asyncio.sleep(PAUSED_S)
        one.fleet[target].resume()
    await one.recovered()


async def _cut(one: Rehearsal, target: str) -> None:
    async with one.doing("cut", target):
        one.fleet.network.cut(target)
        await asyncio.sleep(CUT_S)
        one.fleet.network.mend(target)
    await one.recovered()


async def add_nats_server(one: Rehearsal) -> None:
    """Add a server, and let `livecomments streams` move copies of streams onto it."""
    async with one.doing("add", JOINING):
        await one.fleet.join(JOINING)
        await one.fleet.run_again("streams")
    held = await copies(one.fleet)
    if max(held.values()) - min(held.get(name, 0) for name in one.fleet.named("nats")) > 1:
        one.trouble(f"streams are not spread: {held}")


EVERY_FAULT: Final[tuple[Step, ...]] = (
    *(kill_meta_leader, pause_meta_leader, cut_meta_leader_off),
    *(kill_stream_leader, pause_stream_leader, cut_stream_leader_off, cut_stream_leader_one_way),
    *(lose_gateway, lose_edge, lose_archiver, lose_replica, lose_primary, add_nats_server),
)
ROLLING_RESTART: Final[tuple[Step, ...]] = tuple(restart(name) for name in ROLLING)
