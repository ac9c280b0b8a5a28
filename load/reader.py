"""A user who reads backwards, page by page, as one who scrolls up."""

from __future__ import annotations

import random
import secrets
import time
from typing import Final

import gevent
import orjson
from gevent.pool import Pool
from locust import FastHttpUser, constant, task

from load.run import current

MAX_PAGES: Final = 5
EVERY_S: Final = 2.0  # on average: a Poisson process, whether or not what was asked for before has come
MAX_ON_WAY: Final = 50  # of one reader; beyond that it waits
PAGE: Final = "page"
FIRST_PAGE: Final = "first page"


class Reader(FastHttpUser):
    """Reads the newest page of a video, and those before it: an open loop, as with posts.

    The first page's time counts from when it was due; a page after it is due when the one before it has come.
    """

    wait_time = constant(0)

    def on_start(self) -> None:
        """Become somebody."""
        self.run_ = current()
        self.token = self.run_.token(f"reader-{secrets.token_hex(4)}")
        self.due_s = time.monotonic()
        self.on_way = Pool(MAX_ON_WAY)

    def on_stop(self) -> None:
        """Leave."""
        self.on_way.kill()

    @task
    def read(self) -> None:
        """Wait until it is time, and read without waiting for the end of it."""
        self.due_s += random.expovariate(1 / EVERY_S)
        gevent.sleep(max(0.0, self.due_s - time.monotonic()))
        self.on_way.spawn(self._scroll, self.due_s)

    def _scroll(self, due_s: float) -> None:
        """Read backwards: numbers must fall from one to the next, across the pages too."""
        path = f"/comments/{self.run_.video(random.randrange(self.run_.wanted.videos))}?limit=20"
        headers = {"Authorization": f"Bearer {self.token}"}
        cursor, last = None, float("inf")
        for _ in range(MAX_PAGES):
            query = f"&cursor={cursor}" if cursor else ""
            name = PAGE if cursor else FIRST_PAGE
            with self.client.get(path + query, headers=headers, name=name, catch_response=True) as response:
                if cursor is None:
                    response.request_meta["response_time"] = (time.monotonic() - due_s) * 1000
                if response.status_code in (429, 503):
                    response.success()  # told to come later, and does
                    return
                if response.status_code != 200:
                    response.failure(f"refused with {response.status_code}")
                    return
                page = orjson.loads(response.content or b"{}")
                for item in page["comments"]:
                    number = int(item["id"])
                    if number >= last:
                        response.failure("a page is out of order")
                        return
                    last = number
                cursor = page["nextCursor"]
            if cursor is None:
                return
