"""What things cost, out of a run: what the capacity model computes with.

{"measured": {"began", "machine", "quick"}, "costs": {NAME: {"value", "unit", "says", "source"?}}}

`source`: where a cost comes from that was not measured in that run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import orjson

from bench.fanout.peers.ours import Ours
from bench.suite.result import Result, ResultError
from wire import sse
from wire.comment import encode_payload, event_data

TEXT: Final = "what a goal, unbelievable scenes here tonight!"  # 46 characters; real chats: median 4 to 15, p99 161
NUMBER: Final = 1_790_000_000_000_000


def of(result: Result, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the document. What this run did not measure stays as it was `before`, with where it came from.

    Raises `ResultError`, naming what neither has.
    """
    costs: dict[str, dict[str, Any]] = {}
    missing: list[str] = []
    for name, unit, says, value in _COSTS:
        try:
            costs[name] = {"value": round(float(value(result)), 4), "unit": unit, "says": says}
        except (KeyError, IndexError, ValueError, StopIteration):
            kept = before["costs"].get(name) if before is not None else None
            if before is None or kept is None:
                missing.append(name)
            else:
                costs[name] = {**kept, "source": kept.get("source", _source(before["measured"]))}
    if missing:
        raise ResultError(f"this run did not measure {', '.join(missing)}: run 'livecomments bench' without --only")
    document = result.document
    return {
        "measured": {"began": document["began"], "quick": document["quick"], "machine": document["machine"]},
        "costs": costs,
    }


def write(file: Path, result: Result) -> None:
    """Write those of a run to a file; what the run did not measure stays as it stands there. Raises `ResultError`."""
    costs = of(result, orjson.loads(file.read_bytes()) if file.is_file() else None)
    file.write_bytes(orjson.dumps(costs, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _source(measured: dict[str, Any]) -> str:
    return ", ".join(filter(None, ("livecomments bench", measured["began"][:10], measured.get("others"))))


def _figure(name: str) -> Callable[[Result], float]:
    def value(result: Result) -> float:
        found = next(figure for figures in result.figures().values() for figure in figures if figure.name == name)
        return median(found.numbers)

    return value


def _part(name: str) -> Callable[[Result], float]:
    return lambda result: float(result.line("per-second")["us"][name])


def _line(line: str, *keys: str) -> Callable[[Result], float]:
    def value(result: Result) -> float:
        found: Any = result.line(line)
        for key in keys:
            found = found[key]
        return float(found)

    return value


def _intake_us(result: Result) -> float:
    """A comment's own price at an edge, whoever watches: what is left of a comment's cost at no viewers."""
    rows = [row for row in result.rows("flat_cost") if row["rooms"] == 1 and row["server"] == Ours.name]
    viewers = [row["viewers"] for row in rows if row["viewers"] <= FEW]
    if len(viewers) < 2:
        raise ValueError("too few rooms to draw a line through")
    costs = [row["us_per_delivery"] * row["viewers"] for row in rows if row["viewers"] <= FEW]
    _, intake = np.polyfit(viewers, costs, 1)
    if intake <= 0:
        raise ValueError("the measurements differ by more than what is looked for")
    return float(intake)


FEW: Final = 1_000  # viewers: above that a comment's own price is nothing beside its writes


def _ours(scenario: str, key: str) -> Callable[[Result], float]:
    def value(result: Result) -> float:
        rows: Iterable[dict[str, Any]] = result.rows(scenario)
        return float(next(row[key] for row in rows if row["server"] == Ours.name))

    return value


def _event_bytes(_: Result) -> float:
    frame = sse.comment_event(NUMBER, event_data(NUMBER, NUMBER // 1000, encode_payload("user-12345", TEXT)))
    return len(frame)


_COSTS: Final[tuple[tuple[str, str, str, Callable[[Result], float]], ...]] = (
    ("edge_us_per_write", "µs", "CPU of an edge a write to a viewer's socket", _ours("one_write", "us_per_write")),
    (
        "edge_us_per_busy_delivery",
        "µs",
        "CPU of an edge a comment and viewer where 500 a second share their writes",
        _ours("busy_room", "us_per_delivery"),
    ),
    ("edge_us_per_comment", "µs", "CPU of an edge a comment that comes in, whoever watches", _intake_us),
    (
        "edge_deliveries_per_s",
        "1/s",
        "deliveries of one edge at its knee, p99 below 200 ms",
        _figure("delivered a second within 200 ms (p99), one core: this edge"),
    ),
    ("edge_kb_per_viewer", "KB", "resident memory of an edge a viewer", _figure("memory a viewer, 10,000 idle ones")),
    ("kernel_kb_per_socket", "KB", "memory of the kernel a socket", _figure("kernel memory a socket")),
    (
        "edge_returns_per_s",
        "1/s",
        "viewers who come back to one edge a second, each with 50 comments to replay",
        lambda result: 15_000 / _figure("15,000 viewers back at once: all served")(result),
    ),
    ("gateway_us_per_frame", "µs", "CPU of the gateway a frame", _figure("CPU of the gateway a frame")),
    ("gateway_us_per_post", "µs", "CPU of the gateway a POST", _part("gateway")),
    ("writer_us_per_comment", "µs", "CPU of a writer a comment", _part("writers")),
    ("nats_us_per_comment", "µs", "CPU of nats-server to store a comment, one copy", _part("nats")),
    ("nats_us_per_copy", "µs", "CPU of nats-server a live copy to an edge", _figure("CPU of nats-server a live copy")),
    (
        "stream_comments_per_s",
        "1/s",
        "comments that one stream stores, in atomic batches",
        _figure("comments a second that one stream stores"),
    ),
    ("archiver_us_per_comment", "µs", "CPU of an archiver a comment", _part("archivers")),
    ("postgres_us_per_comment", "µs", "CPU of Postgres to insert a comment", _part("postgres")),
    ("stream_bytes_per_comment", "B", "a comment in JetStream", _line("sizes", "bytes", "stream")),
    ("postgres_bytes_per_comment", "B", "a comment in Postgres, with its index", _line("sizes", "bytes", "postgres")),
    ("history_us_per_page", "µs", "CPU of history a page, none repeated", _line("pages", "different", "history_us")),
    ("postgres_us_per_page", "µs", "CPU of Postgres a page, none repeated", _line("pages", "different", "postgres_us")),
    ("event_bytes", "B", "the event of a comment of 46 characters", _event_bytes),
)
