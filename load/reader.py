"""A user who reads backwards, page by page, as one who scrolls up."""

from __future__ import annotations

import random
import secrets
from typing import Final

import orjson
from locust import FastHttpUser, between, task

from load.run import current

MAX_PAGES: Final = 5


class Reader(FastHttpUser):
    """Reads the newest page of a video, and those before it."""

    wait_time = between(1, 3)

    def on_start(self) -> None:
        """Become somebody."""
        self.run_ = current()
        self.token = self.run_.token(f"reader-{secrets.token_hex(4)}")

    @task
    def read(self) -> None:
        """Read backwards: numbers must fall from one to the next, across the pages too."""
        path = f"/comments/{self.run_.video(random.randrange(self.run_.wanted.videos))}?limit=20"
        headers = {"Authorization": f"Bearer {self.token}"}
        cursor, last = None, float("inf")
        for _ in range(MAX_PAGES):
            query = f"&cursor={cursor}" if cursor else ""
            with self.client.get(path + query, headers=headers, name="page", catch_response=True) as response:
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
