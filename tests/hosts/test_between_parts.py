"""compose.yaml with compose.tls.yaml and compose.tls-inside.yaml: TLS on every way but one, and nobody gets in without.

It has a fleet of its own, of what is needed, and comes before the other tests of this folder: two fleets would be in
each other's way.
"""

import asyncio
import json
import ssl
from dataclasses import replace

import aiohttp
import pytest

from hosts.__main__ import VARIABLES
from hosts.certificates import make_all, make_authority, write_server
from hosts.fleet import Fleet
from hosts.images import debian_postgres
from tests.hosts.test_compose import token

NAME = "comments.test"
SECOND_ONES = ("writer-2", "archiver-2", "history-2", "edge-2", "edge-3", "edge-4", "gateway-2", "prometheus")
POSTGRES = ("postgres", "postgres-replica")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """The folder of those inside, and the context of a client who trusts the gateway's."""
    folder = tmp_path_factory.mktemp("certificates")
    make_all(folder / "inside")
    authority = make_authority()
    write_server(authority, folder / "gateway", [NAME])
    (folder / "gateway" / "tls.key").chmod(0o644)  # the gateway's user reads it
    return folder, ssl.create_default_context(cadata=authority.pem.decode())


@pytest.fixture(scope="module")
async def fleet(tmp_path_factory, certificates):
    folder, _ = certificates
    running = Fleet(
        tmp_path_factory.mktemp("tls") / "fleet",
        {
            **VARIABLES,
            "LIVECOMMENTS_TLS_DIR": str(folder / "gateway"),
            "LIVECOMMENTS_INSIDE_TLS_DIR": str(folder / "inside"),
        },
        added=("compose.tls.yaml", "compose.tls-inside.yaml"),
        without=SECOND_ONES,
        images={"postgres": debian_postgres()},
    )
    for name in POSTGRES:
        host = running[name]
        older = {"POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256 --encoding=UTF8 --locale=C"}
        host.service = replace(host.service, environment={**host.service.environment, **older})
    try:
        await running.up()
        yield running
    finally:
        await running.down()


async def test_a_comment_goes_all_the_way_over_tls(fleet, certificates):
    _, trusting = certificates
    url, bearer = fleet.url("gateway-1", 8443).replace("http:", "https:"), token(fleet)
    connector = aiohttp.TCPConnector(ssl=trusting)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {bearer}"}) as session:
        named = {"server_hostname": NAME}
        async with asyncio.timeout(20), session.get(f"{url}/comments/tls/stream", **named) as stream:
            async with session.post(f"{url}/comments/tls", json={"message": "hello"}, **named) as response:
                assert response.status in (201, 202)
                number = (await response.json())["commentId"]
            while f"id: {number}".encode() not in await stream.content.readline():
                pass
            while True:  # what is archived comes to the replica in its own time
                async with session.get(f"{url}/comments/tls", **named) as response:
                    if [one["id"] for one in (await response.json()).get("comments", ())] == [number]:
                        break
                await asyncio.sleep(0.05)


async def test_every_connection_to_nats_is_encrypted_those_between_its_servers_too(fleet):
    async with aiohttp.ClientSession() as session:
        for server in fleet.named("nats"):
            async with session.get(f"{fleet.url(server, 8222)}/connz") as response:
                connections = (await response.json())["connections"]
            assert all(one["tls_version"] in ("1.2", "1.3") for one in connections), connections
            async with session.get(f"{fleet.url(server, 8222)}/varz") as response:
                said = await response.json()
            assert said["tls_required"]
            assert said["cluster"]["tls_required"]
            assert said["cluster"]["tls_verify"]
            assert said["routes"] >= 2


async def test_every_connection_to_postgres_is_encrypted_its_replicas_too(fleet):
    query = """
        SELECT json_agg(json_build_array(coalesce(application_name, ''), usename, ssl.ssl))
        FROM pg_stat_activity JOIN pg_stat_ssl ssl USING (pid) WHERE client_addr IS NOT NULL
    """
    seen = set()
    for server in POSTGRES:
        status, said = await fleet[server].run("psql", "-U", "livecomments_owner", "-d", "livecomments", "-Atc", query)
        assert status == 0, said
        for name, user, encrypted in json.loads(said):
            assert encrypted, (name, user)
            seen.add(user)
    assert {"livecomments_archiver", "livecomments_history", "livecomments_replication"} <= seen


ASK_NATS = """
import asyncio, ssl, sys, nats
kind, port = sys.argv[1:]
password = open("/run/secrets/nats_edge").read().strip()
async def main():
    if kind == "plain":
        reader, writer = await asyncio.open_connection("nats-1", int(port))
        await reader.readline()
        said = '{"verbose":false,"user":"edge","pass":"%s","name":"plain","lang":"x","version":"1"}' % password
        writer.write(b"CONNECT " + said.encode() + b"\\r\\nPING\\r\\n")
        print("let in" if b"PONG" in await asyncio.wait_for(reader.read(), 5) else "turned away")
        return
    context = ssl.create_default_context(cafile="/run/tls/ca.crt" if kind != "no CA" else None)
    async def failed(error):
        pass
    try:
        await nats.connect("tls://nats-1:" + port, user="edge", password=password, tls=context, error_cb=failed,
                           allow_reconnect=False, connect_timeout=3)
        print("let in")
    except Exception as error:
        print("turned away", type(error).__name__, error)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("kind", "port", "answer"),
    [
        ("with the CA", 4222, "let in"),
        ("no CA", 4222, "turned away"),
        ("plain", 4222, "turned away"),
        ("plain", 6222, "turned away"),
        ("with the CA", 6222, "turned away"),  # a server of the cluster has a certificate of its own
    ],
)
async def test_nats_lets_nobody_in_without_tls_and_is_trusted_by_nobody_without_its_authority(
    fleet, kind, port, answer
):
    status, said = await fleet["edge-1"].run("python", "-c", ASK_NATS, kind, str(port))
    assert (status, said.startswith(answer)) == (0, True), said


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("?sslmode=verify-full&sslrootcert=/run/tls/ca.crt", "let in"),
        ("?sslmode=verify-full", "turned away"),
        ("?sslmode=disable", "turned away"),
    ],
)
@pytest.mark.parametrize("server", POSTGRES)
async def test_postgres_lets_nobody_in_without_tls_and_is_trusted_by_nobody_without_its_authority(
    fleet, server, query, answer
):
    program = """
import asyncio, asyncpg, sys
password = open("/run/secrets/postgres_history").read().strip()
async def main():
    try:
        await asyncpg.connect(sys.argv[1], password=password, timeout=5)
        print("let in")
    except Exception as error:
        print("turned away", type(error).__name__, error)
asyncio.run(main())
"""
    dsn = f"postgresql://livecomments_history@{server}:5432/livecomments{query}"
    status, said = await fleet["history-1"].run("python", "-c", program, dsn)
    assert (status, said.startswith(answer)) == (0, True), said


async def test_a_replica_that_does_not_know_the_authority_copies_nothing(fleet):
    copy = "pg_basebackup -h postgres -U livecomments_replication -D /tmp/copy -X none 2>&1"
    password = "export PGPASSWORD=$(cat /run/secrets/postgres_replication)"
    for mode, told in (("PGSSLMODE=disable", "no encryption"), ("PGSSLMODE=verify-full", "root certificate")):
        status, said = await fleet["postgres-replica"].run("bash", "-c", f"{password}; {mode} {copy}")
        assert status != 0
        assert told in said


async def test_the_gateway_is_reached_over_tls_alone(fleet, certificates):
    _, trusting = certificates
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{fleet.url('gateway-1')}/comments/tls", allow_redirects=False) as response:
            assert response.status == 308
            assert response.headers["Location"].startswith("https://")
        url = fleet.url("gateway-1", 8443).replace("http:", "https:")
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{url}/comments/tls")
        async with session.get(f"{url}/", ssl=trusting, server_hostname=NAME) as response:
            assert response.status == 200
            assert response.headers["Strict-Transport-Security"].startswith("max-age=")
