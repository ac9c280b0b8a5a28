"""How each stream is to be: what it takes, how much, for how long, and how many copies there are of it. Pure."""

from __future__ import annotations

from typing import Any, Final

from runtime.settings import Settings
from wire import subjects

MAX_MESSAGE_BYTES: Final = 32 * 1024  # a comment has at most 8 KiB of body; names and headers come on top
SET_ASIDE_BYTES: Final = 64 * 1024 * 1024
REVOCATIONS_BYTES: Final = 128 * 1024 * 1024  # some 400,000; each goes with the last token that it could be about
MAX_STATE_MESSAGE_BYTES: Final = 640 * 1024  # the state of a video has at most 512 KiB
SHARDS_KEY: Final = "livecomments-shards"

_S_TO_NS: Final = 1_000_000_000


def shard_stream(settings: Settings, shard: int, first_seq: int) -> dict[str, Any]:
    """Return how a shard's stream is to be; a new one numbers from `first_seq` on."""
    return {
        "name": subjects.stream_name(shard),
        "description": f"the comments of shard {shard}",
        "subjects": [subjects.comments(shard, "*")],
        "storage": "file",
        "retention": "limits",
        "discard": "new",  # full: refuse, and never drop what was acknowledged
        "max_bytes": settings.stream_bytes,
        "max_age": 0,  # the archiver trims: messages must not expire before they are in Postgres
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_msg_size": MAX_MESSAGE_BYTES,
        "max_consumers": -1,
        "num_replicas": settings.replicas,
        "duplicate_window": settings.key_life_s * _S_TO_NS,
        "allow_direct": True,
        "allow_atomic": True,
        "republish": {"src": subjects.comments(shard, "*"), "dest": subjects.live(shard, "{{wildcard(1)}}")},
        "first_seq": first_seq,
        "metadata": {SHARDS_KEY: str(settings.shards)},
    }


def set_aside_stream(settings: Settings) -> dict[str, Any]:
    """Return how the stream is to be that keeps what Postgres cannot hold."""
    return {
        "name": subjects.SET_ASIDE_STREAM,
        "description": "messages that Postgres cannot hold, for a person to look at",
        "subjects": ["setaside.*"],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_bytes": SET_ASIDE_BYTES,
        "num_replicas": settings.replicas,
        "duplicate_window": settings.key_life_s * _S_TO_NS,
        "metadata": {SHARDS_KEY: str(settings.shards)},
    }


def moderation_stream(settings: Settings) -> dict[str, Any]:
    """Return how the stream is to be that keeps the states of videos."""
    return {
        "name": subjects.VIDEO_STATES_STREAM,
        "description": "what moderators have decided: the state of each video",
        "subjects": [subjects.video_state("*", "*")],
        "storage": "file",
        "retention": "limits",
        "discard": "new",  # full: refuse; who is banned stays banned
        "max_bytes": settings.moderation_bytes,
        "max_msgs_per_subject": 1,  # the newest state is the state
        "max_msg_size": MAX_STATE_MESSAGE_BYTES,
        "num_replicas": settings.replicas,
        "duplicate_window": settings.key_life_s * _S_TO_NS,
        "allow_direct": True,
        "allow_msg_ttl": True,  # a state of which nothing is left to know goes by itself
        "metadata": {SHARDS_KEY: str(settings.shards)},
    }


def revocations_stream(settings: Settings) -> dict[str, Any]:
    """Return how the stream is to be that keeps revocations."""
    # A stream of its own: whoever fills the other one must not thereby keep his token.
    return {
        "name": subjects.REVOCATIONS_STREAM,
        "description": "tokens that are no longer good",
        "subjects": [subjects.revoked("*")],
        "storage": "file",
        "retention": "limits",
        "discard": "new",  # full: refuse; who is shut out stays so
        "max_bytes": REVOCATIONS_BYTES,
        "max_msgs_per_subject": 1,
        "max_msg_size": MAX_MESSAGE_BYTES,
        "num_replicas": settings.replicas,
        "duplicate_window": settings.key_life_s * _S_TO_NS,
        "allow_direct": True,
        "allow_msg_ttl": True,  # a revocation ends with the last token that it could be about
        "republish": {"src": subjects.revoked("*"), "dest": subjects.moderated_token("{{wildcard(1)}}")},
        "metadata": {SHARDS_KEY: str(settings.shards)},
    }


def further_bytes(settings: Settings) -> int:
    """Return what the streams beside those of the shards may hold, with as much room again for what NATS needs."""
    return 2 * SET_ASIDE_BYTES + settings.moderation_bytes + REVOCATIONS_BYTES
