"""A client of the HTTP interface: posts that are repeated until it is known what became of them, pages, streams.

What a client of this service owes it: one Idempotency-Key for each comment, kept over its repeats; waits as long as
`Retry-After` and `retry:` say; a stream opened again with the id of the last event that came whole.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import orjson
from yarl import URL

from livecomments.backoff import MAX_RETRY_AFTER_S, Backoff, retry_after_s
from livecomments.location import Location
from wire.page import MAX_LIMIT
from wire.problem import PROBLEMS
from wire.sse import CONTENT_TYPE, Event, EventParser

CONNECT_TIMEOUT_S: Final = 5
ANSWER_TIMEOUT_S: Final = 30  # a writer holds a comment for up to 10 s before it answers
SILENCE_S: Final = 45  # a stream that is quiet for three heartbeats is lost
PATIENCE_S: Final = 300  # for one comment; half as long as a key lives, so that no repeat can be stored twice
KEEPALIVE_S: Final = 20
READ_BUFFER_BYTES: Final = 64 * 1024
DEFAULT_RETRY_S: Final = 1.0
MIN_RETRY_S: Final = 0.05

_FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError)


class UnreachableError(aiohttp.ClientError):
    """The server could not be reached, or could not say what became of a request, for too long."""


class RefusedError(aiohttp.ClientError):
    """The server refuses a request for good; `code` is that of the problem."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"the server refuses ({status} {code}): {detail}" if detail else f"the server refuses: {code}")
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a post. `number` is None, and `code` says why, when it was refused.

    `repeats`: times it was sent again because its fate was unknown. `waits`: times it was told to come later.
    """

    status: int
    number: int | None
    code: str | None
    repeats: int
    waits: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A stream ended, or could not be opened; it is tried again in `wait_s`."""

    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream was opened at `url`, from `position` on ('' for: live only)."""

    position: str
    url: str = ""


class Client:
    """Talks to one server. `connections` bounds how many requests are under way at once, streams included; 0: any.

    `direct`: streams are opened at the edges that have the videos, where the server offers that.
    """

    def __init__(self, url: str, connections: int = 0, *, direct: bool = False) -> None:
        self.url = url
        self._direct = direct
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections, limit_per_host=0, keepalive_timeout=KEEPALIVE_S, ttl_dns_cache=60
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=ANSWER_TIMEOUT_S
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=READ_BUFFER_BYTES,
            raise_for_status=False,
            auto_decompress=True,
            trust_env=True,  # HTTP_PROXY and its like, as curl does
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def post(self, video: str, message: str, token: str, key: str, traceparent: str | None = None) -> Answer:
        """Post a comment, repeating it with the same key until it is known what became of it.

        Raises `UnreachableError` when that is not known within `PATIENCE_S`.
        """
        backoff = Backoff()
        body = orjson.dumps({"message": message})
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
        if traceparent is not None:
            headers["traceparent"] = traceparent
        give_up = time.monotonic() + PATIENCE_S
        repeats = waits = 0
        while True:
            told_s = None
            try:
                async with self._session.post(
                    f"{self.url}/comments/{video}", data=body, headers=headers, allow_redirects=False
                ) as response:
                    answer = await response.read()
                    status, told_s = response.status, retry_after_s(response.headers.get("Retry-After"))
                if status in (201, 202):
                    return Answer(status, _comment_id(answer), None, repeats, waits)
                if _is_final(status):
                    return Answer(status, None, _problem(status, answer).code, repeats, waits)
                reason = f"{status} {_problem(status, answer).code}"
            except UnreachableError:
                raise
            except _FAILURES as error:
                status, reason = 0, reason_of(error)
            if status == 429:
                waits += 1
            else:
                repeats += 1
            wait_s = backoff.next_s(told_s)
            if time.monotonic() + wait_s > give_up:
                raise UnreachableError(f"{self.url}: not known what became of a comment in {PATIENCE_S} s ({reason})")
            await asyncio.sleep(wait_s)

    async def page(self, video: str, token: str | None, **query: str | int) -> dict[str, Any]:
        """Return one page of history: `{"comments": [...], "nextCursor": ...}`.

        Raises `RefusedError`, also where history is not available, or one of aiohttp's errors.
        """
        async with self._session.get(
            f"{self.url}/comments/{video}", params=query, headers=_authorization(token)
        ) as response:
            answer = await response.read()
            if response.status != 200:
                raise _problem(response.status, answer)
            try:
                document: dict[str, Any] = orjson.loads(answer)
                document["comments"], document["nextCursor"]
            except (orjson.JSONDecodeError, KeyError, TypeError):
                raise UnreachableError(f"{self.url} answers, but not as a live comments server does") from None
            return document

    async def revoke(self, what: str, token: str, body: dict[str, Any], *, lift: bool = False) -> None:
        """Take tokens away, or lift that; `what`: `users/USER` or `tokens/ID`, percent-encoded.

        Raises `RefusedError`, or one of aiohttp's errors.
        """
        async with self._session.request(
            "DELETE" if lift else "PUT",
            URL(f"{self.url}/revocations/{what}", encoded=True),
            json=body or None,
            headers=_authorization(token),
        ) as response:
            answer = await response.read()
            if response.status != 200:
                raise _problem(response.status, answer)

    async def history(
        self, video: str, token: str | None, *, sort: str = "asc", cursor: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the comments of a video out of history, page by page, from `cursor` on.

        Raises as `page` does, and `UnreachableError` for pages that go round in circles.
        """
        while True:
            before = cursor
            query: dict[str, str | int] = {"limit": MAX_LIMIT, "sort": sort}
            if cursor is not None:
                query["cursor"] = cursor
            page = await self.page(video, token, **query)
            for item in page["comments"]:
                yield item
            cursor = page["nextCursor"]
            if cursor is None:
                return
            ahead = 1 if sort == "asc" else -1
            if before is not None and (int(cursor) - int(before)) * ahead <= 0:
                raise UnreachableError(f"{self.url}: the page after {before} ends at {cursor}, which is not beyond it")

    async def follow(
        self, video: str, token: Callable[[], str | None], position: str = ""
    ) -> AsyncGenerator[Event | Opened | Interrupted, None]:
        """Yield the events of a stream as they come, for ever: it is opened again whenever it ends.

        `position` is the id of the last event that is already known ('' for none). `token` is asked for a token each
        time that the stream is opened. Raises `RefusedError` when the server will not have this viewer.
        """
        backoff = Backoff(DEFAULT_RETRY_S)
        location = Location(self.url, video, direct=self._direct)
        while True:
            parser = EventParser()
            told_s = None
            headers = _authorization(token())
            url = await location.find(self._session, headers)
            is_open = False
            try:
                async with self._open(url, headers, position) as response:
                    is_open = True
                    location.reached()
                    if response.status == 204:
                        raise _stopped(response.headers.get("Problem-Code", ""))
                    if response.status != 200 or not response.content_type.startswith(CONTENT_TYPE):
                        told_s = retry_after_s(response.headers.get("Retry-After"))
                        refusal = _problem(response.status, await response.read())
                        if _is_final(response.status):
                            raise refusal
                        reason = f"{refusal.status} {refusal.code}"
                    else:
                        yield Opened(position, url)
                        while piece := await response.content.readany():
                            for event in parser.feed(piece):
                                position = event.last_id or position
                                yield event
                            backoff.reset()
                        reason = "the server ended the stream"
            except RefusedError:
                raise
            except (*_FAILURES, ValueError) as error:
                reason = reason_of(error)
                if not is_open:
                    location.unreached(url)
            position = parser.last_id or position
            if parser.retry_ms is not None:
                backoff.first_s = min(max(parser.retry_ms / 1000, MIN_RETRY_S), MAX_RETRY_AFTER_S)
            wait_s = backoff.next_s(told_s)
            yield Interrupted(reason, wait_s)
            await asyncio.sleep(wait_s)

    async def locate(self, video: str, token: str | None) -> str:
        """Return where a stream of a video would be opened."""
        return await Location(self.url, video, direct=self._direct).find(self._session, _authorization(token))

    def _open(self, url: str, authorization: dict[str, str], position: str) -> Any:
        headers = {"Accept": CONTENT_TYPE, "Cache-Control": "no-store", **authorization}
        if position:
            headers["Last-Event-ID"] = position
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_S)
        return self._session.get(url, headers=headers, timeout=timeout)


def reason_of(error: BaseException) -> str:
    """Return in a few words why a connection failed."""
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        why = (
            os.strerror(number) if number and number > 0 else str(error.os_error)
        )  # names that do not resolve: below 0
        return f"cannot connect to {error.host}:{error.port}: {why}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError | aiohttp.ClientPayloadError):
        return "the connection was lost"
    return str(error) or type(error).__name__


def _is_final(status: int) -> bool:
    """Whether a refusal stands however often the request is repeated."""
    return 300 <= status < 500 and status not in (408, 429)


def _authorization(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _comment_id(answer: bytes) -> int:
    """Raises `UnreachableError` when this is not the answer to a stored comment."""
    try:
        return int(orjson.loads(answer)["commentId"])
    except (ValueError, KeyError, TypeError):
        raise UnreachableError("the server answers, but not as a live comments server does") from None


def _stopped(code: str) -> RefusedError:
    """Return the problem that a 204 on a stream names: it would be the same for ever."""
    status, detail = PROBLEMS.get(code, (204, ""))
    return RefusedError(status, code or "status_204", detail)


def _problem(status: int, answer: bytes) -> RefusedError:
    """Return the problem that an answer tells of; one without a problem document goes by its status."""
    try:
        problem = orjson.loads(answer)
        return RefusedError(status, str(problem["code"]), str(problem.get("detail", "")))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return RefusedError(status, f"status_{status}", "")
