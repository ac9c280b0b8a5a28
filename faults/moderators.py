"""Users who take back what they said, and moderators who shut users out, with all they have said, for a while."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final

import aiohttp
import orjson

from faults.journal import Journal
from faults.ledger import BAN, DELETE, UNBAN

PATIENCE_S: Final = (3.0, 40.0)  # for one request: then it is left unknown
AGAIN_S: Final = (0.2, 1.0)  # before a repeat
SHUT_OUT_S: Final = (6.0, 8.0)  # longer than a ban may take to be felt


class Moderators:
    """What is asked for besides comments, by users and by a moderator."""

    def __init__(
        self, *, url: str, session: aiohttp.ClientSession, journal: Journal, chance: Random, moderator: str
    ) -> None:
        """`moderator` is a token."""
        self.newest: dict[str, int] = {}  # number of what removed something, by video
        self._url = url
        self._session = session
        self._journal = journal
        self._chance = chance
        self._moderator = moderator
        self._ids = itertools.count()
        self._shut_out: set[tuple[str, str]] = set()
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Let in whoever is shut out."""
        self._ending.set()

    async def take_back(self, video: str, user: str, token: str, comment: int) -> None:
        """A user removes a comment of its own."""
        await self._persist("DELETE", f"comments/{video}/{comment}", token, DELETE, video, user, comment)

    async def shut_out(self, video: str, user: str, say: Callable[[], Awaitable[Any]]) -> None:
        """A moderator shuts a user out with all that it has said, and lets it in again; it tries to `say` something."""
        if (video, user) in self._shut_out:
            return
        self._shut_out.add((video, user))
        where = f"videos/{video}/bans/{user}"
        try:
            if await self._persist("PUT", where, self._moderator, BAN, video, user):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._chance.uniform(*SHUT_OUT_S)):
                        await self._ending.wait()
                if not self._ending.is_set():
                    await say()
            await self._persist("DELETE", where, self._moderator, UNBAN, video, user)
        finally:
            self._shut_out.discard((video, user))

    async def _persist(
        self, method: str, where: str, token: str, kind: str, video: str, user: str, comment: int | None = None
    ) -> bool:
        """Ask until it is known what came of it, or patience is over. Returns whether it was done."""
        give_up = time.monotonic() + self._chance.uniform(*PATIENCE_S)
        while True:
            about = {"kind": kind, "video": video, "user": user, "comment": comment}
            status, number = await self._ask(method, where, token, about)
            if status in (200, 202):
                if kind != UNBAN and number is not None:
                    self.newest[video] = max(self.newest.get(video, 0), number)
                return True
            if (400 <= status < 500 and status not in (408, 429)) or time.monotonic() > give_up:
                return False
            await asyncio.sleep(self._chance.uniform(*AGAIN_S))

    async def _ask(self, method: str, where: str, token: str, about: dict[str, Any]) -> tuple[int, int | None]:
        """Send one request, and write down that it was, and what came of it. Returns the status and the number."""
        ruling, status, number, code = next(self._ids), 0, None, None
        self._journal.write({"ruling": ruling, "t": time.monotonic_ns(), **about})
        body: dict[str, Any] = {"json": {"comments": True}} if about["kind"] == BAN else {}
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._session.request(method, f"{self._url}/{where}", headers=headers, **body) as response:
                document = orjson.loads(await response.read())
                status, code = response.status, document.get("code")
                number = int(document["id"]) if status in (200, 202) else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError) as error:
            status, code = 0, type(error).__name__
        finally:
            line = {"status": status, "number": number, "code": code}
            self._journal.write({"ruled": ruling, "t": time.monotonic_ns(), **line})
        return status, number
