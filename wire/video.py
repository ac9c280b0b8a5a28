"""Video ids, and the shard that a video belongs to."""

from __future__ import annotations

import re
from zlib import crc32

from wire.problem import Refused

_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def check_video(video: str) -> str:
    """Return `video` when it is a video id. Raises `Refused` (`bad_video`) otherwise."""
    if not _VIDEO_ID.fullmatch(video):
        raise Refused("bad_video")
    return video


def shard_of(video: str, shards: int) -> int:
    """Return the shard of a video: the same one in every part and for ever, as long as `shards` stays what it is."""
    return crc32(video.encode("ascii")) % shards
