"""When a comment was due, in its own text: whoever sees it knows how late it came, in whatever process.

By the machine's clock, so that processes on several machines agree as far as their clocks do.
"""

from __future__ import annotations

from typing import Final

from wire.message import MAX_CODE_POINTS

MARK_CHARACTERS: Final = 6  # names the run: what others post meanwhile is not timed
_DUE_CHARACTERS: Final = 16  # microseconds since 1970
_ROOM: Final = MAX_CODE_POINTS - MARK_CHARACTERS - _DUE_CHARACTERS - 1


def stamped(mark: str, due_us: int, text: str) -> str:
    """Return the text of a comment that was due then; a very long one is cut short."""
    return f"{mark}{due_us:016d} {text[:_ROOM]}"


class Stamps:
    """Reads the stamps of one run out of events, without reading their JSON: there are a great many."""

    def __init__(self, mark: str) -> None:
        # A quote inside of a text is escaped, so this stands nowhere but at a text's begin.
        self._before = f'"message":"{mark}'

    def due_us(self, data: str) -> int | None:
        """Return when the comment of an event was due, None when it is none of this run's."""
        at = data.find(self._before)
        if at < 0:
            return None
        at += len(self._before)
        return int(data[at : at + _DUE_CHARACTERS])
