"""NATS servers that leave, and that lose their disk: as docs/operating.md says, and without a comment lost.

It comes after the rehearsal, which adds the server that leaves here.
"""

import asyncio
import shutil

import aiohttp

from hosts.rehearsal import JOINING
from hosts.town import copies, leaders
from tests.hosts.test_compose import token
from tests.hosts.test_restoring import post, until_read


async def test_a_nats_server_leaves_and_nothing_is_lost(fleet):
    headers = {"Authorization": f"Bearer {token(fleet)}"}
    url = fleet.url("gateway-1")
    async with aiohttp.ClientSession(headers=headers) as session:
        if JOINING not in fleet.named("nats"):
            await fleet.join(JOINING)
            await fleet.run_again("streams")
        posted = [await post(session, url, f"before {number}", video="shrunk") for number in range(20)]
        assert (await copies(fleet))[JOINING] > 0

        await fleet.run_again("streams", "--without", JOINING)
        assert (await copies(fleet))[JOINING] == 0
        await fleet.leave(JOINING)
        await fleet.run_again("streams", "--without", JOINING)

        posted += [await post(session, url, f"after {number}", video="shrunk") for number in range(20)]
        await until_read(session, url, posted, video="shrunk")
        async with session.get(f"{fleet.url('nats-1', 8222)}/jsz") as response:
            meta = (await response.json())["meta_cluster"]
        assert meta["cluster_size"] == 3
        assert len((await leaders(fleet)).streams) == 7
        assert set((await copies(fleet)).values()) == {7}


async def test_a_nats_server_whose_disk_is_empty_has_every_stream_again(fleet):
    """What is left to do with one that does not catch up by itself, or whose disk is gone."""
    headers = {"Authorization": f"Bearer {token(fleet)}"}
    url = fleet.url("gateway-1")
    async with aiohttp.ClientSession(headers=headers) as session:
        posted = [await post(session, url, f"before {number}", video="emptied") for number in range(20)]
        await fleet["nats-3"].stop()
        shutil.rmtree(fleet.folder / "volumes" / "nats-3")
        posted += [await post(session, url, f"meanwhile {number}", video="emptied") for number in range(20)]
        await fleet["nats-3"].start()
        await fleet.ready(["nats-3"])  # which it is with every stream as the others have it (nats/health.sh)
        async with asyncio.timeout(30):
            while (await copies(fleet))["nats-3"] < 7:  # noqa: ASYNC110  nobody tells us
                await asyncio.sleep(0.2)
        await until_read(session, url, posted, video="emptied")
