"""A stored message as the bytes that viewers get. Encoded once for all of an edge's viewers."""

from __future__ import annotations

from edge.metrics import UNREADABLE
from runtime.logs import get_logger
from wire import sse
from wire.comment import event_data
from wire.control import KINDS, control_event, decode_control

_log = get_logger("edge")


def frame(number: int, kind: str | None, posted_ms: int, payload: bytes) -> bytes:
    """Return the event of a message; empty for one that there is nothing to show of.

    A kind that this version does not know, and a payload that no writer has written, still take their place in the
    order of numbers: a viewer's position moves past them.
    """
    if kind is not None and kind not in KINDS:
        return b""
    try:
        if kind is not None:
            return control_event(decode_control(number, posted_ms, kind, payload))
        return sse.comment_event(number, event_data(number, posted_ms, payload))
    except ValueError:
        UNREADABLE.inc()
        _log.error("message cannot be shown", number=number)
        return b""


def is_told_missing(framed: bytes) -> bool:
    """Return whether it is the event that stands in the place of what could not be had."""
    return framed.partition(b"data: ")[0].endswith(b"event: sync\n")
