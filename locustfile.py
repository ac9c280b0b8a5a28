"""A load of watchers, posters and readers, with locust.

    make run                                                            # in one terminal
    .venv/bin/locust --headless -u 100 -r 20 -t 30s                     # in another
    .venv/bin/locust --headless -u 100 -r 20 -t 1m --watchers 20 --posters 4 --readers 1 --videos 5
    .venv/bin/locust                                                    # with locust's own page, at :8089

Without `--host` it goes to the cluster that runs in LIVECOMMENTS_DATA_DIR. Beside locust's figures it measures how long
a comment takes from its POST to a viewer, and holds each watcher to account: a comment that was missed, came twice or
out of order ends the run with status 1.
"""

from __future__ import annotations

import random
import secrets
import time
from collections import defaultdict
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

import gevent
import orjson
from locust import FastHttpUser, User, between, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from bench.ledger import Received, Verdict, judge
from bench.plan import TEXTS, due_ns_of, timed_text
from livecomments.backoff import Backoff, retry_after_s
from livecomments.cluster_here import public_url, token_issuer
from livecomments.latencies import Latencies
from runtime.settings import read_settings
from runtime.tokens import Tokens
from wire.sse import Event, EventParser

WEIGHTS: Final = {"watchers": 8, "posters": 2, "readers": 1}
TOKEN_TTL_S: Final = 24 * 3600
GRACE_S: Final = 5  # a comment that was accepted this long before a watcher left must have reached it
SILENCE_S: Final = 45  # three heartbeats
PIECE_BYTES: Final = 64 * 1024
MAX_PAGES: Final = 5
S_TO_NS: Final = 1_000_000_000


class NotNowError(Exception):
    """The server refuses a watcher, and may say for how long."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"refused with {status}")
        self.retry_after_s = retry_after_s


class Load:
    """What this process has posted and seen in this run."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin a run: forget what an earlier one of this process has seen."""
        # Ahead of each text: what other runs and other processes post is not timed, their clocks being others.
        self.mark = secrets.token_hex(4)
        self.accepted: dict[str, list[tuple[int, float]]] = defaultdict(list)  # by video: number, when answered
        self.latencies = Latencies()
        self.verdict = Verdict()
        self.watchers = 0
        self.sampled = 0

    def owed(self, video: str, since: int, left_at: float) -> list[int]:
        """Return the comments that a watcher, who knew those up to `since` when it came, should have when it leaves."""
        return [number for number, at in self.accepted[video] if number > since and at < left_at - GRACE_S]


class Cluster:
    """Where the load goes."""

    tokens: Tokens
    videos: list[str]


load = Load()


def add_options(parser: LocustArgumentParser, **_: Any) -> None:
    """Add the weights and the number of videos to locust's options."""
    for kind, weight in WEIGHTS.items():
        parser.add_argument(f"--{kind}", type=int, default=weight, help=f"weight of {kind} among the users")
    parser.add_argument("--videos", type=int, default=10, help="videos that the users spread over")


def set_up(environment: Environment, **_: Any) -> None:
    """Find the cluster, and make the weights what the command line says."""
    options = environment.parsed_options
    assert options is not None
    settings = read_settings()
    environment.host = public_url(settings, environment.host)
    Cluster.tokens = token_issuer(settings)
    run = secrets.token_hex(3)
    Cluster.videos = [f"load-{run}-{index}" for index in range(max(1, options.videos))]
    Watcher.weight, Poster.weight, Reader.weight = options.watchers, options.posters, options.readers
    environment.user_classes = [kind for kind in environment.user_classes if kind.weight > 0]


def begin(environment: Environment, **_: Any) -> None:
    """Begin a run."""
    del environment
    load.begin()


def report(environment: Environment, **_: Any) -> None:
    """Print what locust does not know of, and have it fail when a viewer was let down."""
    verdict = load.verdict
    p50, p90, p99, worst = load.latencies.percentiles_ms(50, 90, 99, 100)
    print(
        f"\nPOST to viewer: {len(load.latencies)} times, ms p50 {p50:.1f} p90 {p90:.1f} p99 {p99:.1f} max {worst:.1f}"
    )
    print(
        f"{load.watchers} watchers were owed {verdict.expected} comments:"
        f" missed {verdict.missed}, repeated {verdict.repeated}, out of order {verdict.out_of_order}"
    )
    if load.sampled:
        print(f"{load.sampled} of them were shown a sample: LIVECOMMENTS_READABLE_RATE=0 would show them all")
    if not verdict.good:
        environment.process_exit_code = 1


events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(set_up)
events.test_start.add_listener(begin)
events.test_stop.add_listener(report)


class Watcher(User):
    """Holds a stream, as a browser does: the newest page first, then the stream from there on."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Choose a video."""
        self.video = random.choice(Cluster.videos)
        self.headers = {
            "Authorization": f"Bearer {Cluster.tokens.issue(f'watcher-{secrets.token_hex(4)}', TOKEN_TTL_S)}"
        }
        self.received = Received()
        self.since: int | None = None
        self.position = ""
        self.sampled = False
        self.backoff = Backoff()

    def on_stop(self) -> None:
        """Compare what came with what was owed."""
        if self.since is None:
            return
        load.watchers += 1
        load.sampled += self.sampled
        # Above the readable rate a viewer is shown a sample, and told so: it is owed no comment in particular.
        owed = [] if self.sampled else load.owed(self.video, self.since, time.monotonic())
        load.verdict += judge(self.received, owed)

    @task
    def watch(self) -> None:
        """Hold one connection for as long as it lasts; the next one goes on where it ended."""
        began = time.perf_counter()
        parser = EventParser()
        told_s = None
        failure: Exception | None = None
        try:
            if self.since is None:
                self.since = self.newest()
                self.position = str(self.since)
            response = self.get("/stream", {"Last-Event-ID": self.position, "Accept": "text/event-stream"})
            while piece := response.read1(PIECE_BYTES):
                for event in parser.feed(piece):
                    self.receive(event, began)
                self.position = parser.last_id or self.position
                self.backoff.reset()
        except NotNowError as error:
            failure, told_s = error, error.retry_after_s
        except (OSError, HTTPException, ValueError) as error:
            failure = error
        self.tell("stream lost", began, failure)
        if parser.retry_ms is not None:
            self.backoff.first_s = parser.retry_ms / 1000
        gevent.sleep(self.backoff.next_s(told_s))

    def receive(self, event: Event, began: float) -> None:
        """Count a comment, and time it if it was posted here."""
        if event.name == "sync":
            self.tell("stream opened", began, None)
        self.sampled = self.sampled or event.name == "sampled"
        if event.name != "message":
            return
        data = event.json()
        new = self.received.add(int(data["commentId"]))
        mark, _, text = data["message"].partition(" ")
        if new and mark == load.mark:
            latency_s = (time.monotonic_ns() - due_ns_of(text)) / S_TO_NS
            load.latencies.add(latency_s)
            self.environment.events.request.fire(
                request_type="SSE",
                name="POST to viewer",
                response_time=latency_s * 1000,
                response_length=0,
                exception=None,
            )

    def newest(self) -> int:
        """Return the id of the newest comment, 0 where there is none yet."""
        items = json_of(self.get("?limit=1", {}).read())["comments"]
        return int(items[0]["id"]) if items else 0

    def get(self, path: str, headers: dict[str, str]) -> HTTPResponse:
        """Ask for something of this video, on a connection of its own. Raises `NotNowError` unless it is given."""
        address = urlsplit(self.environment.host or "")
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=SILENCE_S)
        connection.request("GET", f"/comments/{self.video}{path}", headers=self.headers | headers)
        response = connection.getresponse()
        if response.status != 200:
            raise NotNowError(response.status, retry_after_s(response.headers.get("Retry-After")))
        return response

    def tell(self, name: str, began: float, failure: Exception | None) -> None:
        """Have locust count it."""
        self.environment.events.request.fire(
            request_type="SSE",
            name=name,
            response_time=(time.perf_counter() - began) * 1000,
            response_length=0,
            exception=failure,
        )


class Poster(FastHttpUser):
    """Says something now and then, somewhere."""

    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Become somebody."""
        self.token = Cluster.tokens.issue(f"poster-{secrets.token_hex(4)}", TOKEN_TTL_S)

    @task
    def post(self) -> None:
        """Post a comment, and repeat it with its key until it is known to be stored."""
        video, key = random.choice(Cluster.videos), secrets.token_hex(16)
        body = {"message": f"{load.mark} {timed_text(time.monotonic_ns(), random.choice(TEXTS))}"}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        backoff = Backoff()
        while True:
            with self.client.post(
                f"/comments/{video}", json=body, headers=headers, name="POST", catch_response=True
            ) as response:
                if response.status_code in (201, 202):
                    load.accepted[video].append((int(json_of(response.content)["commentId"]), time.monotonic()))
                    return
                if response.status_code == 429:
                    response.success()  # the cluster's rates are on: a poster who waits as told is no failure
                elif 400 <= response.status_code < 500:
                    response.failure(f"refused with {response.status_code}")
                    return
                else:
                    response.failure(f"repeated after {response.status_code}")
                told_s = retry_after_s((response.headers or {}).get("Retry-After"))
            gevent.sleep(backoff.next_s(told_s))


class Reader(FastHttpUser):
    """Reads back, page by page."""

    wait_time = between(1, 3)

    def on_start(self) -> None:
        """Become somebody."""
        self.token = Cluster.tokens.issue(f"reader-{secrets.token_hex(4)}", TOKEN_TTL_S)

    @task
    def read(self) -> None:
        """Read the newest page, and those before it."""
        path = f"/comments/{random.choice(Cluster.videos)}?limit=20"
        headers = {"Authorization": f"Bearer {self.token}"}
        cursor = None
        for _ in range(MAX_PAGES):
            query = f"&cursor={cursor}" if cursor else ""
            with self.client.get(path + query, headers=headers, name="GET page", catch_response=True) as response:
                if response.status_code != 200:
                    response.failure(f"refused with {response.status_code}")
                    return
                cursor = json_of(response.content)["nextCursor"]
            if cursor is None:
                return


def json_of(body: bytes | None) -> dict[str, Any]:
    """Return what an answer says."""
    document: dict[str, Any] = orjson.loads(body or b"")
    return document
