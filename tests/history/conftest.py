"""History as a process, over a database that tests fill as the archiver does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from runtime.tokens import Tokens
from tests.servers import Database, NatsServer, Part, starting
from wire.video import shard_of

SHARDS = 2
BASE = 1_795_000_000_000_000  # the first number of a stream of today
BLOCK = 1 << 22


@dataclass
class Archived:
    """Fills the archive."""

    connection: asyncpg.Connection
    videos: int = 0
    blocks: set[tuple[int, int]] = field(default_factory=set)

    def new_video(self) -> str:
        self.videos += 1
        return f"video-{self.videos}"

    async def add(self, video: str, number: int, **columns: Any) -> int:
        """Store a message; `BASE + n` at n milliseconds, unless told otherwise."""
        shard = shard_of(video, SHARDS)
        if (shard, number // BLOCK) not in self.blocks:
            await self.connection.execute("SELECT ensure_block($1, $2)", shard, number)
            self.blocks.add((shard, number // BLOCK))
        row = {"user_id": "ann", "message": f"text {number}", "posted_ms": number - BASE, **columns}
        names = ", ".join(["shard", "video_id", "comment_id", *row])
        marks = ", ".join(f"${position}" for position in range(1, len(row) + 4))
        await self.connection.execute(
            f"INSERT INTO comments ({names}) VALUES ({marks})", shard, video, number, *row.values()
        )
        return number

    async def through(self, shard: int, number: int) -> None:
        await self.connection.execute("UPDATE archive_position SET through = $2 WHERE shard = $1", shard, number)


class Reader:
    """Asks history as a client does."""

    def __init__(self, session: aiohttp.ClientSession, url: str, tokens: Tokens) -> None:
        self.session = session
        self.url = url
        self.headers = {"Authorization": f"Bearer {tokens.issue('reader', 600)}"}

    async def get(self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
        from yarl import URL

        url = URL(f"{self.url}{path}", encoded=True)
        async with self.session.request(method, url, headers=self.headers if headers is None else headers) as response:
            return Answer(response.status, response.headers.copy(), await response.read())

    async def page(self, video: str, query: str = "") -> dict[str, Any]:
        answer = await self.get(f"/comments/{video}{query}")
        assert answer.status == 200, answer
        return answer.json()

    async def ids(self, video: str, query: str = "") -> list[int]:
        return [int(one["id"]) for one in (await self.page(video, query))["comments"]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        import orjson

        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json"
        return self.json()["code"]


@pytest.fixture(scope="module")
def web_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "web"
    (folder / "vendor").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "page.js").write_text("export {};")
    (folder / "page.css").write_text("body {}")
    (folder / "vendor" / "part.js").write_text("export const part = 1;")
    (folder / ".hidden.js").write_text("secret")
    (folder / "notes.md").write_text("secret")
    (folder.parent / "outside.js").write_text("secret")
    (folder / "link.js").symlink_to(folder.parent / "outside.js")
    return folder


@pytest.fixture(scope="module")
def part_settings(
    postgres: Database, nats_server: NatsServer, token_secret_file: Path, web_dir: Path
) -> dict[str, Any]:
    return {
        "shards": SHARDS,
        "nats_url": nats_server.url,
        "token_secret_file": token_secret_file,
        "web_dir": web_dir,
        **postgres.settings("history"),
    }


@pytest.fixture(scope="module")
def start_history(
    streams: None, part_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Part]]:
    def make(**overrides: Any) -> Part:
        return Part(tmp_path_factory.mktemp("history"), "history.app", {**part_settings, **overrides})

    with starting(make) as start:
        yield start


@pytest.fixture(scope="module")
def history(start_history: Callable[..., Part]) -> Part:
    return start_history()


@pytest.fixture(scope="module")
async def archived(postgres: Database) -> AsyncIterator[Archived]:
    connection = await asyncpg.connect(postgres.dsn)
    yield Archived(connection)
    connection.terminate()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as opened:
        yield opened


@pytest.fixture
def reader(session: aiohttp.ClientSession, history: Part, tokens: Tokens) -> Reader:
    return Reader(session, history.url, tokens)


async def until_ready(session: aiohttp.ClientSession, url: str, within_s: float = 10) -> None:
    give_up = time.monotonic() + within_s
    while True:
        async with session.get(f"{url}/readyz") as response:
            if response.status == 200:
                return
        assert time.monotonic() < give_up, "it does not become ready"
