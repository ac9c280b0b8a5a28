"""HTTPS with HTTP/2: many streams on one connection, each by itself; plain HTTP redirects there where that is asked."""

import asyncio
import ssl
import subprocess

import pytest

from bench.own_certificate import make_certificate
from cluster import certificate
from cluster.gateway import Gateway, Https
from cluster.ports import Ports
from runtime.settings import Settings, SettingsError
from tests.gateway.conftest import CONFIGURATION, until
from tests.gateway.h2_client import Http2

STREAMS = 40
WINDOW_BYTES = 65_535  # of a stream, unless a client says otherwise (RFC 9113, section 6.9.2)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def start_https(start_gateway, certified, tmp_path):
    async def start(changes=None, *, only=False):
        settings = Settings(tls_cert_file=certified.cert, tls_key_file=certified.key)
        https = Https(Ports(0).pick(), certificate.for_gateway(settings, tmp_path), only)
        return await start_gateway(changes, https=https)

    return start


@pytest.fixture
async def connect(certified):
    opened = []

    async def open_one(gateway):
        opened.append(await Http2.connect(gateway.https.port, certified.client_context("h2")))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


async def test_many_streams_on_one_connection_all_receive_as_it_is_sent(start_https, connect):
    gateway = await start_https()
    client = await connect(gateway)
    edges = [part for name, part in gateway.parts.items() if name.startswith("edge")]
    queues = {f"video-{number}": asyncio.Queue() for number in range(STREAMS)}
    for edge in edges:
        edge.events_of = queues
    streams = {video: client.request(f"/comments/{video}/stream") for video in queues}
    for stream in streams.values():
        await stream.until(lambda stream=stream: stream.headers)
        assert stream.headers[":status"] == "200"
    assert sum(edge.viewers for edge in edges) == STREAMS
    sent = b""
    for number in range(3):
        sent += b"data: %d\n\n" % number
        for queue in queues.values():
            queue.put_nowait(b"data: %d\n\n" % number)
        for stream in streams.values():
            await stream.has(sent)


async def test_a_stream_outlives_every_timeout_as_long_as_it_has_heartbeats(start_https, connect):
    gateway = await start_https(
        {
            "timeout client 60s": "timeout client 300ms",
            "timeout server 60s": "timeout server 300ms",
            "timeout http-keep-alive 60s": "timeout http-keep-alive 300ms",
        }
    )
    client = await connect(gateway)
    stream = client.request("/comments/v/stream")
    await stream.until(lambda: stream.headers)
    part = gateway.parts[stream.headers["part"]]
    for beat in range(15):
        part.events.put_nowait(b":\n\n")
        await stream.has(b":\n\n" * (beat + 1))
        await asyncio.sleep(0.1)
    assert not stream.ended


async def test_one_viewer_who_leaves_is_noticed_and_the_others_of_the_connection_stay(start_https, connect):
    gateway = await start_https()
    client = await connect(gateway)
    gone, stays = (client.request("/comments/v/stream") for _ in range(2))
    await stays.until(lambda: stays.headers)
    part = gateway.parts[stays.headers["part"]]

    async def viewers(count):
        return part.viewers == count

    await until(lambda: viewers(2))
    client.leave(gone)
    await until(lambda: viewers(1))
    part.events.put_nowait(b"data: x\n\n")
    await stays.has(b"data: x\n\n")


async def test_one_viewer_who_reads_nothing_holds_up_none_of_the_others(start_https, connect):
    """A stream has a window of its own: one that is full stops that stream, and not the connection."""
    gateway = await start_https()
    client = await connect(gateway)
    queues = {"slow": asyncio.Queue(), "other": asyncio.Queue()}
    for part in gateway.parts.values():
        part.events_of = queues
    slow, other = (client.request(f"/comments/{video}/stream") for video in queues)
    client.ignore(slow)
    await other.until(lambda: other.headers and slow.headers)
    for _ in range(200):
        queues["slow"].put_nowait(b":" + b"x" * 4_000 + b"\n\n")
    await slow.until(lambda: len(slow.body) == WINDOW_BYTES)
    queues["other"].put_nowait(b"data: x\n\n")
    await other.has(b"data: x\n\n")
    assert len(slow.body) == WINDOW_BYTES


async def test_a_comment_and_its_refusals_are_the_same_as_over_plain_http(start_https, connect):
    gateway = await start_https()
    client = await connect(gateway)
    taken = client.request("/comments/v", "POST", b"x" * 8192)
    refused = client.request("/comments/v", "POST", b"x" * 8193)
    hidden = client.request("/metrics")
    for response, status in ((taken, "200"), (refused, "413"), (hidden, "404")):
        await response.until(lambda response=response: response.ended)
        assert response.headers[":status"] == status
    assert b'"x-forwarded-proto": "https"' in taken.body
    assert "strict-transport-security" not in taken.headers


async def test_plain_http_redirects_where_that_is_asked(start_https, connect):
    gateway = await start_https(only=True)
    for method in ("GET", "POST"):
        plain = f"http://127.0.0.1:{gateway.gateway.port}/comments/v?limit=3"
        async with gateway.session.request(method, plain, allow_redirects=False) as response:
            assert response.status == 308
            assert response.headers["Location"] == f"{gateway.https.url}/comments/v?limit=3"
            assert response.headers["Cache-Control"] == "no-store", "it follows the Host that a client names"
    client = await connect(gateway)
    answer = client.request("/comments/v")
    await answer.until(lambda: answer.ended)
    assert answer.headers[":status"] == "200"


async def test_http_1_and_tls_1_2_are_served_and_nothing_older(start_https, certified):
    gateway = await start_https()
    context = certified.client_context("http/1.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with gateway.session.get(f"{gateway.https.url}/comments/v", ssl=context) as response:
        assert (response.status, response.version.major) == (200, 1)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("127.0.0.1", gateway.https.port, ssl=old)


def test_a_certificate_with_its_key_beside_it_is_taken_as_it_is(certified):
    """tls.crt and tls.key, as a secret of Kubernetes has them."""
    program = Gateway(1, ["127.0.0.1:1"], ["127.0.0.1:2"], ["127.0.0.1:3"], https=Https(2, certified.cert)).program()
    checked = subprocess.run(
        [*program.full_command()[:-1], CONFIGURATION, "-c"],
        env=dict(program.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_key_file": "tls.key"}, "set LIVECOMMENTS_TLS_CERT_FILE"),
        ({"https_only": True}, "set LIVECOMMENTS_TLS_CERT_FILE"),
        ({"tls_cert_file": "nothing.crt"}, "No such file"),
        ({"tls_cert_file": "tls.crt"}, "no certificate with its key"),
        ({"tls_cert_file": "tls.crt", "tls_key_file": "tls.crt"}, "no certificate with its key"),
    ],
)
def test_a_bad_certificate_is_refused_at_start_with_what_to_do(certified, tmp_path, given, said):
    folder = certified.cert.parent
    settings = Settings(**{name: folder / one if isinstance(one, str) else one for name, one in given.items()})
    with pytest.raises(SettingsError, match=said):
        certificate.for_gateway(settings, tmp_path)
    assert not list(tmp_path.iterdir())
