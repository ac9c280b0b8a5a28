"""A user who watches: the newest page, then the stream from there on, and again wherever that ends."""

from __future__ import annotations

import random
import secrets
import time
from http.client import HTTPException
from typing import ClassVar, Final

import gevent
import orjson
from locust import User, constant, task

from livecomments.backoff import Backoff
from load.rows import OUT_OF_ORDER, VIEWER, fail, tell
from load.run import current
from load.seen import Watch
from load.stream import Connection, NotNowError
from wire.sse import Event, EventParser

AWAY_S: Final = 30.0  # a watcher that finds no stream for so long was let down
MIN_RETRY_S: Final = 0.05


class AwayError(Exception):
    """A watcher could not come back."""


class Watcher(User):
    """Holds a stream, and comes back by the service's own rule: its `retry:`, then longer and longer waits."""

    wait_time = constant(0)
    everybody: ClassVar[set[Watcher]] = set()

    def on_start(self) -> None:
        """Choose a video."""
        self.run_ = current()
        first = random.random() < self.run_.moment.focus
        self.video = self.run_.video(0 if first else random.randrange(self.run_.wanted.videos))
        self.headers = {"Authorization": f"Bearer {self.run_.token(f'watcher-{secrets.token_hex(4)}')}"}
        self.watch: Watch | None = None
        self.position = ""
        self.backoff = Backoff()
        self.lost_at: float | None = None
        self.connection: Connection | None = None
        self.everybody.add(self)

    def on_stop(self) -> None:
        """Leave."""
        self.everybody.discard(self)
        if self.watch is not None:
            self.watch.left_at = time.time()
        if self.connection is not None:
            self.connection.close()

    @task
    def hold(self) -> None:
        """Hold one connection for as long as it lasts; the next one goes on where it ended."""
        parser = EventParser()
        told_s = None
        began = time.monotonic()
        opened = False
        self.connection = connection = Connection(self.environment.host or "")
        try:
            if self.watch is None:
                self._begin()
                self.connection = connection = Connection(self.environment.host or "")
            headers = {**self.headers, "Last-Event-ID": self.position}
            for event in connection.events(f"/comments/{self.video}/stream", headers, parser):
                if event.name == "message":
                    self._receive(event)
                elif event.name == "sync":
                    opened = True
                    self._opened(began)
                else:
                    self._hear(event)
        except NotNowError as error:
            told_s = error.retry_after_s
            self._refused(error, began)
        except (OSError, HTTPException, ValueError):
            pass  # it is lost, however that came about
        finally:
            connection.close()
        self.position = parser.last_id or self.position
        now = time.monotonic()
        self.lost_at = self.lost_at or now
        if self.watch is not None:
            self.watch.is_away = True
        if opened:
            tell(self.environment, VIEWER, "stream lost", now - began)
        elif now - self.lost_at > AWAY_S:
            tell(self.environment, VIEWER, "stream lost", now - self.lost_at, AwayError(f"away for {AWAY_S:.0f} s"))
        if parser.retry_ms is not None:
            self.backoff.first_s = max(parser.retry_ms / 1000, MIN_RETRY_S)
        gevent.sleep(self.backoff.next_s(told_s))

    def _begin(self) -> None:
        """Read the newest comment's id: the stream goes on from there, and everything above it is owed."""
        connection = Connection(self.environment.host or "")
        try:
            items = orjson.loads(connection.get(f"/comments/{self.video}?limit=1", self.headers).read())["comments"]
        finally:
            connection.close()
        since = int(items[0]["id"]) if items else 0
        self.watch = self.run_.begin_watch(self.video, since)
        self.position = str(since)

    def _receive(self, event: Event) -> None:
        watch, run = self.watch, self.run_
        assert watch is not None
        wrong = watch.add(int(event.last_id))
        if wrong is not None:
            fail(self.environment.stats, wrong, 1, f"a comment came {wrong}")
        if wrong is None or wrong == OUT_OF_ORDER:
            due_us = run.stamps.due_us(event.data)
            run.deliveries.add(None if due_us is None else max(0.0, time.time() * 1000 - due_us / 1000))

    def _opened(self, began: float) -> None:
        """The replay is over."""
        now = time.monotonic()
        tell(self.environment, VIEWER, "replay", now - began)
        assert self.watch is not None
        self.watch.is_away = False
        if self.lost_at is not None:
            tell(self.environment, VIEWER, "away", now - self.lost_at)
            self.lost_at = None
        self.backoff.reset()

    def _hear(self, event: Event) -> None:
        assert self.watch is not None
        if event.name == "sampled":
            self.watch.sampled = True
        elif event.name in ("skipped", "poll"):
            tell(self.environment, VIEWER, f"told '{event.name}'", 0.0)

    def _refused(self, error: NotNowError, began: float) -> None:
        final = 300 <= error.status < 500 and error.status not in (408, 429)
        tell(self.environment, VIEWER, "refused", time.monotonic() - began, error if final else None)


def lose_connections(share: float) -> None:
    """Have that share of this process's watchers lose their connections, all at once."""
    for watcher in [watcher for watcher in Watcher.everybody if random.random() < share]:
        if watcher.connection is not None:
            watcher.connection.lose()
