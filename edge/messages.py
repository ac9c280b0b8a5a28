"""The messages of a video as a replay has them, wherever they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.frames import frame
from wire.sampling import Sampler


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a video, wherever it came from."""

    number: int
    kind: str | None
    posted_ms: int
    payload: bytes

    def frame(self) -> bytes:
        """Return it as the bytes that viewers get."""
        return frame(self.number, self.kind, self.posted_ms, self.payload)

    def hidden_author(self, sampler: Sampler) -> str | None:
        """Count the message, and return its author when it is left out of the sample; None when it is shown to all."""
        return sampler.hidden_author(self.number, self.kind, self.posted_ms, self.payload)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a video: what there is from where the last piece ended up to, and with, the number `upto`, in order.

    `missing` is the range of numbers (both inclusive) at the piece's beginning that could not be had, if any.
    `following` is how many messages there are after it, or a few more; None where that is not known.
    `is_too_deep`: that range goes beyond the depth allowed.
    """

    messages: Sequence[Message]
    upto: int
    missing: tuple[int, int] | None = None
    following: int | None = None
    is_too_deep: bool = False
