"""A user who posts: an open loop of their own, at the rate that the story asks for."""

from __future__ import annotations

import random
import secrets
import time
from typing import Final

import gevent
from locust import User, constant, task

from bench.plan import TEXTS
from load.posting import Due, Posting
from load.run import current

LONGEST_WAIT_S: Final = 1.0  # until the story is looked at again


class Poster(User):
    """One author. All posters together post `--rate` comments a second, times what the story makes of it.

    Theirs is a Poisson process whose rate changes in time, drawn by thinning (Lewis and Shedler, 1979): times are drawn
    at the story's highest rate, and each is kept with the chance that the moment's rate has of it.
    """

    wait_time = constant(0)

    def on_start(self) -> None:
        """Become somebody."""
        self.run_ = current()
        self.token = self.run_.token(f"poster-{secrets.token_hex(4)}")
        self.posting = Posting(self.environment, self.run_)
        wanted = self.run_.wanted
        self.most_per_s = wanted.rate / max(1, wanted.posters) * wanted.story.peak
        self.due_s = time.monotonic()

    @task
    def say_something(self) -> None:
        """Wait until the next comment is due, and post it without waiting for its answer."""
        run = self.run_
        if self.most_per_s <= 0 or run.quiet:
            gevent.sleep(LONGEST_WAIT_S)
            return
        self.due_s += random.expovariate(self.most_per_s)
        while (wait_s := self.due_s - time.monotonic()) > 0:
            gevent.sleep(min(wait_s, LONGEST_WAIT_S))
            if current().quiet:
                return
        moment = run.moment
        if random.random() * run.wanted.story.peak < moment.rate:
            video = 0 if random.random() < moment.focus else random.randrange(run.wanted.videos)
            self.posting.send(Due(self.due_s, run.video(video), random.choice(TEXTS), self.token))
