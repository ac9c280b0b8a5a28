"""The operator's page at `/status`: off unless switched on, and nothing on it that is not for whoever sees it."""

from __future__ import annotations

import asyncio
import os
import re
import signal

import aiohttp
import aiohttp.web
import orjson
import pytest
import quart
from playwright.async_api import Route, expect

from history import status as status_module
from history.parts import TIMEOUT_S
from history.status import KEEP_EVERY_S, KEPT_S, PATHS, Status
from runtime.service import make_app
from tests.web.conftest import ARTEFACTS, hurry
from tests.web.test_everyone import violations
from tests.web.viewer import hide, show, until_quiet


async def get(url: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.read()


async def test_up_switches_it_on_and_whoever_says_so_switches_it_off(site, start_cluster):
    for path in ("/status", "/status.json", "/web/status/status.js"):
        assert (await get(site + path))[0] == 200, path
    quiet = start_cluster(LIVECOMMENTS_STATUS_PAGE="0", LIVECOMMENTS_GUESTS="0")
    for path in (
        "/status",
        "/status.json",
        "/web/status/index.html",
        "/web/status/status.js",
        "/web//status/status.js",
    ):
        assert (await get(quiet.url + path))[0] == 404, path
    assert (await get(f"{quiet.url}/"))[0] == 200
    async with aiohttp.ClientSession() as session, session.post(f"{quiet.url}/guests", json={"name": "Ada"}) as answer:
        assert answer.status == 404


async def test_it_tells_how_each_part_is_and_no_secret(site, cluster):
    _, body = await get(f"{site}/status.json")
    described = cluster.describe()
    parts = {part["name"]: part for part in orjson.loads(body)["parts"]}
    assert {*parts} >= {"writer-1", "archiver-1", "history-1", "edge-1", "edge-2", "gateway-1", "nats-1", "postgres-1"}
    assert all(part["ready"] for part in parts.values())
    assert parts["writer-1"]["values"]["accepted"] >= 0
    for file in (cluster.data_dir / "secrets").iterdir():
        assert file.read_bytes().strip() not in body, file.name
    assert described["nats"][0]["url"].encode() not in body
    assert b"@" not in body


@pytest.fixture
async def collector(tmp_path):
    """What `/status.json` answers for a cluster of parts of the test's own making."""
    runners = []
    asked = []

    async def start(answer) -> str:
        async def handle(request):
            asked.append(request.path)
            return await answer(request)

        runner = aiohttp.web.ServerRunner(aiohttp.web.Server(handle))
        runners.append(runner)
        await runner.setup()
        await aiohttp.web.TCPSite(runner, "127.0.0.1", 0, shutdown_timeout=0.1).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def collect(*edges: str) -> Status:
        here = [{"url": url, "pid": 1} for url in edges]
        document = {"writers": [], "archivers": [], "histories": [], "edges": here, "nats": []}
        gone = {"url": "http://127.0.0.1:1", "pid": 1}
        file = tmp_path / "cluster.json"
        file.write_bytes(orjson.dumps({**document, "gateway": gone, "postgres": {"dsn": gone["url"], "pid": 1}}))
        status = Status(file)
        runners.append(status)
        return status

    collect.start, collect.asked = start, asked
    yield collect
    for one in runners:
        await (one.stop() if isinstance(one, Status) else one.cleanup())


async def test_a_part_that_hangs_lies_or_leads_elsewhere_costs_no_more_than_a_moment(collector, site):
    async def hang(_):
        await asyncio.sleep(60)

    async def flood(request):
        return aiohttp.web.Response(text="x" * 3 * 2**20 if request.path == "/metrics" else "ok\n")

    async def lead_elsewhere(_):
        return aiohttp.web.Response(status=302, headers={"Location": f"{site}/"})

    async def lie(request):
        return aiohttp.web.Response(status=503, text="not today\n" + "x" * 10_000)

    urls = [await collector.start(answer) for answer in (hang, flood, lead_elsewhere, lie)]
    began = asyncio.get_running_loop().time()
    parts = orjson.loads(await collector(*urls).body())["parts"]
    assert asyncio.get_running_loop().time() - began < TIMEOUT_S + 1.5
    edges = [part for part in parts if part["kind"] == "edge"]
    assert [part["ready"] for part in edges] == [False, False, False, False]
    assert edges[0]["why"] == "no answer in time"
    assert all(len(part["why"]) <= 200 for part in edges)
    assert [part["why"] for part in parts if part["kind"] == "gateway"] == ["cannot be reached"]


async def test_however_many_look_the_parts_are_asked_once_a_second(collector):
    async def fine(request):
        return aiohttp.web.Response(text="" if request.path == "/metrics" else "ok\n")

    status = collector(await collector.start(fine))
    answers = await asyncio.gather(*(status.body() for _ in range(50)))
    assert len({*answers}) == 1
    assert collector.asked == ["/readyz", "/metrics"]


async def test_what_the_parts_said_is_kept_for_five_minutes(collector, monkeypatch):
    most = int(KEPT_S / KEEP_EVERY_S)
    asked_often = asyncio.Event()

    async def fine(request):
        if len(collector.asked) > 2 * (most + 5):
            asked_often.set()
        return aiohttp.web.Response(text="" if request.path == "/metrics" else "ok\n")

    status = collector(await collector.start(fine))
    app = quart.Quart("test")
    status.add_routes(app)
    monkeypatch.setattr(status_module, "FRESH_S", 0)
    monkeypatch.setattr(status_module, "KEEP_EVERY_S", 0)
    keeping = asyncio.create_task(status.keep())
    await asked_often.wait()
    keeping.cancel()
    answer = await app.test_client().get("/status/past.json", headers={"Host": "localhost"})
    kept = orjson.loads(await answer.get_data())
    assert len(kept) == most
    assert [one["at"] for one in kept] == sorted(one["at"] for one in kept)
    assert kept[-1]["parts"][0]["name"] == "edge-1"


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        *(("localhost:8080", 200), ("127.0.0.1", 200), ("127.9.9.9:1", 200), ("[::1]:8080", 200)),
        *(("comments.example", 200), ("rebound.example:8080", 403), ("localhost.rebound.example", 403)),
        *(("127.0.0.1.rebound.example", 403), ("192.0.2.1", 403), ("", 403)),
    ],
)
async def test_a_name_that_leads_here_from_elsewhere_shows_nothing(tmp_path, host, wanted):
    """DNS rebinding: a page of somebody else's name is of one origin with this one, for the browser."""
    app = make_app("test")
    status = Status(tmp_path / "none", ["https://comments.example"])
    status.add_routes(app)
    answer = await app.test_client().get("/status.json", headers={"Host": host})
    assert answer.status_code == wanted
    assert not status.is_ours("[")
    await status.stop()


async def test_the_gateway_hands_on_whose_name_it_was_asked_by(site):
    async with aiohttp.ClientSession() as session:
        for path in PATHS:
            async with session.get(site + path, headers={"Host": "rebound.example"}) as answer:
                assert answer.status == 403, path
                assert (await answer.json())["code"] == "foreign_host"


async def test_whoever_comes_sees_the_minutes_before(contexts, site):
    async def past(route: Route) -> None:
        answer = await route.fetch(url=f"{site}/status.json")
        newest = await answer.json()
        await route.fulfill(json=[{**newest, "at": newest["at"] - ago_s * 1000} for ago_s in (290, 150, 10)])

    page = await (await contexts()).new_page()
    await page.route("**/status/past.json", past)
    await page.goto(f"{site}/status")
    await expect(page.locator("#summary")).to_have_text("All 8 parts are ready, nothing is lost.")
    viewers = page.locator(".chart", has=page.get_by_role("heading", name="Viewers by edge")).locator("path").first
    assert re.match(r"M(\d\.|1\d\.).*L1[45]\d\..*L2[89]\d\.", await viewers.get_attribute("d"))
    await expect(page.locator(".axis-x").first).to_have_text("5 minutes agonow")


async def test_the_page_shows_rates_percentiles_and_a_part_that_is_killed(contexts, site, cluster, post):
    context = await contexts(width=1440, height=1000, color_scheme="dark", bypass_csp=True)
    page = await context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"{site}/status")
    summary = page.locator("#summary")
    await expect(summary).to_have_text("All 8 parts are ready, nothing is lost.")
    chart = page.locator(".chart", has=page.get_by_role("heading", name="Comments a second"))
    stored = chart.locator("li", has_text="stored").locator("b")
    saying = asyncio.create_task(keep_saying(post))
    await expect(stored).to_have_text(re.compile("[1-9]"), timeout=20_000)
    posts = page.locator(".chart", has=page.get_by_role("heading", name="POST"))
    await expect(posts.locator("li", has_text="p50").locator("b")).to_have_text(re.compile("[0-9]"), timeout=20_000)
    saying.cancel()
    assert await violations(page) == []
    await page.screenshot(path=ARTEFACTS / "status-dark.png")
    edge = cluster.describe()["edges"][0]
    os.kill(edge["pid"], signal.SIGSTOP)
    await expect(summary).to_have_text("Not ready: edge-1.")
    await expect(page.locator("#parts tr", has_text="edge-1")).to_contain_text("no answer in time")
    os.kill(edge["pid"], signal.SIGCONT)
    await expect(summary).to_have_text("All 8 parts are ready, nothing is lost.", timeout=20_000)
    assert errors == []


async def test_an_answer_that_never_comes_is_told_and_asked_for_again(contexts, site):
    context = await contexts()
    await hurry(context, "status.js")
    page = await context.new_page()
    await page.goto(f"{site}/status")
    fine = "All 8 parts are ready, nothing is lost."
    await expect(page.locator("#summary")).to_have_text(fine)
    over = asyncio.Event()
    await page.route("**/status.json", lambda _: over.wait())
    await expect(page.locator("#summary")).to_have_text("The gateway or history does not answer.", timeout=20_000)
    await page.unroute("**/status.json")
    over.set()
    await expect(page.locator("#summary")).to_have_text(fine, timeout=20_000)


async def test_a_page_that_nobody_sees_asks_seldom_and_at_once_when_somebody_does(contexts, site):
    context = await contexts()
    await hurry(context, "status.js")
    page = await context.new_page()
    await page.goto(f"{site}/status")
    await expect(page.locator("#summary")).to_have_text("All 8 parts are ready, nothing is lost.")
    await hide(page)
    await until_quiet(page, "/status.json")
    async with page.expect_request("**/status.json", timeout=10_000):  # sooner than it would ask by itself
        await show(page)


async def keep_saying(post) -> None:
    while True:
        await post("one", "two", "three")
        await asyncio.sleep(0.2)


SERIES = """async (body) => {
    const series = await import("/web/status/series.js");
    const answer = (at, values, counts = []) => ({
        at, parts: [{ name: "edge-1", values, histograms: { way: counts } }],
    });
    const grown = (now, before) => series.rate(before, now, "n");
    const middle = (before, now) => series.percentile(answer(0, {}, before), answer(1, {}, now), "way", 0.5);
    return new Function("answer", "grown", "middle", body)(answer, grown, middle);
}"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return grown(answer(2000, {n: 30}), answer(0, {n: 10}))", 10),
        ("return grown(answer(2000, {n: 4}), answer(0, {n: 10}))", 2),  # the part was started again
        ("return grown(answer(2000, {n: 400}), answer(0, {}))", 0),  # who knows since when
        ("return grown(answer(2000, {n: 400}), null)", None),
        ("return middle([[0.1, 5], [0.2, 5], [null, 5]], [[0.1, 5], [0.2, 15], [null, 15]])", 150),
        ("return middle([[0.1, 5], [null, 5]], [[0.1, 5], [null, 6]])", 100),  # longer than the last bound
        ("return middle([[0.1, 5], [null, 5]], [[0.1, 5], [null, 5]])", None),  # nothing was counted
        ("return middle([[0.1, 50], [null, 50]], [[0.1, 4], [null, 4]])", 50),  # started again
    ],
)
async def test_rates_and_percentiles_are_made_of_two_answers(blank_page, body, expected):
    found = await blank_page.evaluate(SERIES, body)
    assert found == (pytest.approx(expected) if expected is not None else None)
