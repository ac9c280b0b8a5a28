"""One comment, posted until it is known what became of it. Its time counts from when it was due."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any, Final

import gevent
import orjson
from gevent.pool import Pool
from geventhttpclient import HTTPClient
from locust.env import Environment

from livecomments.backoff import Backoff, retry_after_s
from load.rows import tell
from load.run import Run
from load.stamp import stamped

POST: Final = "POST"
ANSWER_TIMEOUT_S: Final = 30  # a writer holds a comment for up to 10 s before it answers
CONNECT_TIMEOUT_S: Final = 5
PATIENCE_S: Final = 60  # for one comment
CONNECTIONS: Final = 64
MAX_ON_WAY: Final = 4_000  # of one process; beyond that it cannot keep the pace that was asked for, and says so


class RefusedError(Exception):
    """The service does not take a comment."""


class UnknownError(Exception):
    """It is not known whether a comment was stored."""


class HeldOffError(Exception):
    """A comment was told to wait for so long that nobody waits any more: it is not stored."""

    def __init__(self) -> None:
        super().__init__(f"told to wait for {PATIENCE_S} s: more than the cluster's rates let through")


class TooSlowError(Exception):
    """So many posts of this process have no answer that it does not send any more."""

    def __init__(self) -> None:
        super().__init__(f"not sent: {MAX_ON_WAY} posts have no answer")


@dataclass(frozen=True, slots=True)
class Due:
    """A comment whose time has come, at `at_s` of the monotonic clock."""

    at_s: float
    video: str
    text: str
    token: str


class Posting:
    """Sends comments when they are due, whether or not those before them were answered."""

    def __init__(self, environment: Environment, run: Run) -> None:
        self._environment = environment
        self._run = run
        self._on_way = Pool(MAX_ON_WAY)
        self._client = HTTPClient.from_url(
            environment.host or "",
            concurrency=CONNECTIONS,
            connection_timeout=CONNECT_TIMEOUT_S,
            network_timeout=ANSWER_TIMEOUT_S,
        )

    def send(self, due: Due) -> None:
        """Post a comment, and do not wait for its answer."""
        if self._on_way.full():
            # A row of its own: in that of the comments it would count as one that took no time.
            tell(self._environment, POST, "not sent", time.monotonic() - due.at_s, TooSlowError())
            return
        self._run.on_way += 1
        self._on_way.spawn(self._send, due)

    def _send(self, due: Due) -> None:
        failure: Exception | None = None
        try:
            number = self._until_known(due)
            self._run.accepted[due.video].append((number, time.time()))
        except UnknownError as error:
            failure = error
            self._run.unknown += 1
        except (RefusedError, HeldOffError) as error:
            failure = error
        finally:
            self._run.on_way -= 1
        tell(self._environment, POST, "comment", time.monotonic() - due.at_s, failure)

    def _until_known(self, due: Due) -> int:
        due_us = round((time.time() - (time.monotonic() - due.at_s)) * 1e6)
        body = orjson.dumps({"message": stamped(self._run.mark, due_us, due.text)})
        headers = {
            "Authorization": f"Bearer {due.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": secrets.token_hex(16),
        }
        backoff, may_be_stored = Backoff(), False
        while True:
            began = time.monotonic()
            told_s = None
            try:
                response = self._client.post(f"/comments/{due.video}", body=body, headers=headers)
                answer, status = bytes(response.read()), response.status_code
                told_s = retry_after_s(str(response.get("retry-after") or ""))
            except Exception as error:  # noqa: BLE001  whatever a broken connection is called here
                answer, status = str(error).encode(), 0
            if status in (201, 202):
                return int(_json(answer)["commentId"])
            if 300 <= status < 500 and status not in (408, 429):
                raise RefusedError(f"refused with {status} {_json(answer).get('code', '')}")
            # One who is told to come later, or asks again with the same key, is no failure: the comment is.
            tell(self._environment, POST, "told to wait" if status == 429 else "repeated", time.monotonic() - began)
            may_be_stored |= status != 429
            wait_s = backoff.next_s(told_s)
            if time.monotonic() + wait_s - due.at_s > PATIENCE_S:
                if not may_be_stored:
                    raise HeldOffError
                raise UnknownError(f"not known after {PATIENCE_S} s (status {status})")
            gevent.sleep(wait_s)


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
