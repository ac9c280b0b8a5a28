"""Ten streams on one page: HTTP/2 lets all of them be open, and HTTP/1.1 six."""

from __future__ import annotations

import pytest

from bench.own_certificate import make_certificate
from bench.own_cluster import RATES_OFF, free_port
from tests.cluster_fixture import brief_cluster
from tests.web.viewer import Viewer

STREAMS = 10
HTTP_1_STREAMS = 6  # what every browser opens to one address

OPEN = """async ([token, videos]) => {
    window.received = {};
    for (const video of videos) {
        (async () => {
            const answer = await fetch(`/comments/${video}/stream`, {headers: {Authorization: `Bearer ${token}`}});
            const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
            window.received[video] = "";
            for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
                window.received[video] += piece.value;
            }
        })();
    }
}"""
SYNCED = "() => Object.values(window.received).filter((text) => text.includes('event: sync')).length"
PROTOCOL = "() => performance.getEntriesByType('navigation')[0].nextHopProtocol"


@pytest.fixture(scope="module")
def https_cluster(tmp_path_factory):
    certificate = make_certificate(tmp_path_factory.mktemp("certificate"))
    port = free_port()
    settings = {
        "LIVECOMMENTS_TLS_CERT_FILE": str(certificate.cert),
        "LIVECOMMENTS_TLS_KEY_FILE": str(certificate.key),
        "LIVECOMMENTS_TLS_PORT": str(port),
    }
    with brief_cluster({**RATES_OFF, **settings}, tmp_path_factory.mktemp("https")) as cluster:
        cluster.https_url = f"https://127.0.0.1:{port}"
        yield cluster


@pytest.mark.parametrize(
    ("scheme", "protocol", "opened"), [("https", "h2", STREAMS), ("http", "http/1.1", HTTP_1_STREAMS)]
)
async def test_ten_streams_on_one_page(https_cluster, contexts, scheme, protocol, opened):
    context = await contexts(ignore_https_errors=True, bypass_csp=True)
    page = await context.new_page()
    site = https_cluster.https_url if scheme == "https" else https_cluster.url
    await page.goto(f"{site}/web/icon.svg")
    assert await page.evaluate(PROTOCOL) == protocol
    videos = [f"{scheme}-{number}" for number in range(STREAMS)]
    await page.evaluate(OPEN, [https_cluster.token("ada"), videos])
    await page.wait_for_function(f"() => ({SYNCED})() >= {opened}")
    poster = await (await contexts(ignore_https_errors=True)).new_page()  # a browser session has connections of its own
    token = https_cluster.token("bob")
    for video in videos:
        answer = await poster.request.post(
            f"{site}/comments/{video}",
            data={"message": f"to {video}"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status in (201, 202), await answer.text()
    received = "Object.entries(window.received).filter(([video, text]) => text.includes(`to ${video}`)).length"
    await page.wait_for_function(f"() => {received} >= {opened}")
    assert await page.evaluate(received) == opened


async def test_the_page_itself_works_over_https(https_cluster, contexts):
    page = await (await contexts(ignore_https_errors=True)).new_page()
    await page.goto(f"{https_cluster.https_url}/?video=over-https")
    viewer = Viewer(page)
    await viewer.is_live()
    await viewer.say("over HTTPS")
    await viewer.sees("over HTTPS")
