"""The primary is lost for good: the replica takes its place as docs/operating.md says, and no comment is gone."""

import asyncio
import shutil

import aiohttp

from tests.hosts.test_compose import token
from tests.hosts.test_restoring import post, succeeds, until_read

PSQL = "psql -U livecomments_owner -d livecomments -Atc"


async def test_what_the_replica_had_and_what_it_had_not_seen_is_there_once_it_is_the_primary(fleet):
    headers = {"Authorization": f"Bearer {token(fleet)}"}
    url = fleet.url("gateway-1")
    async with aiohttp.ClientSession(headers=headers) as session:
        posted = [await post(session, url, f"before {number}", video="promoted") for number in range(20)]
        await until_read(session, url, posted, video="promoted")
        # What comes now is in Postgres, and the replica has not seen it when the primary is lost.
        fleet.network.cut("postgres-replica")
        posted += [await post(session, url, f"unseen {number}", video="promoted") for number in range(20)]
        await until_read(session, url, posted, video="promoted")
        await fleet["postgres"].stop()
        fleet.network.mend("postgres-replica")

        await succeeds(fleet, "postgres-replica", f"{PSQL} 'SELECT pg_promote()'")
        counted = f"{PSQL} \"SELECT count(*) FROM comments WHERE video_id = 'promoted'\""
        assert (await fleet["postgres-replica"].run("bash", "-c", counted))[1].strip() == "20", "it saw what it had not"
        await fleet["postgres-replica"].stop()
        volumes = fleet.folder / "volumes"
        shutil.rmtree(volumes / "postgres")
        copy = await asyncio.create_subprocess_exec("cp", "-a", volumes / "postgres-replica", volumes / "postgres")
        assert await copy.wait() == 0
        for name in ("postgres", "postgres-replica"):
            await fleet[name].start()
            await fleet.ready([name])
        await until_read(session, url, posted, video="promoted")
        posted += [await post(session, url, "after", video="promoted")]
        await until_read(session, url, posted, video="promoted")
    following = f"{PSQL} 'SELECT count(*) FROM pg_stat_replication'"
    async with asyncio.timeout(30):  # it is healthy as soon as it can be read
        while (await fleet["postgres"].run("bash", "-c", following))[1].strip() != "1":  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    _, standby = await fleet["postgres-replica"].run("bash", "-c", f"{PSQL} 'SELECT pg_is_in_recovery()'")
    assert standby.strip() == "t"
