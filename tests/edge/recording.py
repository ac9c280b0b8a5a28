"""A viewer that keeps what it is sent, and whose socket can be full."""

from __future__ import annotations

import asyncio

from edge.viewer import Viewer
from runtime.tokens import Identity
from wire import sse
from wire.comment import encode_payload, event_data
from wire.sse import Event, EventParser

NEVER_EXPIRES = 4e9


class RecordingViewer(Viewer):
    """A viewer without a connection."""

    __slots__ = ("aborted", "ended", "pieces", "room_bytes")

    def __init__(self, user_id: str | None = None, following: frozenset[str] = frozenset()) -> None:
        super().__init__(
            None if user_id is None else Identity(user_id, NEVER_EXPIRES, following=following), "203.0.113.1"
        )
        self.pieces: list[bytes] = []
        self.room_bytes: int | None = None  # what its socket takes before it is full
        self.ended = False
        self.aborted = False

    def send(self, data: bytes) -> None:
        assert not self.ended, "something was written after the end"
        self.pieces.append(data)
        if self.room_bytes is not None:
            self.room_bytes -= len(data)
            if self.room_bytes < 0:
                self.paused(asyncio.get_running_loop().time())

    def end(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted = True

    def drain(self, room_bytes: int | None = None) -> None:
        """Its socket has room again: for so many bytes, or for all that comes."""
        self.room_bytes = room_bytes
        self.resumed()

    @property
    def events(self) -> list[Event]:
        return EventParser().feed(b"".join(self.pieces))

    @property
    def numbers(self) -> list[int]:
        """The comments that it has been shown, in the order in which they came."""
        return [int(event.json()["commentId"]) for event in self.events if event.name == "message"]

    def told(self, name: str) -> list[dict]:
        """The data of all events of a name."""
        return [event.json() for event in self.events if event.name == name]


def frame(number: int, text: str = "hello") -> bytes:
    return sse.comment_event(number, event_data(number, 1_700_000_000_000, encode_payload("u", text)))
