"""A compressed stream in a real browser: it is shown as it comes, by EventSource and by fetch alike."""

from __future__ import annotations

import pytest

from bench.own_cluster import OwnCluster
from tests.cluster_fixture import brief_cluster

LISTEN = """async ([url, token]) => {
  const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
  window.encoding = response.headers.get("content-encoding");
  window.heard = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  (async () => { for (let r; !(r = await reader.read()).done;) window.heard += r.value; })();
}"""
LISTEN_AS_EVENT_SOURCE = """url => {
  window.ids = [];
  const source = new EventSource(url);
  source.onmessage = event => window.ids.push(event.lastEventId);
  return new Promise(done => source.addEventListener("sync", () => done()));
}"""


@pytest.fixture(scope="module")
def packing(tmp_path_factory: pytest.TempPathFactory):
    settings = {"LIVECOMMENTS_COMPRESS": "1", "LIVECOMMENTS_PUBLIC_READ": "1", "LIVECOMMENTS_READABLE_RATE": "0"}
    with brief_cluster(settings, tmp_path_factory.mktemp("packing")) as running:
        yield running


async def test_chromium_shows_each_comment_of_a_compressed_stream_as_it_comes(packing: OwnCluster, browser):
    page = await browser.new_page()
    await page.goto(packing.url)
    stream = f"{packing.url}/comments/packed/stream"
    await page.evaluate(LISTEN, [stream, packing.token("reader")])
    await page.wait_for_function("() => window.heard.includes('event: sync')")
    assert await page.evaluate("window.encoding") == "gzip"
    await page.evaluate(LISTEN_AS_EVENT_SOURCE, stream)
    for number in range(12):  # one after the other, each seen before the next is said
        answer = await page.request.post(
            f"{packing.url}/comments/packed",
            data={"message": f"comment {number}"},
            headers={"Authorization": f"Bearer {packing.token(f'author-{number}')}"},
        )
        assert answer.status in (201, 202)
        await page.wait_for_function("(said) => window.heard.includes(said)", arg=f'comment {number}"')
        await page.wait_for_function("(count) => window.ids.length === count", arg=number + 1)
    await page.close()
