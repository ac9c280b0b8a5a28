"""Traces that the parts have written (`runtime/tracing.py`), and what they say together: milestones, and how late.

All times of a trace count from its beginning, on one clock; over several machines they are as good as their clocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from livecomments.latencies import Latencies

NS_PER_S: Final = 1_000_000_000

# In the order in which a comment passes them; what else stands in a trace comes after these.
MILESTONES: Final = (
    "client: sent",
    "writer: came",
    "writer: checked",
    "JetStream: stored",
    "edge: heard",
    "edge: first viewer written",
    "client: a viewer has it",
    "edge: last viewer written",
    "writer: acknowledged",
    "writer: archived",
    "writer: answered unarchived",
    "client: answered",
)
_BEGINNINGS: Final = {"writer": "writer: came", "edge": "edge: heard"}
_NAMED: Final = {"edge: stored": "JetStream: stored"}

Times = dict[str, int]  # by milestone, in nanoseconds since 1970


def read_traces(folder: Path) -> dict[str, Times]:
    """Return by trace what stands in a folder's files. A line that was not written to its end is left out."""
    traces: dict[str, Times] = defaultdict(dict)
    for file in sorted(folder.glob("*.jsonl")):
        with file.open("rb") as lines:
            for line in lines:
                for part, span in _spans(line):
                    traces[span["traceId"]].update(_times(part, span))
    return dict(traces)


def latencies(traces: Iterable[Mapping[str, int]]) -> dict[str, Latencies]:
    """Return by milestone how long after the trace's first one it was reached."""
    found: dict[str, Latencies] = defaultdict(Latencies)
    for times in traces:
        began = min(times.values())
        for milestone, at_ns in times.items():
            found[milestone].add((at_ns - began) / NS_PER_S)
    order = {milestone: place for place, milestone in enumerate(MILESTONES)}
    return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))


def _spans(line: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        batch = orjson.loads(line)
    except orjson.JSONDecodeError:
        return
    for resource in batch["resourceSpans"]:
        part = next(
            one["value"]["stringValue"] for one in resource["resource"]["attributes"] if one["key"] == "service.name"
        )
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                yield part, span


def _times(part: str, span: dict[str, Any]) -> Times:
    times = {_BEGINNINGS.get(part, f"{part}: began"): int(span["startTimeUnixNano"])}
    for event in span["events"]:
        name = f"{part}: {event['name']}"
        times[_NAMED.get(name, name)] = int(event["timeUnixNano"])
    return times
