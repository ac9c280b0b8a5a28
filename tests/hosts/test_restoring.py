"""Backup and restore as docs/operating.md says: what was said after the backup is there again too."""

import asyncio

import aiohttp

from tests.hosts.test_compose import token

OWNER = ("-U", "livecomments_owner")
BEFORE, AFTER = 20, 20


async def test_what_was_said_before_and_after_a_backup_is_there_once_it_is_restored(fleet):
    headers = {"Authorization": f"Bearer {token(fleet)}"}
    url = fleet.url("gateway-1")
    async with aiohttp.ClientSession(headers=headers) as session:
        posted = [await post(session, url, f"before {number}") for number in range(BEFORE)]
        await until_read(session, url, posted)
        await succeeds(fleet, "postgres-replica", f"pg_dump {' '.join(OWNER)} -Fc livecomments > /tmp/comments.dump")
        _, dump = await fleet["postgres-replica"].run("base64", "-w0", "/tmp/comments.dump")
        posted += [await post(session, url, f"after {number}") for number in range(AFTER)]
        await until_read(session, url, posted)

        reading = [name for kind in ("archiver", "history") for name in fleet.named(kind)]
        await asyncio.gather(*(fleet[name].stop() for name in reading))
        (fleet.folder / "volumes" / "postgres" / "comments.b64").write_text(dump)
        await succeeds(fleet, "postgres", f"dropdb {' '.join(OWNER)} --force livecomments")
        await succeeds(fleet, "postgres", f"createdb {' '.join(OWNER)} livecomments")
        restore = f"pg_restore {' '.join(OWNER)} -d livecomments --exit-on-error"
        await succeeds(fleet, "postgres", f"base64 -d /var/lib/postgresql/comments.b64 | {restore}")
        for name in reading:
            await fleet[name].start()
        await fleet.ready(reading)
        await until_read(session, url, posted)


async def post(session, url, text, video="kept"):
    async with session.post(f"{url}/comments/{video}", json={"message": text}) as response:
        assert response.status in (201, 202), await response.text()
        return (await response.json())["commentId"]


async def until_read(session, url, numbers, video="kept"):
    async with asyncio.timeout(30):
        while True:
            async with session.get(f"{url}/comments/{video}", params={"limit": 100, "sort": "asc"}) as response:
                if response.status == 200:
                    read = [comment["id"] for comment in (await response.json())["comments"]]
                    if read == numbers:
                        return
            await asyncio.sleep(0.1)


async def succeeds(fleet, service, command):
    status, said = await fleet[service].run("bash", "-o", "pipefail", "-c", command)
    assert status == 0, said
