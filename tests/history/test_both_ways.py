"""GET by the middleware and GET by Quart alone: the same answers, to the byte."""

from __future__ import annotations

import pytest

from history.app import make_service
from runtime.hot_route import HotRoute
from tests.history.conftest import BASE, Archived
from tests.in_process import say, serving


@pytest.fixture(scope="module")
async def ports(make_settings, streams, postgres):
    service = make_service(make_settings(**postgres.settings("history")))
    await service.start()
    hook = service.app.asgi_app
    assert isinstance(hook, HotRoute)
    async with serving(service.app) as hot, serving(hook.rest) as plain:
        yield hot, plain
    await service.drain()
    await service.stop()


@pytest.fixture(scope="module")
async def video(archived: Archived) -> str:
    video = archived.new_video()
    for position in range(60):
        await archived.add(video, BASE + position, message="héllo", name="Ann" if position % 2 else None)
    return video


@pytest.fixture
def same(ports, tokens):
    """Ask both for the same; what both answer."""
    authorization = f"Bearer {tokens.issue('reader', 600)}"

    async def ask(target: str, *, method: str = "GET", version: str = "1.1", **fields: str | None) -> bytes:
        headers = {"Host": "h", "Connection": "close", "Authorization": authorization}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        said = f"{method} /comments/{target} HTTP/{version}\r\n{head}\r\n".encode("latin-1")
        hot, plain = [await say(port, said) for port in ports]
        assert hot == plain
        return hot

    return ask


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "query",
    [
        "", "?", "?limit=5", "?sort=asc&limit=100", f"?cursor={BASE + 7}", "?at=5", "?at=5&sort=asc", "?limit=%35",
        "?limit=5&limit=5", "?cursor=%ff", "?cursor=1&at=1", "?sort=", "?limit", "?&&=", "?limit=5;sort=asc",
        "?limit=+5", "?LIMIT=0", "?cursor=" + "9" * 5_000, "#limit=1",
    ],
)  # fmt: skip
async def test_a_page_is_the_same_both_ways(same, video, method, query):
    said = await same(video + query, method=method)

    assert said.split(maxsplit=2)[1] in (b"200", b"400")
    assert said.endswith(b"\r\n\r\n") == (method == "HEAD")


@pytest.mark.parametrize("target", ["nobody", "a.b", "x" * 65, "%00", "a/b", "a/", ""])
async def test_other_addresses_are_answered_the_same_both_ways(same, target):
    assert (await same(target)).split(maxsplit=2)[1] in (b"200", b"400", b"404")


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE", "BREW"])
async def test_other_methods_are_answered_the_same_both_ways(same, video, method):
    assert (await same(video, method=method)).split(maxsplit=2)[1] in (b"200", b"400", b"405")


async def test_what_has_not_changed_is_told_in_the_same_words(same, video):
    said = await same(video)
    etag = next(line for line in said.split(b"\r\n") if line.startswith(b"etag: "))[6:].decode()
    for seen in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        assert b" 304 " in await same(video, If_None_Match=seen)
    for seen in ('"x"', "x", "", '"' + "x" * 5_000, "\xff"):
        assert b" 200 " in await same(video, If_None_Match=seen)


async def test_readers_are_refused_in_the_same_words(same, video, tokens):
    token = tokens.issue("u", 60)
    cookie = {"Authorization": None, "Cookie": f"livecomments_token={token}"}
    assert b" 200 " in await same(video, **cookie)
    for fields in (
        {"Authorization": None},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Bearer {tokens.issue('u', 60, videos=['other'])}"},
        {**cookie, "Origin": "https://evil.example"},
        {**cookie, "Sec_Fetch_Site": "cross-site"},
    ):
        assert (await same(video, **fields)).split(maxsplit=2)[1] in (b"401", b"403")


async def test_old_clients_are_answered_the_same_both_ways(same, video):
    assert b" 200 " in await same(video, version="1.0", Host=None)
