"""Traces: when a comment reached which milestone of a part, as OpenTelemetry spans in a file.

Off unless `LIVECOMMENTS_TRACE_DIR` is set; then a part has a `Tracer`, and otherwise None in its place, which is asked
for once for each comment. A comment is traced when its client says so (`traceparent`, sampled), or by chance
(`LIVECOMMENTS_TRACE_SHARE`). Each part appends to a file of its own in that folder: OTLP in JSON, a line for each batch
(opentelemetry.io, "File Exporter"), which a collector's `otlpjsonfile` receiver reads. Spans hold no texts, no tokens.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any, Final

import orjson

from runtime.logs import get_logger
from runtime.settings import Settings
from wire.trace import TraceContext, new_trace, parse_traceparent

FLUSH_S: Final = 0.5
MAX_WAITING: Final = 20_000  # spans not yet in the file; more are dropped, and counted
MAX_FILE_BYTES: Final = 512 * 1024 * 1024  # of one process; then it traces no more
SPAN_KIND_SERVER: Final = 2  # opentelemetry-proto, trace.proto
SPAN_KIND_CONSUMER: Final = 5

_log = get_logger("tracing")


class Span:
    """What a part does for one comment. Times are of the machine's clock, in nanoseconds since 1970."""

    __slots__ = ("_tracer", "attributes", "began_ns", "context", "kind", "milestones", "name", "parent_id")

    def __init__(self, tracer: Tracer, name: str, kind: int, context: TraceContext, parent_id: str | None) -> None:
        self._tracer = tracer
        self.name = name
        self.kind = kind
        self.context = context
        self.parent_id = parent_id
        self.began_ns = time.time_ns()
        self.milestones: list[tuple[str, int]] = []
        self.attributes: dict[str, str | int] = {}

    def reached(self, milestone: str, at_ns: int = 0) -> None:
        """Note that the comment has reached a milestone, now or at a time that is known."""
        self.milestones.append((milestone, at_ns or time.time_ns()))

    def end(self) -> None:
        """End it, and have it written."""
        self._tracer.take(self, time.time_ns())


class Tracer:
    """Writes the spans of one part. Never waits, never raises for what goes wrong with a file."""

    def __init__(self, part: str, folder: Path, share: float) -> None:
        self._part = part
        self._file = folder / f"{part}-{os.getpid()}.jsonl"
        self._share = share
        self._waiting: list[dict[str, Any]] = []
        self._dropped = 0
        self._written = 0
        self._flushing: asyncio.TimerHandle | None = None

    def chosen(self, traceparent: str | None) -> Span | None:
        """Return a span for a comment that comes in here, None for one that is not traced."""
        parent = parse_traceparent(traceparent)
        if parent is None:
            if not self._share or random.random() >= self._share:  # noqa: S311  not a secret
                return None
            return Span(self, f"{self._part} post", SPAN_KIND_SERVER, new_trace(), None)
        return Span(self, f"{self._part} post", SPAN_KIND_SERVER, parent.child(), parent.span_id)

    def followed(self, traceparent: str | None, name: str) -> Span | None:
        """Return a span for a message that another part has sent, None where it is not traced."""
        parent = parse_traceparent(traceparent)
        if parent is None:
            return None
        return Span(self, f"{self._part} {name}", SPAN_KIND_CONSUMER, parent.child(), parent.span_id)

    def take(self, span: Span, ended_ns: int) -> None:
        """Have a span written soon."""
        if len(self._waiting) >= MAX_WAITING or self._written >= MAX_FILE_BYTES:
            self._dropped += 1
            return
        self._waiting.append(_otlp(span, ended_ns))
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        spans, self._waiting = self._waiting, []
        if self._dropped:
            _log.warning("spans were dropped", spans=self._dropped, file=str(self._file))
            self._dropped = 0
        if not spans:
            return
        line = orjson.dumps(_batch(self._part, spans), option=orjson.OPT_APPEND_NEWLINE)
        try:
            with self._file.open("ab") as file:
                file.write(line)
        except OSError as error:
            _log.warning("traces cannot be written", file=str(self._file), reason=error.strerror)
        self._written += len(line)


def make_tracer(settings: Settings, part: str) -> Tracer | None:
    """Return the tracer of a part, None where tracing is off. Makes the folder where it is not there."""
    if settings.trace_dir is None:
        return None
    settings.trace_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Tracer(part, settings.trace_dir, settings.trace_share)


def _otlp(span: Span, ended_ns: int) -> dict[str, Any]:
    """Return a span in OTLP's JSON: ids in hex, 64-bit numbers as strings."""
    document: dict[str, Any] = {
        "traceId": span.context.trace_id,
        "spanId": span.context.span_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.began_ns),
        "endTimeUnixNano": str(ended_ns),
        "attributes": [_attribute(name, value) for name, value in span.attributes.items()],
        "events": [{"name": name, "timeUnixNano": str(at_ns)} for name, at_ns in span.milestones],
    }
    if span.parent_id is not None:
        document["parentSpanId"] = span.parent_id
    return document


def _attribute(name: str, value: str | int) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}}


def _batch(part: str, spans: list[dict[str, Any]]) -> dict[str, Any]:
    resource = {"attributes": [_attribute("service.name", part), _attribute("process.pid", os.getpid())]}
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "livecomments"}, "spans": spans}]}]
    }
