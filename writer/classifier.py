"""An outside classifier, asked about each comment before it is taken: a hook, off unless an address is set.

It is sent `POST` with `{"video", "userId", "message"}`, and answers 200 with `{"allow": true}` or `{"allow": false}`.
Anything else, and no answer in time, is a failure. What happens to a comment then is a setting: `open` lets it pass,
closed refuses it with 503. After some failures in a row nobody is asked for a while (a circuit breaker), so that a
classifier that is down costs nobody any time.

It is asked about what is within the limits (`limits`) alone, so it has to bear no more than those let through; and so
many questions are under way at once, of all and of one user. Those above that wait, for as long as an answer may take:
that they wait is no failure of the classifier's, or a crowd could have it passed over.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import orjson

from runtime.logs import get_logger
from runtime.settings import Settings
from wire.problem import Refused
from writer.metrics import CLASSIFIED, REFUSED_BY_RATE, REFUSED_BY_RULE

NOT_CHECKED: Final = "not_checked"  # the problem of a comment that nobody could judge
MAX_AT_ONCE: Final = 200  # questions under way
MAX_WAITING: Final = 2_000  # that wait for their turn; one more is not judged
MAX_OF_USER: Final = 10  # either of one user; one more is told to wait
MAX_ANSWER_BYTES: Final = 4 * 1024
FAILURES_TO_BREAK: Final = 5  # in a row
BROKEN_S: Final = 5.0  # for which nobody is asked; then one question tells whether it is back

if TYPE_CHECKING:
    import aiohttp  # loaded where there is a classifier: a writer without one does not need it

_log = get_logger("writer")


class Circuit(Enum):
    """Whether questions are asked."""

    CLOSED = auto()
    BROKEN = auto()
    TRYING = auto()  # one question is under way that will tell


class Breaker:
    """Counts failures in a row. Pure: the time is passed in, in seconds."""

    def __init__(self) -> None:
        self.circuit = Circuit.CLOSED
        self._failures = 0
        self._broken_at = 0.0

    def lets_through(self, now_s: float) -> bool:
        """Return whether a question may be asked now; then its outcome has to be told."""
        if self.circuit is Circuit.CLOSED:
            return True
        if self.circuit is Circuit.BROKEN and now_s - self._broken_at >= BROKEN_S:
            self.circuit = Circuit.TRYING
            return True
        return False

    def answered(self) -> None:
        """Hear that a question was answered."""
        self.circuit, self._failures = Circuit.CLOSED, 0

    def given_up(self, now_s: float) -> None:
        """Hear that a question was given up by the one who asked: that says nothing of the classifier."""
        if self.circuit is Circuit.TRYING:
            self.circuit, self._broken_at = Circuit.BROKEN, now_s

    def failed(self, now_s: float) -> None:
        """Hear that one was not."""
        self._failures += 1
        if self.circuit is Circuit.TRYING or self._failures >= FAILURES_TO_BREAK:
            self.circuit, self._broken_at = Circuit.BROKEN, now_s


class Classifier:
    """Asks the classifier at `classifier_url`."""

    def __init__(self, url: str, timeout_s: float, *, is_open: bool) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._is_open = is_open
        self._breaker = Breaker()
        self._places = asyncio.Semaphore(MAX_AT_ONCE)
        self._waiting = 0
        self._of_users: Counter[str] = Counter()  # questions of each user, under way or waiting
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def of(cls, settings: Settings) -> Classifier | None:
        """Return the classifier that the settings name, None for none."""
        if settings.classifier_url is None:
            return None
        timeout_s = settings.classifier_timeout_ms / 1000
        return cls(settings.classifier_url, timeout_s, is_open=settings.classifier_open)

    async def check(self, video: str, user_id: str, text: str) -> None:
        """Raise `Refused` for what the classifier refuses (`refused_content`), and where it fails (`not_checked`).

        And for one with too many questions under way (`too_many`).
        """
        if self._of_users[user_id] >= MAX_OF_USER:
            REFUSED_BY_RATE.labels("classifier").inc()
            raise Refused("too_many", retry_after_s=1)
        self._of_users[user_id] += 1
        try:
            allowed = await self._ask(orjson.dumps({"video": video, "userId": user_id, "message": text}))
        finally:
            self._of_users[user_id] -= 1
            if not self._of_users[user_id]:
                del self._of_users[user_id]
        if allowed is None:
            CLASSIFIED.labels("failed").inc()
            if not self._is_open:
                raise Refused(NOT_CHECKED)
        elif allowed:
            CLASSIFIED.labels("allowed").inc()
        else:
            CLASSIFIED.labels("refused").inc()
            REFUSED_BY_RULE.labels("refused_content").inc()
            raise Refused("refused_content")

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, question: bytes) -> bool | None:
        """Return what it says, None for a failure."""
        if self._waiting >= MAX_WAITING:
            return None
        self._waiting += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._places.acquire()
        except TimeoutError:
            return None
        finally:
            self._waiting -= 1
        try:
            return await self._ask_now(question) if self._breaker.lets_through(time.monotonic()) else None
        finally:
            self._places.release()

    async def _ask_now(self, question: bytes) -> bool | None:
        try:
            allowed = await self._answer(question)
        except asyncio.CancelledError:
            self._breaker.given_up(time.monotonic())
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it is no answer
            before = self._breaker.circuit
            self._breaker.failed(time.monotonic())
            if self._breaker.circuit is not before:
                _log.warning("the classifier fails, and is not asked for a while", error=type(error).__name__)
            return None
        self._breaker.answered()
        return allowed

    async def _answer(self, question: bytes) -> bool:
        import aiohttp  # noqa: PLC0415  see above

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
            )
        async with (
            asyncio.timeout(self._timeout_s),
            self._session.post(
                self._url, data=question, headers={"Content-Type": "application/json"}, allow_redirects=False
            ) as response,
        ):
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            body = b""
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise ValueError("a very long answer")
            document = orjson.loads(body)
            allow = document.get("allow") if isinstance(document, dict) else None
            if not isinstance(allow, bool):
                raise ValueError("no verdict")  # noqa: TRY004  an answer that makes no sense
            return allow
