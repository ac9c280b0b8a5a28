"""Compressed once for all: blocks of a gzip stream that any number of viewers can share. Pure.

Each viewer that accepts gzip gets a stream of its own (RFC 1952): a header, then blocks (RFC 1951), and no end, as the
stream of events has none. Every block here ends on a byte boundary and refers to nothing before it, so the same bytes
stand in the stream of every viewer, wherever that has got to: a flush is compressed once, whoever many it goes to.
What is sent to one viewer alone, and what would not become smaller, goes as a stored block: five bytes more, no work.
"""

from __future__ import annotations

import zlib
from typing import Final

# RFC 1952, section 2.3: magic, deflate, no flags, no time, no hints, system unknown.
STREAM_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

LEVEL: Final = 6
LEAST_BYTES: Final = 100  # what is shorter hardly becomes smaller: a heartbeat, a few words
MOST_BYTES: Final = 256 * 1024  # of one flush; compressing more would hold up the event loop for milliseconds
MAX_STORED_BYTES: Final = 65_535  # of one stored block (RFC 1951, section 3.2.4)

_RAW: Final = -15


def stored(data: bytes) -> bytes:
    """Return bytes as stored blocks: as they are, with five bytes before each 64 KiB."""
    if len(data) <= MAX_STORED_BYTES:
        return b"\x00%b%b%b" % (len(data).to_bytes(2, "little"), (len(data) ^ 0xFFFF).to_bytes(2, "little"), data)
    pieces = (data[begin : begin + MAX_STORED_BYTES] for begin in range(0, len(data), MAX_STORED_BYTES))
    return b"".join(stored(piece) for piece in pieces)


def packed(data: bytes) -> bytes:
    """Return bytes as blocks that may stand anywhere in a stream, compressed where that makes them shorter."""
    if not LEAST_BYTES <= len(data) <= MOST_BYTES:
        return stored(data)
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW)
    # A full flush: an empty stored block after it ends on a byte boundary. The next one begins with nothing behind it.
    made = compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)
    return made if len(made) < len(data) else stored(data)


def accepts_gzip(header: str | None) -> bool:
    """Whether an `Accept-Encoding` (RFC 9110, section 12.5.3) names gzip, and not with a weight of 0."""
    for one in (header or "").lower().split(","):
        name, _, parameters = one.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            weight = parameters.strip().removeprefix("q=").strip()
            return not weight or weight.strip("0.") != ""
    return False
