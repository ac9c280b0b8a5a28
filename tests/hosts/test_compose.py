"""compose.yaml as it runs: everything comes up, is confined as it says, and does its work together."""

import asyncio
import json
import re

import aiohttp
import pytest

from hosts.images import ABSENT
from hosts.town import leaders
from livecomments.client import Client
from runtime.settings import Settings
from runtime.tokens import Tokens
from tests.hosts.conftest import LATER


def token(fleet, user="ada"):
    secret = fleet.folder / "volumes" / "secrets-writer" / "token"
    return Tokens(Settings(token_secret_file=secret)).issue(user, 600)


async def test_every_service_is_there_but_those_whose_program_cannot_be_had(fleet):
    images = {name: service.image.partition(":")[0] for name, service in fleet.compose.services.items()}
    assert {name for name, image in images.items() if image not in ABSENT} == fleet.hosts.keys() - LATER
    kinds = {name.rpartition("-")[0] for name in fleet.hosts}
    counts = {kind: len(fleet.named(kind)) for kind in kinds}
    wanted = {"nats": 3, "writer": 2, "archiver": 2, "history": 2, "edge": 4, "gateway": 2, "postgres": 1}
    assert wanted.items() <= counts.items()
    assert all(host.ready and host.starts == 1 for host in fleet.lasting())


async def test_a_comment_goes_all_the_way_whichever_gateway_is_asked(fleet):
    headers = {"Authorization": f"Bearer {token(fleet)}"}
    first, second = (fleet.url(name) for name in fleet.named("gateway"))
    async with Client(second) as client, aiohttp.ClientSession(headers=headers) as session:
        await seen_after_it_is_posted(session, client, first, token(fleet))
        async with asyncio.timeout(10):
            while True:  # what is archived comes to the replica in its own time
                async with session.get(f"{second}/comments/way") as response:
                    if (await response.json())["comments"]:
                        break
                await asyncio.sleep(0.05)


async def seen_after_it_is_posted(session, client, url, bearer):
    stream = client.follow("way", lambda: bearer, "0")
    async with session.post(f"{url}/comments/way", json={"message": "hello"}) as response:
        assert response.status in (201, 202)
        number = (await response.json())["commentId"]
    async with asyncio.timeout(10):
        async for event in stream:
            if getattr(event, "name", "") == "message":
                assert event.json()["commentId"] == number
                break
    await stream.aclose()


async def test_history_reads_the_replica(fleet):
    status, said = await fleet["postgres-replica"].run(
        "psql", "-U", "livecomments_owner", "-d", "livecomments", "-Atc",
        "SELECT pg_is_in_recovery(), count(*) > 0 FROM pg_stat_activity WHERE application_name = 'history'",
    )  # fmt: skip
    assert (status, said.strip()) == (0, "t|t")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM comments",
        "DELETE FROM comments",
        "SELECT rolpassword FROM pg_authid",
        "CREATE TABLE mine (a int)",
        "ALTER ROLE livecomments_replication SUPERUSER",
    ],
)
async def test_the_replicas_role_may_follow_and_nothing_else(fleet, statement):
    password = "export PGPASSWORD=$(cat /run/secrets/postgres_replication)"
    asked = f'psql -h postgres -U livecomments_replication -d livecomments -c "{statement}"'
    status, said = await fleet["postgres-replica"].run("bash", "-c", f"{password}; {asked}")
    assert status != 0
    assert "permission denied" in said


async def test_streams_have_three_copies_and_more_than_one_server_leads(fleet):
    leading = await leaders(fleet)
    assert len(leading.streams) == 7  # four shards, what is set aside, moderation, and revocations
    assert set(leading.streams.values()) > {next(iter(leading.streams.values()))}
    assert leading.meta in fleet.named("nats")


@pytest.mark.parametrize(
    ("part", "secrets"),
    [
        ("edge-1", {"token", "nats_edge"}),
        ("writer-1", {"token", "nats_writer"}),
        ("archiver-1", {"postgres_archiver", "nats_archiver"}),
        ("history-1", {"token", "postgres_history", "nats_history"}),
    ],
)
async def test_a_part_has_its_own_secrets_and_no_others(fleet, part, secrets):
    status, said = await fleet[part].run("ls", "/run/secrets")
    assert (status, set(said.split())) == (0, secrets)


@pytest.mark.parametrize("part", ["writer-1", "archiver-1", "history-1", "edge-1", "gateway-1", "prometheus"])
async def test_a_part_is_not_root_has_no_rights_and_cannot_change_its_program(fleet, part):
    status, said = await fleet[part].run("cat", "/proc/self/status")
    assert status == 0
    assert re.search(r"^Uid:\t[1-9]", said, re.MULTILINE)
    assert re.search(r"^CapBnd:\t0+$", said, re.MULTILINE)
    status, said = await fleet[part].run("sh", "-c", "echo x > /usr/x || echo x > /etc/x")
    assert status != 0
    assert "Read-only file system" in said or "Permission denied" in said


@pytest.mark.parametrize(
    ("part", "other", "port", "reaches"),
    [
        ("gateway-1", "postgres", 5432, False),
        ("gateway-1", "nats-1", 4222, False),
        ("gateway-1", "writer-1", 8080, True),
        ("edge-1", "nats-1", 4222, True),
    ],
)
async def test_a_part_reaches_only_what_is_on_its_networks(fleet, part, other, port, reaches):
    status, _ = await fleet[part].run("bash", "-c", f"exec 3<>/dev/tcp/{other}/{port}", within_s=5)
    assert (status == 0) == reaches


async def test_health_checks_ask_no_proxy(fleet):
    """Compose gives containers the proxy that Docker's client has; through one nobody would be found healthy."""
    proxies = [f"{name}=http://192.0.2.1:3128" for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")]
    for test, host in {host.service.health.test: host for host in fleet.lasting()}.items():
        status, said = await host.run("env", *proxies, *test)
        assert status == 0, (host.name, said)


async def test_a_token_for_somebody_is_had_as_the_handbook_says(fleet):
    status, bearer = await fleet["writer-1"].run("livecomments", "token", "--user", "ada")
    assert status == 0, bearer
    headers = {"Authorization": f"Bearer {bearer.strip()}"}
    url = f"{fleet.url('gateway-1')}/comments/tokens"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
        assert response.status == 200


async def test_prometheus_reaches_every_part_and_every_alert_and_panel_asks_for_metrics_that_there_are(fleet):
    async with aiohttp.ClientSession() as session:

        async def ask(path, **query):
            async with session.get(f"{fleet.url('prometheus', 9090)}/api/v1/{path}", params=query) as response:
                return (await response.json())["data"]

        async with asyncio.timeout(30):
            while True:
                targets = (await ask("targets"))["activeTargets"]
                if all(target["health"] == "up" for target in targets):
                    break
                await asyncio.sleep(0.5)
        assert len(targets) == 12
        # What is exposed, also where nothing of it was counted yet.
        exposed = await ask("metadata")
        named = {name + end for name in exposed for end in ("", "_bucket")} | set(await ask("label/__name__/values"))
        rules = [rule for group in (await ask("rules"))["groups"] for rule in group["rules"]]
        assert len(rules) > 10
        assert not [rule["name"] for rule in rules if rule["health"] not in ("ok", "unknown")]
        dashboard = fleet.compose.folder / "monitoring" / "grafana" / "dashboards" / "live-comments.json"
        panels = json.loads(dashboard.read_text(encoding="utf-8"))["panels"]
        asked = [target["expr"] for panel in panels for target in panel["targets"]] + [one["query"] for one in rules]
        metrics = {name for one in asked for name in re.findall(r"\b(?:livecomments|haproxy|process)_[a-z_]+", one)}
        assert not metrics - named
        for expression in asked:
            await ask("query", query=expression)
