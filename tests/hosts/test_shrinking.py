"""NATS servers that come back, leave, or lose their disk: as docs/operating.md says, and without a comment lost.

It comes after the rehearsal, which adds the server that leaves here.
"""

import asyncio
import shutil
import time

import aiohttp
import pytest

from hosts.rehearsal import JOINING
from hosts.town import copies, leaders, meta_members
from tests.hosts.conftest import COMING_BACK, LATER
from tests.hosts.test_compose import token
from tests.hosts.test_restoring import post, until_read

FORGIVEN_AFTER_S = 300.0  # `peerRemoveTimeout` of nats-server


@pytest.mark.timeout(420)  # where it runs alone; else the rehearsal has taken as long
async def test_a_nats_server_that_was_taken_out_is_a_member_again_five_minutes_later(fleet, taken_out_at):
    await asyncio.sleep(taken_out_at + FORGIVEN_AFTER_S - time.monotonic())
    await fleet.join(COMING_BACK)
    async with asyncio.timeout(60):
        while COMING_BACK not in await meta_members(fleet):  # noqa: ASYNC110  nobody tells us
            await asyncio.sleep(0.2)


@pytest.mark.timeout(180)
async def test_nats_servers_leave_and_nothing_is_lost(fleet):
    headers = {"Authorization": f"Bearer {token(fleet)}"}
    url = fleet.url("gateway-1")
    async with aiohttp.ClientSession(headers=headers) as session:
        for name in LATER.keys() - fleet.named("nats"):
            await fleet.join(name)
        posted = [await post(session, url, f"before {number}", video="shrunk") for number in range(20)]
        await fleet.run_again("streams", "--without", JOINING)
        assert (await copies(fleet))[JOINING] == 0, "what leaves another server went onto the one that is to leave"
        await fleet.leave(JOINING)
        await fleet.run_again("streams", "--without", JOINING)
        assert (await copies(fleet))[COMING_BACK] > 0

        await fleet.run_again("streams", "--without", COMING_BACK)
        assert (await copies(fleet))[COMING_BACK] == 0
        await fleet.leave(COMING_BACK)
        for name in fleet.named("nats"):  # now none of them knows whom that name was of
            await fleet.restart(name)
        await fleet.run_again("streams", "--without", COMING_BACK)

        posted += [await post(session, url, f"after {number}", video="shrunk") for number in range(20)]
        await until_read(session, url, posted, video="shrunk")
        assert await meta_members(fleet) == set(fleet.named("nats"))
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
