"""What each service may say and hear at NATS, and what it may not: nats/users.conf on a real server."""

import asyncio
import os
import re
import ssl
import subprocess

import nats.errors
import pytest

import nats
from bench.own_certificate import make_certificate
from cluster import binaries
from runtime import jetstream
from runtime.settings import Settings
from tests.cluster.configured_nats import PASSWORD, USERS, ConfiguredServer
from tests.servers import ROOT


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = ConfiguredServer(tmp_path_factory.mktemp("nats"))
    running.start()
    yield running
    running.stop()


class Client:
    """A user's connection, and what the server has refused it."""

    def __init__(self):
        self.refused = []

    async def open(self, server, user):
        async def failed(error):
            self.refused.append(str(error))

        self.nats = await nats.connect(
            server.url,
            user=user,
            password=PASSWORD,
            inbox_prefix=f"_INBOX.{user}",
            error_cb=failed,
            allow_reconnect=False,
        )
        return self

    async def may_publish(self, subjects):
        """Return those of the subjects on which it may say something."""
        for subject in subjects:
            await self.nats.publish(subject, b"")
        return await self._allowed(subjects)

    async def may_subscribe(self, subjects):
        """Return those of the subjects on which it may hear something."""
        for subject in subjects:
            await self.nats.subscribe(subject)
        return await self._allowed(subjects)

    async def _allowed(self, subjects):
        """Refusals come before the answer to a ping, and are told in tasks that are begun then."""
        await self.nats.flush()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(others, timeout=0.1)
        refused = {re.search(r'"([^"]+)"', said)[1].lower() for said in self.refused}
        return {subject for subject in subjects if subject.lower() not in refused}


@pytest.fixture
async def connect(server):
    opened = []

    async def open_one(user):
        one = await Client().open(server, user)
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        await one.nats.close()


READS = ("$JS.API.STREAM.INFO.comments-0", "$JS.API.STREAM.MSG.GET.comments-0", "$JS.API.DIRECT.GET.comments-0")
MAY_SAY = {
    "writer": {
        "comments.0.v",
        "sample.0.v",
        "stored.0",
        "audit.0",
        "audit-again.0",
        "short.0",
        "known.0",
        "history.0",
        "moderation.video.0.v",
        "moderation.revoked.k",
        "moderated.video.0.v",
        *READS,
        "$JS.API.STREAM.MSG.DELETE.comments-0",
    },
    "archiver": {
        "archived.0",
        "audited.0",
        "uncompared.0",
        "short.0",
        "known.0",
        "setaside.0",
        "moderation.video.0.v",
        "moderated.video.0.v",
        *READS,
        "$JS.API.STREAM.MSG.DELETE.comments-0",
        "$JS.API.STREAM.PURGE.comments-0",
        "$JS.API.STREAM.UPDATE.comments-0",
    },
    "history": set(READS),
    "edge": {"viewers.0", "edges", "short.0", "known.0", "history.0", *READS},
}
MAY_HEAR = {
    "writer": {
        "live.0.v",
        "sample.0.v",
        "stored.0",
        "archived.0",
        "audited.0",
        "uncompared.0",
        "short.0",
        "known.0",
        "moderated.video.0.v",
    },
    "archiver": {
        "stored.0",
        "archived.0",
        "audit.0",
        "audit-again.0",
        "audited.0",
        "setaside.0",
        "short.0",
        "known.0",
        "moderated.video.0.v",
    },
    "history": {"history.0", "archived.0", "moderated.video.0.v"},
    "edge": {
        "moderated.video.0.v",
        "live.0.v",
        "sample.0.v",
        "viewers.0",
        "edges",
        "audit.0",
        "stored.0",
        "archived.0",
        "short.0",
        "known.0",
    },
}
SUBJECTS = {
    *("comments.0.v", "live.0.v", "sample.0.v", "stored.0", "archived.0", "audit.0", "short.0", "known.0", "viewers.0"),
    *("audited.0", "uncompared.0", "audit-again.0"),
    *("history.0", "setaside.0", *READS, "$JS.API.STREAM.PURGE.comments-0", "$JS.API.STREAM.UPDATE.comments-0"),
    *("$JS.API.STREAM.CREATE.x", "$JS.API.STREAM.DELETE.comments-0", "$JS.API.STREAM.MSG.DELETE.comments-0"),
    *("$JS.API.CONSUMER.CREATE.comments-0", "$JS.API.STREAM.LEADER.STEPDOWN.comments-0", "$JS.API.STREAM.LIST"),
    *("moderation.video.0.v", "moderation.revoked.k", "moderated.video.0.v"),
    *("edges", "$SYS.REQ.SERVER.PING", "_INBOX.writer.x", "anything", "live.0.v.w"),
}


@pytest.mark.parametrize("user", USERS)
async def test_a_service_may_say_what_it_has_to_say_and_nothing_else(connect, user):
    client = await connect(user)
    assert await client.may_publish(SUBJECTS) == MAY_SAY[user]


@pytest.mark.parametrize("user", USERS)
async def test_a_service_may_hear_what_it_has_to_hear_and_nothing_else(connect, user):
    client = await connect(user)
    own = f"_INBOX.{user}.x"
    others = {f"_INBOX.{other}.x" for other in USERS if other != user}
    asked = {*SUBJECTS, own, *others, ">", "comments.>", "_INBOX.>", "$SYS.>", "$JS.>"}
    assert await client.may_subscribe(asked) == {*MAY_HEAR[user], own}


async def test_a_service_answers_what_it_is_asked_and_only_once(connect):
    edge, writer = await connect("edge"), await connect("writer")

    async def answer(message):
        await message.respond(b"7")
        await message.respond(b"8")

    await edge.nats.subscribe("known.0", cb=answer)
    await edge.nats.flush()
    assert (await writer.nats.request("known.0", b"", timeout=2)).data == b"7"
    assert await edge.may_publish({"viewers.0"}) == {"viewers.0"}
    assert edge.refused


async def test_a_wrong_password_and_no_password_are_refused(server):
    for options in ({"user": "edge", "password": "wrong"}, {}):
        with pytest.raises((nats.errors.Error, OSError)):
            await nats.connect(server.url, allow_reconnect=False, **options)


async def test_the_operator_sees_the_servers_and_hears_no_comment(connect):
    operator = await connect("operator")
    assert b"nats-1" in (await operator.nats.request("$SYS.REQ.SERVER.PING", b"", timeout=2)).data
    writer = await connect("writer")
    heard = await operator.nats.subscribe(">")
    await operator.nats.flush()
    await writer.nats.publish("stored.0", b"1")
    await writer.nats.flush()
    await operator.nats.flush()
    subjects = [(await heard.next_msg()).subject for _ in range(heard.pending_msgs)]
    assert not [subject for subject in subjects if not subject.startswith(("$SYS", "_INBOX"))]


def test_every_subject_is_said_by_somebody():
    table = (ROOT / "wire" / "subjects.py").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", table, re.MULTILINE)
    said = [re.sub(r"\b[SVK]\b|~operators", "*", subject) for subject, who in listed if who != "JetStream"]
    text = (ROOT / "nats" / "users.conf").read_text(encoding="utf-8").replace("moderation.>", "moderation.revoked.*")
    assert said
    assert not [subject for subject in said if f'"{subject}"' not in text], "nobody may say it: nats/users.conf"


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    file = make_certificate(folder).both
    running = ConfiguredServer(folder, "tls.conf", {"NATS_CERTIFICATE": str(file), "NATS_KEY": str(file)})
    running.start()
    yield running
    running.stop()


async def test_a_part_speaks_tls_with_a_server_whose_certificate_it_knows(tls_server, tmp_path):
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    settings = Settings(nats_url=tls_server.url, nats_user="edge", nats_password_file=password)
    trusting = settings.model_copy(update={"nats_ca_file": tls_server.folder / "tls.pem"})
    connection = await jetstream.connect(trusting, "test")
    assert connection.connected_url.scheme == "tls"
    await connection.flush()
    await jetstream.close(connection)
    with pytest.raises((nats.errors.Error, OSError)):  # without a certificate nobody is trusted
        await nats.connect(tls_server.url, user="edge", password=PASSWORD, allow_reconnect=False)
    other = ssl.create_default_context(cafile=make_certificate(tmp_path).cert)
    with pytest.raises((nats.errors.Error, OSError)):
        await nats.connect(tls_server.url, tls=other, user="edge", password=PASSWORD, allow_reconnect=False)


@pytest.mark.parametrize("file", ["cluster.conf", "cluster-tls.conf"])
def test_the_configurations_of_a_cluster_are_ones(tmp_path, file):
    own = str(make_certificate(tmp_path).both)
    tls = dict.fromkeys(("NATS_CERTIFICATE", "NATS_KEY", "NATS_CA"), own)
    variables = ConfiguredServer(tmp_path, file, tls).variables()
    command = [str(binaries.nats_server()), "-t", "-c", str(ROOT / "nats" / file)]
    subprocess.run(command, env={**os.environ, **variables}, check=True)
