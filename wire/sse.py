"""The event stream (WHATWG HTML, section 9.2): writing it and reading it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

CONTENT_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = b":\n\n"  # a comment line: keeps proxies from closing a quiet stream, and no client shows it

MAX_EVENT_BYTES: Final = 1024 * 1024  # that a reader waits for the end of


def comment_event(number: int, data: bytes) -> bytes:
    """Return a comment as a plain message event. `data` is one line."""
    return b"id: %d\ndata: %b\n\n" % (number, data)


def named_event(name: str, data: dict[str, Any], number: int | None = None) -> bytes:
    """Return an event with a name, JSON data and, where it moves the viewer's position, its number as `id`."""
    body = b"event: %b\ndata: %b\n\n" % (name.encode("ascii"), orjson.dumps(data))
    return body if number is None else b"id: %d\n%b" % (number, body)


def retry(delay_ms: int) -> bytes:
    """Return the line that tells the client how long to wait before it connects again."""
    return b"retry: %d\n\n" % delay_ms


def goodbye(reason: str, retry_ms: int) -> bytes:
    """Return what a stream ends with: why it does, and when the client comes back."""
    return retry(retry_ms) + named_event("bye", {"reason": reason})


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a client sees it. `last_id` is the last event id of the stream so far, '' if there was none."""

    name: str
    data: str
    last_id: str

    def json(self) -> Any:
        """Return the data, read as JSON."""
        return orjson.loads(self.data)


class EventParser:
    """Reads an event stream as it comes in, in pieces of any size. Lines end with LF, CR LF or CR.

    `retry_ms` and `last_id` hold what the stream said last; an id counts once its event has come whole, so that a
    client that comes back with `last_id` is sent an event again that broke off. Raises `ValueError` when an event does
    not end.
    """

    def __init__(self) -> None:
        self.retry_ms: int | None = None
        self.last_id = ""
        self._rest = b""
        self._started = False
        self._id = ""
        self._name = ""
        self._data: list[str] = []
        self._unfinished_bytes = 0  # of the event that is being read, without the line that is

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that `piece` completes."""
        text = self._rest + piece
        if not self._started:
            if len(text) < len(b"\xef\xbb\xbf") and b"\xef\xbb\xbf".startswith(text):
                self._rest = text
                return []
            self._started = True
            text = text.removeprefix(b"\xef\xbb\xbf")
        # A CR at the very end may be the first half of CR LF: it waits for the next piece.
        held = text[-1:] if text.endswith(b"\r") else b""
        lines = text[: len(text) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        events: list[Event] = []
        for line in lines:
            if line:
                self._unfinished_bytes += len(line)
                self._field(line)
                continue
            self._unfinished_bytes = 0
            self.last_id = self._id
            if self._data:
                events.append(Event(self._name or "message", "\n".join(self._data), self.last_id))
            self._name, self._data = "", []
        if self._unfinished_bytes + len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError("the event stream holds an event without an end")
        return events

    def _field(self, line: bytes) -> None:
        name, _, raw = line.partition(b":")
        value = raw.removeprefix(b" ").decode("utf-8", "replace")
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._name = value
            case b"id" if "\0" not in value:
                self._id = value
            case b"retry" if value.isascii() and value.isdigit():
                self.retry_ms = int(value)
            case _:
                pass  # comments and unknown fields are ignored
