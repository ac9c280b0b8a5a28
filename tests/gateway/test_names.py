"""Parts that are names, as in compose and on Kubernetes: they come and go, and each keeps its place in the hash."""

import asyncio

import pytest

from cluster.gateway import Gateway
from cluster.ports import Ports
from tests.gateway.conftest import EchoPart, RunningGateway, configuration_with, until
from tests.gateway.name_server import NameServer

# A quarter of the times: what they are for is the same.
QUICK_NAMES = {
    "timeout resolve 1s": "timeout resolve 250ms",
    "timeout retry 1s": "timeout retry 250ms",
    "hold valid 2s": "hold valid 500ms",
    "hold nx 2s": "hold nx 500ms",
    "hold obsolete 2s": "hold obsolete 500ms",
}
AWAY_S = 2  # longer than an address holds that a name server has taken back, and all tries to ask it
VIDEOS = [f"video-{number}" for number in range(24)]


class NamedGateway(Gateway):
    """A gateway whose parts are names; `dns` is where it asks for them."""

    dns = ""

    def environment(self):
        return {**super().environment(), "GATEWAY_DNS": self.dns}


@pytest.fixture
async def names():
    server = NameServer()
    port = await server.start()
    yield server, port
    server.stop()


@pytest.fixture
async def parts():
    ports = Ports(0)
    started = {name: EchoPart(name, ports.pick()) for name in ("writer-0", "edge-0", "edge-1", "edge-2", "history-0")}
    for part in started.values():
        await part.start()
    yield started
    for part in started.values():
        await part.stop()


@pytest.fixture
def start(names, parts, tmp_path):
    """Start a gateway that asks the name server, by name, for `edge-0.edge.test` and so on."""
    _, dns = names
    configuration = configuration_with(QUICK_NAMES, tmp_path)

    def named(kind):
        return [f"{name}.{kind}.test:{part.port}" for name, part in parts.items() if name.startswith(kind)]

    async def start_one():
        gateway = NamedGateway(Ports(0).pick(), named("writer"), named("edge"), named("history"))
        object.__setattr__(gateway, "dns", f"localhost:{dns}")
        running = RunningGateway(gateway, {})
        await running.start(configuration)
        return running

    return start_one


async def edge_of(gateway, video):
    async with gateway.session.get(f"/comments/{video}/snapshot") as response:
        return (await response.json())["part"] if response.status == 200 else None


async def mapping(gateway):
    """Which edge each video goes to. One is asked after the other: loads are bounded, so that many at once spread."""
    return {video: await edge_of(gateway, video) for video in VIDEOS}


async def test_edges_come_and_go_by_name_and_every_gateway_sends_a_video_to_the_same_one(names, parts, start):
    server, _ = names
    known = {f"{name}.{name.rpartition('-')[0]}.test": "127.0.0.1" for name in parts}
    server.addresses = {name: address for name, address in known.items() if not name.startswith("edge-1")}
    first = await start()
    try:
        assert set((await mapping(first)).values()) == {"edge-0", "edge-2"}, "one that has no address is not there"
        server.addresses = known

        async def has_all():
            return set((await mapping(first)).values()) == {"edge-0", "edge-1", "edge-2"}

        await until(has_all)
        second = await start()
        try:

            async def agree():
                return await mapping(first) == await mapping(second)

            await until(agree)
        finally:
            await second.stop()
        before = await mapping(first)
        del server.addresses["edge-2.edge.test"]

        async def without_the_last():
            return "edge-2" not in set((await mapping(first)).values())

        await until(without_the_last, within_s=15)
        after = await mapping(first)
        kept = [video for video in VIDEOS if before[video] != "edge-2"]
        assert [after[video] for video in kept] == [before[video] for video in kept]
    finally:
        await first.stop()


async def test_a_name_server_that_is_away_takes_no_part_with_it(names, parts, start):
    server, _ = names
    server.addresses = {f"{name}.{name.rpartition('-')[0]}.test": "127.0.0.1" for name in parts}
    gateway = await start()
    try:
        assert None not in (await mapping(gateway)).values()
        server.stop()
        away_until = asyncio.get_running_loop().time() + AWAY_S
        while asyncio.get_running_loop().time() < away_until:
            assert None not in (await mapping(gateway)).values()
            await asyncio.sleep(0.2)
    finally:
        await gateway.stop()
