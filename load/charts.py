"""The page of charts: what locust's own do not show. Live at /live-comments of its web page, or as a file.

As a file it is the page, or one picture where its name ends in .svg.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import gevent
import orjson
from flask import Response
from locust import events
from locust.env import Environment

from load import rows
from load.joining import Leader
from load.posting import POST

EVERY_S: Final = 1.0
MAX_POINTS: Final = 3_600 * 6
PAGE: Final = Path(__file__).with_name("charts.html")
PATH: Final = "/live-comments"

_DATA: Final = "/*DATA*/ null"
_TIMED: Final = {"post": ("comment", POST), "viewer": (rows.TO_VIEWER, rows.VIEWER), "replay": ("replay", rows.VIEWER)}
_CHECKS: Final = {"missed": rows.MISSED, "repeated": rows.REPEATED, "disorder": rows.OUT_OF_ORDER}


class History:
    """A point a second: how many came, how late, and what went wrong."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.points: list[dict[str, Any]] = []
        self._before: dict[str, Counter[int]] = {}
        self._began = time.monotonic()
        self.number = 0  # of the run

    def begin(self) -> None:
        """Begin a run."""
        self.number += 1
        self.points.clear()
        self._before.clear()
        self._began = time.monotonic()

    def add(self) -> None:
        """Add the point of this second."""
        runner, stats = self._environment.runner, self._environment.stats
        if runner is None or len(self.points) >= MAX_POINTS:
            return
        point: dict[str, Any] = {"t": round(time.monotonic() - self._began, 1), "users": runner.user_count}
        for short, key in _TIMED.items():
            entry = stats.entries.get(key)
            times = Counter(entry.response_times) if entry is not None else Counter[int]()
            new = times - self._before.get(short, Counter())
            self._before[short] = times
            point[f"{short}_n"] = new.total()
            point[f"{short}_p50"], point[f"{short}_p99"] = _percentile(new, 50), _percentile(new, 99)
        for short, name in _CHECKS.items():
            entry = stats.entries.get((name, rows.CHECK))
            point[short] = entry.num_failures if entry is not None else 0
        self.points.append(point)


def page(points: list[dict[str, Any]] | None) -> str:
    """Return the page, with its data inside of it, or None for one that asks for them."""
    text = PAGE.read_text("utf-8")
    return text if points is None else text.replace(_DATA, orjson.dumps(points).decode())


def set_up(environment: Environment, leader: Leader) -> None:
    """Keep the history of runs, show it beside locust's own page, and write it where that is asked for."""
    history = History(environment)

    def run(**_: Any) -> None:
        history.begin()
        gevent.spawn(watch)

    def watch() -> None:
        number = history.number
        while True:
            gevent.sleep(EVERY_S)
            if history.number != number or environment.runner is None or environment.runner.state == "stopped":
                return
            history.add()

    def write(**_: Any) -> None:
        options = environment.parsed_options
        if options is not None and options.charts:
            leader.end()
            history.add()
            file = Path(options.charts)
            if file.suffix == ".svg":
                from load.picture import picture  # noqa: PLC0415  matplotlib takes its time

                file.write_text(picture(history.points), "utf-8")
            else:
                file.write_text(page(history.points), "utf-8")

    events.test_start.add_listener(run)
    events.quitting.add_listener(write)
    app = environment.web_ui.app if environment.web_ui is not None else None
    if app is not None:
        app.add_url_rule(PATH, "live_comments", lambda: page(None))
        app.add_url_rule(
            f"{PATH}/history.json",
            "live_comments_history",
            lambda: Response(orjson.dumps(history.points), content_type="application/json"),
        )


def _percentile(times: Counter[int], percent: float) -> int | None:
    wanted, seen = times.total() * percent / 100, 0
    for ms in sorted(times):
        seen += times[ms]
        if seen >= wanted:
            return ms
    return None
